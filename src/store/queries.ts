/** @file What a report reads from the store: plain data, nothing of SQL. */
import type { MetricValues, TrialFacts, TrialParameters, Budget } from '../protocol.js';

export type TrialStatus = 'pending' | 'running' | 'done' | 'failed' | 'stopped';

/** One metric over a trial: parallel columns in the order of steps, later attempts superseding what they repeat. */
export interface Series {
  /** Updates done. */
  step: number[];
  /** Pixels seen of each domain. */
  pixels: number[];
  /** Seconds of training since the trial's first attempt started, pauses between attempts left out. */
  seconds: number[];
  /** NaN where the trial reported no number. */
  value: number[];
}

export interface AttemptRecord {
  attempt: number;
  outcome: 'done' | 'failed' | 'stopped' | 'lost' | null;
  reason: string | null;
  engine: string | null;
  engineReason: string | null;
  device: string | null;
  threads: number | null;
  host: string | null;
  cpu: string | null;
  versions: Record<string, string> | null;
  from: number;
  /** Seconds; null while it runs. */
  seconds: number | null;
  peakMemory: number | null;
  exitCode: number | null;
}

export interface SampleRecord {
  step: number;
  name: string;
  role: string;
  /** Absolute path of a PNG. */
  file: string;
}

export interface TrialRecord {
  key: string;
  parameters: TrialParameters;
  seed: number;
  budget: Budget;
  dataFingerprint: string;
  status: TrialStatus;
  reason: string | null;
  /** Updates done. */
  step: number;
  updates: number | null;
  facts: TrialFacts | null;
  attempts: AttemptRecord[];
  /** By metric name. */
  series: Record<string, Series>;
  /** The last exam on the test split. */
  exam: { step: number; values: MetricValues; images: { index: number; v: MetricValues }[] } | null;
  samples: SampleRecord[];
  messages: { type: string; step: number | null; code: string | null; text: string }[];
}

export interface SweepRecord {
  name: string;
  question: string;
  /** The sweep file's text as it was run. */
  source: string;
  /** Parameters that differ between trials, in the file's order. */
  varied: (keyof TrialParameters)[];
  /** Unix seconds of the last change. */
  updated: number;
  /** In the order of the grid. */
  trials: TrialRecord[];
}
