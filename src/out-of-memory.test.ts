/** @file What counts as a lack of memory, in the words of each that can run out of it, and what does not. */
import { describe, expect, it } from 'vitest';
import { outOfMemory, SIGNS } from './out-of-memory.js';

const SAID: readonly [message: string, who: RegExp][] = [
  ['Non-zero status code returned while running Conv node. Status Message: bfc_arena.cc:376 void* onnxruntime::BFCArena::AllocateRawInternal Failed to allocate memory for requested buffer of size 268435456', /arena/],
  ['bfc_arena.cc:359 Available memory of 1024 is smaller than requested bytes of 4096', /arena/],
  ['std::bad_alloc', /C\+\+/],
  ['vector::_M_default_append', /C\+\+/],
  ['Array buffer allocation failed', /typed array/],
  ['Invalid typed array length: 99999999999', /typed array/],
  ['Worker terminated due to reaching memory limit: JS heap out of memory', /Node/],
  ['RuntimeError: abort(OOM). Build with -sASSERTIONS for more info.', /WebAssembly/],
  ['Aborted(Cannot enlarge memory arrays to size 4294967296 bytes)', /WebAssembly/],
  ['WebAssembly cannot enlarge memory for a tensor of 67108864 bytes: it holds 4.29 GB and can have 4.29 GB at most', /WebAssembly/],
  ['WebAssembly.Memory(): could not allocate memory', /WebAssembly/],
  // The first two were provoked under a limit of address space.
  ['Invalid TF_Status: 8\nMessage: OOM when allocating tensor with shape[4,256,256,8] and type float on /job:localhost/replica:0/task:0/device:CPU:0 by allocator mklcpu', /TensorFlow/],
  ['Invalid TF_Status: 10\nMessage: Operation received an exception:Status: 1, message: could not create a primitive, in file tensorflow/core/kernels/mkl/mkl_conv_grad_input_ops.cc:546', /oneDNN/],
  ['OOM when allocating tensor with shape[16,64,256,256] and type float on /job:localhost/replica:0/task:0/device:GPU:0 by allocator GPU_0_bfc', /TensorFlow/],
  ['Could not create cudnn handle: CUDNN_STATUS_ALLOC_FAILED', /NVIDIA/],
  ['failed to create cublas handle: CUBLAS_STATUS_ALLOC_FAILED', /NVIDIA/],
  ['RESOURCE_EXHAUSTED: failed to allocate', /TensorFlow/],
  ['CUDA_ERROR_OUT_OF_MEMORY: out of memory', /CUDA/],
  ['the GPU failed: vkAllocateMemory failed with VK_ERROR_OUT_OF_DEVICE_MEMORY', /GPU/],
  ['Buffer size (3185049600) exceeds the max buffer size limit (1073741824)', /buffer/],
  ['numbers_storage_buffers_ <= limits_.maxStorageBuffersPerShaderStage was false. Too many storage buffers in shader. Current: 17, Max is 16', /bind/],
  ['spawn ENOMEM', /system/],
  ['fatal: out of memory', /anyone/],
]; // prettier-ignore

describe('a lack of memory', () => {
  it.each(SAID)('is %s', (message, who) => {
    expect(outOfMemory(new Error(message))).toMatch(who);
  });

  it('is found behind another error', () => {
    expect(outOfMemory(new Error('the step failed', { cause: new Error('std::bad_alloc') }))).toBe('C++');
  });

  it.each([
    'Non-zero status code returned while running Conv node. Input channels C is not equal to kernel channels',
    'input X holds 1 values, its shape [2, 3] 6',
    'failed to load model because the file is not there',
    'the images of the memory card cannot be read',
  ])('is not %s', (message) => {
    expect(outOfMemory(new Error(message))).toBeUndefined();
  });

  it('has a case for every sign', () => {
    for (const { pattern } of SIGNS)
      expect(
        SAID.some(([message]) => pattern.test(message)),
        String(pattern),
      ).toBe(true);
  });
});
