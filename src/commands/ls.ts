/** @file `sweep ls`: the sweeps of a results folder, or the trials of one. */
import path from 'node:path';
import type { ArgumentsCamelCase, Argv, CommandModule } from 'yargs';
import { bytes, duration } from '../report/format.js';
import { usedBy } from '../runner/disk-use.js';
import { trialDirectory } from '../runner/layout.js';
import { readStatus } from '../runner/read-status.js';
import type { SweepStatus } from '../runner/status.js';
import { readStore } from '../store/open.js';
import { readSweeps } from '../store/progress.js';
import { columns } from './columns.js';
import { jsonOption, resultsOption } from './options.js';
import { KEY_SHOWN } from './trial/find.js';
import { clock } from './trial/words.js';

interface LsArguments {
  sweep?: string;
  results: string;
  json: boolean;
}

export const lsCommand: CommandModule<object, LsArguments> = {
  command: 'ls [sweep]',
  describe: 'List the sweeps of a results folder, or the trials of one',
  builder: (yargs: Argv) =>
    yargs
      .usage(
        '$0 ls [sweep]\n\nThe sweeps of a results folder, the latest first: how many trials, what became of them, when they were last run, and what they\n' +
          'take on the disk (a trial that several sweeps hold counts for each). With a name: its trials.',
      )
      .positional('sweep', { type: 'string', describe: 'Name of a sweep, to list its trials' })
      .options({ results: resultsOption, json: jsonOption })
      .example('$0 ls', 'all sweeps')
      .example('$0 ls patch-size', 'the trials of one')
      .example("$0 ls --json | jq -r '.sweeps[].name'", 'for a program'),
  handler: ls,
};

function ls({ results, sweep, json }: ArgumentsCamelCase<LsArguments>): void {
  if (sweep === undefined) listSweeps(results, json);
  else listTrials(results, sweep, json);
}

function listSweeps(results: string, json: boolean): void {
  const sweeps = readStore(results, readSweeps).map(({ name }) => {
    const { question, started, counts, trials, runner } = readStatus(results, name);
    const disk = usedBy(trials.map(({ key }) => trialDirectory(results, key)));
    return { name, question, lastRun: started, running: runner !== null, counts, disk };
  });
  const disk = usedBy([path.join(results, 'trials')]);
  if (json) {
    console.log(JSON.stringify({ sweeps, disk }));
    return;
  }
  const rows = sweeps.map(({ name, counts, lastRun, disk, running }) => [
    ...[name, String(counts.trials), String(counts.done), String(counts.failed)],
    String(counts.trials - counts.done - counts.failed - counts['early-stopped']),
    ...[clock(lastRun).slice(0, 16), bytes(disk), running ? 'runs now' : ''],
  ]);
  console.log(
    columns([['sweep', 'trials', 'done', 'failed', 'open', 'last run', 'disk'], ...rows]).join('\n'),
  );
  if (sweeps.length > 1) console.log(`All trials together take ${bytes(disk)}.`);
}

function listTrials(results: string, sweep: string, json: boolean): void {
  const status: SweepStatus = readStatus(results, sweep);
  const trials = status.trials.map((trial) => ({
    ...trial,
    disk: usedBy([trialDirectory(results, trial.key)]),
  }));
  if (json) {
    console.log(JSON.stringify({ sweep, trials }));
    return;
  }
  const rows = trials.map(({ key, label, state, step, updates, seconds, disk, reason }) => [
    ...[key.slice(0, KEY_SHOWN), label, state, `${step}${updates === null ? '' : `/${updates}`}`],
    ...[seconds === 0 ? '' : duration(seconds), disk === 0 ? '' : bytes(disk)],
    state === 'failed' || state === 'early-stopped' || state === 'stopped' ? (reason ?? '') : '',
  ]);
  console.log(columns([['trial', '', 'state', 'updates', 'took', 'disk', 'reason'], ...rows]).join('\n'));
}
