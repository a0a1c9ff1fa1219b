/** @file `sweep stop [SWEEP]`: has running trials save and leave, wherever they run. */
import fs from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ArgumentsCamelCase, Argv, CommandModule } from 'yargs';
import { UserError } from '../errors.js';
import { openSlurm } from '../runner/executors/slurm/client.js';
import { stopJobs } from '../runner/executors/slurm/stop-jobs.js';
import { settleEnded } from '../runner/executors/slurm/settle.js';
import { listSweeps } from '../runner/layout.js';
import { liveRunner, takeLock } from '../runner/lock.js';
import { readSweepRecord } from '../runner/recover.js';
import { GRACE, stopRequest } from '../runner/stop.js';
import { resultsOption } from './options.js';

interface StopArguments {
  sweep?: string;
  results: string;
}

const LOOK_EVERY = 250;
/** A runner is asked for longer than its trials have to save, since it reads their last events, too. */
const PATIENCE = 3 * GRACE;

export const stopCommand: CommandModule<object, StopArguments> = {
  command: 'stop [sweep]',
  describe: 'Stop what runs: trials save a checkpoint and leave; sweep run goes on from there',
  builder: (yargs: Argv) =>
    yargs
      .usage(
        '$0 stop [sweep]\n\nAsks the runner of the results folder to stop, as its first Ctrl-C does, on whatever machine it runs. Where none\n' +
          'runs, the jobs that it left with Slurm are stopped: what waits is cancelled, what runs saves first.',
      )
      .positional('sweep', { type: 'string', describe: 'Only the jobs of this sweep' })
      .options({ results: resultsOption })
      .example('$0 stop', 'stop what runs for the folder results')
      .example('$0 stop patch-size', 'of what was left with Slurm, the jobs of one sweep'),
  handler: stop,
};

async function stop({ results, sweep }: ArgumentsCamelCase<StopArguments>): Promise<void> {
  const runner = liveRunner(results);
  if (runner !== undefined) return stopRunner(results, runner);
  const keys = keysOf(results, sweep);
  const open = keys.filter((key) => settleEnded(results, key) !== undefined);
  if (open.length === 0) {
    console.log('Nothing runs.');
    return;
  }
  const client = await openSlurm();
  const unlock = takeLock(results);
  try {
    const left = await stopJobs(results, open, client, (message) => console.log(message));
    if (left > 0) throw new UserError(`${left} jobs have not ended yet: squeue --me shows them.`, 1);
    console.log('Stopped. The same sweep run goes on from the last checkpoints.');
  } finally {
    unlock();
  }
}

async function stopRunner(results: string, runner: string): Promise<void> {
  fs.writeFileSync(stopRequest(results), '');
  console.log(
    `The sweep run (process ${runner}) is asked to stop: running trials save a checkpoint and leave.`,
  );
  for (let waited = 0; waited < PATIENCE; waited += LOOK_EVERY) {
    await sleep(LOOK_EVERY);
    if (liveRunner(results) !== undefined) continue;
    console.log('Stopped. The same sweep run goes on from the last checkpoints.');
    return;
  }
  throw new UserError(`It still runs after ${PATIENCE / 1000} s. sweep stop once more hurries it.`, 1);
}

function keysOf(results: string, sweep: string | undefined): string[] {
  const names = listSweeps(results);
  if (sweep !== undefined && !names.includes(sweep)) {
    throw new UserError(
      `There is no sweep ${sweep} in ${results}. There are: ${names.join(', ') || 'none'}.`,
    );
  }
  const keys = names
    .filter((name) => sweep === undefined || name === sweep)
    .flatMap((name) => {
      const record = readSweepRecord(results, name);
      return typeof record === 'string' ? [] : record.trials.map(({ key }) => key);
    });
  return [...new Set(keys)];
}
