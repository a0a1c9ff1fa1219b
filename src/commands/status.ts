/** @file `sweep status`: where a sweep stands. */
import type { ArgumentsCamelCase, Argv, CommandModule } from 'yargs';
import { readStatus } from '../runner/read-status.js';
import { jsonOption, resultsOption, sweepArgument } from './options.js';
import { statusLines } from './status/lines.js';
import { inColour } from './status/colour.js';

interface StatusArguments {
  sweep?: string;
  results: string;
  json: boolean;
}

export const statusCommand: CommandModule<object, StatusArguments> = {
  command: 'status [sweep]',
  describe: 'Tell what runs, waits and failed, how far, how fast, until when, on which device',
  builder: (yargs: Argv) =>
    yargs
      .usage(
        '$0 status [sweep]\n\nWhere a sweep stands, also while it runs in another terminal. Changes nothing. sweep top shows the same and keeps it up to date.',
      )
      .positional('sweep', sweepArgument)
      .options({ results: resultsOption, json: jsonOption })
      .example('$0 status', 'the sweep that was run last')
      .example('$0 status patch-size --json | jq \'.trials[] | select(.state == "failed")\'', 'for a program')
      .epilogue(
        'States of a trial: running, starting; retrying, queued (in a batch system), waiting: these start by themselves; pending, stopped,\n' +
          'interrupted: the next sweep run goes on with them; failed, early-stopped, done.',
      ),
  handler: status,
};

function status({ results, sweep, json }: ArgumentsCamelCase<StatusArguments>): void {
  const state = readStatus(results, sweep);
  if (json) console.log(JSON.stringify(state));
  else
    console.log(
      statusLines(state, { width: Infinity, height: Infinity, colour: inColour(process.stdout) }).join('\n'),
    );
}
