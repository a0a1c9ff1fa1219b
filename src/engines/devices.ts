/** @file Which devices a trial can be computed on here: the processor, NVIDIA's GPUs, and what WebGPU sees. */
import fs from 'node:fs';
import os from 'node:os';
import { UserError } from '../errors.js';
import { deviceName, hasNvidiaDevice, listGpus } from '../nvidia.js';
import type { DeviceKind } from '../protocol.js';
import { probeAdapters } from './probe.js';

export interface Device {
  /** `cpu`, `cuda:0`, `webgpu:0`; `cuda:0:1` is the second MIG instance of a GPU. */
  name: string;
  /** What CUDA knows it by, `GPU-…` or `MIG-…`. */
  id?: string;
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
  return { found: found.map((gpu) => ({ name: deviceName(gpu), id: gpu.uuid, model: gpu.name, software: false })), reason }; // prettier-ignore
}

export async function webgpuDevices(): Promise<DeviceList> {
  const { found, reason } = await probeAdapters();
  const devices = found.map(({ index, name, kind }) => ({ name: `webgpu:${index}`, model: name, software: kind === 'software' })); // prettier-ignore
  return { found: devices, reason: reason || (found.length === 0 ? 'WebGPU finds no adapter' : '') };
}

/** Devices that somebody asks for: all of a kind, or some by their names. */
export interface WantedDevices {
  kind: DeviceKind;
  names: string[] | undefined;
}

/** `cuda` is all of the kind, `cuda:1` one; undefined where it names no device. */
export function parseDevice(text: string): WantedDevices | undefined {
  const kind = /^(?:cpu|webgpu(?::\d+)?|cuda(?::\d+){0,2})$/.exec(text) && text.split(':')[0];
  if (!kind) return undefined;
  return { kind: kind as DeviceKind, names: kind === text ? undefined : [text] };
}

/**
 * Several devices, as a person names them on the command line: `0,2` are GPUs of NVIDIA as nvidia-smi counts, `0:1` an instance
 * of one, `GPU-…` and `MIG-…` its ids; `cuda`, `cuda:0`, `webgpu:1`; `cpu`, and `cpu:4` for so many trials at once.
 * @throws UserError
 */
export function parseDevices(text: string): WantedDevices & { trials?: number } {
  const words = text.split(',').map((word) => word.trim());
  const [, trials] = /^cpu:(\d+)$/.exec(text.trim()) ?? [];
  if (trials !== undefined && Number(trials) > 0)
    return { kind: 'cpu', names: undefined, trials: Number(trials) };
  const wanted = words.map((word): WantedDevices => {
    if (/^\d+(:\d+)?$/.test(word)) return { kind: 'cuda', names: [`cuda:${word}`] };
    if (/^(GPU|MIG)-./.test(word)) return { kind: 'cuda', names: [word] };
    const parsed = parseDevice(word);
    if (parsed !== undefined) return parsed;
    throw new UserError(
      `--devices ${text}: ${word === '' ? 'an empty name' : word} is no device. Expected GPUs by number or id (0,2 or GPU-1a2b), 0:1 for a MIG instance, ` +
        'cuda, webgpu:0, cpu, or cpu:4 for four trials at once on the processor. sweep doctor lists what is here.',
    );
  });
  const kinds = [...new Set(wanted.map(({ kind }) => kind))];
  if (kinds.length > 1) {
    throw new UserError(`--devices ${text}: ${kinds.join(' and ')} cannot be mixed, since all trials of a run are computed alike.`); // prettier-ignore
  }
  const all = wanted.some(({ names }) => names === undefined);
  return { kind: kinds[0]!, names: all ? undefined : [...new Set(wanted.flatMap(({ names }) => names!))] };
}

/** Those of the devices that are named, in the order of the machine. Of a name that is not there: all that are, and which was meant. */
export function pickDevices(
  found: readonly Device[],
  names: readonly string[],
): { picked: Device[]; missing: string[] } {
  const fits = (name: string, device: Device) => device.name === name || (/^(GPU|MIG)-/.test(name) && device.id?.startsWith(name) === true); // prettier-ignore
  return {
    picked: found.filter((device) => names.some((name) => fits(name, device))),
    missing: names.filter((name) => !found.some((device) => fits(name, device))),
  };
}

/** A look at files alone: whether this machine can have a GPU that WebGPU reaches. False spares asking the drivers. */
export function mayHaveGpu(): boolean {
  if (os.platform() !== 'linux') return true;
  return hasNvidiaDevice() || list('/dev/dri').some((name) => name.startsWith('renderD'));
}

function list(folder: string): string[] {
  try {
    return fs.readdirSync(folder);
  } catch {
    return []; // it is not there, or not for us to see
  }
}
