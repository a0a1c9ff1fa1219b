/**
 * @file onnxruntime with its CUDA provider: where `sweep engine install cuda` puts it, and how a process loads it.
 *
 * The provider must lie beside onnxruntime's own library, so the folder holds a copy of the npm package:
 *
 *     node_modules/onnxruntime-node/bin/napi-v6/linux/x64/libonnxruntime_providers_cuda.so ...
 *     node_modules/onnxruntime-common
 *     lib/libcublas.so.13, libcudnn.so.9 ...
 *     installed.json
 *
 * The dynamic loader reads LD_LIBRARY_PATH when a process starts, which is too late for us. But a library that is loaded
 * already is found by its name, so what the provider needs is loaded first, from lib/.
 */
import fs from 'node:fs';
import { createRequire } from 'node:module';
import os from 'node:os';
import path from 'node:path';
import { cacheFolder } from '../../cache.js';
import { messageOf } from '../../errors.js';
import { EngineError } from '../engine.js';
import { visibleGpu } from '../tensorflow/environment.js';
import type { Runtime } from './runtime.js';

/** Written last: what is in the folder, and how it came there. */
export interface CudaManifest {
  /** Names of the wheels that it was taken from. */
  wheels: string[];
  bytes: number;
}

const require = createRequire(import.meta.url);

/** Version of onnxruntime-node; the provider must be of the same. */
export function onnxruntimeVersion(): string {
  return (require('onnxruntime-node/package.json') as { version: string }).version;
}

/** Absolute; it need not be there. One folder for each combination that cannot share files. */
export function cudaFolder(): string {
  return path.join(
    cacheFolder(),
    'engines',
    `onnxruntime-${onnxruntimeVersion()}-cuda-${process.platform}-${process.arch}`,
  );
}

export function cudaManifestIn(folder: string): string {
  return path.join(folder, 'installed.json');
}

export function cudaInstalled(): boolean {
  return fs.existsSync(cudaManifestIn(cudaFolder()));
}

/** NVIDIA's libraries in the order in which they need each other; each is loaded by its file's name. */
export const CUDA_LIBRARIES = [
  'libcudart.so.13',
  'libcublasLt.so.13',
  'libcublas.so.13',
  'libcurand.so.10',
  'libnvrtc.so.13',
  'libcudnn.so.9',
] as const;
const DRIVER = 'libcuda.so.1';

/**
 * Loads NVIDIA's driver and libraries, then onnxruntime with its CUDA provider. The process then sees one GPU, as number 0.
 * @throws EngineError, kind `device`, saying what is missing and the command that mends it
 */
export function loadCudaRuntime(index: number): Runtime {
  const folder = cudaFolder();
  if (!cudaInstalled()) {
    throw new EngineError(
      `onnxruntime's CUDA provider is not installed for cuda:${index}: run \`sweep engine install cuda\`.`,
      'device',
    );
  }
  for (const [name, value] of Object.entries(cudaEnvironment(index))) process.env[name] = value;
  const noDriver = loadLibrary(DRIVER);
  if (noDriver !== undefined) {
    throw new EngineError(
      `cuda:${index}: NVIDIA's driver is not installed here (${noDriver}). ${DRIVER_NEEDED}; in a container start it with --gpus all.`,
      'device',
    );
  }
  for (const name of CUDA_LIBRARIES) {
    const reason = loadLibrary(path.join(folder, 'lib', name));
    if (reason === undefined) continue;
    throw new EngineError(
      `cuda:${index}: ${name} does not load (${reason}). Make it anew: sweep engine install cuda --force`,
      'device',
    );
  }
  return createRequire(path.join(folder, 'package.json'))('onnxruntime-node') as Runtime;
}

/** What to do about a fault of CUDA, where something can be done; starts with a stop. */
export function cudaAdvice(fault: string): string {
  if (/driver version is insufficient/i.test(fault)) return `. ${DRIVER_NEEDED}.`;
  if (/no CUDA-capable device|invalid device ordinal/i.test(fault)) {
    return '. The driver shows this process no such GPU: look at nvidia-smi and CUDA_VISIBLE_DEVICES.';
  }
  return '';
}

const DRIVER_NEEDED = "Install NVIDIA's driver of version 580 or newer, which CUDA 13 needs";

/** What CUDA reads when it is loaded. @throws EngineError if the GPU is not among those that the process may see */
function cudaEnvironment(index: number): Record<string, string> {
  try {
    return {
      NVIDIA_TF32_OVERRIDE: process.env['NVIDIA_TF32_OVERRIDE'] || '0', // float32 is float32: TF32 keeps 10 bits of 23
      CUDA_DEVICE_ORDER: process.env['CUDA_DEVICE_ORDER'] || 'PCI_BUS_ID', // cuda:1 is the 1 of nvidia-smi
      CUDA_VISIBLE_DEVICES: visibleGpu(index, process.env['CUDA_VISIBLE_DEVICES']),
    };
  } catch (error) {
    throw new EngineError(messageOf(error), 'device', { cause: error });
  }
}

/** dlopen's flag to keep a library when its handle is closed; os.constants does not name it. */
const RTLD_NODELETE = 0x1000;

/** Loads a library that is no Node module and keeps it. @returns why it could not be loaded, if so */
function loadLibrary(file: string): string | undefined {
  const { RTLD_NOW, RTLD_GLOBAL } = os.constants.dlopen;
  try {
    process.dlopen({ exports: {} }, file, RTLD_NOW | RTLD_GLOBAL | RTLD_NODELETE);
  } catch (error) {
    // Node loads it, misses the entry of a module, and closes its handle.
    const message = messageOf(error);
    return /did not self-register/.test(message) ? undefined : message;
  }
  return undefined;
}
