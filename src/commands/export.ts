/** @file `sweep export`: a sweep's numbers, or a trained generator, for other programs. */
import fs from 'node:fs';
import path from 'node:path';
import type { ArgumentsCamelCase, Argv, CommandModule } from 'yargs';
import { UserError } from '../errors.js';
import { exportSweep, FORMATS, type Format } from '../export/export.js';
import { makeFolder } from '../files.js';
import { writeWhole } from '../imaging/png.js';
import { openExistingStore } from '../store/open.js';
import type { StoredSweep } from '../store/stream.js';
import { EXPORT_FORMATS, exportGenerator, modelCard, type ExportFormat } from '../train/export.js';
import { packageVersion } from '../version.js';
import { followSweep } from './export/follow.js';
import { jsonOption, resultsOption, trialArgument } from './options.js';
import { generatorOptions, loadGenerator } from './trained.js';

interface SweepArguments {
  sweep?: string;
  results: string;
  format: Format;
  out: string;
  follow: boolean;
  json: boolean;
}

const sweepCommand: CommandModule<object, SweepArguments> = {
  command: '$0 [sweep]',
  describe: 'Write all numbers, parameters, exams and sample images of a sweep',
  builder: (yargs: Argv) =>
    yargs
      .usage(
        '$0 export [sweep]\n\nWrites a sweep for other programs: every point of every metric, parameters, exams, sample images.\nAn earlier export in the folder is replaced. docs/export.md describes the formats.',
      )
      .positional('sweep', {
        type: 'string',
        describe: 'Name of the sweep; without it, the one that was run last',
      })
      .option('results', resultsOption)
      .option('format', {
        choices: FORMATS,
        demandOption: true,
        describe: 'csv, json, ndjson, parquet: tables; tensorboard: event files; mlflow: a store',
      })
      .option('out', {
        type: 'string',
        demandOption: true,
        requiresArg: true,
        describe: 'Folder to write into: new, empty, or an earlier export',
      })
      .option('follow', {
        type: 'boolean',
        default: false,
        describe: 'tensorboard: keep the files current until the sweep ends, or Ctrl-C; may start before it',
      })
      .option('json', jsonOption)
      .check(({ follow, format }) => {
        if (follow && format !== 'tensorboard') throw new Error('--follow goes with --format tensorboard.');
        return true;
      })
      .example('$0 export --format csv --out tables', 'the last sweep, for a spreadsheet')
      .example('$0 export patch-size --format parquet --out tables', 'for pandas or DuckDB')
      .example(
        '$0 export patch-size --format tensorboard --out board --follow',
        'tensorboard --logdir board',
      ),
  handler: exportNumbers,
};

interface ExportArguments {
  trial: string;
  results: string;
  format: ExportFormat;
  out: string;
  direction: 'x2y' | 'y2x';
  checkpoint?: string;
  force: boolean;
  json: boolean;
}

const modelCommand: CommandModule<object, ExportArguments> = {
  command: 'model <trial>',
  describe: 'Write a trial’s generator for other programs, with a card that says what it is',
  builder: (yargs: Argv) =>
    yargs
      .usage(
        '$0 export model <trial>\n\nWrites a generator, and README.md that says how it is used, into a folder.',
      )
      .positional('trial', trialArgument)
      .option('results', resultsOption)
      .options(generatorOptions)
      .option('format', {
        choices: EXPORT_FORMATS,
        demandOption: true,
        describe:
          'onnx: one file for any runtime; tfjs: for tf.loadGraphModel; safetensors: the weights by name',
      })
      .option('out', {
        type: 'string',
        demandOption: true,
        requiresArg: true,
        describe: 'Folder to write into',
      })
      .option('force', { type: 'boolean', default: false, describe: 'Write over files that are there' })
      .option('json', jsonOption)
      .example(
        '$0 export model 3f2a --format onnx --out soft-to-sharp',
        'soft-to-sharp/model.onnx and README.md',
      )
      .example('$0 export model 3f2a --format tfjs --out web --direction y2x', 'for the browser, Y to X'),
  handler: exportModel,
};

export const exportCommand: CommandModule = {
  command: 'export',
  describe: 'Write a sweep’s numbers, or a trained generator, for other programs',
  builder: (yargs: Argv) => yargs.command(sweepCommand).command(modelCommand),
  handler: () => undefined,
};

async function exportNumbers(args: ArgumentsCamelCase<SweepArguments>): Promise<void> {
  const { results, sweep: name, format } = args;
  const folder = path.resolve(args.out);
  let sweep: StoredSweep | undefined;
  if (args.follow) {
    const say = args.json ? () => undefined : console.log;
    sweep = await followSweep({ results, name, folder }, say);
  } else {
    const store = openExistingStore(results);
    try {
      sweep = await exportSweep(store, { name, format, folder });
    } finally {
      store.close();
    }
  }
  if (args.json)
    console.log(JSON.stringify({ sweep: sweep?.name, trials: sweep?.trials.length, format, folder }));
  else if (sweep) console.log(`${sweep.name}, ${sweep.trials.length} trials, as ${format}: ${args.out}`);
}

async function exportModel(args: ArgumentsCamelCase<ExportArguments>): Promise<void> {
  const { key, config, network, weights, range, step, hash, direction } = loadGenerator(args.results, args);
  const generator = {
    parameters: config.parameters,
    weights: Object.fromEntries(
      Object.entries(weights).map(([name, tensor]) => [name.slice(network.length + 1), tensor]),
    ),
    facts: {
      direction,
      trial: key,
      update: String(step),
      model: hash,
      range: `${range[0]} to ${range[1]}`,
      made_by: `CycleSweep ${packageVersion()}`,
    },
  };
  const files = {
    ...exportGenerator(args.format, generator),
    'README.md': modelCard(args.format, generator),
  };
  const folder = path.resolve(args.out);
  const there = Object.keys(files).filter((name) => fs.existsSync(path.join(folder, name)));
  if (there.length > 0 && !args.force)
    throw new UserError(`${path.join(args.out, there[0]!)} is there already. --force writes over it.`);
  makeFolder(folder);
  for (const [name, content] of Object.entries(files)) await writeWhole(path.join(folder, name), content);
  if (args.json)
    console.log(
      JSON.stringify({ ...generator.facts, format: args.format, folder, files: Object.keys(files) }),
    );
  else
    console.log(
      `Trial ${key}, ${direction}, update ${step} (model ${hash}): ${Object.keys(files).join(', ')} in ${args.out}`,
    );
}
