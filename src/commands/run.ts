/** @file `sweep run FILE`: runs what is missing of a sweep. */
import fs from 'node:fs';
import path from 'node:path';
import type { ArgumentsCamelCase, Argv, CommandModule } from 'yargs';
import { UserError } from '../errors.js';
import { runSweep, type SweepRun, type SweepSummary } from '../runner/run-sweep.js';
import { jsonOption, shortest } from './options.js';
import { placeOnSlurm } from './slurm-place.js';
import { forecastLikeBefore } from './plan/held-before.js';
import {
  fileArgument,
  placeTrials,
  readSweepFile,
  slurmOptions,
  sweepFileOptions,
  type SweepFileArguments,
} from './sweep-file.js';

export interface RunArguments extends SweepFileArguments {
  'retry-failed': boolean;
  'max-trials'?: number;
  'fail-fast': boolean;
  'dry-run': boolean;
  extend: boolean;
  json: boolean;
  executor?: 'local' | 'slurm';
  detach?: boolean;
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
      .positional('file', fileArgument)
      .options(sweepFileOptions)
      .option('retry-failed', {
        type: 'boolean',
        default: false,
        describe: 'Run failed trials again as well',
      })
      .option('extend', {
        type: 'boolean',
        default: false,
        describe:
          'Go on from the last checkpoints of a finished sweep of a smaller budget; the learning rate must be constant',
      })
      .option('max-trials', {
        type: 'number',
        requiresArg: true,
        describe: 'Run this many of the missing trials, and leave the others to a later run',
      })
      .option('fail-fast', {
        type: 'boolean',
        default: false,
        describe: 'Stop the sweep at the first trial that fails; running ones save a checkpoint',
      })
      .option('dry-run', {
        type: 'boolean',
        default: false,
        describe: 'Only say what would be run and what it would take, as sweep plan does',
      })
      .option('json', jsonOption)
      .option('executor', {
        choices: ['local', 'slurm'] as const,
        default: 'local' as const,
        describe: 'Where trials run: on this machine, or as jobs of a Slurm cluster that sees this folder',
      })
      .options(slurmOptions)
      .option('detach', {
        type: 'boolean',
        default: false,
        describe: 'With --executor slurm: leave once all is submitted; the same command comes back to it',
      })
      .example('$0 run sweeps/patch.yaml', 'the study of patch 64 against patch 128')
      .example('$0 run sweeps/patch.yaml --set seeds=8 --set budget.pixels=40M', 'more seeds, longer')
      .example('$0 run sweeps/quick.yaml --results /tmp/try', 'results in another folder')
      .example(
        "$0 run sweeps/patch.yaml --only 'patch>=128' --dry-run",
        'what that would be, without running it',
      )
      .example(
        '$0 run sweeps/patch.yaml --set budget.pixels=80M --extend',
        'the finished study, twice as long',
      )
      .example('$0 run sweeps/patch.yaml --max-trials 1 --fail-fast', 'one trial first, to see that it works')
      .example('$0 run sweeps/quick.yaml --engine onnx --device webgpu:0', 'on one GPU, by WebGPU')
      .example('$0 run sweeps/patch.yaml --devices 0,2', 'on two GPUs of NVIDIA')
      .example(
        '$0 run sweeps/patch.yaml --executor slurm --partition gpu --time 4:00:00',
        'on a cluster, as job arrays of Slurm',
      )
      .epilogue('Exit code: 0 all done, 1 some failed, 2 the file or a flag is wrong, 3 stopped by Ctrl-C.'),
  handler: run,
};

async function run(args: ArgumentsCamelCase<RunArguments>): Promise<void> {
  // What predicts loads tensors, which a runner does without: see "The runner stays small" in docs/decisions.md.
  if (args.dryRun) return (await import('./plan.js')).showPlan(args);
  const say = args.json ? (message: string) => console.error(message) : (message: string) => console.log(message); // prettier-ignore
  const { summary, source } = await runSweepFile(args, {
    say,
    stream: args.json ? process.stderr : process.stdout,
  });
  if (args.json) console.log(JSON.stringify(summary));
  else console.log([conclusion(summary, args), ...changedMeanwhile(args, source)].join('\n'));
  process.exitCode = summary.exitCode;
}

/** What a run needs of the command's arguments. */
export type RunFileArguments = Omit<RunArguments, 'dry-run' | 'json'>;

