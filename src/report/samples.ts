/** @file Which sample pictures a page holds: the same crop of every trial, at as many steps as fit into a number of bytes. */
import { createHash } from 'node:crypto';
import type { SampleRecord, TrialRecord } from '../store/queries.js';
import type { Cell } from './cells.js';
import { integer, list, percent } from './format.js';
import { thumbnailOf, type Form } from './thumbnail.js';

/** What a page's pictures may take, as text, in bytes. */
export const PICTURE_BYTES = 4e6;
/** Shares of the budget at which trials are shown, percent apart: their updates do not fall on the same shares. */
const APART = 10;

/** Where a trial stood when its picture was made. */
export interface Frame {
  /** About which share of the budget, percent. */
  share: number;
  /** Updates done. */
  step: number;
  /** By role, the number of a source. */
  roles: Record<string, number>;
}

export interface ShownTrial {
  trial: TrialRecord;
  /** Number of its cell. */
  cell: number;
  /** The earliest first. */
  frames: Frame[];
}

export interface Source {
  /** `data:image/png;base64,…` */
  url: string;
  width: number;
  height: number;
}

/** Roles that no training changes: one picture for all steps. */
export const GIVEN: readonly string[] = ['x', 'y', 'y-other'];

export interface Samples {
  /** The one that training shows at several steps first; trials in the order of the grid. */
  pictures: { name: string; trials: ShownTrial[] }[];
  /** Each picture once: what is the same in all trials is not held for each. */
  sources: Source[];
  /** What did not fit or is gone, in sentences. */
  leftOut: string[];
}

interface Candidate extends Frame {
  trial: TrialRecord;
  cell: number;
  name: string;
  samples: SampleRecord[];
}

/**
 * First the last step of every trial, one seed of each setting after another, cut to the middle where all of it does not fit; then the
 * steps before, smaller where they do not fit, and then further pictures, each for all trials shown or for none.
 */
export function chooseSamples(
  cells: readonly Cell[],
  readFile: (file: string) => Uint8Array,
  budget: number,
): Samples {
  const candidates = candidatesOf(cells);
  const names = namesOf(candidates);
  const [first, ...others] = names;
  if (first === undefined) return { pictures: [], sources: [], leftOut: [] };
  const last = lastFrames(candidates, first);

  const uncut = openSources(readFile, budget);
  const fits = last.every((frame) => uncut.add([frame]));
  const held = fits ? uncut : openSources(readFile, budget);
  const form = { cut: !fits, shrunk: false };
  const shown = fits ? last : last.filter(takeWhile((frame) => held.add([frame], form)));
  const keys = new Set(shown.map(({ trial }) => trial.key));
  const ofShown = candidates.filter(({ trial }) => keys.has(trial.key));

  const before = ofShown.filter((one) => one.name === first && !shown.includes(one));
  const earlier = [...new Set(before.map(({ share }) => share))].sort((a, b) => a - b);
  const alike = held.add(before, form);
  const steps = alike
    ? earlier
    : halving(earlier).filter(
        (share) =>
        held.add(before.filter((one) => one.share === share), { ...form, shrunk: true }), // prettier-ignore
      );
  const further = others.filter((name) => held.add(lastFrames(ofShown, name), form));
  return {
    pictures: [first, ...further].map((name) => ({ name, trials: held.framesOf(name) })),
    sources: held.sources,
    leftOut: [
      ...(fits ? [] : ['Of each picture only the middle, half as wide and half as high, is here.']),
      ...(shown.length < last.length
        ? [
            `Pictures of ${integer(last.length - shown.length)} of ${integer(last.length)} trials are left out; each setting’s first seeds come first.`,
          ]
        : []),
      ...(alike || steps.length === 0 ? [] : ['Earlier steps are shown at half the resolution.']),
      ...(steps.length < earlier.length
        ? [
            `Earlier steps are left out: ${list(earlier.filter((share) => !steps.includes(share)).map((share) => percent(share / 100)))} of the budget.`,
          ]
        : []),
      ...(further.length < others.length
        ? [`Further pictures are left out: ${list(others.filter((name) => !further.includes(name)))}.`]
        : []),
      ...(held.missing() > 0 ? [`${integer(held.missing())} pictures were not found or are no PNG.`] : []),
    ],
  };
}

