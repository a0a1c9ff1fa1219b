/**
 * @file Chooses the engine and the devices that trials are computed with: the fastest that works here, told in one sentence.
 *
 * Of what can be, in this order: NVIDIA's GPUs by CUDA (onnx, tensorflow), any GPU by WebGPU (onnx; never an adapter that is
 * software), the processor (onnx, wasm, cpu). The first of these groups that works is taken, and of several engines in it the
 * one that a short probe finds fastest; a GPU must also beat the processor.
 */
import os from 'node:os';
import { UserError } from '../errors.js';
import { availableCores } from '../machine.js';
import { DEVICES_OF, ENGINES, type DeviceKind, type EngineName } from '../protocol.js';
import {
  cudaDevices,
  mayHaveGpu,
  parseDevice,
  pickDevices,
  webgpuDevices,
  type Device,
  type DeviceList,
  type WantedDevices,
} from './devices.js';
import { probeEngine, type Probe } from './probe.js';

/** What the sweep file or the command line asks for. */
export interface Wish {
  engine: 'auto' | EngineName;
  /** `auto`; a kind, which means all of it; or one device: `cpu`, `cuda`, `cuda:1`, `webgpu`, `webgpu:0`. */
  device: string;
  /** Of the kind that `device` names, these alone, by name or id. */
  names?: readonly string[] | undefined;
}

export interface Choice {
  engine: EngineName;
  /** Devices that trials are spread over, e.g. `['cuda:0', 'cuda:1']`. */
  devices: string[];
  /** One sentence: to print, to store with the trial, to show in the report. */
  reason: string;
}

/** What the choice looks at; tests put another machine in its place. */
export interface Machine {
  devices(kind: DeviceKind): Promise<DeviceList>;
  /** Whether asking for WebGPU's adapters is worth the time. */
  mayHaveGpu(): boolean;
  probe(engine: EngineName, device: string, seconds: number, id?: string): Promise<Probe>;
}

/** Groups of engines and kinds of devices, the best first. TensorFlow on a processor is left out: it is slower than onnx there. */
const GROUPS: readonly (readonly [EngineName, DeviceKind][])[] = [
  [
    ['onnx', 'cuda'],
    ['tensorflow', 'cuda'],
  ],
  [['onnx', 'webgpu']],
  [['onnx', 'cpu']],
  [['wasm', 'cpu']],
  [['cpu', 'cpu']],
];

/** How long a speed is measured where there is something to compare, seconds. */
const MEASURE = 1;

export const thisMachine: Machine = {
  devices: listDevices,
  mayHaveGpu,
  probe: (engine, device, seconds, id) => probeEngine(engine, device, { threads: availableCores(), seconds, id }), // prettier-ignore
};

export function listDevices(kind: DeviceKind): Promise<DeviceList> {
  if (kind === 'cuda') return cudaDevices();
  if (kind === 'webgpu') return webgpuDevices();
  const model = os.cpus()[0]?.model.trim() ?? 'this processor';
  return Promise.resolve({ found: [{ name: 'cpu', model, software: false }], reason: '' });
}

/** @throws UserError if what is asked for does not exist or does not work here */
export async function chooseEngine(wish: Wish, machine: Machine = thisMachine): Promise<Choice> {
  const wanted = readWish(wish);
  const refused: string[] = [];
  for (const group of groupsOf(wish.engine, wanted)) {
    const tried = await probeGroup(group, wanted, machine, refused);
    const onGpu = tried.some(({ probe }) => probe.works && probe.device !== 'cpu');
    if (onGpu && wish.engine !== 'tensorflow' && wanted === 'auto') {
      const processor = (await machine.devices('cpu')).found;
      tried.push({ devices: processor, probe: await machine.probe('onnx', 'cpu', MEASURE) });
    }
    for (const { probe } of tried) {
      if (!probe.works)
        refused.push(`${probe.engine} on ${probe.device} does not work: ${withoutFolders(probe.reason)}`);
    }
    const working = tried.filter(({ probe }) => probe.works);
    if (working.length > 0) return conclude(working, refused, wish);
  }
  throw new UserError(await explainNothing(wish, refused, machine));
}

/** An engine on one device, which stands for all those that trials would be spread over. */
interface Tried {
  probe: Probe;
  devices: Device[];
}

type Wanted = 'auto' | WantedDevices;

/** @throws UserError */
function readWish({ engine, device, names }: Wish): Wanted {
  if (device === 'auto') return 'auto';
  const wanted = parseDevice(device);
  if (wanted === undefined) {
    throw new UserError(
      `device ${device}: expected auto, cpu, cuda, cuda:0, webgpu or webgpu:0. sweep doctor lists what is here.`,
    );
  }
  if (engine !== 'auto' && !DEVICES_OF[engine].includes(wanted.kind)) {
    const others = ENGINES.filter((name) => DEVICES_OF[name].includes(wanted.kind));
    throw new UserError(
      `engine ${engine} runs on ${DEVICES_OF[engine].join(' or ')}, not on ${device}. On ${wanted.kind} run: ${others.join(', ')}.`,
    );
  }
  return { ...wanted, names: names === undefined ? wanted.names : [...names] };
}

