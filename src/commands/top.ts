/** @file `sweep top`: where a sweep stands, kept up to date in a terminal; a page every few seconds where the output is none. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { ArgumentsCamelCase, Argv, CommandModule } from 'yargs';
import { messageOf } from '../errors.js';
import { readStatus } from '../runner/read-status.js';
import { runs, waits, type SweepStatus } from '../runner/status.js';
import { jsonOption, resultsOption, sweepArgument } from './options.js';
import { inColour } from './status/colour.js';
import { statusLines } from './status/lines.js';
import { openScreen } from './status/screen.js';

interface TopArguments {
  sweep?: string;
  results: string;
  every?: number;
  json: boolean;
}

/** Seconds between two looks: in a terminal, and where the output is none. */
const EVERY = { terminal: 1, plain: 10 };

export const topCommand: CommandModule<object, TopArguments> = {
  command: 'top [sweep]',
  describe: 'The same as status, kept up to date in the terminal until q or Ctrl-C',
  builder: (yargs: Argv) =>
    yargs
      .usage(
        '$0 top [sweep]\n\nWhat sweep status tells, kept up to date; q or Ctrl-C leaves, and stops nothing. Where the output is no terminal, a\n' +
          'page every few seconds until nothing runs or waits any more.',
      )
      .positional('sweep', sweepArgument)
      .options({
        every: {
          type: 'number',
          requiresArg: true,
          describe: `Seconds between two looks  [default: ${EVERY.terminal}; ${EVERY.plain} where the output is no terminal]`,
        },
        results: resultsOption,
        json: { ...jsonOption, describe: 'Print one JSON object a line for a program to read' },
      })
      .check(({ every }) => {
        if (every === undefined || every > 0) return true;
        throw new Error('--every takes a number of seconds above 0.');
      })
      .example('$0 top', 'the sweep that was run last')
      .example('$0 top --every 60 >> sweep.log', 'a page a minute')
      .example('$0 top --json | jq .share', 'for a program'),
  handler: top,
};

async function top({ sweep, results, every, json }: ArgumentsCamelCase<TopArguments>): Promise<void> {
  const first = readStatus(results, sweep);
  const read = () => readStatus(results, first.sweep);
  const { stdout } = process;
  if (stdout.isTTY === true && !json) await showLive(first, read, 1000 * (every ?? EVERY.terminal));
  else await printPages(first, read, 1000 * (every ?? EVERY.plain), json);
}

async function showLive(first: SweepStatus, read: () => SweepStatus, every: number): Promise<void> {
  let status: SweepStatus | string = first;
  const screen = openScreen(process.stdin, process.stdout, (size) => {
    const hint = 'q leaves; what runs goes on';
    if (typeof status === 'string') return [...status.split('\n'), '', hint];
    const colour = inColour(process.stdout);
    return [...statusLines(status, { width: size.width, height: size.height - 2, colour }), '', hint];
  });
  const timer = setInterval(() => {
    try {
      status = read();
    } catch (error) {
      status = messageOf(error); // e.g. while the database is made anew
    }
    screen.draw();
  }, every);
  await screen.left;
  clearInterval(timer);
}

async function printPages(
  first: SweepStatus,
  read: () => SweepStatus,
  every: number,
  json: boolean,
): Promise<void> {
  for (let status = first; ; status = read()) {
    if (json) console.log(JSON.stringify(status));
    else
      console.log(
        statusLines(status, { width: Infinity, height: Infinity, colour: false }).join('\n') + '\n',
      );
    if (!status.trials.some((trial) => runs(trial) || waits(trial))) return;
    await sleep(every);
  }
}