/** All points at which trials left pictures, one seed of each setting after another. A later attempt supersedes what it repeats. */
function candidatesOf(cells: readonly Cell[]): Candidate[] {
  const found = cells.flatMap((cell, at) =>
    [...cell.done, ...cell.trials.filter((trial) => !cell.done.includes(trial))].flatMap((trial, seed) => {
      const end = trial.updates ?? Math.max(...trial.samples.map(({ step }) => step));
      const groups = new Map<string, Candidate>();
      for (const sample of trial.samples) {
        const { name, step } = sample;
        const share = end > 0 ? Math.min(100, APART * Math.round((100 * step) / end / APART)) : 100;
        const id = JSON.stringify([name, share]);
        const known = groups.get(id);
        // Of several at one share the last is shown.
        if (known?.step === step)
          known.samples = [...known.samples.filter(({ role }) => role !== sample.role), sample];
        else if (known === undefined || known.step < step)
          groups.set(id, { trial, cell: at, name, step, share, samples: [sample], roles: {} });
      }
      return [...groups.values()].map((candidate) => ({ seed, candidate }));
    }),
  );
  return found.sort((a, b) => a.seed - b.seed).map(({ candidate }) => candidate);
}

/** What is shown at most steps comes first, then as trials named them. */
function namesOf(candidates: readonly Candidate[]): string[] {
  const steps = new Map<string, Set<number>>();
  for (const { name, share } of candidates) steps.set(name, (steps.get(name) ?? new Set()).add(share));
  return [...steps].sort(([, a], [, b]) => b.size - a.size).map(([name]) => name);
}

function lastFrames(candidates: readonly Candidate[], name: string): Candidate[] {
  const last = new Map<TrialRecord, Candidate>();
  for (const one of candidates) {
    if (one.name === name && one.step >= (last.get(one.trial)?.step ?? -1)) last.set(one.trial, one);
  }
  return [...last.values()];
}

/** The middle first, then the middles of both halves, and so on: so that those that fit lie far apart. */
function halving(values: readonly number[]): number[] {
  if (values.length < 2) return [...values];
  const middle = values.length >> 1;
  const [left, right] = [halving(values.slice(0, middle)), halving(values.slice(middle + 1))];
  return [values[middle]!, ...left.flatMap((one, i) => [one, ...right.slice(i, i + 1)]), ...right.slice(left.length)]; // prettier-ignore
}

function takeWhile<T>(holds: (value: T) => boolean): (value: T) => boolean {
  let all = true;
  return (value) => (all &&= holds(value));
}

/** Sources up to a number of bytes; `add` takes all pictures of some frames or none. */
function openSources(readFile: (file: string) => Uint8Array, budget: number) {
  const sources: Source[] = [];
  const known = new Map<string, number>();
  const frames: Candidate[] = [];
  let [bytes, missing] = [0, 0];
  return {
    sources,
    missing: () => missing,
    add(wanted: readonly Candidate[], form: Form = { cut: false, shrunk: false }): boolean {
      const fresh = new Map<string, Source>();
      const drawn: { frame: Candidate; role: string; id: string }[] = [];
      let [size, lost] = [0, 0];
      for (const frame of wanted) {
        for (const { role, file } of frame.samples) {
          const own = { ...form, shrunk: form.shrunk && !GIVEN.includes(role) };
          const content = contentOf(readFile, file);
          const id = `${content?.hash} ${JSON.stringify(own)}`;
          if (content && !known.has(id) && !fresh.has(id)) {
            const source = sourceOf(content.bytes, own);
            if (source) fresh.set(id, source);
            size += source?.url.length ?? 0;
          }
          // As soon as it is clear: drawing the rest would take longer than all else.
          if (bytes + size > budget) return false;
          if (known.has(id) || fresh.has(id)) drawn.push({ frame, role, id });
          else lost++;
        }
      }
      bytes += size;
      missing += lost;
      for (const [id, source] of fresh) known.set(id, sources.push(source) - 1);
      for (const frame of wanted) frame.roles = {};
      for (const { frame, role, id } of drawn) frame.roles[role] = known.get(id)!;
      frames.push(...wanted);
      return true;
    },
    framesOf(name: string): ShownTrial[] {
      const trials = new Map<TrialRecord, ShownTrial>();
      for (const { trial, cell, share, step, roles } of frames.filter((frame) => frame.name === name)) {
        const shown = trials.get(trial) ?? { trial, cell, frames: [] };
        shown.frames.push({ share, step, roles });
        trials.set(trial, shown);
      }
      for (const { frames } of trials.values()) frames.sort((a, b) => a.step - b.step);
      return [...trials.values()].sort((a, b) => a.cell - b.cell || a.trial.seed - b.trial.seed);
    },
  };
}

/** Undefined where the file cannot be read. */
function contentOf(readFile: (file: string) => Uint8Array, file: string) {
  try {
    const bytes = readFile(file);
    return { bytes, hash: createHash('sha256').update(bytes).digest('base64') };
  } catch {
    return undefined;
  }
}

function sourceOf(bytes: Uint8Array, form: Form): Source | undefined {
  const thumbnail = thumbnailOf(bytes, form);
  if (thumbnail === undefined) return undefined;
  const { png, width, height } = thumbnail;
  return { url: `data:image/png;base64,${Buffer.from(png).toString('base64')}`, width, height };
}
