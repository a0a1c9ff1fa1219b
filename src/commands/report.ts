/** @file `sweep report`: one HTML file of a sweep, or of several; or their figures for a program. */
import fs from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import type { ArgumentsCamelCase, Argv, CommandModule } from 'yargs';
import { messageOf, systemCode, UserError } from '../errors.js';
import { writeReport } from '../report/build.js';
import {
  REPORT_FORMATS,
  reportCsv,
  reportJson,
  reportMarkdown,
  type ReportFormat,
} from '../report/formats.js';
import { openExistingStore } from '../store/open.js';
import { readSweeps, type SweepRecord } from '../store/queries.js';
import { packageVersion } from '../version.js';
import { openPage } from './open-page.js';
import { jsonOption, resultsOption } from './options.js';

interface ReportArguments {
  sweeps?: string[];
  all: boolean;
  results: string;
  out?: string;
  format: ReportFormat;
  open: boolean;
  images: boolean;
  json: boolean;
}

export const reportCommand: CommandModule<object, ReportArguments> = {
  command: 'report [sweeps..]',
  describe: 'Write the report of a sweep: one HTML file that opens without a network',
  builder: (yargs: Argv) =>
    yargs
      .usage(
        '$0 report [sweeps..]\n\nVerdicts, curves, exams and images of a sweep’s trials, with what is needed to judge them. Several sweeps make one page.',
      )
      .positional('sweeps', {
        type: 'string',
        array: true,
        describe: 'Names of sweeps; without any, the one that was run last',
      })
      .option('all', { type: 'boolean', default: false, describe: 'Every sweep of the results folder' })
      .option('results', resultsOption)
      .option('format', {
        choices: REPORT_FORMATS,
        default: 'html' as const,
        describe: 'html: the page; json, csv, md: means, exams and verdicts for a program, to the terminal',
      })
      .option('out', {
        type: 'string',
        requiresArg: true,
        describe: 'Where to write it  [default: RESULTS/report.html for html]',
      })
      .option('open', {
        type: 'boolean',
        default: false,
        describe: 'Open the page in the browser',
      })
      .option('images', {
        type: 'boolean',
        default: true,
        describe: 'Show sample images; --no-images leaves them all out (burned-in text can name a patient)',
      })
      .option('json', jsonOption)
      .check(({ all, sweeps, format, open, json }) => {
        if (all && sweeps?.length) throw new UserError('--all takes every sweep: name none beside it.');
        if (open && format !== 'html') throw new UserError('--open goes with --format html.');
        if (json && format !== 'html')
          throw new UserError('--json tells where the page was written; --format json gives the figures.');
        return true;
      })
      .example('$0 report --open', 'the last sweep, to results/report.html, and in the browser')
      .example('$0 report patch-size lambda --out both.html', 'two sweeps on one page')
      .example('$0 report --format csv > trials.csv', 'a row a trial')
      .example('$0 report --no-images', 'without any image'),
  handler: report,
};

const WRITERS = { json: reportJson, csv: reportCsv, md: reportMarkdown };

async function report(args: ArgumentsCamelCase<ReportArguments>): Promise<void> {
  const store = openExistingStore(args.results);
  let sweeps: SweepRecord[];
  try {
    sweeps = readSweeps(store, args.all ? 'all' : (args.sweeps ?? []));
  } finally {
    store.close();
  }
  if (args.format !== 'html') {
    const text = WRITERS[args.format](sweeps);
    if (args.out === undefined) process.stdout.write(text);
    else writing(args.out, () => fs.writeFileSync(path.resolve(args.out!), text));
    return;
  }
  const out = path.resolve(args.out ?? path.join(args.results, 'report.html'));
  writing(out, () => writeReport(sweeps, { out, images: args.images, version: packageVersion() }));
  const trials = sweeps.flatMap((sweep) => sweep.trials);
  const done = trials.filter(({ status }) => status === 'done').length;
  const names = sweeps.map(({ name }) => name).join(', ');
  if (args.json) console.log(JSON.stringify({ sweep: names, trials: trials.length, done, report: out }));
  else
    console.log(
      `Report of ${names}, ${done} of ${trials.length} trials done: ${out}\n${pathToFileURL(out).href}`,
    );
  const unopened = args.open ? await openPage(out) : null;
  if (unopened !== null) console.error(`The report is written, but ${unopened}.`);
}

function writing(out: string, write: () => void): void {
  try {
    write();
  } catch (error) {
    if (systemCode(error) === undefined) throw error;
    throw new UserError(`The report ${out} cannot be written: ${messageOf(error)}`, 2, { cause: error });
  }
}