/** Runs what is missing of a sweep file, by the command's arguments. */
export async function runSweepFile(
  args: RunFileArguments,
  { say, stream, signal }: Pick<SweepRun, 'say' | 'stream' | 'signal'>,
): Promise<{ summary: SweepSummary; source: string }> {
  refuseStray(args);
  const slurm = args.executor === 'slurm' ? { detach: args.detach === true } : undefined;
  const { source, definition, only, memoryLimit, devices } = readSweepFile(args);
  const summary = await runSweep({
    definition,
    source,
    file: path.resolve(args.file),
    results: args.results,
    retryFailed: args['retry-failed'],
    extend: args.extend,
    checkpointBytes: async (trials) => trials.map((await import('./plan/disk.js')).checkpointBytes),
    maxTrials: countOf(args['max-trials']),
    failFast: args['fail-fast'],
    only,
    memoryLimit,
    slurm,
    place: () => (slurm === undefined ? placeTrials(definition, devices) : placeOnSlurm(definition)),
    expect: async (asked) => {
      // What our trainer needs to predict is large, and another trainer's runner has no use for it.
      if (definition.trainer !== 'cyclegan') return forecastLikeBefore;
      const { forecaster } = await import('./plan/forecast.js');
      return forecaster(definition, asked, memoryLimit ?? (slurm && ANY_MEMORY), say);
    },
    say,
    stream,
    signal,
  });
  return { summary, source };
}

function conclusion({ done, failed, earlyStopped, left, leftOut }: SweepSummary, args: RunArguments): string {
  const place =
    args.results === path.resolve('results') ? '' : ` --results ${quoted(shortest(args.results))}`;
  const flags = [
    place,
    ...args.set.map((flag) => ` --set ${quoted(flag)}`),
    ...args.only.map((flag) => ` --only ${quoted(flag)}`),
    ...(args.engine === undefined ? [] : [` --engine ${args.engine}`]),
    ...(args.device === undefined ? [] : [` --device ${args.device}`]),
    ...(args['skip-bad'] ? [' --skip-bad'] : []),
    ...(args.devices === undefined ? [] : [` --devices ${args.devices}`]),
    ...(args['memory-limit'] === undefined ? [] : [` --memory-limit ${args['memory-limit']}`]),
    ...(args.extend ? [' --extend'] : []),
    ...(args.executor === 'slurm' ? [' --executor slurm'] : []),
    ...slurmFlags(args),
  ].join('');
  const again = `sweep run ${args.file}${flags}`;
  const out = leftOut > 0 ? `, ${leftOut} left out by --only` : '';
  const early = earlyStopped.length > 0 ? `, ${earlyStopped.length} stopped early` : '';
  const lines = [`${done} done, ${failed.length} failed, ${left} left${early}${out}.`];
  for (const { label, reason } of earlyStopped) lines.push(`  stopped early: ${label}: ${reason}`);
  for (const { label, reason } of failed) lines.push(`  failed: ${label}: ${reason}`);
  if (failed.length > 0) lines.push(`Run only what failed again: ${again} --retry-failed`);
  if (left > 0 && args.detach)
    lines.push(`Slurm runs them. Come back to them: ${again}`, `Stop them: sweep stop${place}`);
  else if (left > 0) lines.push(`Go on: ${again}`);
  if (done > 0) lines.push(`Read the report: sweep report${place}`);
  return lines.join('\n');
}

/** What a user added to the file while the sweep ran is for the next run, and that is said. */
function changedMeanwhile({ file }: RunArguments, source: string): string[] {
  const now = fs.existsSync(file) ? fs.readFileSync(file, 'utf8') : source;
  return now === source
    ? []
    : [`${file} was changed meanwhile: the same command takes the change up and runs what is missing.`];
}

/** Under Slurm this machine's memory limits nobody. */
const ANY_MEMORY = 2 ** 40;

/** @throws UserError for flags that mean nothing on this machine */
function refuseStray(args: RunFileArguments): void {
  if (args.executor === 'slurm') return;
  const stray = [...Object.keys(slurmOptions), 'detach'].filter((name) => {
    const value = args[name as keyof RunFileArguments] as unknown;
    return value !== undefined && value !== false && !(Array.isArray(value) && value.length === 0);
  });
  if (stray.length > 0) throw new UserError(`--${stray[0]} needs --executor slurm.`);
}

function slurmFlags(args: RunArguments): string[] {
  return (Object.keys(slurmOptions) as (keyof typeof slurmOptions)[]).flatMap((name) =>
    [args[name] ?? []].flat().map((value) => ` --${name}=${quoted(value)}`),
  );
}

function countOf(value: number | undefined): number | undefined {
  if (value !== undefined && !(Number.isInteger(value) && value > 0)) {
    throw new UserError('--max-trials: expected a whole number from 1, e.g. --max-trials 1.');
  }
  return value;
}

/** A word as a shell takes it. */
function quoted(word: string): string {
  return /^[\w.,=:/-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}
