/** @file What TensorFlow says when it cannot use a GPU. Left to itself it computes on the CPU and goes on. */
import { spawnSync } from 'node:child_process';

interface Sign {
  pattern: RegExp;
  reason: string;
}

/** First match counts: the first cause, not what follows from it. */
const SIGNS: readonly Sign[] = [
  {
    // 303 is CUDA_ERROR_SHARED_OBJECT_INIT_FAILED, here of libcuda itself.
    pattern: /cuInit.*\b303\b|cannot open.*libcuda\.so/i,
    reason: "NVIDIA's driver is not installed here (no libcuda.so.1)",
  },
  { pattern: /CUDA_ERROR_NO_DEVICE|no CUDA-capable device/i, reason: 'the driver finds no GPU' },
  {
    pattern: /CUDA_ERROR_INVALID_DEVICE|invalid device ordinal/i,
    reason: 'there is no GPU of this number',
  },
  {
    pattern: /CUDA_ERROR_SYSTEM_DRIVER_MISMATCH|driver and library version|kernel (driver|version).*does not match/i,
    reason: 'the driver was updated and the machine not started again since',
  },
  {
    pattern: /CUDA_ERROR_COMPAT_NOT_SUPPORTED|driver version is insufficient|CUDA_ERROR_INSUFFICIENT_DRIVER/i,
    reason: 'the driver is too old for CUDA 12',
  },
  {
    pattern: /cannot dlopen some GPU libraries|could not find cuda drivers/i,
    reason: 'libraries of CUDA are missing: run `sweep engine install tensorflow --force`',
  },
  { pattern: /compute capability/i, reason: 'the GPU is too old for this build of TensorFlow' },
  {
    pattern: /CUDA_ERROR_OUT_OF_MEMORY|out of memory/i,
    reason: 'its memory is taken by other processes',
  },
  { pattern: /failed call to cuInit/i, reason: 'the driver does not start' },
]; // prettier-ignore

/** Why TensorFlow found no GPU, from what it logged. The line itself follows where it says more. */
export function whyNoGpu(log: string): string {
  const lines = log.split('\n');
  for (const { pattern, reason } of SIGNS) {
    const line = lines.find((each) => pattern.test(each));
    if (line !== undefined) return `${reason} ("${message(line)}")`;
  }
  return 'TensorFlow does not say why';
}

/** Loads the binding in a process of its own, with its log on, and reads why it finds no GPU there. */
export function askWhyNoGpu(binding: string, environment: Record<string, string>): string {
  const { stderr } = spawnSync(process.execPath, ['-e', `require(${JSON.stringify(binding)})`], {
    env: { ...process.env, ...environment, TF_CPP_MIN_LOG_LEVEL: '0' },
    encoding: 'utf8',
    timeout: 60_000,
  });
  return whyNoGpu(stderr);
}

/** Without level, time, process and source: `E0000 00:00:17956.50 12070 cuda_platform.cc:52] failed` → `failed`. */
function message(line: string): string {
  return line.replace(/^[IWEF]\d{4} .*?\] /, '').trim();
}

/** Faults of the GPU or its driver, not of the program: the process cannot use the device any more. */
const FAULTS =
  /CUDA_ERROR_(?!OUT_OF_MEMORY)\w+|CUDNN_STATUS_(?!ALLOC)\w+|CUBLAS_STATUS_(?!ALLOC)\w+|no kernel image is available|device kernel image is invalid|failed call to cu\w+|DNN library (is not found|initialization failed)|uncorrectable ECC|GPU has fallen off the bus/i;

export function isGpuFault(message: string): boolean {
  return FAULTS.test(message);
}
