/**
 * @file Runs a sweep: what is missing of it, one child process a trial, until all is done or the user stops it.
 * The main path of the runner, read from top to bottom.
 */
import path from 'node:path';
import type { Definition } from '../definition/schema.js';
import { withoutNames } from '../definition/redact.js';
import { UserError } from '../errors.js';
import { meets, type Condition } from '../definition/conditions.js';
import { availableCores } from '../machine.js';
import { EXIT, type AnyTrialConfig, type EngineName, type ParameterValues } from '../protocol.js';
import { openStore, type Store } from '../store/open.js';
import { storeSweep } from '../store/writer.js';
import { beginExtended, findExtensions } from './extend.js';
import { sweepRecordFile, writeFileWhole } from './layout.js';
import { takeLock } from './lock.js';
import { isForeignTrial, planSweep } from './plan.js';
import { runPool } from './pool.js';
import { openProgress } from './progress.js';
import { recoverTrial, trialStatus } from './recover.js';
import { runTrial, type Slot } from './run-trial.js';
import { openSteering, type Steering } from './steering.js';
import { listenForStop, type Stopping } from './stop.js';
import { openSystemWatch } from './system.js';

export interface SweepRun {
  definition: Definition;
  /** The sweep file's text, for the record. */
  source: string;
  /** Absolute path of the sweep file. */
  file: string;
  /** Absolute results folder. */
  results: string;
  retryFailed: boolean;
  /** Whether trials that have not begun go on from finished ones of a smaller budget. */
  extend: boolean;
  /** Which trials to run now; the others stay as they are. Without it: all. */
  only?: Condition;
  /** Bytes of memory that one trial may have; without, what is free. */
  memoryLimit?: number | undefined;
  /** Chooses what trials are computed with; asked once, and only if there is something to run. */
  place: () => Promise<Placement>;
  /** Prints a line before trials run and after. */
  say: (message: string) => void;
  /** Where the progress of running trials is shown. */
  stream: NodeJS.WriteStream;
}

/** What trials are computed with. */
export interface Placement {
  /** Null for a trainer that is not ours. */
  engine: EngineName | null;
  /** e.g. `['cpu']`, `['cuda:0', 'cuda:1']`. */
  devices: string[];
  /** One sentence that says why. */
  reason: string;
}

export interface SweepSummary {
  done: number;
  failed: { label: string; reason: string; configurationOrData: boolean }[];
  /** Stopped by the sweep file's rule: not done, and not run again while the rule stands. */
  earlyStopped: { label: string; reason: string; step: number }[];
  /** Neither done nor failed: what the same command would go on with, and what only one without `--only` would. */
  left: number;
  leftOut: number;
  /** Exit code of the command (DESIGN section 8). */
  exitCode: number;
}

/** @throws UserError, DataError before any trial is started */
export async function runSweep(run: SweepRun): Promise<SweepSummary> {
  const store = openStore(run.results);
  const unlock = takeLock(run.results);
  try {
    const { say, only = [] } = run;
    const plan = await planSweep(run.definition, { folder: path.dirname(run.file), say, draw: true });
    plan.warnings.forEach((warning) => say(`Note: ${warning}`));
    if (!plan.trials.some((trial) => isAsked(trial, only))) {
      throw new UserError('--only: no trial of this sweep fits. sweep plan FILE lists them all.');
    }
    record(store, run, plan.trials, plan.varied);
    for (const { key } of plan.trials) await recoverTrial(store, key);

    const steering = openSteering(store, run.definition, plan.trials);
    const statuses = plan.trials.map(({ key }) => {
      const status = trialStatus(store, key);
      if (status === 'done') return status;
      if (steering.reasonOf(key) !== undefined) return 'early-stopped';
      // The rule that stopped it no longer stands in the sweep file.
      return status === 'early-stopped' ? 'stopped' : status;
    });
    const wanted = plan.trials.filter((trial, at) => {
      const status = statuses[at]!;
      if (!isAsked(trial, only) || status === 'done' || status === 'early-stopped') return false;
      return status !== 'failed' || run.retryFailed;
    });
    const label = labeller(plan.trials, plan.varied);
    const extensions = run.extend ? findExtensions(store, plan, wanted, label) : new Map<string, never>();
    const asked = plan.trials.filter((trial) => isAsked(trial, only)).length;
    const failed = plan.trials.filter((trial, at) => isAsked(trial, only) && statuses[at] === 'failed');
    const placement = wanted.length > 0 ? await run.place() : undefined;
    const slots = placement === undefined ? [] : makeSlots(run.definition, placement.devices, wanted.length);
    if (placement !== undefined) say(`Trains with ${placement.reason}`);
    say(
      announce(run.definition.name, {
        statuses,
        asked,
        failed: run.retryFailed ? 0 : failed.length,
        wanted: wanted.length,
        slots,
      }),
    );
    if (extensions.size > 0) say(`${extensions.size} go on from finished trials of a smaller budget`);

    const progress = openProgress(wanted.length, run.stream);
    const system = openSystemWatch(store);
    const stopping = listenForStop((message) => progress.say(message));
    try {
      const work = (config: AnyTrialConfig, slot: Slot) => {
        const extension = extensions.get(config.key);
        if (extension !== undefined) beginExtended(store, config.key, extension);
        return runTrial({
          store,
          config: placed(config, placement!),
          slot,
          label: label(config),
          retries: run.definition.retry.limit,
          memoryLimit: run.memoryLimit,
          progress,
          stopping,
          steering,
          system,
        });
      };
      await runPool(wanted, slots, work, () => !stopping.requested);
    } finally {
      stopping.close();
      system.close();
      progress.close();
    }
    return summarise(store, plan.trials, { label, stopping, steering, only });
  } finally {
    store.close();
    unlock();
  }
}

