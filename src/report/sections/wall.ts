/** @file The image wall: what every trial made of the same held-out crop, as training went on. */
import type { TrialRecord } from '../../store/queries.js';
import type { Cell } from '../cells.js';
import { capital, count, list } from '../format.js';
import { chooseSamples, GIVEN, type ShownTrial, type Source } from '../samples.js';
import type { Section } from '../section.js';
import { statusText } from '../summary.js';

const ROLES: Record<string, { label: string; text: string }> = {
  x: { label: 'X', text: 'an image of domain X' },
  gx: { label: 'G(X)', text: 'its translation into the style of Y' },
  fgx: { label: 'F(G(X))', text: 'the translation back into the style of X' },
  y: { label: 'Y', text: 'the same anatomy in the style of Y' },
  'y-other': { label: 'Y (another)', text: 'another anatomy in the style of Y' },
  diff: { label: 'difference', text: 'the difference, as the trainer drew it' },
};
const ORDER = Object.keys(ROLES);

export const wall: Section = {
  name: 'wall',
  title: 'Image wall',
  view: ({ sweep, cells, images, readFile, pictureBytes }) => {
    if (!sweep.trials.some(({ samples }) => samples.length > 0)) return null;
    if (!images) return { wall: null, leftOut: [] };
    const { pictures, sources, leftOut } = chooseSamples(cells, readFile, pictureBytes);
    const [first] = pictures;
    if (!first || first.trials.length === 0) return { wall: null, leftOut };
    return viewOf(first, pictures, sources, leftOut, cells);
  },
};

type Shown = { name: string; trials: ShownTrial[] };

function viewOf(
  first: Shown,
  pictures: readonly Shown[],
  sources: readonly Source[],
  leftOut: readonly string[],
  cells: readonly Cell[],
) {
  // Without scripts: the last step of the first picture, what all trials share once. Each source stands in the page once.
  const stood = new Set<number>();
  const picture = (role: string, source: number | undefined, whose: string) => {
    const about = aboutRole(role);
    if (source === undefined || stood.has(source))
      return { role: about.label, url: null, seen: source !== undefined };
    stood.add(source);
    const { url, width, height } = sources[source]!;
    return {
      role: about.label,
      url,
      seen: true,
      source,
      width,
      height,
      text: `${about.label}: ${about.text}, ${whose}`,
    };
  };
  const ends = first.trials.map(({ frames }) => frames.at(-1)!.roles);
  const roles = rolesOf(pictures.slice(0, 1));
  const shared = roles.filter(
    (role) => GIVEN.includes(role) && new Set(ends.map((end) => end[role])).size === 1,
  );
  const own = roles.filter((role) => !shared.includes(role));
  const reference = shared.map((role) => picture(role, ends[0]![role], first.name));
  const rows = first.trials.map(({ trial, cell, frames }) => {
    const end = frames.at(-1)!;
    const label = `${cells[cell]!.label}, seed ${trial.seed}`;
    return {
      label,
      note: noteOf(trial, end.step),
      pictures: own.map((role) => picture(role, end.roles[role], label)),
    };
  });
  return {
    wall: {
      caption: captionOf(rolesOf(pictures), first.name),
      sameCrop: shared.includes('x'),
      reference,
      columns: own.map((role) => aboutRole(role).label),
      rows,
    },
    leftOut,
    several: pictures.length > 1,
    steps: new Set(pictures.flatMap(({ trials }) => trials.flatMap(({ frames }) => frames.map(({ share }) => share)))).size > 1, // prettier-ignore
    data: {
      range: rangeOf(first.trials),
      settings: cells.map(({ label }) => label),
      pictures: pictures.map(({ name, trials }) => ({
        name,
        trials: trials.map(({ trial, cell, frames }) => ({
          cell,
          seed: trial.seed,
          status: trial.status === 'done' ? '' : statusText(trial),
          frames,
        })),
      })),
      roles: rolesOf(pictures).map((role) => ({ role, ...aboutRole(role) })),
      // Those that the markup holds are taken from there.
      sources: sources.map(({ url }, at) => (stood.has(at) ? null : url)),
    },
  };
}

function aboutRole(role: string): { label: string; text: string } {
  return ROLES[role] ?? { label: role, text: role };
}

/** In the order in which they are looked at; those that are not ours last. */
function rolesOf(pictures: readonly Shown[]): string[] {
  const found = pictures.flatMap(({ trials }) =>
    trials.flatMap(({ frames }) => frames.flatMap(({ roles }) => Object.keys(roles))),
  );
  const rank = (role: string) => (ORDER.includes(role) ? ORDER.indexOf(role) : ORDER.length);
  return [...new Set(found)].sort((a, b) => rank(a) - rank(b));
}

function noteOf(trial: TrialRecord, step: number): string {
  return `${count(step, 'update')}, ${statusText(trial)}`;
}

function captionOf(roles: readonly string[], name: string): string {
  const known = roles.filter((role) => role in ROLES && role !== 'diff');
  return `${capital(name)}: ${list(known.map((role) => `${aboutRole(role).label} is ${aboutRole(role).text}`))}.`;
}

/** What black and white stand for, where all trials agree. */
function rangeOf(trials: readonly ShownTrial[]): [number, number] | null {
  const ranges = trials.flatMap(({ trial }) => (trial.facts ? [trial.facts.range] : []));
  const [first] = ranges;
  const same = ranges.every(([low, high]) => low === first![0] && high === first![1]);
  return first !== undefined && same ? [first[0], first[1]] : null;
}
