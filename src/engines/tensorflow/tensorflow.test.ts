/** @file What needs no TensorFlow: the environment that it is given, and what its words about GPUs mean. */
import { describe, expect, it } from 'vitest';
import { gpuIndex, tensorflowEnvironment, visibleGpu } from './environment.js';
import { isGpuFault, whyNoGpu } from './gpu.js';

describe('the device', () => {
  it.each([
    ['cpu', undefined],
    ['cuda:0', 0],
    ['cuda:12', 12],
  ])('%s', (device, index) => {
    expect(gpuIndex(device)).toBe(index);
  });

  it.each(['cuda', 'cuda:x', 'webgpu:0', ''])('is not %s', (device) => {
    expect(() => gpuIndex(device)).toThrow(/cpu or on cuda:0/);
  });
});

describe('the one GPU that a process sees', () => {
  it.each([
    ['of all', 1, undefined, '1'],
    ['that its runner has chosen', 3, '3', '3'],
    ['that its runner has chosen by its id', 3, 'GPU-1a2b', 'GPU-1a2b'],
    ['of a list that it was given', 6, '4, 6', '6'],
  ])('is the one %s', (_, index, already, visible) => {
    expect(visibleGpu(index, already)).toBe(visible);
  });

  it.each([
    [2, '4,6'],
    [0, ''],
  ])('number %i is not in "%s"', (index, already) => {
    expect(() => visibleGpu(index, already)).toThrow(`cuda:${index} is not among CUDA_VISIBLE_DEVICES`);
  });
});

describe("TensorFlow's environment", () => {
  const of = (device: string, build: 'cpu' | 'gpu', environment = {}): Record<string, string> =>
    tensorflowEnvironment({ threads: 2, device, build }, environment);

  it('says how many threads, and to be quiet and reproducible', () => {
    expect(of('cpu', 'cpu')).toEqual({
      TF_CPP_MIN_LOG_LEVEL: '2',
      TF_NUM_INTRAOP_THREADS: '2',
      TF_NUM_INTEROP_THREADS: '1',
      TF_DETERMINISTIC_OPS: '1',
    });
  });

  it('hides all GPUs from a build that would take one', () => {
    expect(of('cpu', 'gpu')['CUDA_VISIBLE_DEVICES']).toBe('-1');
  });

  it('shows one GPU, whose memory grows with use and whose float32 is float32', () => {
    expect(of('cuda:1', 'gpu')).toMatchObject({
      CUDA_VISIBLE_DEVICES: '1',
      CUDA_DEVICE_ORDER: 'PCI_BUS_ID',
      TF_FORCE_GPU_ALLOW_GROWTH: 'true',
      NVIDIA_TF32_OVERRIDE: '0',
    });
  });

  it('leaves what somebody has set', () => {
    const set = { TF_CPP_MIN_LOG_LEVEL: '0', NVIDIA_TF32_OVERRIDE: '1' };
    expect(Object.keys(of('cuda:0', 'gpu', set))).not.toEqual(expect.arrayContaining(Object.keys(set)));
  });
});

describe('why there is no GPU', () => {
  // The first three are what TensorFlow 2.21 said without a driver, with a driver without a GPU, and without CUDA's runtime.
  it.each([
    ['E0000 00:00:1795633708.507581   12070 cuda_platform.cc:52] failed call to cuInit: INTERNAL: CUDA error: Failed call to cuInit: UNKNOWN ERROR (303)', /driver is not installed.*\("failed call to cuInit/],
    ['E0000 00:00:1.5 7 cuda_platform.cc:52] failed call to cuInit: INTERNAL: CUDA error: Failed call to cuInit: CUDA_ERROR_NO_DEVICE: no CUDA-capable device is detected', /finds no GPU \("failed call/],
    ['I0000 00:00:1795633708.225619   12070 cudart_stub.cc:31] Could not find cuda drivers on your machine, GPU will not be used.', /libraries of CUDA are missing/],
    ['failed call to cuInit: CUDA_ERROR_SYSTEM_DRIVER_MISMATCH: system has unsupported display driver / cuda driver combination', /not started again/],
    ['failed call to cuInit: CUDA_ERROR_UNKNOWN: unknown error', /does not start/],
    ['W0000 00:00:1.5 7 gpu_device.cc:2431] Cannot dlopen some GPU libraries. Please make sure the missing libraries mentioned above are installed properly', /sweep engine install tensorflow --force/],
    ['Ignoring visible gpu device (device: 0, name: Tesla K40c, compute capability: 3.5) with core count', /too old/],
    ['nothing of the kind', /does not say why/],
  ])('%s', (log, reason) => {
    expect(whyNoGpu(log)).toMatch(reason);
  }); // prettier-ignore
});

describe('a fault of the GPU', () => {
  it.each([
    'CUDA_ERROR_ILLEGAL_ADDRESS: an illegal memory access was encountered',
    'CUDA_ERROR_ECC_UNCORRECTABLE: uncorrectable ECC error encountered',
    'Invalid TF_Status: 9\nMessage: DNN library initialization failed. Look at the errors above for more details.',
    "'cuLaunchKernel(...)' failed with 'CUDA_ERROR_NO_BINARY_FOR_GPU'; no kernel image is available for execution on the device",
    'CUDNN_STATUS_EXECUTION_FAILED',
  ])('is %s', (message) => {
    expect(isGpuFault(message)).toBe(true);
  });

  it.each([
    'OOM when allocating tensor with shape[4,256,256,8] on device:GPU:0 by allocator GPU_0_bfc',
    'CUDA_ERROR_OUT_OF_MEMORY: out of memory',
    'CUDNN_STATUS_ALLOC_FAILED',
    'Invalid TF_Status: 3\nMessage: Incompatible shapes: [2] vs. [3]',
  ])('is not %s', (message) => {
    expect(isGpuFault(message)).toBe(false);
  });
});
