/** @file `sweep plan FILE`, which `sweep run FILE --dry-run` is, too: what would be run, and what it would take. */
import path from 'node:path';
import type { ArgumentsCamelCase, Argv, CommandModule } from 'yargs';
import { jsonOption } from './options.js';
import { makePlan } from './plan/plan.js';
import { planText } from './plan/text.js';
import { fileArgument, readSweepFile, sweepFileOptions, type SweepFileArguments } from './sweep-file.js';

export interface PlanArguments extends SweepFileArguments {
  json: boolean;
}

export const planCommand: CommandModule<object, PlanArguments> = {
  command: 'plan <file>',
  describe: 'Say what a sweep would run, what is done, and what the rest will take; runs nothing',
  builder: (yargs: Argv) =>
    yargs
      .usage(
        '$0 plan <file>\n\nLists the trials of a sweep file, with predicted time and memory. Nothing is run, drawn or written.',
      )
      .positional('file', fileArgument)
      .options(sweepFileOptions)
      .option('json', jsonOption)
      .example('$0 plan sweeps/patch-by-batch.yaml', 'how many trials, why so many, how long')
      .example("$0 plan sweeps/patch.yaml --only 'patch>=128' --set seeds=8", 'of a part, with more seeds')
      .epilogue('Exit code: 0, or 2 if the file, the data or a flag is wrong.'),
  handler: showPlan,
};

export async function showPlan(args: ArgumentsCamelCase<PlanArguments>): Promise<void> {
  const { definition, only, memoryLimit, devices } = readSweepFile(args);
  const file = path.resolve(args.file);
  const plan = await makePlan({ definition, file, results: args.results, only, memoryLimit, devices });
  if (args.json) {
    const { left, slots } = plan;
    const rounded = (seconds: number | null) => (seconds === null ? null : Number(seconds.toPrecision(4)));
    const trials = plan.trials.map(({ key, seed, params, state }, at) => {
      const { seconds, memoryBytes, deviceBytes } = plan.predictions.trials[at]!;
      const onDevice = deviceBytes === null ? {} : { deviceMemoryBytes: deviceBytes };
      return { key, seed, params, state, predicted: { seconds: rounded(seconds), memoryBytes, ...onDevice } };
    });
    const time = { wallSeconds: rounded(left && left.wall), trialSeconds: rounded(left && left.trials), atOnce: slots }; // prettier-ignore
    console.log(JSON.stringify({ count: trials.length, left: time, trials }));
  } else console.log(planText(plan, process.stdout.isTTY ? process.stdout.columns : undefined));
}
