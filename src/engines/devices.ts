/** @file Which devices a trial can be computed on here: the processor, NVIDIA's GPUs, and what WebGPU sees. */
import fs from 'node:fs';
import os from 'node:os';
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

function list(folder: string): string[] {
  try {
    return fs.readdirSync(folder);
  } catch {
    return []; // it is not there, or not for us to see
  }
}