function groupsOf(engine: Wish['engine'], wanted: Wanted): [EngineName, DeviceKind][][] {
  const groups = engine === 'tensorflow' ? [...GROUPS, [['tensorflow', 'cpu'] as [EngineName, DeviceKind]]] : GROUPS; // prettier-ignore
  return groups
    .map((group) =>
      group.filter(([name, kind]) => {
        return (engine === 'auto' || name === engine) && (wanted === 'auto' || kind === wanted.kind);
      }),
    )
    .filter((group) => group.length > 0);
}

/** Tries every engine of a group on every model of device. Why there is none is added to `refused`. */
async function probeGroup(
  group: readonly [EngineName, DeviceKind][],
  wanted: Wanted,
  machine: Machine,
  refused: string[],
): Promise<Tried[]> {
  const kind = group[0]![1];
  if (kind === 'webgpu' && wanted === 'auto' && !machine.mayHaveGpu()) return [];
  const { found, reason } = await machine.devices(kind);
  const candidates = candidatesOf(found, wanted);
  if (found.length === 0) refused.push(`no ${kind} device: ${reason}`);
  else if (candidates.length === 0) {
    const why = wanted !== 'auto' && wanted.names !== undefined ? 'no other is there' : 'software is taken only where its number is asked for'; // prettier-ignore
    refused.push(`${found.map(inWords).join(', ')}: ${why}`);
  }
  const compare = kind !== 'cpu' && (wanted === 'auto' || group.length > 1);
  const tried: Tried[] = [];
  for (const devices of candidates) {
    for (const [engine] of group) {
      const probe = await machine.probe(engine, devices[0]!.name, compare ? MEASURE : 0, devices[0]!.id);
      tried.push({ devices, probe });
    }
  }
  return tried;
}

/** Left to us: the devices of one model together. A kind that was asked for: all of it. Software only by its number. */
function candidatesOf(found: readonly Device[], wanted: Wanted): Device[][] {
  if (wanted !== 'auto' && wanted.names !== undefined) {
    const { picked, missing } = pickDevices(found, wanted.names);
    return missing.length === 0 ? [picked] : [];
  }
  const real = found.filter(({ software }) => !software);
  if (wanted !== 'auto') return real.length > 0 ? [real] : [];
  const models = new Map<string, Device[]>();
  for (const device of real) models.set(device.model, [...(models.get(device.model) ?? []), device]);
  return [...models.values()];
}

function conclude(working: readonly Tried[], refused: readonly string[], { engine, device }: Wish): Choice {
  const best = working.reduce((a, b) => ((b.probe.gflops ?? 0) > (a.probe.gflops ?? 0) ? b : a));
  const others = working.filter((each) => each !== best).map(({ probe }) => `${speed(probe)} of ${probe.engine} on ${probe.device}`); // prettier-ignore
  const onCpu = best.devices[0]!.name === 'cpu';
  let why =
    onCpu && others.length === 0
      ? 'the first choice that works on a processor'
      : 'the fastest that works here';
  if (engine !== 'auto' && device !== 'auto') why = 'as was asked for';
  else if (others.length > 0)
    why += `, ${speed(best.probe)} in a short probe against ${others.join(' and ')}`;
  else if (engine !== 'auto') why = `${engine} was asked for, this is its best device here`;
  else if (device !== 'auto') why = `${device} was asked for, this is its fastest engine here`;
  const parts = [why];
  if (best.devices[0]!.software) parts.push('a software adapter, far slower than the processor without it');
  if (device === 'auto') parts.push(...refused);
  const where = best.devices.length === 1 ? inWords(best.devices[0]!) : `${best.devices.map(({ name }) => name).join(', ')} (${best.devices[0]!.model})`; // prettier-ignore
  return {
    engine: best.probe.engine,
    devices: best.devices.map(({ name }) => name),
    reason: `${best.probe.engine} on ${where}: ${parts.join('; ')}`,
  };
}

function inWords({ name, model }: Device): string {
  return name === 'cpu' ? name : `${name} (${model})`;
}

/** The reason is stored with trials, where no path of this machine may stand: of a file its name alone. */
function withoutFolders(text: string): string {
  return text.replace(/(?<=^|[\s"'`(=])(?:[A-Za-z]:\\|~?\/)[^\s"'`)]*[/\\]/g, '');
}

/** e.g. `21000 GFLOP/s`. */
function speed({ gflops = 0 }: Probe): string {
  return `${Number(gflops.toPrecision(2))} GFLOP/s`;
}

async function explainNothing(
  { engine, device, names }: Wish,
  refused: string[],
  machine: Machine,
): Promise<string> {
  const kinds: DeviceKind[] = machine.mayHaveGpu() || device.startsWith('webgpu') ? ['cpu', 'cuda', 'webgpu'] : ['cpu', 'cuda']; // prettier-ignore
  const lists = await Promise.all(kinds.map((kind) => machine.devices(kind)));
  const here = lists.flatMap(({ found }) => found.map(inWords));
  return (
    `Engine ${engine}, device ${names?.join(', ') ?? device}: ${refused.join('; ')}.\n` +
    `Devices here: ${here.join(', ')}. sweep doctor says what works and how to mend the rest.`
  );
}
