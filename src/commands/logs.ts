/** @file `sweep logs TRIAL`: what a trial printed, and what it prints. */
import fs from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ArgumentsCamelCase, Argv, CommandModule } from 'yargs';
import { systemCode, UserError } from '../errors.js';
import { liveRunner } from '../runner/lock.js';
import { outputFile } from '../runner/layout.js';
import { jsonOption, resultsOption, trialArgument } from './options.js';
import { findTrial, KEY_SHOWN } from './trial/find.js';
import { readStory } from './trial/read.js';

interface LogsArguments {
  trial: string;
  results: string;
  attempt?: number;
  follow: boolean;
  json: boolean;
}

/** How often a followed file is looked at, in milliseconds. */
const LOOK_EVERY = 250;

export const logsCommand: CommandModule<object, LogsArguments> = {
  command: 'logs <trial>',
  describe: 'Print what a trial printed; -f goes on with what it prints',
  builder: (yargs: Argv) =>
    yargs
      .usage(
        '$0 logs <trial>\n\nThe output of a trial’s last attempt. -f follows it, and the attempts after it, until the trial has ended.',
      )
      .positional('trial', trialArgument)
      .options({
        follow: { type: 'boolean', alias: 'f', default: false, describe: 'Go on with what the trial prints' },
        attempt: { type: 'number', requiresArg: true, describe: 'Another attempt than the last' },
        results: resultsOption,
        json: jsonOption,
      })
      .example('$0 logs 3fa1 -f', 'what the trial whose key begins so prints')
      .example("$0 logs 'patch=256,seed=1' --attempt 1", 'what its first attempt printed'),
  handler: logs,
};

async function logs(args: ArgumentsCamelCase<LogsArguments>): Promise<void> {
  const { results, follow, json } = args;
  const { key, label } = findTrial(results, args.trial);
  const numbers = readStory(results, key, false).attempts.map(({ attempt }) => attempt);
  const last = numbers.at(-1);
  if (last === undefined)
    throw new UserError(`Trial ${key.slice(0, KEY_SHOWN)} (${label}) has not been started.`);
  let attempt = args.attempt ?? last;
  if (!numbers.includes(attempt)) {
    throw new UserError(
      `--attempt ${attempt}: trial ${key.slice(0, KEY_SHOWN)} had the attempts ${numbers.join(', ')}.`,
    );
  }
  if (json) {
    console.log(
      JSON.stringify({ key, attempt, output: read(outputFile(results, key, attempt), 0).toString() }),
    );
    return;
  }
  for (let offset = 0; ;) {
    // Looked at before the file: what was printed before the end is then in it.
    const { status, attempts } = readStory(results, key, false);
    const story = attempts.find((one) => one.attempt === attempt)!;
    const bytes = read(outputFile(results, key, attempt), offset);
    process.stdout.write(bytes);
    offset += bytes.length;
    if (!follow) return;
    if (story.outcome !== 'running') {
      const next = attempts.find((one) => one.attempt > attempt);
      if (
        args.attempt !== undefined ||
        (next === undefined && !(status === 'waiting' && liveRunner(results) !== undefined))
      )
        return;
      if (next !== undefined) {
        console.error(
          `(attempt ${attempt} has ended: ${story.reason ?? story.outcome}; attempt ${next.attempt} follows)`,
        );
        [attempt, offset] = [next.attempt, 0];
      }
    }
    await sleep(LOOK_EVERY);
  }
}

/** What a file holds from a place on; nothing where it is not there yet. */
function read(file: string, offset: number): Buffer {
  try {
    const descriptor = fs.openSync(file, 'r');
    try {
      const bytes = Buffer.alloc(Math.max(0, fs.fstatSync(descriptor).size - offset));
      return bytes.subarray(0, fs.readSync(descriptor, bytes, 0, bytes.length, offset));
    } finally {
      fs.closeSync(descriptor);
    }
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return Buffer.alloc(0);
    throw error;
  }
}