/** A trial of ours is told its engine; another trainer is its own. */
function placed(config: AnyTrialConfig, { engine, reason }: Placement): AnyTrialConfig {
  return isForeignTrial(config) || engine === null ? config : { ...config, engine, engineReason: reason };
}

/** Which trials a sweep holds is written to the results folder before the database hears of it. */
function record(
  store: Store,
  { definition, source }: SweepRun,
  trials: AnyTrialConfig[],
  varied: string[],
): void {
  const { name, question } = definition;
  const sweep = { name, question, source: withoutNames(source), varied };
  const entries = trials.map(({ key, parameters, seed, budget, dataFingerprint }) => {
    return { key, parameters: { ...parameters }, seed, budget, dataFingerprint };
  });
  writeFileWhole(
    sweepRecordFile(store.results, name),
    JSON.stringify({ ...sweep, trials: entries }, null, 2) + '\n',
  );
  storeSweep(store, sweep, entries);
}

/**
 * Places for trials to run in: on the processor as many as the sweep asks for, or as there are cores; on GPUs one each, or as
 * many as the sweep asks for, dealt out. The cores are shared out among them.
 */
export function makeSlots({ resources }: Definition, devices: readonly string[], wanted: number): Slot[] {
  const cores = availableCores();
  const most = devices[0] === 'cpu' ? cores : devices.length;
  const count = resources.trials === 'auto' ? Math.max(1, Math.min(most, wanted)) : resources.trials;
  const threads = resources.threads === 'auto' ? Math.max(1, Math.floor(cores / count)) : resources.threads;
  return Array.from({ length: count }, (_, at) => ({ device: devices[at % devices.length]!, threads }));
}

/** Whether a trial is among those that `--only` asks for. */
export function isAsked(
  { parameters, seed }: Pick<AnyTrialConfig, 'parameters' | 'seed'>,
  only: Condition,
): boolean {
  return meets({ ...parameters, seed }, only);
}

interface Announced {
  statuses: string[];
  asked: number;
  failed: number;
  wanted: number;
  slots: Slot[];
}

function announce(name: string, { statuses, asked, failed, wanted, slots }: Announced): string {
  const done = statuses.filter((status) => status === 'done').length;
  const early = statuses.filter((status) => status === 'early-stopped').length;
  const parts = [`${statuses.length} trials`, `${done} done before`, `${wanted} to run`];
  if (early > 0) parts.push(`${early} stopped early before`);
  if (asked < statuses.length) parts.push(`${statuses.length - asked} left out by --only`);
  if (failed > 0) parts.push(`${failed} failed before (--retry-failed runs them again)`);
  if (wanted > 0)
    parts.push(
      `${slots.length} at once, ${slots[0]!.threads} thread${slots[0]!.threads > 1 ? 's' : ''} each`,
    );
  return `Sweep ${name}: ${parts.join(', ')}`;
}

/** e.g. `patch 64 batch 16 seed 2`, padded to one width. */
function labeller(trials: AnyTrialConfig[], varied: string[]) {
  const label = ({ parameters, seed }: AnyTrialConfig) =>
    [...varied.map((name) => `${name} ${(parameters as ParameterValues)[name] ?? '-'}`), `seed ${seed}`].join(
      ' ',
    );
  const width = Math.max(0, ...trials.map((config) => label(config).length));
  return (config: AnyTrialConfig) => label(config).padEnd(width);
}

function summarise(
  store: Store,
  trials: AnyTrialConfig[],
  {
    label,
    stopping,
    steering,
    only,
  }: { label: (config: AnyTrialConfig) => string; stopping: Stopping; steering: Steering; only: Condition },
): SweepSummary {
  const rows = trials.map((config) => ({ config, ...readOutcome(store, config.key) }));
  const early = rows.flatMap(({ config, status, step }) => {
    const reason = status === 'done' ? undefined : steering.reasonOf(config.key);
    return reason === undefined ? [] : [{ key: config.key, label: label(config).trimEnd(), reason, step }];
  });
  const isEarly = new Set(early.map(({ key }) => key));
  const done = rows.filter(({ status }) => status === 'done').length;
  const failed = rows
    .filter(({ status, config }) => status === 'failed' && !isEarly.has(config.key))
    .map(({ config, reason, exitCode }) => ({
      label: label(config).trimEnd(),
      reason: reason ?? 'for a reason that is not known',
      configurationOrData: exitCode === EXIT.configurationWrong || exitCode === EXIT.dataWrong,
    }));
  const open = rows.filter(
    ({ status, config }) => status !== 'done' && status !== 'failed' && !isEarly.has(config.key),
  );
  const leftOut = open.filter(({ config }) => !isAsked(config, only)).length;
  const left = open.length - leftOut;
  let exitCode = 0;
  if (failed.length > 0) exitCode = 1;
  if (failed.length === trials.length && failed.every((trial) => trial.configurationOrData)) exitCode = 2;
  if (stopping.requested) exitCode = stopping.insisted ?? 3;
  const earlyStopped = early.map(({ label, reason, step }) => ({ label, reason, step }));
  return { done, failed, earlyStopped, left, leftOut, exitCode };
}

function readOutcome(store: Store, key: string) {
  const trial = store.db.query.trials.findFirst({ where: (t, { eq }) => eq(t.key, key) }).sync();
  if (trial === undefined) throw new UserError(`The store lost trial ${key} while the sweep ran`, 4);
  const attempt = store.db.query.attempts
    .findFirst({ where: (a, { eq }) => eq(a.trial, trial.id), orderBy: (a, { desc }) => desc(a.attempt) })
    .sync();
  return {
    status: trial.status,
    reason: trial.reason,
    step: trial.step,
    exitCode: attempt?.exitCode ?? null,
  };
}
