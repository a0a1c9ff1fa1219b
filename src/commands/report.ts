/** @file `sweep report`: one HTML file of a sweep. */
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import type { ArgumentsCamelCase, Argv, CommandModule } from 'yargs';
import { messageOf, systemCode, UserError } from '../errors.js';
import { writeReport } from '../report/build.js';
import { openExistingStore } from '../store/open.js';
import { readSweep, type SweepRecord } from '../store/queries.js';
import { packageVersion } from '../version.js';
import { jsonOption, resultsOption } from './options.js';

interface ReportArguments {
  sweep?: string;
  results: string;
  out?: string;
  images: boolean;
  json: boolean;
}

export const reportCommand: CommandModule<object, ReportArguments> = {
  command: 'report [sweep]',
  describe: 'Write the report of a sweep: one HTML file that opens without a network',
  builder: (yargs: Argv) =>
    yargs
      .usage(
        '$0 report [sweep]\n\nCompares discriminator and generator losses of a sweep’s trials, with what is needed to judge them.',
      )
      .positional('sweep', {
        type: 'string',
        describe: 'Name of the sweep; without it, the one that was run last',
      })
      .option('results', resultsOption)
      .option('out', {
        type: 'string',
        requiresArg: true,
        describe: 'Where to write it  [default: RESULTS/report.html]',
      })
      .option('images', {
        type: 'boolean',
        default: true,
        describe: 'Show sample images; --no-images leaves them all out (burned-in text can name a patient)',
      })
      .option('json', jsonOption)
      .example('$0 report', 'the last sweep, to results/report.html')
      .example('$0 report patch-size --out patch.html', 'another sweep, another file')
      .example('$0 report --no-images', 'without any image'),
  handler: report,
};

function report(args: ArgumentsCamelCase<ReportArguments>): void {
  const store = openExistingStore(args.results);
  let sweep: SweepRecord;
  try {
    sweep = readSweep(store, args.sweep);
  } finally {
    store.close();
  }
  const out = path.resolve(args.out ?? path.join(args.results, 'report.html'));
  try {
    writeReport([sweep], { out, images: args.images, version: packageVersion() });
  } catch (error) {
    if (systemCode(error) === undefined) throw error;
    throw new UserError(`The report ${out} cannot be written: ${messageOf(error)}`, 2, { cause: error });
  }
  const done = sweep.trials.filter(({ status }) => status === 'done').length;
  if (args.json)
    console.log(JSON.stringify({ sweep: sweep.name, trials: sweep.trials.length, done, report: out }));
  else
    console.log(
      `Report of ${sweep.name}, ${done} of ${sweep.trials.length} trials done: ${out}\n${pathToFileURL(out).href}`,
    );
}
