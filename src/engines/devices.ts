/** @file Which devices a trial can be computed on here: the processor, NVIDIA's GPUs, and what WebGPU sees. */
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { hasNvidiaDevice, listGpus } from '../nvidia.js';
import type { DeviceKind } from '../protocol.js';
import { probeAdapters } from './probe.js';

export interface Device {
  /** `cpu`, `cuda:0`, `webgpu:0`. */
  name: string;
  /** What it is, e.g. `NVIDIA H200`. */
  model: string;
  /** A software adapter computes on the processor what is made for a GPU: correct, and slow. */
  software: boolean;
}

export interface DeviceList {
  found: Device[];
  /** Why there are none; empty where there are. */
  reason: string;
}

export async function cudaDevices(): Promise<DeviceList> {
  const { found, reason } = await listGpus();
  return { found: found.map(({ index, name }) => ({ name: `cuda:${index}`, model: name, software: false })), reason }; // prettier-ignore
}

export async function webgpuDevices(): Promise<DeviceList> {
  const { found, reason } = await probeAdapters();
  const devices = found.map(({ index, name, kind }) => ({ name: `webgpu:${index}`, model: name, software: kind === 'software' })); // prettier-ignore
  return { found: devices, reason: reason || (found.length === 0 ? 'WebGPU finds no adapter' : '') };
}

/** `cuda` or `cuda:1`, taken apart; undefined where it names no device. */
export function parseDevice(text: string): { kind: DeviceKind; index: number | undefined } | undefined {
  const [, kind, index] = /^(cpu|cuda|webgpu)(?::(\d+))?$/.exec(text) ?? [];
  if (kind === undefined || (kind === 'cpu' && index !== undefined)) return undefined;
  return { kind: kind as DeviceKind, index: index === undefined ? undefined : Number(index) };
}

/** A look at files alone: whether this machine can have a GPU that WebGPU reaches. False spares asking the drivers. */
export function mayHaveGpu(): boolean {
  if (os.platform() !== 'linux') return true;
  return hasNvidiaDevice() || list('/dev/dri').some((name) => name.startsWith('renderD'));
}

export interface Vulkan {
  /** The loader, e.g. `/usr/lib/x86_64-linux-gnu/libvulkan.so.1`. */
  loader: string | undefined;
  /** Drivers that the loader finds, by the names of their manifests, e.g. `lvp`, `radeon`, `nvidia`. */
  drivers: string[];
  /** What WebGPU lacks to find an adapter; empty where nothing is lacking. */
  lacking: string;
}

/** Metal and Direct3D 12 come with their systems; Linux needs Vulkan's loader and a driver. */
export function vulkanHere(env: NodeJS.ProcessEnv = process.env): Vulkan {
  if (os.platform() !== 'linux') return { loader: undefined, drivers: [], lacking: '' };
  const loader = findLibrary('libvulkan.so.1', env);
  const drivers = [...new Set(vulkanManifests(env).map(driverName))].sort();
  let lacking = '';
  if (loader === undefined) lacking = 'Vulkan’s loader (libvulkan.so.1) is not installed';
  else if (drivers.length === 0) lacking = 'no Vulkan driver is installed';
  return { loader, drivers, lacking };
}

/** https://github.com/KhronosGroup/Vulkan-Loader/blob/main/docs/LoaderDriverInterface.md, "Driver Discovery on Linux". */
function vulkanManifests(env: NodeJS.ProcessEnv): string[] {
  const named = env.VK_DRIVER_FILES ?? env.VK_ICD_FILENAMES;
  const isManifest = (file: string) => file.endsWith('.json') && fs.existsSync(file);
  if (named !== undefined) return named.split(':').flatMap((entry) => (isManifest(entry) ? [entry] : []));
  const home = env.HOME ?? os.homedir();
  const folders = [
    env.XDG_CONFIG_HOME ?? path.join(home, '.config'),
    ...(env.XDG_CONFIG_DIRS ?? '/etc/xdg').split(':'),
    '/etc',
    env.XDG_DATA_HOME ?? path.join(home, '.local', 'share'),
    ...(env.XDG_DATA_DIRS ?? '/usr/local/share:/usr/share').split(':'),
  ];
  return folders.flatMap((folder) => {
    const drivers = path.join(folder, 'vulkan', 'icd.d');
    return list(drivers).map((name) => path.join(drivers, name)).filter(isManifest); // prettier-ignore
  });
}

/** `lvp_icd.x86_64.json` is `lvp`. */
function driverName(manifest: string): string {
  return path.basename(manifest).replace(/[_.-]?icd.*$|\.json$/, '');
}

/** Folders of libraries by the names that systems give them. What the loader itself would find needs no `ldconfig`. */
export function libraryFolders(env: NodeJS.ProcessEnv = process.env): string[] {
  const given = (env.LD_LIBRARY_PATH ?? '').split(':').filter((folder) => folder !== '');
  const machine = { x64: 'x86_64-linux-gnu', arm64: 'aarch64-linux-gnu' }[os.arch() as string];
  const usual = ['/usr/local/lib', '/usr/lib64', '/usr/lib', '/lib64', '/lib', '/usr/lib/wsl/lib'];
  return [...given, ...(machine ? [`/usr/lib/${machine}`, `/lib/${machine}`] : []), ...usual];
}

/** The file of a library, such as `libvulkan.so.1`; undefined where none of the loader's folders holds it. */
export function findLibrary(name: string, env: NodeJS.ProcessEnv = process.env): string | undefined {
  return libraryFolders(env)
    .map((folder) => path.join(folder, name))
    .find((file) => fs.existsSync(file));
}

function list(folder: string): string[] {
  try {
    return fs.readdirSync(folder);
  } catch {
    return []; // it is not there, or not for us to see
  }
}
