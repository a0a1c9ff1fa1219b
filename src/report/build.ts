/** @file A sweep becomes one HTML file that asks the network for nothing. */
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import Handlebars from 'handlebars';
import type { SweepRecord } from '../store/queries.js';
import { cellsOf, unfinished, type Cell } from './cells.js';
import { examTables } from './exam.js';
import { figuresOf } from './figures.js';
import { withoutNames } from '../definition/redact.js';
import { integer, withoutPaths } from './format.js';
import { packedPlotly } from './plotly.js';
import { contentHash, contentPolicy, scriptJson } from './policy.js';
import { wallCaption, wallsOf } from './samples.js';
import { budgetWords, summaryOf } from './summary.js';
import {
  differenceTable,
  factsInWords,
  factsTable,
  leftOut,
  lossTable,
  messagesOf,
  runFacts,
  systemTable,
  trialTable,
} from './tables.js';

export interface ReportOptions {
  /** Whether sample pictures go into the page. */
  images: boolean;
  /** Of the program, shown at the foot. */
  version: string;
  /** Reads a sample's PNG; throws where there is none. */
  readFile?: (file: string) => Uint8Array;
}

/** The page, as text. The same sweep and pictures give the same bytes. */
export function buildReport(sweep: SweepRecord, options: ReportOptions): string {
  const cells = cellsOf(sweep);
  const figures = figuresOf(sweep, cells);
  const exam = examTables(cells);
  const walls = options.images ? wallsOf(cells, options.readFile ?? readFileSync) : [];
  const out = leftOut(sweep, cells);
  const missing = unfinished(sweep).length;
  const plotly = packedPlotly();
  const script = asset('page.js');
  return template()({
    policy: contentPolicy([contentHash(script), plotly.hash]),
    style: asset('style.css') + cellColours(cells),
    script,
    plotly: plotly.packed,
    data: scriptJson(figures.data),
    name: sweep.name,
    question: withoutPaths(sweep.question),
    summary: summaryOf(sweep, cells),
    leftOut: out,
    leftOutTitle: missing === 1 ? 'One trial is in no mean' : `${integer(missing)} trials are in no mean`,
    empty: sweep.trials.length === 0,
    anyDone: cells.some((cell) => cell.done.length > 0),
    legend: legendOf(cells),
    // With many settings the bar would cover what it steers.
    stickyControls: cells.length <= 6,
    singlesOnly: cells.every((cell) => cell.done.length === 0),
    figures,
    anyFigure: figures.main.length + figures.terms.length > 0,
    lossTable: lossTable(sweep, cells),
    differenceTable: differenceTable(cells),
    facts: factsInWords(sweep, cells),
    factsTable: factsTable(cells),
    exam,
    walls,
    wallCaption: wallCaption(walls),
    imagesLeftOut: !options.images && sweep.trials.some((trial) => trial.samples.length > 0),
    trials: sweep.trials.length > 0 ? trialTable(sweep) : null,
    system: systemTable(sweep, cells),
    messages: messagesOf(sweep, cells),
    run: runFacts(sweep, cells),
    budget: [...new Set(sweep.trials.map((trial) => budgetWords(trial.budget)))].join('; '),
    source: withoutPaths(withoutNames(sweep.source)),
    fileName: /^[\w.-]+$/.test(sweep.name) ? `${sweep.name}.yaml` : 'sweep.yaml',
    date: new Date(sweep.updated * 1000).toISOString().slice(0, 16).replace('T', ' '),
    version: options.version,
  });
}

/** Writes the page whole or not at all. Returns its size in bytes. */
export function writeReport(sweep: SweepRecord, options: ReportOptions & { out: string }): number {
  const page = Buffer.from(buildReport(sweep, options));
  const unfinished = `${options.out}.${process.pid}.part`;
  writeFileSync(unfinished, page);
  renameSync(unfinished, options.out);
  return page.length;
}

/** One list of cells, under headings of patch sizes where the patch varies and a size has several cells. */
function legendOf(
  cells: readonly Cell[],
): { group: string | null; cells: { label: string; index: number; dash: string; drawn: boolean }[] }[] {
  const grouped = cells.some((cell, i) => cells.findIndex((one) => one.group === cell.group) !== i);
  const groups = new Map<string | null, { label: string; index: number; dash: string; drawn: boolean }[]>();
  cells.forEach((cell, index) => {
    const group = grouped ? cell.group : null;
    const dash = { solid: 'none', dash: '8 4', dot: '2 3', dashdot: '8 3 2 3', longdash: '14 4' }[
      cell.style.dash
    ];
    const drawn = cell.trials.some((trial) => Object.keys(trial.series).length > 0);
    groups.set(group, [...(groups.get(group) ?? []), { label: cell.label, index, dash, drawn }]);
  });
  return [...groups].map(([group, members]) => ({ group, cells: members }));
}

/** Colours of the cells as custom properties, so that legend and curves agree in both schemes and on paper. */
function cellColours(cells: readonly Cell[]): string {
  const rule = (scheme: 'light' | 'dark') =>
    `:root{${cells.map((cell, i) => `--cell-${i}:${cell.style[scheme]}`).join(';')}}`;
  return `${rule('light')}@media screen and (prefers-color-scheme:dark){${rule('dark')}}`;
}

/** The compiler copies no such files, so they are read from the sources, beside or above. */
function asset(name: string): string {
  // Line ends as a browser's parser makes them, or the hash of the script would not fit.
  return readFileSync(new URL(`../../src/report/${name}`, import.meta.url), 'utf8').replaceAll('\r\n', '\n');
}

let compiled: HandlebarsTemplateDelegate | undefined;

function template(): HandlebarsTemplateDelegate {
  compiled ??= Handlebars.create().compile(asset('template.hbs'), { strict: true, preventIndent: true });
  return compiled;
}
