/** @file A report for programs: the means, exams and verdicts of sweeps as JSON, CSV or Markdown. */
import type { SweepRecord, TrialRecord } from '../store/queries.js';
import { cellsOf, parameter } from './cells.js';
import { examView } from './sections/exam.js';
import { withoutPaths } from './format.js';
import { withNumberedPaths } from './numbered-paths.js';
import { spreadOf, summaryOf } from './summary.js';
import { leftOut, lossTable, type Table } from './tables.js';
import { verdictsOf } from './verdicts.js';

export const REPORT_FORMATS = ['html', 'json', 'csv', 'md'] as const;
export type ReportFormat = (typeof REPORT_FORMATS)[number];

/** What a report says, by sweep; a figure that is no number is null. */
export function reportJson(records: readonly SweepRecord[]): string {
  const sweeps = withNumberedPaths(records);
  const verdicts = verdictsOf(sweeps);
  const content = {
    sweeps: sweeps.map((sweep, at) => ({
      name: sweep.name,
      question: sweep.question,
      varied: sweep.varied,
      updated: sweep.updated,
      verdicts: verdicts[at]!.verdicts,
      discriminator: verdicts[at]!.discriminator,
      settings: cellsOf(sweep).map((cell) => ({
        label: cell.label,
        trials: cell.trials.length,
        done: cell.done.length,
        metrics: Object.fromEntries(
          namesOf(cell.done, ({ tail }) => tail).map((name) => [
            name,
            spreadOf(cell, (trial) => trial.tail[name] ?? NaN),
          ]),
        ),
        exam: Object.fromEntries(
          namesOf(cell.done, ({ exam }) => exam?.values ?? {}).map((name) => [
            name,
            spreadOf(cell, (trial) => trial.exam?.values[name] ?? NaN),
          ]),
        ),
      })),
      trials: sweep.trials.map((trial) => ({
        key: trial.key,
        parameters: trial.parameters,
        seed: trial.seed,
        status: trial.status,
        reason: trial.reason,
        step: trial.step,
        updates: trial.updates,
        ...costsOf(trial),
        metrics: trial.tail,
        exam: trial.exam?.values ?? null,
      })),
    })),
  };
  // Claims, what they compare, and values of a foreign trainer are the user's own words: each may name a folder.
  const told = (_: string, value: unknown) => (typeof value === 'string' ? withoutPaths(value) : value);
  return `${JSON.stringify(content, told, 2)}\n`;
}

/** A row a trial: what was varied, how it ended, its means over the last tenth of the budget and its exam. */
export function reportCsv(records: readonly SweepRecord[]): string {
  const sweeps = withNumberedPaths(records);
  const trials = sweeps.flatMap((sweep) => sweep.trials);
  const varied = [...new Set(sweeps.flatMap((sweep) => sweep.varied))];
  const metrics = namesOf(trials, ({ tail }) => tail);
  const exams = namesOf(trials, ({ exam }) => exam?.values ?? {});
  const costs = ['attempts', 'seconds', 'peak_memory'] as const;
  const rows: unknown[][] = [
    ['sweep', 'trial', ...varied, 'seed', 'status', 'step', 'updates', ...costs, ...metrics, ...exams],
    ...sweeps.flatMap((sweep) =>
      sweep.trials.map((trial) => {
        const cost = costsOf(trial);
        return [
          ...[sweep.name, trial.key, ...varied.map((name) => parameter(trial, name)), trial.seed],
          ...[trial.status, trial.step, trial.updates, ...costs.map((name) => cost[name])],
          ...metrics.map((name) => trial.tail[name]),
          ...exams.map((name) => trial.exam?.values[name]),
        ];
      }),
    ),
  ];
  return rows.map((row) => `${row.map(csvCell).join(',')}\n`).join('');
}

/** What the page opens with, and its tables of losses and of the exam. */
export function reportMarkdown(records: readonly SweepRecord[]): string {
  const sweeps = withNumberedPaths(records);
  const verdicts = verdictsOf(sweeps);
  const parts = sweeps.map((sweep, at) => {
    const cells = cellsOf(sweep);
    const { compared, cautions } = summaryOf(sweep, cells);
    const { discriminator } = verdicts[at]!;
    const losses = lossTable(sweep, cells);
    const missing = leftOut(sweep, cells);
    const claims = verdicts[at]!.verdicts.map(
      ({ claim, kind, sentence, reasons }) =>
        `- **${escaped(claim)}**: ${kind}. ${escaped([sentence, ...reasons].join(' '))}`,
    );
    return [
      `# ${escaped(sweep.name)}`,
      ...(sweep.question ? [escaped(sweep.question)] : []),
      withoutPaths(compared),
      ...(claims.length > 0 ? [claims.join('\n')] : []),
      ...(discriminator === null ? [] : [escaped(discriminator.sentence)]),
      ...(cautions.length > 0 ? [cautions.map((caution) => `- ${escaped(caution)}`).join('\n')] : []),
      ...(missing.length > 0 ? [`In no mean:`, missing.map((one) => `- ${escaped(one)}`).join('\n')] : []),
      ...[...(losses ? [losses] : []), ...(examView(cells)?.tables ?? [])].map(markdownTable),
      'Translated images are for study and training data, not for diagnosis.',
    ].join('\n\n');
  });
  return `${parts.join('\n\n')}\n`;
}

export function markdownTable({ caption, columns, rows }: Table): string {
  const line = (cells: string[]) => `| ${cells.map(escaped).join(' | ')} |`;
  return [
    ...(caption === '' ? [] : [`**${escaped(caption)}**\n`]),
    line(columns.map(({ text }) => text)),
    `|${columns.map(({ number }) => (number ? ' ---: ' : ' --- ')).join('|')}|`,
    ...rows.map(({ head, cells }) => line([head, ...cells.map(({ text }) => text)])),
  ].join('\n');
}

/** Text of users, without a meaning of its own in Markdown and without folders. */
function escaped(text: string): string {
  return withoutPaths(text)
    .replace(/[\\`*_<>[\]|#]/g, '\\$&')
    .replace(/\s+/g, ' ');
}

function csvCell(value: unknown): string {
  if (value === null || value === undefined || Number.isNaN(value)) return '';
  const text = withoutPaths(typeof value === 'string' ? value : JSON.stringify(value));
  return /[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

function costsOf({ attempts }: TrialRecord) {
  const peaks = attempts.flatMap(({ peakMemory }) => peakMemory ?? []);
  return {
    attempts: attempts.length,
    /** Of all attempts. */
    seconds: attempts.reduce((sum, { seconds }) => sum + (seconds ?? 0), 0),
    /** Bytes. */
    peak_memory: peaks.length > 0 ? Math.max(...peaks) : null,
  };
}

function namesOf(trials: readonly TrialRecord[], values: (trial: TrialRecord) => object): string[] {
  return [...new Set(trials.flatMap((trial) => Object.keys(values(trial))))].sort();
}
