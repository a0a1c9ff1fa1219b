/** @file `sweep export model`: a trained generator for other programs. */
import fs from 'node:fs';
import path from 'node:path';
import type { ArgumentsCamelCase, Argv, CommandModule } from 'yargs';
import { UserError } from '../errors.js';
import { makeFolder } from '../files.js';
import { writeWhole } from '../imaging/png.js';
import { EXPORT_FORMATS, exportGenerator, modelCard, type ExportFormat } from '../train/export.js';
import { packageVersion } from '../version.js';
import { jsonOption, resultsOption, trialArgument } from './options.js';
import { generatorOptions, loadGenerator } from './trained.js';

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
  describe: 'Write a trained generator for other programs',
  builder: (yargs: Argv) =>
    yargs.command(modelCommand).demandCommand(1, 'What? sweep export model TRIAL --format onnx --out DIR'),
  handler: () => undefined,
};

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
