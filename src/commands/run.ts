/** @file `sweep run FILE`: runs what is missing of a sweep. */
import fs from 'node:fs';
import path from 'node:path';
import type { ArgumentsCamelCase, Argv, CommandModule } from 'yargs';
import { readDefinition } from '../definition/read.js';
import { chooseEngine } from '../engines/choose.js';
import { messageOf, systemCode, UserError } from '../errors.js';
import { ENGINES } from '../protocol.js';
import { runSweep, type SweepSummary } from '../runner/run-sweep.js';
import { jsonOption, resultsOption } from './options.js';

interface RunArguments {
  file: string;
  results: string;
  set: string[];
  engine?: string;
  device?: string;
  'retry-failed': boolean;
  'memory-limit'?: string;
  json: boolean;
}

export const runCommand: CommandModule<object, RunArguments> = {
  command: 'run <file>',
  describe: 'Run what is missing of a sweep, one process a trial',
  builder: (yargs: Argv) =>
    yargs
      .usage(
        '$0 run <file>\n\nTrains every trial of a sweep file that is not done yet. Ctrl-C stops after a checkpoint;\n' +
          'the same command again goes on from there and repeats nothing that is done.',
      )
      .positional('file', { type: 'string', demandOption: true, describe: 'The sweep file (YAML)' })
      .option('results', resultsOption)
      .option('set', {
        type: 'string',
        array: true,
        default: [] as string[],
        requiresArg: true,
        describe:
          'Change a value of the file for this run, e.g. batch=4, grid.patch=64,128, budget.pixels=1M',
      })
      .option('engine', {
        choices: ['auto', ...ENGINES],
        describe: 'What computes the training step (instead of the file’s engine)',
      })
      .option('device', {
        type: 'string',
        requiresArg: true,
        describe: 'Where it is computed: cpu, cuda, cuda:0, webgpu, webgpu:1 (instead of the file’s device)',
      })
      .option('retry-failed', {
        type: 'boolean',
        default: false,
        describe: 'Run failed trials again as well',
      })
      .option('memory-limit', {
        type: 'string',
        requiresArg: true,
        describe: 'Memory that one trial may have, e.g. 4G or 800M; beyond it a trial ends as out of memory',
      })
      .option('json', jsonOption)
      .example('$0 run sweeps/patch.yaml', 'the study of patch 64 against patch 128')
      .example('$0 run sweeps/patch.yaml --set seeds=8 --set budget.pixels=40M', 'more seeds, longer')
      .example('$0 run sweeps/quick.yaml --results /tmp/try', 'results in another folder')
      .example('$0 run sweeps/quick.yaml --engine onnx --device webgpu:0', 'on one GPU, by WebGPU')
      .epilogue('Exit code: 0 all done, 1 some failed, 2 the file or a flag is wrong, 3 stopped by Ctrl-C.'),
  handler: run,
};

async function run(args: ArgumentsCamelCase<RunArguments>): Promise<void> {
  const source = readSweepFile(args.file);
  const set = [...args.set];
  if (args.engine !== undefined) set.push(`engine=${args.engine}`);
  if (args.device !== undefined) set.push(`device=${args.device}`);
  const definition = readDefinition(source, args.file, { set });
  const summary = await runSweep({
    definition,
    source,
    file: path.resolve(args.file),
    results: args.results,
    retryFailed: args.retryFailed,
    memoryLimit: args['memory-limit'] === undefined ? undefined : parseBytes(args['memory-limit']),
    place: () => chooseEngine(definition),
    say: args.json ? (message) => console.error(message) : (message) => console.log(message),
    stream: args.json ? process.stderr : process.stdout,
  });
  if (args.json) console.log(JSON.stringify(summary));
  else console.log(conclusion(summary, args));
  process.exitCode = summary.exitCode;
}

function readSweepFile(file: string): string {
  try {
    return fs.readFileSync(file, 'utf8');
  } catch (error) {
    const reason = systemCode(error) === 'ENOENT' ? 'there is no such file' : messageOf(error);
    throw new UserError(`${file}: ${reason}. Sweep files are YAML; sweeps/patch.yaml is an example.`);
  }
}

/** `4G`, `800M`, `2.5GiB` or plain bytes; K, M, G count in thousands, Ki, Mi, Gi in 1024. */
function parseBytes(text: string): number {
  const [, digits, letter = '', binary] = /^(\d+(?:\.\d+)?)\s*([kmgt]?)(i?)b?$/i.exec(text.trim()) ?? [];
  const bytes =
    Number(digits) * (binary === 'i' ? 1024 : 1000) ** ' kmgt'.indexOf(letter.toLowerCase() || ' ');
  if (!Number.isFinite(bytes) || bytes < 1) {
    throw new UserError(`--memory-limit ${text}: expected an amount of memory such as 4G, 800M or 2.5GiB.`);
  }
  return Math.round(bytes);
}

function conclusion({ done, failed, left }: SweepSummary, args: RunArguments): string {
  const place = [args.engine && ` --engine ${args.engine}`, args.device && ` --device ${args.device}`];
  const flags = [...args.set.map((flag) => ` --set ${flag}`), ...place].filter(Boolean).join('');
  const again = `sweep run ${args.file}${flags}`;
  const lines = [`${done} done, ${failed.length} failed, ${left} left.`];
  for (const { label, reason } of failed) lines.push(`  failed: ${label}: ${reason}`);
  if (failed.length > 0) lines.push(`Run only what failed again: ${again} --retry-failed`);
  if (left > 0) lines.push(`Go on: ${again}`);
  if (done > 0) lines.push('Read the report: sweep report');
  return lines.join('\n');
}
