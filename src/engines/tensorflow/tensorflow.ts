/**
 * @file TensorFlow itself, eagerly: the JavaScript of @tensorflow/tfjs-node-gpu on our build of its binding, which
 * `sweep engine install tensorflow` puts into the user's cache folder.
 *
 * TensorFlow is set up once a process, when its library is loaded: which device, how many threads.
 */
import util from 'node:util';
import { createRequire } from 'node:module';
import * as tf from '@tensorflow/tfjs';
import { messageOf } from '../../errors.js';
import { relativeError } from '../compare.js';
import { eagerEngine } from '../eager/eager.js';
import { EngineError, type Engine, type Program } from '../engine.js';
import { gpuIndex, tensorflowEnvironment } from './environment.js';
import { askWhyNoGpu, isGpuFault } from './gpu.js';
import { findInstall, type Build, type Install } from './installed.js';
import { addConvolutionKernels } from './kernels.js';
import { packageRequire } from './package.js';

/** Name under which tfjs-node-gpu registers its kernels; the backend must have the same. */
const BACKEND = 'tensorflow';

export interface TensorflowOptions {
  threads: number;
  /** `cpu`, `cuda:0`. */
  device: string;
}

/** What of the native binding is used here; the backend uses the rest. */
interface Binding {
  TF_Version: string;
  isUsingGpuDevice(): boolean;
}

interface BackendModule {
  NodeJSKernelBackend: new (binding: Binding, packageName: string) => tf.KernelBackend;
}

/** What TensorFlow was set up with in this thread. */
let started: (TensorflowOptions & { version: string }) | undefined;

/** @throws EngineError of kind device if it is not installed or does not run on the device */
export async function openTensorflowEngine({ threads, device }: TensorflowOptions): Promise<Engine> {
  started ??= start({ threads, device });
  if (started.device !== device) {
    throw new EngineError(
      `This process computes with TensorFlow on ${started.device}; a process has one device, so ${device} needs another`,
      'device',
    );
  }
  const engine = eagerEngine({
    name: 'tensorflow',
    backend: BACKEND,
    device,
    threads: started.threads,
    versions: { tensorflow: started.version, '@tensorflow/tfjs-node-gpu': packageVersion() },
  });
  if (device === 'cpu') return engine;
  const onGpu = namingGpuFaults(engine);
  await tryOut(onGpu);
  return onGpu;
}

function start({ threads, device }: TensorflowOptions): TensorflowOptions & { version: string } {
  const gpu = wantsGpu(device);
  const install = installFor(device, gpu);
  const environment = environmentFor({ threads, device, build: install.manifest.build });
  Object.assign(process.env, environment);
  const binding = load(install);
  if (binding.isUsingGpuDevice() !== gpu) {
    const reason = gpu
      ? askWhyNoGpu(install.binding, environment)
      : 'it takes a GPU although it is shown none';
    throw new EngineError(`TensorFlow does not run on ${device}: ${reason}`, 'device');
  }
  register(binding);
  return { threads, device, version: binding.TF_Version };
}

function wantsGpu(device: string): boolean {
  return asDeviceError(() => gpuIndex(device) !== undefined);
}

function environmentFor(options: TensorflowOptions & { build: Build }): Record<string, string> {
  return asDeviceError(() => tensorflowEnvironment(options, process.env));
}

function asDeviceError<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw new EngineError(messageOf(error), 'device', { cause: error });
  }
}

/** On the CPU either build will do. */
function installFor(device: string, gpu: boolean): Install {
  const install = gpu ? findInstall('gpu') : (findInstall('cpu') ?? findInstall('gpu'));
  if (install) return install;
  const command = `sweep engine install tensorflow${gpu ? '' : ' --cpu'}`;
  throw new EngineError(`TensorFlow is not installed for ${device}: run \`${command}\``, 'device');
}

function load({ binding }: Install): Binding {
  try {
    return createRequire(import.meta.url)(binding) as Binding;
  } catch (error) {
    throw new EngineError(
      `TensorFlow's library does not load (${messageOf(error)}). Make it anew: sweep engine install tensorflow --force`,
      'device',
      { cause: error },
    );
  }
}

/** Makes tfjs know the backend and its kernels, as the package's own index.js does, but with our binding. */
function register(binding: Binding): void {
  const require = packageRequire();
  const theirs = require('@tensorflow/tfjs') as typeof tf;
  if (theirs.engine() !== tf.engine()) {
    throw new EngineError('@tensorflow/tfjs-node-gpu uses another copy of @tensorflow/tfjs', 'fault');
  }
  restoreIsNullOrUndefined();
  require('./dist/register_all_kernels.js');
  addConvolutionKernels(BACKEND);
  const { NodeJSKernelBackend } = require('./dist/nodejs_kernel_backend.js') as BackendModule;
  // The lowest priority: whoever sets no backend does not get this one.
  tf.registerBackend(BACKEND, () => new NodeJSKernelBackend(binding, '@tensorflow/tfjs-node-gpu'), 0);
}

/** tfjs-node-gpu calls these; Node 23 removed them. */
function restoreIsNullOrUndefined(): void {
  const old = util as { isNullOrUndefined?: unknown; isArray?: unknown };
  old.isNullOrUndefined ??= (value: unknown) => value === null || value === undefined;
  old.isArray ??= Array.isArray;
}

function packageVersion(): string {
  return (packageRequire()('./package.json') as { version: string }).version;
}

/** A convolution whose result is known: what cuDNN, the kernels or the driver have against it comes out here. */
async function tryOut(engine: Engine): Promise<void> {
  const bank = engine.createBank({});
  const program = await engine.compile(
    {
      name: 'trial convolution',
      inputs: { x: [1, 2, 2, 1], filter: [2, 2, 1, 1] },
      reads: [],
      writes: [],
      run: ({ x, filter }) => ({ y: tf.conv2d(x as tf.Tensor4D, filter as tf.Tensor4D, 1, 'valid') }),
    },
    bank,
  );
  const filter = Float32Array.of(1, 10, 100, 1000);
  const { y } = await program.run(bank, { x: Float32Array.of(1, 2, 3, 4), filter });
  const error = relativeError(Float32Array.of(4321), y ?? new Float32Array());
  if (!(error < 1e-6)) {
    throw new EngineError(`TensorFlow on ${engine.device} computes a convolution wrongly`, 'device');
  }
}

/** Tells faults of the GPU and its driver from those of the program. */
function namingGpuFaults(engine: Engine): Engine {
  const named = async <T>(work: () => Promise<T>): Promise<T> => {
    try {
      return await work();
    } catch (error) {
      if (error instanceof EngineError || !isGpuFault(messageOf(error))) throw error;
      throw new EngineError(`${engine.device} failed: ${messageOf(error)}`, 'device', { cause: error });
    }
  };
  return {
    ...engine,
    compile: async (spec, bank) => {
      const program = await engine.compile(spec, bank);
      const run: Program['run'] = (...fed) => named(() => program.run(...fed));
      return { ...program, run };
    },
  };
}
