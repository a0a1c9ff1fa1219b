/**
 * @file Which WebGPU adapters this machine has, and how a process is held to one of them.
 *
 * onnxruntime's WebGPU provider (Dawn) takes the adapter that it likes best; it has no option that names one. What can be
 * chosen is what it gets to see: the Vulkan driver by its manifest (VK_DRIVER_FILES), and one device of a driver by Mesa's
 * device selection layer. Both must stand in the environment before the first session of the process. On macOS (Metal) and
 * Windows (Direct3D 12) there is no such way: there the only adapter is the one that Dawn takes.
 */
import { execFile } from 'node:child_process';
import fs from 'node:fs';
import { createRequire } from 'node:module';
import os from 'node:os';
import path from 'node:path';
import { listGpus } from '../../nvidia.js';
import { EngineError } from '../engine.js';
import { encodeModel } from './proto.js';

export interface WebgpuAdapter {
  /** What `webgpu:N` names: GPUs before software, discrete ones before integrated ones. */
  index: number;
  name: string;
  /** `software`: a Vulkan driver that computes on the CPU (llvmpipe, SwiftShader). For tests, never chosen by itself. */
  kind: 'gpu' | 'software';
  vendor?: string;
}

/** An adapter and the environment in which a process sees no other. */
interface Choice extends WebgpuAdapter {
  environment: Record<string, string>;
}

interface Survey {
  adapters: Choice[];
  /** Why there is none, or why some that the system lists do not work. */
  complaints: string[];
}

/** Adapters that compute, best first. Takes about a second: each is tried in a process of its own. */
export async function listWebgpuAdapters(): Promise<WebgpuAdapter[]> {
  return (await survey()).adapters.map(({ index, name, kind, vendor }) => ({ index, name, kind, vendor }));
}

let chosen: Choice | undefined;

/**
 * Holds this process to one adapter, before its first session on it. In a worker thread this needs `env: SHARE_ENV`: Vulkan
 * reads the environment of the process.
 * @throws EngineError, kind `device`, if there is no such adapter or the process computes on another one already
 */
export async function chooseWebgpuAdapter(index: number): Promise<WebgpuAdapter> {
  if (chosen?.index === index) return chosen;
  if (chosen) {
    throw new EngineError(
      `webgpu:${index}: this process computes on webgpu:${chosen.index} (${chosen.name}); one process, one adapter`,
      'device',
    );
  }
  const { adapters, complaints } = await survey();
  const adapter = adapters[index];
  if (!adapter) throw new EngineError(noSuchAdapter(index, adapters, complaints), 'device');
  Object.assign(process.env, adapter.environment);
  return (chosen = adapter);
}

function noSuchAdapter(index: number, adapters: WebgpuAdapter[], complaints: string[]): string {
  if (adapters.length > 0) {
    const list = adapters.map((each) => `webgpu:${each.index} is ${each.name}`).join(', ');
    return `webgpu:${index} is not there: ${list}`;
  }
  const why = complaints.length > 0 ? complaints.join('; ') : 'no graphics driver was found';
  return `webgpu: no adapter that onnxruntime can compute on: ${why}. ${remedy(complaints)}`;
}

/** The one command that mends it, for the systems that we know. */
function remedy(complaints: string[]): string {
  if (process.platform !== 'linux') return 'Install the current driver of the graphics card.';
  const packages = complaints.includes(NO_LOADER) ? 'libvulkan1 mesa-vulkan-drivers' : 'mesa-vulkan-drivers';
  return (
    `Install Vulkan and the driver of the GPU: on Debian and Ubuntu "sudo apt-get install ${packages}" (AMD, Intel, and the ` +
    'software driver, which must be Mesa 25 or newer), on NVIDIA the libraries of the NVIDIA driver (nvidia_icd.json; in a ' +
    'container NVIDIA_DRIVER_CAPABILITIES=all).'
  );
}

// ---- Finding them

let surveyed: Promise<Survey> | undefined;

/** Made once a process: choosing an adapter hides the others. */
function survey(): Promise<Survey> {
  return (surveyed ??= lookAround());
}

