/** @file `sweep diff A B`: in what two trials or two sweeps differ. */
import type { ArgumentsCamelCase, Argv, CommandModule } from 'yargs';
import { UserError } from '../errors.js';
import { decimal, exact, signed } from '../report/format.js';
import { listSweeps } from '../runner/layout.js';
import { readSweepRecord } from '../runner/recover.js';
import { readStore } from '../store/open.js';
import { readResult } from '../store/progress.js';
import { columns } from './columns.js';
import { compareSweeps, compareTrials, type CellDifference, type Differences, type Setting, type SweepDifference, type TrialDifference } from './diff/compare.js'; // prettier-ignore
import { jsonOption, resultsOption } from './options.js';
import { findTrial, KEY_SHOWN, type FoundTrial } from './trial/find.js';

interface DiffArguments {
  a: string;
  b: string;
  results: string;
  json: boolean;
}

const WHAT = "Name of a sweep; or a trial's key, the beginning of it, or what it is like: 'patch=64,seed=1'";

export const diffCommand: CommandModule<object, DiffArguments> = {
  command: 'diff <a> <b>',
  describe: 'Tell in what two trials, or two sweeps, differ',
  builder: (yargs: Argv) =>
    yargs
      .usage(
        '$0 diff <a> <b>\n\nTwo trials: parameters, results, and what they were computed with. Two sweeps: what each has fixed otherwise, and the cells\n' +
          'that one holds and the other does not.',
      )
      .positional('a', { type: 'string', demandOption: true, describe: WHAT })
      .positional('b', { type: 'string', demandOption: true, describe: 'Another of the same kind' })
      .options({ results: resultsOption, json: jsonOption })
      .example("$0 diff 'patch=64,seed=1' 'patch=128,seed=1'", 'two trials of the latest sweep')
      .example('$0 diff patch-size weights', 'two sweeps'),
  handler: diff,
};

function diff({ a, b, results, json }: ArgumentsCamelCase<DiffArguments>): void {
  const sweeps = listSweeps(results);
  if (sweeps.includes(a) && sweeps.includes(b)) {
    const difference = compareSweeps(settingsOf(results, a), settingsOf(results, b));
    console.log(json ? JSON.stringify({ a, b, ...difference }) : tellSweeps(a, b, difference).join('\n'));
    return;
  }
  const [first, second] = [findTrial(results, a), findTrial(results, b)];
  const difference = readStore(results, (store) =>
    compareTrials(
      { setting: settingOf(results, first), result: readResult(store, first.key) },
      { setting: settingOf(results, second), result: readResult(store, second.key) },
    ),
  );
  if (json) console.log(JSON.stringify({ a: first.key, b: second.key, ...difference }));
  else console.log(tellTrials(first, second, difference).join('\n'));
}

function settingsOf(results: string, sweep: string): Setting[] {
  const record = readSweepRecord(results, sweep);
  if (typeof record !== 'string') return record.trials;
  throw new UserError(`The record of sweep ${sweep} cannot be read (${record}). sweep fsck tells more.`, 4);
}

function settingOf(results: string, { key, sweep }: FoundTrial): Setting {
  return settingsOf(results, sweep).find((setting) => setting.key === key)!;
}

function tellTrials(
  a: FoundTrial,
  b: FoundTrial,
  { parameters, results, environment }: TrialDifference,
): string[] {
  const values = Object.entries(results).map(([name, value]) => [
    ...[name, number(value.a), number(value.b)],
    value.change === null ? '' : value.change === 0 ? 'the same' : signed(value.change),
  ]);
  return [
    ...columns([
      ['A', a.key.slice(0, KEY_SHOWN), a.label, a.sweep],
      ['B', b.key.slice(0, KEY_SHOWN), b.label, b.sweep],
    ]),
    ...part('Parameters', tellDifferences(parameters), 'The same setting.'),
    ...part(
      'Results',
      values.length === 0 ? [] : [['', 'A', 'B', 'B − A'], ...values],
      'Neither has told a number yet.',
    ),
    ...part('Computed with', tellDifferences(environment), 'The same engine, device, machine and versions.'),
  ];
}

function tellSweeps(a: string, b: string, { fixed, onlyA, onlyB, shared }: SweepDifference): string[] {
  const cells = (name: string, only: CellDifference[]) =>
    part(
      `Only in ${name}`,
      only.map(({ parameters, seeds }) => [
        Object.entries(parameters).map(([parameter, value]) => `${parameter} ${value}`).join(' ') || 'all', // prettier-ignore
        `seed${seeds.length === 1 ? '' : 's'} ${seeds.join(', ')}`,
      ]),
      'Nothing.',
    );
  return [
    `A ${a}, B ${b}: ${shared === 0 ? 'no trial is' : shared === 1 ? 'one trial is' : `${shared} trials are`} in both.`,
    ...part('Fixed otherwise', tellDifferences(fixed), 'Nothing.'),
    ...cells(a, onlyA),
    ...cells(b, onlyB),
  ];
}

function tellDifferences(found: Differences<unknown>): string[][] {
  const entries = Object.entries(found);
  const word = (value: unknown) =>
    value === null ? '-' : typeof value === 'string' ? value : JSON.stringify(value);
  if (entries.length === 0) return [];
  return [['', 'A', 'B'], ...entries.map(([name, { a, b }]) => [name, word(a), word(b)])];
}

function number(value: number | null): string {
  return value !== null && Number.isInteger(value) ? exact(value) : decimal(value);
}

function part(title: string, rows: string[][], none: string): string[] {
  return ['', title, ...(rows.length === 0 ? [`  ${none}`] : columns(rows).map((line) => `  ${line}`))];
}
