/** @file What the commands that take a sweep file share: its options, and how it is read. */
import fs from 'node:fs';
import type { Condition } from '../definition/conditions.js';
import { readDefinition, readOnly } from '../definition/read.js';
import type { Definition } from '../definition/schema.js';
import { chooseEngine, listDevices } from '../engines/choose.js';
import { parseDevice, parseDevices, pickDevices } from '../engines/devices.js';
import { messageOf, systemCode, UserError } from '../errors.js';
import { ENGINES } from '../protocol.js';
import type { Placement } from '../runner/run-sweep.js';
import { resultsOption } from './options.js';

export interface SweepFileArguments {
  file: string;
  results: string;
  set: string[];
  only: string[];
  engine?: string;
  device?: string;
  devices?: string;
  'memory-limit'?: string;
  'skip-bad': boolean;
  partition?: string;
  account?: string;
  qos?: string;
  constraint?: string;
  time?: string;
  gpus?: string;
  gres?: string;
  cpus?: string;
  mem?: string;
  sbatch?: string[];
}

export const fileArgument = {
  type: 'string',
  demandOption: true,
  describe: 'The sweep file (YAML)',
} as const;

export const sweepFileOptions = {
  results: resultsOption,
  set: {
    type: 'string',
    array: true,
    default: [] as string[],
    requiresArg: true,
    describe: 'Change a value of the file for this run, e.g. batch=4, grid.patch=64,128, budget.pixels=1M',
  },
  only: {
    type: 'string',
    array: true,
    default: [] as string[],
    requiresArg: true,
    describe: "Only the trials that fit, e.g. 'patch>=128', 'patch=64,128 and seed=1'",
  },
  engine: {
    choices: ['auto', ...ENGINES],
    describe: 'What computes the training step (instead of the file’s engine)',
  },
  device: {
    type: 'string',
    requiresArg: true,
    describe: 'Where it is computed: cpu, cuda, cuda:0, webgpu, webgpu:1 (instead of the file’s device)',
  },
  'skip-bad': {
    type: 'boolean',
    default: false,
    describe: 'Leave out images that cannot be read and list them, rather than refuse the data',
  },
  devices: {
    type: 'string',
    requiresArg: true,
    conflicts: 'device',
    describe:
      'Which GPUs, e.g. 0,2 or GPU-1a2b or webgpu:0,webgpu:1; cpu:4 for four trials at once on the processor',
  },
  'memory-limit': {
    type: 'string',
    requiresArg: true,
    describe: 'Memory that one trial may have, e.g. 4G or 800M; beyond it a trial ends as out of memory',
  },
} as const;

const ofSlurm = (describe: string) =>
  ({ type: 'string', requiresArg: true, group: 'Slurm:', describe }) as const;

/** Instead of the sweep file's `resources: {slurm}`. */
export const slurmOptions = {
  partition: ofSlurm('Partition of Slurm'),
  time: ofSlurm(
    'Time limit of one job, e.g. 4:00:00; a trial that needs longer saves before and goes on in the next',
  ),
  gpus: ofSlurm('GPUs of one trial; default: one where the partition has GPUs and the device is not cpu'),
  gres: ofSlurm('In place of --gpus, e.g. gpu:a100:1'),
  cpus: ofSlurm('Processor cores of one trial; default: resources.threads, else 4'),
  mem: ofSlurm('Memory of one trial, e.g. 16G; default: what it is predicted to need'),
  account: ofSlurm('Account that the time is charged to'),
  qos: ofSlurm('Quality of service'),
  constraint: ofSlurm('Features that a node must have'),
  sbatch: { ...ofSlurm('One more option of sbatch, e.g. --sbatch=--exclusive'), array: true },
} as const;

/** @throws UserError, DefinitionError */
export function readSweepFile(args: SweepFileArguments): {
  source: string;
  definition: Definition;
  only: Condition;
  memoryLimit: number | undefined;
  /** Devices of `definition.device`'s kind that are to be used, by name or id; undefined: all. */
  devices: string[] | undefined;
} {
  let source: string;
  try {
    source = fs.readFileSync(args.file, 'utf8');
  } catch (error) {
    const reason = systemCode(error) === 'ENOENT' ? 'there is no such file' : messageOf(error);
    throw new UserError(`${args.file}: ${reason}. Sweep files are YAML; sweeps/patch.yaml is an example.`);
  }
  const set = [...args.set];
  if (args.engine !== undefined) set.push(`engine=${args.engine}`);
  if (args.device !== undefined) set.push(`device=${args.device}`);
  for (const name of Object.keys(slurmOptions) as (keyof typeof slurmOptions)[]) {
    const value = args[name];
    if (value === undefined || value.length === 0) continue;
    const key = name === 'mem' ? 'memory' : name;
    set.push(`resources.slurm.${key}=${Array.isArray(value) ? JSON.stringify(value) : value}`);
  }
  if (args['skip-bad']) set.push('data.skip_bad=true');
  const wanted = args.devices === undefined ? undefined : parseDevices(args.devices);
  if (wanted !== undefined) set.push(`device=${wanted.kind}`);
  if (wanted?.trials !== undefined) set.push(`resources.trials=${wanted.trials}`);
  const definition = readDefinition(source, args.file, { set });
  const only = readOnly(args.only, definition);
  const limit = args['memory-limit'];
  const memoryLimit = limit === undefined ? undefined : parseBytes(limit);
  return { source, definition, only, memoryLimit, devices: wanted?.names };
}

/**
 * What trials are computed with, and where. Another trainer chooses for itself: it is told cpu, or the devices that the file names.
 * @throws UserError if what is asked for is not there
 */
export async function placeTrials(
  { trainer, engine, device }: Definition,
  names?: readonly string[],
): Promise<Placement> {
  if (trainer === 'cyclegan') return chooseEngine({ engine, device, names });
  const { kind, names: one } = parseDevice(device === 'auto' ? 'cpu' : device)!; // the sweep file's schema allows no other
  const asked = names ?? one;
  const { found, reason } = await listDevices(kind);
  const { picked, missing } =
    asked === undefined ? { picked: [...found], missing: [] } : pickDevices(found, asked);
  if (missing.length > 0 || picked.length === 0) {
    const here = found.map(({ name, model }) => `${name} (${model})`).join(', ');
    const what = missing.length > 0 ? missing.join(', ') : device;
    throw new UserError(
      `device ${what} is not here${found.length > 0 ? `. Here are: ${here}` : `: ${reason}`}. sweep doctor says more.`,
    );
  }
  const devices = picked.map(({ name }) => name);
  return { engine: null, devices, reason: `the sweep's command on ${devices.join(', ')}` };
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