/** Looks at each Vulkan driver by itself, so that each adapter is known by the driver it comes from. */
async function lookAround(): Promise<Survey> {
  const drivers = driverEnvironments();
  const found = await Promise.all(drivers.map(listDevices));
  const complaints = [...new Set(found.flatMap(({ complaint }) => complaint ?? []))];
  const tried = await Promise.all(
    found
      .flatMap(({ devices }) => devices)
      .map(async (device) => ({ device, refusal: await refusalOf(device) })),
  );
  for (const { device, refusal } of tried)
    if (refusal !== undefined) complaints.push(`${device.name}: ${refusal}`);
  const adapters = tried
    .filter(({ refusal }) => refusal === undefined)
    .map(({ device }) => device)
    .sort((a, b) => RANKS.indexOf(a.type) - RANKS.indexOf(b.type));
  return {
    adapters: adapters.map(({ type, vendorId, ...rest }, index) => ({
      ...rest,
      index,
      kind: type === 'CPU' ? 'software' : 'gpu',
      vendor: vendorId === undefined ? undefined : VENDORS[vendorId],
    })),
    complaints,
  };
}

/** Vulkan's kinds of device, as Mesa's layer spells them; best first. */
const RANKS = ['discrete GPU', 'integrated GPU', 'virtual GPU', 'other', 'CPU'];

/** PCI vendor numbers, and Khronos' own for drivers without hardware. */
const VENDORS: Readonly<Record<string, string>> = {
  '10de': 'NVIDIA',
  '1002': 'AMD',
  '8086': 'Intel',
  '106b': 'Apple',
  '13b5': 'Arm',
  '5143': 'Qualcomm',
  '1ae0': 'Google',
  '10005': 'Mesa',
};

interface Device {
  name: string;
  type: string;
  vendorId?: string;
  environment: Record<string, string>;
}

const NO_LOADER = 'the Vulkan loader (libvulkan.so.1) is not installed';

/** An environment for each Vulkan driver that is installed; one that changes nothing where there are no manifests. */
function driverEnvironments(): Record<string, string>[] {
  if (process.platform !== 'linux') return [{}];
  const { VK_DRIVER_FILES, VK_ICD_FILENAMES, XDG_CONFIG_HOME, XDG_CONFIG_DIRS, XDG_DATA_HOME, XDG_DATA_DIRS } = process.env; // prettier-ignore
  const asked = VK_DRIVER_FILES ?? VK_ICD_FILENAMES;
  const home = os.homedir();
  // The places where Vulkan's loader looks for manifests.
  const folders = [
    XDG_CONFIG_HOME || path.join(home, '.config'),
    ...(XDG_CONFIG_DIRS || '/etc/xdg').split(':'),
    '/etc',
    XDG_DATA_HOME || path.join(home, '.local', 'share'),
    ...(XDG_DATA_DIRS || '/usr/local/share:/usr/share').split(':'),
  ].map((folder) => path.join(folder, 'vulkan', 'icd.d'));
  const manifests = asked ? asked.split(':') : [...new Set(folders)].flatMap(manifestsIn);
  // Loaders before 1.3.207 know the older name only.
  return manifests.length > 0
    ? manifests.map((file) => ({ VK_DRIVER_FILES: file, VK_ICD_FILENAMES: file }))
    : [{}];
}

function manifestsIn(folder: string): string[] {
  try {
    return fs.readdirSync(folder).filter((name) => name.endsWith('.json')).sort().map((name) => path.join(folder, name)); // prettier-ignore
  } catch {
    return [];
  }
}

