/**
 * @file Removes checkpoints by policy. What goes is written to each trial's journal first, so that nobody takes it for lost, then renamed, then
 * removed; an unfinished trial keeps the one that it goes on from.
 */
import fs from 'node:fs';
import path from 'node:path';
import { eq } from 'drizzle-orm';
import type { Store } from '../store/open.js';
import { checkpoints, trials } from '../store/schema.js';
import { freedBy } from './disk-use.js';
import { readWholeJournal } from './executors/slurm/settle.js';
import { appendJournal, openJob } from './journal.js';
import { listCheckpoints, trialDirectory } from './layout.js';
import { mustNotRun } from './remove.js';

/** What a trial keeps: `last` and `best` are the newest of their kind. */
export type CheckpointKind = 'last' | 'best' | 'asked';
export const CHECKPOINT_KINDS: readonly CheckpointKind[] = ['last', 'best', 'asked'];

/** Trials by what became of them: `unfinished` are all others. */
export type TrialGroup = 'done' | 'failed' | 'early-stopped' | 'unfinished';
export const TRIAL_GROUPS: readonly TrialGroup[] = ['done', 'failed', 'early-stopped', 'unfinished'];

export interface Policy {
  keep: readonly CheckpointKind[];
  of: readonly TrialGroup[];
}

export interface Collection {
  key: string;
  group: TrialGroup;
  /** Names in the trial's folder `checkpoints`. */
  remove: string[];
  keep: string[];
  /** What is freed on the disk. */
  bytes: number;
}

/** What goes of each of the trials; those of which nothing does are left out. */
export function planCollection(store: Store, keys: readonly string[], { keep, of }: Policy): Collection[] {
  const { db, results } = store;
  return keys.flatMap((key): Collection[] => {
    const trial = db.select().from(trials).where(eq(trials.key, key)).get();
    const status = trial?.status ?? 'pending';
    const group = status === 'done' || status === 'failed' || status === 'early-stopped' ? status : 'unfinished'; // prettier-ignore
    if (!of.includes(group) || openJob(readWholeJournal(results, key)) !== undefined) return [];
    const told = db.select().from(checkpoints).where(eq(checkpoints.trial, trial?.id ?? -1)).all(); // prettier-ignore
    const names = listCheckpoints(results, key);
    const kept = keptOf(names, told, group === 'unfinished' ? [...keep, 'last'] : keep);
    const remove = names.filter((name) => !kept.has(name)).sort();
    if (remove.length === 0) return [];
    const bytes = freedBy(remove.map((name) => path.join(trialDirectory(results, key), 'checkpoints', name)));
    return [{ key, group, remove, keep: [...kept].sort(), bytes }];
  });
}

/** What kind of checkpoint a name is says its trial; of one that it did not tell of, the name. */
function keptOf(
  names: readonly string[],
  told: readonly { path: string; kind: string }[],
  keep: readonly CheckpointKind[],
): Set<string> {
  const kept = new Set<string>();
  const whole = names.filter((name) => !name.startsWith('.') && !name.startsWith('broken-'));
  const kinds = new Map(whole.map((name) => [name, new Set<string>()]));
  for (const { path: file, kind } of told) kinds.get(path.basename(file))?.add(kind);
  for (const [name, known] of kinds) {
    if (known.size === 0) known.add(/^(best|asked)-step-\d+$/.exec(name)?.[1] ?? (/^step-\d+$/.test(name) ? 'last' : 'unknown')); // prettier-ignore
    if (known.has('unknown') || (known.has('asked') && keep.includes('asked'))) kept.add(name);
  }
  for (const kind of ['last', 'best'] as const) {
    const newest = whole.filter((name) => kinds.get(name)!.has(kind)).sort((a, b) => stepOf(a) - stepOf(b)).at(-1); // prettier-ignore
    if (keep.includes(kind) && newest !== undefined) kept.add(newest);
  }
  return kept;
}

function stepOf(name: string): number {
  return Number(/(\d+)$/.exec(name)?.[1] ?? -1);
}

/** The lock must be held. */
export function collect(results: string, collections: readonly Collection[]): void {
  mustNotRun(
    results,
    collections.map(({ key }) => key),
  );
  for (const { key, remove } of collections) {
    const folder = path.join(trialDirectory(results, key), 'checkpoints');
    const named = remove.filter((name) => !name.startsWith('.')).map((name) => `checkpoints/${name}`);
    if (named.length > 0)
      appendJournal(results, key, { t: 'removed', wall: Date.now() / 1000, checkpoints: named });
    for (const name of remove) {
      const aside = path.join(folder, name.startsWith('.') ? name : `.removed-${name}`);
      if (!name.startsWith('.')) fs.renameSync(path.join(folder, name), aside);
      fs.rmSync(aside, { recursive: true, force: true });
    }
  }
}
