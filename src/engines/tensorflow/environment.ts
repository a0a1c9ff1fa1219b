/** @file What TensorFlow and CUDA read from the environment when they are loaded. Pure: what is set, from what is asked for. */
import type { Build } from './installed.js';

/** `cuda:1` → 1, `cpu` → undefined. @throws RangeError for any other device */
export function gpuIndex(device: string): number | undefined {
  if (device === 'cpu') return undefined;
  const index = /^cuda:(\d+)(?::\d+)?$/.exec(device)?.[1];
  if (index === undefined)
    throw new RangeError(`tensorflow runs on cpu or on cuda:0, cuda:1 ...; not on ${device}`);
  return Number(index);
}

/**
 * The one GPU that the process may see, in CUDA's words: the one of this number on this machine, unless whoever started the
 * process has chosen one (which may be named by its id).
 * @throws RangeError if it is not among those that may be seen
 */
export function visibleGpu(index: number, already: string | undefined): string {
  const listed = already?.split(',').map((each) => each.trim()) ?? [String(index)];
  const [only = '', ...others] = listed;
  if (others.length === 0 && only !== '') return only;
  if (listed.includes(String(index))) return String(index);
  throw new RangeError(`cuda:${index} is not among CUDA_VISIBLE_DEVICES=${already}`);
}

/**
 * Variables to set before the library is loaded; they count for the whole process. What a user has set stays, but for which
 * GPUs are seen.
 * @param build the GPU build takes a GPU where it sees one, so on the CPU it is shown none
 */
export function tensorflowEnvironment(
  { threads, device, build }: { threads: number; device: string; build: Build },
  environment: NodeJS.ProcessEnv,
): Record<string, string> {
  const gpu = gpuIndex(device);
  const wanted: Record<string, string> = {
    TF_CPP_MIN_LOG_LEVEL: '2', // errors only
    TF_NUM_INTRAOP_THREADS: String(threads),
    TF_NUM_INTEROP_THREADS: '1', // ops run one after another
    TF_DETERMINISTIC_OPS: '1', // the same seed gives the same numbers, on a GPU too
  };
  if (gpu !== undefined) {
    wanted['NVIDIA_TF32_OVERRIDE'] = '0'; // float32 is float32: TF32 keeps 10 bits of 23
    wanted['TF_FORCE_GPU_ALLOW_GROWTH'] = 'true'; // else one trial takes the whole card
    wanted['CUDA_DEVICE_ORDER'] = 'PCI_BUS_ID'; // cuda:1 is the 1 of nvidia-smi
  }
  const unset = Object.fromEntries(Object.entries(wanted).filter(([name]) => !environment[name]));
  if (build === 'cpu') return unset;
  const visible = gpu === undefined ? '-1' : visibleGpu(gpu, environment['CUDA_VISIBLE_DEVICES']);
  return { ...unset, CUDA_VISIBLE_DEVICES: visible };
}