/** The devices of one driver: by Mesa's layer, which prints them and ends the process, or else the one that Dawn takes. */
async function listDevices(
  environment: Record<string, string>,
): Promise<{ devices: Device[]; complaint?: string }> {
  const { text, computed, complaint } = await tryOut({ ...environment, MESA_VK_DEVICE_SELECT: 'list' });
  const listed = [...text.matchAll(LISTED)].map(([, , vendorId, deviceId, name, type, bus]) => ({
    name: name as string,
    type: type as string,
    vendorId,
    ids: `${vendorId}:${deviceId}`,
    bus,
  }));
  if (listed.length > 0) {
    return {
      devices: listed.map(({ ids, bus, ...device }) => {
        const twins = listed.filter((each) => each.ids === ids).length > 1;
        // The "!" hides all other devices. Twins can be told apart by their place on the bus only.
        const only: Record<string, string> =
          listed.length === 1
            ? {}
            : twins && bus !== undefined
              ? { DRI_PRIME: `pci-${bus.replace(/[:.]/g, '_')}!` }
              : { MESA_VK_DEVICE_SELECT: `${ids}!` };
        return { ...device, environment: { ...environment, ...only } };
      }),
    };
  }
  if (!computed) return { devices: [], complaint };
  const driver = environment['VK_DRIVER_FILES'];
  const name =
    driver === undefined
      ? `the adapter that ${process.platform} prefers`
      : ((await nvidiaModel(driver)) ?? path.basename(driver, '.json'));
  const type = /lvp|llvmpipe|lavapipe|swiftshader/i.test(name) ? 'CPU' : 'discrete GPU';
  return { devices: [{ name, type, environment }] };
}

/** What nvidia-smi calls the GPUs of NVIDIA's driver, where they are all the same. */
async function nvidiaModel(driver: string): Promise<string | undefined> {
  if (!path.basename(driver).includes('nvidia')) return undefined;
  const models = new Set((await listGpus()).found.map(({ name }) => name));
  return models.size === 1 ? [...models][0] : undefined;
}

/** E.g. `GPU 0: 1002:744c "AMD Radeon RX 7900 XTX (RADV NAVI31)" discrete GPU 0000:10:00.0`. */
const LISTED =
  /^ +GPU (\d+): ([0-9a-f]+):([0-9a-f]+) "(.*)" (discrete GPU|integrated GPU|virtual GPU|CPU|other)(?: ([0-9a-f]{4}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-9a-f]))?$/gm;

/** Why the provider does not compute on the device, if it does not. */
async function refusalOf({ environment }: Device): Promise<string | undefined> {
  const { computed, complaint } = await tryOut(environment);
  return computed ? undefined : (complaint ?? 'it does not compute');
}

/** Doubles a number on the WebGPU provider, in a process of its own: drivers are loaded once a process, and may crash. */
const TRY_OUT = `
const { InferenceSession, Tensor } = require(process.argv[1]);
InferenceSession.create(Buffer.from(process.argv[2], 'base64'), { executionProviders: ['webgpu'], logSeverityLevel: 4 })
  .then((session) => session.run({ x: new Tensor('float32', Float32Array.of(21), [1]) }))
  .then(({ y }) => console.log('computed ' + y.data[0]), (error) => console.log('refused ' + error.message));
`;

async function tryOut(
  environment: Record<string, string>,
): Promise<{ text: string; computed: boolean; complaint?: string }> {
  const value = (name: string) => ({ name, element: 'float32', dims: [1] }) as const;
  const model = encodeModel({
    nodes: [{ op: 'Add', domain: '', inputs: ['x', 'x'], outputs: ['y'], attributes: {} }],
    initializers: [],
    inputs: [value('x')],
    outputs: [value('y')],
  });
  const runtime = createRequire(import.meta.url).resolve('onnxruntime-node');
  const text = await new Promise<string>((resolve) => {
    execFile(
      process.execPath,
      ['-e', TRY_OUT, runtime, Buffer.from(model).toString('base64')],
      { env: { ...process.env, ...environment }, timeout: 30_000 },
      (error, stdout, stderr) =>
        resolve(`${stdout}\n${stderr}${error?.signal ? `\nended by ${error.signal}` : ''}`),
    );
  });
  return { text, computed: /^computed 42$/m.test(text), complaint: complaintIn(text) };
}

/** The line that says why, in words for people where we know them. */
function complaintIn(text: string): string | undefined {
  if (/libvulkan\.so/.test(text)) return NO_LOADER;
  if (/Found no drivers|VK_ERROR_INCOMPATIBLE_DRIVER/.test(text)) return 'no Vulkan driver is installed';
  if (/Failed to detect any valid GPUs/.test(text))
    return 'the Vulkan drivers that are installed find no GPU of theirs';
  const ended = /^ended by .*$/m.exec(text)?.[0];
  const refused = /^refused (.*)$/m.exec(text)?.[1];
  return ended ?? refused?.replace(/^.*(?=Failed to get)/, '').trim();
}
