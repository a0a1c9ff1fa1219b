/**
 * @file Which trial a user means: a key, the beginning of one, or what it is like ('patch=64,seed=1').
 *
 * All is read from the trials' folders and the sweeps' records, which are the truth: no database, no lock, nothing is written.
 */
import fs from 'node:fs';
import { meets, parseOnly } from '../../definition/conditions.js';
import { trialLabel } from '../../definition/label.js';
import { parameterName } from '../../definition/parameters.js';
import { DefinitionError } from '../../definition/problem.js';
import { UserError } from '../../errors.js';
import type { Budget, ParameterValues } from '../../protocol.js';
import { listSweeps, listTrials, sweepRecordFile } from '../../runner/layout.js';

/** A trial as a sweep's record holds it. */
export interface RecordedTrial {
  key: string;
  parameters: ParameterValues;
  seed: number;
  budget: Budget;
}

export interface FoundTrial extends RecordedTrial {
  /** Name of a sweep that holds it: the latest that does. */
  sweep: string;
  /** e.g. `patch 64 batch 16 seed 2`: what it differs in from the others. */
  label: string;
}

interface Sweep {
  name: string;
  varied: string[];
  trials: RecordedTrial[];
  /** Unix seconds. */
  updated: number;
}

/** Trials that an error lists, at most. */
const MOST_NAMED = 8;
/** Letters of a key that are shown. */
export const KEY_SHOWN = 10;

/** @throws UserError if no trial or more than one is meant, with those that come near */
export function findTrial(results: string, text: string): FoundTrial {
  const sweeps = readSweeps(results);
  const latest = sweeps[0];
  if (latest === undefined) {
    throw new UserError(
      `No sweep was run in ${results} yet.\nRun one first (sweep run sweeps/patch.yaml), or name the folder with --results DIR.`,
    );
  }
  return /[=<>]/.test(text) ? byCondition(text, latest) : byKey(results, text, sweeps);
}

function byKey(results: string, text: string, sweeps: Sweep[]): FoundTrial {
  const all = new Map(sweeps.toReversed().flatMap((sweep) => sweep.trials.map((trial) => [trial.key, found(trial, sweep)]))); // prettier-ignore
  const prefix = text.toLowerCase();
  const fit = [...all.values()].filter(({ key }) => key.startsWith(prefix));
  if (fit.length === 1) return fit[0]!;
  if (fit.length > 1)
    throw new UserError(`${fit.length} trials have a key that begins with ${text}:\n${list(fit)}`);
  if (listTrials(results).some((key) => key.startsWith(prefix) && !all.has(key))) {
    throw new UserError(
      `Trial ${text} belongs to no sweep of ${results} any more. Run a sweep file that holds it.`,
    );
  }
  const latest = sweeps[0]!;
  const near = [...all.values()].filter(({ key }) => key.startsWith(prefix.slice(0, 3)));
  const shown =
    near.length > 0 && prefix.length > 3 ? near : latest.trials.map((trial) => found(trial, latest));
  throw new UserError(
    `There is no trial ${text} in ${results}. A trial is named by its key, the beginning of it, or what it is like, e.g. 'patch=64,seed=1'.\n` +
      `${near.length > 0 && prefix.length > 3 ? 'Near it' : `Those of ${latest.name}`}:\n${list(shown)}`,
  );
}

function byCondition(text: string, sweep: Sweep): FoundTrial {
  const known = [...new Set(sweep.trials.flatMap(({ parameters }) => Object.keys(parameters))), 'seed'];
  const nameOf = (word: string) => [word, parameterName(word)].find((name) => name !== undefined && known.includes(name)); // prettier-ignore
  const { condition, problems } = parseOnly(text, nameOf, known, '');
  if (problems.length > 0) throw new DefinitionError(problems);
  const met = ({ parameters, seed }: RecordedTrial) =>
    condition.filter((clause) => meets({ ...parameters, seed }, [clause])).length;
  const fit = sweep.trials.filter((trial) => met(trial) === condition.length);
  const named = (trials: RecordedTrial[]) => list(trials.map((trial) => found(trial, sweep)));
  if (fit.length === 1) return found(fit[0]!, sweep);
  if (fit.length > 1)
    throw new UserError(`${fit.length} trials of ${sweep.name} fit ${text}:\n${named(fit)}`);
  const most = Math.max(...sweep.trials.map(met));
  const near = sweep.trials.filter((trial) => met(trial) === most);
  throw new UserError(`No trial of ${sweep.name} fits ${text}. Those that come nearest:\n${named(near)}`);
}

function found(trial: RecordedTrial, { name, varied }: Sweep): FoundTrial {
  return { ...trial, sweep: name, label: trialLabel(varied, trial) };
}

function list(trials: FoundTrial[]): string {
  const lines = trials.slice(0, MOST_NAMED).map(({ key, label }) => `  ${key.slice(0, KEY_SHOWN)}  ${label}`);
  if (trials.length > MOST_NAMED) lines.push(`  and ${trials.length - MOST_NAMED} more`);
  return lines.join('\n');
}

/** Names and trials of all sweeps, the latest first; none where nothing was run. */
export function recordedSweeps(results: string): { name: string; trials: FoundTrial[] }[] {
  return readSweeps(results).map((sweep) => ({
    name: sweep.name,
    trials: sweep.trials.map((trial) => found(trial, sweep)),
  }));
}

/** The latest first. */
function readSweeps(results: string): Sweep[] {
  const sweeps = listSweeps(results).map((name): Sweep => {
    const file = sweepRecordFile(results, name);
    const record = JSON.parse(fs.readFileSync(file, 'utf8')) as Partial<Sweep>;
    const { varied = [], trials = [], updated = fs.statSync(file).mtimeMs / 1000 } = record;
    return { name, varied, trials, updated };
  });
  return sweeps.sort((a, b) => b.updated - a.updated);
}
