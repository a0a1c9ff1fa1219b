/** @file `sweep doctor`: what works on this machine, how fast, what does not, why, and what mends it. */
import os from 'node:os';
import type { ArgumentsCamelCase, Argv, CommandModule } from 'yargs';
import { chooseEngine, listDevices, thisMachine, type Choice } from '../engines/choose.js';
import type { DeviceList } from '../engines/devices.js';
import { mend, thisSite } from '../engines/mend.js';
import { probeEngine } from '../engines/probe.js';
import { messageOf } from '../errors.js';
import { findLibraries, newest, vulkanDrivers } from '../libraries.js';
import { availableCores, memoryAllowed } from '../machine.js';
import { driverCuda, listGpus, type GpuList } from '../nvidia.js';
import { DEVICES_OF, ENGINES, type DeviceKind, type EngineName } from '../protocol.js';
import { packageVersion } from '../version.js';
import { findingsInWords } from './doctor-text.js';
import { jsonOption } from './options.js';

/** All speeds together are measured for about this long, seconds. */
const MEASURE = 5;

interface DoctorArguments {
  json: boolean;
}

export interface EngineFinding {
  name: EngineName;
  /** `cpu`, `cuda:0`; the kind alone where there is no such device. */
  device: string;
  /** What the device is; empty where there is none. */
  model: string;
  /** Computes on the processor what is made for a GPU. */
  software: boolean;
  works: boolean;
  /** Why not; empty where it works. */
  reason: string;
  /** The command that mends it, or a sentence; empty where it works. */
  mend: string;
  /** Billions of operations a second of an update of a residual block; null where it does not work. */
  gflops: number | null;
  versions: Record<string, string>;
}

/** What `--json` prints. */
export interface Findings {
  machine: {
    cyclesweep: string;
    node: string;
    platform: string;
    cpu: string;
    cores: number;
    coresOfMachine: number;
    memoryBytes: number;
    freeMemoryBytes: number;
    /** What the control group allows, where that is less than the machine has. */
    memoryAllowedBytes: number | null;
  };
  gpus: GpuList;
  /** The newest CUDA that NVIDIA's driver serves. */
  driverCuda: string | null;
  /** Files of the libraries that the loader finds by name; engines may bring their own. */
  libraries: Record<string, string | null>;
  vulkanDrivers: string[];
  engines: EngineFinding[];
  /** What a sweep takes that asks for nothing. */
  choice: Choice;
}

export const doctorCommand: CommandModule<object, DoctorArguments> = {
  command: 'doctor',
  describe: 'Say which engines and GPUs work here, how fast, and what mends the others',
  builder: (yargs: Argv) =>
    yargs
      .usage(
        '$0 doctor\n\nChecks this machine: cores, memory, GPUs, drivers, and every engine on every device by a real computation.\n' +
          'For what does not work it tells the reason and what mends it.',
      )
      .option('json', jsonOption)
      .example('$0 doctor', 'a table to read')
      .example('$0 doctor --json', 'the same for a program')
      .epilogue('Exit code: 0, whatever it finds.'),
  handler: doctor,
};

async function doctor({ json }: ArgumentsCamelCase<DoctorArguments>): Promise<void> {
  const live = process.stderr.isTTY && !json;
  const findings = await examine((what) => live && process.stderr.write(`\r\u001b[K${what} ...`));
  if (live) process.stderr.write('\r\u001b[K');
  console.log(
    json ? JSON.stringify(findings, null, 2) : findingsInWords(findings, process.stdout.columns ?? 100),
  );
}

/** Everything, one thing after another: what is measured is alone on the machine. */
async function examine(tell: (what: string) => void): Promise<Findings> {
  tell('Looking for devices');
  const kinds: DeviceKind[] = ['cuda', 'webgpu', 'cpu'];
  const lists = Object.fromEntries(await Promise.all(kinds.map(async (kind) => [kind, await listDevices(kind)]))) as Record<DeviceKind, DeviceList>; // prettier-ignore
  const [gpus, libraries] = [await listGpus(), await findLibraries()];
  const engines = await examineEngines(lists, tell);
  return {
    machine: {
      cyclesweep: packageVersion(),
      node: process.version,
      platform: `${os.platform()}-${os.arch()}`,
      cpu: os.cpus()[0]?.model.trim() ?? 'unknown',
      cores: availableCores(),
      coresOfMachine: os.cpus().length,
      memoryBytes: os.totalmem(),
      freeMemoryBytes: process.availableMemory(),
      memoryAllowedBytes: memoryAllowed() ?? null,
    },
    gpus,
    driverCuda: gpus.found.length > 0 ? ((await driverCuda()) ?? null) : null,
    libraries: Object.fromEntries(
      ['libcuda.so', 'libcudart.so', 'libcublas.so', 'libcudnn.so', 'libvulkan.so'].map((name) => [name, newest(libraries, name) ?? null]), // prettier-ignore
    ),
    vulkanDrivers: vulkanDrivers(),
    engines,
    choice: await explainChoice(lists, engines),
  };
}

async function examineEngines(
  lists: Record<DeviceKind, DeviceList>,
  tell: (what: string) => void,
): Promise<EngineFinding[]> {
  const site = thisSite();
  const pairs = ENGINES.flatMap((name) => DEVICES_OF[name].map((kind) => ({ name, kind })));
  const tests = pairs.flatMap(({ name, kind }) =>
    lists[kind].found.map((device) => ({ name, kind, device })),
  );
  const seconds = MEASURE / tests.length;
  const findings: EngineFinding[] = [];
  for (const { name, kind } of pairs) {
    const { found, reason } = lists[kind];
    const lacking = { name, software: false, works: false, gflops: null, versions: {} };
    if (found.length === 0) {
      findings.push({ ...lacking, device: kind, model: '', reason, mend: mend({ engine: name, kind, found: false, reason }, site) }); // prettier-ignore
    }
    for (const { name: device, model, software } of found) {
      tell(`Trying ${name} on ${device}`);
      const probe = await probeEngine(name, device, { threads: availableCores(), seconds });
      const { works, reason, gflops = null, versions } = probe;
      const advice = works ? '' : mend({ engine: name, kind, found: true, reason }, site);
      findings.push({ name, device, model, software, works, reason, mend: advice, gflops, versions });
    }
  }
  return findings;
}

/** Chooses as a sweep does, from what was measured. */
async function explainChoice(
  lists: Record<DeviceKind, DeviceList>,
  findings: readonly EngineFinding[],
): Promise<Choice> {
  const machine = {
    ...thisMachine,
    devices: (kind: DeviceKind) => Promise.resolve(lists[kind]),
    probe: (engine: EngineName, device: string) => {
      const finding = findings.find((each) => each.name === engine && each.device === device)!;
      const { works, reason, gflops, versions } = finding;
      return Promise.resolve({
        engine,
        device,
        works,
        reason,
        versions,
        ...(gflops === null ? {} : { gflops }),
      });
    },
  };
  try {
    return await chooseEngine({ engine: 'auto', device: 'auto' }, machine);
  } catch (error) {
    return { engine: 'cpu', devices: [], reason: `nothing: ${messageOf(error)}` };
  }
}
