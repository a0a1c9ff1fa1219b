/** @file Tells a lack of memory from other faults, by the words of whoever ran out of it. */

interface Sign {
  /** Who says it. */
  who: string;
  pattern: RegExp;
}

/** All that is known; each line has a case in the test. */
export const SIGNS: readonly Sign[] = [
  { who: 'onnxruntime, its arena', pattern: /fail\w* to allocate (memory|a?\s*buffer|\d+ bytes)/i },
  { who: 'onnxruntime, its arena', pattern: /available memory of \d+ is smaller than requested bytes/i },
  { who: 'C++', pattern: /\bstd::bad_alloc\b|\bbad[_ ]alloc(ation)?\b/i },
  { who: 'C++, a size that overflowed', pattern: /\bstd::length_error\b|vector::_M_default_append/i },
  { who: 'JavaScript, a typed array', pattern: /array buffer allocation failed/i },
  {
    who: 'JavaScript, a typed array beyond the largest',
    pattern: /invalid (typed )?array (buffer )?length/i,
  },
  { who: 'Node, the heap of a thread', pattern: /ERR_WORKER_OUT_OF_MEMORY|reaching memory limit: JS heap/i },
  {
    who: 'WebAssembly',
    pattern: /cannot enlarge memory|(memory\.grow|webassembly\.memory\(\)).*(fail|could not|exceed)/i,
  },
  { who: 'WebAssembly', pattern: /abort(ed)?\((OOM|Cannot enlarge memory|out of memory)/i },
  { who: 'TensorFlow', pattern: /resource_?exhausted|\bOOM when allocating\b/i },
  // Status 1 of oneDNN is out_of_memory.
  { who: "TensorFlow's oneDNN", pattern: /operation received an exception: ?status: 1,/i },
  { who: "NVIDIA's libraries", pattern: /\bCU(BLAS|DNN|FFT|SOLVER|SPARSE)_(STATUS_)?ALLOC_FAILED\b/ },
  { who: 'CUDA', pattern: /cuda_error_out_of_memory|cuda error: out of memory|cudaErrorMemoryAllocation/i },
  { who: 'the GPU, through WebGPU', pattern: /vk_error_out_of_(device|host)_memory|\bE_OUTOFMEMORY\b/i },
  { who: 'WebGPU, a buffer beyond the largest', pattern: /exceeds the max buffer size/i },
  // onnxruntime cuts tensors that no binding can hold; with too many cuts a shader is out of bindings.
  { who: 'WebGPU, a tensor beyond what a shader can bind', pattern: /too many storage buffers in shader/i },
  { who: 'the system', pattern: /\bENOMEM\b|cannot allocate memory/i },
  { who: 'anyone', pattern: /\bout of memory\b/i },
];

/** Who ran out of memory, or nothing if the error says something else. Looks at the error's causes, too. */
export function outOfMemory(error: unknown): string | undefined {
  let each = error;
  while (each instanceof Error || typeof each === 'string') {
    const text = typeof each === 'string' ? each : `${codeOf(each)} ${each.message}`;
    const sign = SIGNS.find(({ pattern }) => pattern.test(text));
    if (sign) return sign.who;
    each = each instanceof Error ? each.cause : undefined;
  }
  return undefined;
}

function codeOf(error: Error): string {
  return 'code' in error ? String(error.code) : '';
}
