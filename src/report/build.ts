/** @file A sweep, or several, become one HTML file that asks the network for nothing. */
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import type { SweepRecord } from '../store/queries.js';
import { scripts, styles, templates } from './assets.js';
import { cellsOf, type Cell } from './cells.js';
import { list, withoutPaths } from './format.js';
import { withNumberedPaths } from './numbered-paths.js';
import { packedPlotly } from './plotly.js';
import { contentHash, contentPolicy, scriptJson } from './policy.js';
import { PICTURE_BYTES } from './samples.js';
import type { Section } from './section.js';
import { curves } from './sections/curves.js';
import { decision } from './sections/decision.js';
import { exam } from './sections/exam.js';
import { failures } from './sections/failures.js';
import { grid } from './sections/grid.js';
import { incomparable } from './sections/incomparable.js';
import { made } from './sections/made.js';
import { trials } from './sections/trials.js';
import { verdicts } from './sections/verdicts.js';
import { wall } from './sections/wall.js';
import { warning } from './sections/warning.js';

/** In the order of the page. */
const SECTIONS: Section[] = [
  verdicts,
  decision,
  warning,
  curves,
  incomparable,
  exam,
  wall,
  grid,
  trials,
  failures,
  made,
];

export interface ReportOptions {
  /** Whether sample pictures go into the page. */
  images: boolean;
  /** Of the program, shown at the foot. */
  version: string;
  /** Reads a sample's PNG; throws where there is none. */
  readFile?: (file: string) => Uint8Array;
}

/** The page, as text. The same sweeps and pictures give the same bytes. */
export function buildReport(records: readonly SweepRecord[], options: ReportOptions): string {
  const sweeps = withNumberedPaths(records);
  const pictured = sweeps.filter(({ trials }) => trials.some(({ samples }) => samples.length > 0));
  const pictureBytes = PICTURE_BYTES / Math.max(1, pictured.length);
  const shown = sweeps.map((_, at) => sweepView(sweeps, at, pictureBytes, options));
  const script = scripts();
  const plotly = packedPlotly();
  const updated = Math.max(...sweeps.map((sweep) => sweep.updated));
  return templates().page({
    policy: contentPolicy([contentHash(script), plotly.hash]),
    style: styles() + sweeps.map((sweep, at) => cellColours(cellsOf(sweep), at)).join(''),
    script,
    plotly: plotly.packed,
    data: scriptJson(shown.map(({ data }) => data)),
    title: list(sweeps.map(({ name }) => name)),
    sweeps: shown,
    several: sweeps.length > 1,
    date: new Date(updated * 1000).toISOString().slice(0, 16).replace('T', ' '),
    version: options.version,
  });
}

/** A sweep's part of the page; `data` is for the scripts, by the name of the section. */
function sweepView(
  sweeps: readonly SweepRecord[],
  at: number,
  pictureBytes: number,
  { images, readFile = readFileSync }: ReportOptions,
) {
  const sweep = sweeps[at]!;
  const input = { sweep, sweeps, cells: cellsOf(sweep), images, readFile, pictureBytes };
  const sections = SECTIONS.flatMap(({ name, title, view }) => {
    const shown: { data?: unknown } | null = view(input);
    return shown === null ? [] : [{ name, title, view: shown }];
  });
  return {
    name: sweep.name,
    html: templates().sweep(
      { name: sweep.name, question: withoutPaths(sweep.question), sections },
      { data: { sweep: at } },
    ),
    data: Object.fromEntries(sections.map(({ name, view }) => [name, view.data])),
  };
}

/** Writes the page whole or not at all. Returns its size in bytes. */
export function writeReport(
  sweeps: readonly SweepRecord[],
  options: ReportOptions & { out: string },
): number {
  const page = Buffer.from(buildReport(sweeps, options));
  const unfinished = `${options.out}.${process.pid}.part`;
  writeFileSync(unfinished, page);
  renameSync(unfinished, options.out);
  return page.length;
}

/** Colours of the cells as custom properties, so that legends and figures agree in both schemes and on paper. */
function cellColours(cells: readonly Cell[], at: number): string {
  const rule = (scheme: 'light' | 'dark') =>
    `#sweep-${at}{${cells.map((cell, i) => `--cell-${i}:${cell.style[scheme]}`).join(';')}}`;
  return `${rule('light')}@media screen and (prefers-color-scheme:dark){${rule('dark')}}`;
}
