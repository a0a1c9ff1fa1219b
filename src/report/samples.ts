/** @file Walls of sample pictures: what each trial made of the same few images at its last step. */
import type { SampleRecord, TrialRecord } from '../store/queries.js';
import { integer, list } from './format.js';
import type { Cell } from './cells.js';
import { statusText } from './summary.js';

export interface Wall {
  /** e.g. `seed 1, after 610 updates`. */
  title: string;
  /** Only the first seed of a cell is open. */
  open: boolean;
  columns: string[];
  rows: { name: string; pictures: Picture[] }[];
}

export interface Picture {
  /** `data:image/png;base64,…`, or null where the file is gone. */
  source: string | null;
  width: number;
  height: number;
  /** Small pictures are enlarged without smoothing. */
  small: boolean;
  label: string;
  text: string;
}

const ROLES: Record<string, { label: string; text: string }> = {
  x: { label: 'x', text: 'an image of domain X' },
  gx: { label: 'G(x)', text: 'the translation of x into the style of Y' },
  fgx: { label: 'F(G(x))', text: 'the translation back into the style of X' },
  y: { label: 'y', text: 'an image of domain Y' },
  diff: { label: 'difference', text: 'the difference of translation and original' },
};
const ORDER = Object.keys(ROLES);

export function wallsOf(
  cells: readonly Cell[],
  readFile: (file: string) => Uint8Array,
): { label: string; walls: Wall[] }[] {
  return cells
    .map((cell) => ({
      label: cell.label,
      walls: cell.trials
        .filter((trial) => trial.samples.length > 0)
        .map((trial, i) => wallOf(trial, cell.label, i === 0, readFile)),
    }))
    .filter(({ walls }) => walls.length > 0);
}

function wallOf(
  trial: TrialRecord,
  label: string,
  open: boolean,
  readFile: (file: string) => Uint8Array,
): Wall {
  const last = Math.max(...trial.samples.map((sample) => sample.step));
  const samples = trial.samples.filter((sample) => sample.step === last);
  const names = [...new Set(samples.map((sample) => sample.name))];
  const roles = [...new Set(samples.map((sample) => sample.role))].sort((a, b) => rank(a) - rank(b));
  const status = trial.status === 'done' ? '' : `, ${statusText(trial)}`;
  return {
    title: `Seed ${trial.seed}, after ${integer(last)} updates${status}`,
    open,
    columns: roles.map((role) => ROLES[role]?.label ?? role),
    rows: names.map((name) => ({
      name,
      pictures: roles.map((role) => {
        const sample = samples.find((one) => one.name === name && one.role === role);
        const about = ROLES[role] ?? { label: role, text: role };
        const text = `${about.label}: ${about.text}, picture ${name}, ${label}, seed ${trial.seed}`;
        return pictureOf(sample, about.label, text, readFile);
      }),
    })),
  };
}

function rank(role: string): number {
  const known = ORDER.indexOf(role);
  return known < 0 ? ORDER.length : known;
}

function pictureOf(
  sample: SampleRecord | undefined,
  label: string,
  text: string,
  readFile: (file: string) => Uint8Array,
): Picture {
  const missing = { source: null, width: 1, height: 1, small: false, label, text: `${text}: not found` };
  if (!sample) return missing;
  let png: Buffer;
  try {
    png = Buffer.from(readFile(sample.file));
  } catch {
    return missing;
  }
  if (png.length < 24 || png.readUInt32BE(0) !== 0x89504e47) return missing;
  const [width, height] = [png.readUInt32BE(16), png.readUInt32BE(20)];
  return {
    source: `data:image/png;base64,${png.toString('base64')}`,
    width,
    height,
    small: width < 240,
    label,
    text,
  };
}

/** What the columns show, for the caption. */
export function wallCaption(walls: readonly { walls: Wall[] }[]): string {
  const columns = new Set(walls.flatMap((cell) => cell.walls.flatMap((wall) => wall.columns)));
  const known = Object.values(ROLES).filter((role) => columns.has(role.label));
  return list(known.map((role) => `${role.label} is ${role.text}`));
}
