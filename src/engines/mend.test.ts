import { describe, expect, it } from 'vitest';
import { mend, type Site, type Trouble } from './mend.js';

const DEBIAN: Site = { platform: 'linux', system: ['debian'], cards: [] };
const UBUNTU: Site = { platform: 'linux', system: ['ubuntu', 'debian'], cards: ['NVIDIA'] };

describe('what mends an engine', () => {
  it.each<[string, Trouble, Site, string]>([
    [
      'CUDA without a GPU',
      { engine: 'onnx', kind: 'cuda', found: false, reason: 'nvidia-smi is not installed' },
      DEBIAN,
      'nothing: it needs a GPU of NVIDIA',
    ],
    [
      'a card without its driver',
      { engine: 'onnx', kind: 'cuda', found: false, reason: 'nvidia-smi is not installed' },
      UBUNTU,
      'sudo ubuntu-drivers install',
    ],
    [
      'a driver that was updated',
      {
        engine: 'onnx',
        kind: 'cuda',
        found: false,
        reason: 'nvidia-smi failed: Driver/library version mismatch',
      },
      UBUNTU,
      'sudo reboot',
    ],
    [
      'a driver without its libraries for onnxruntime',
      { engine: 'onnx', kind: 'cuda', found: true, reason: 'libcudnn.so.9 is missing' },
      UBUNTU,
      'npx sweep engine install cuda',
    ],
    [
      'an engine that names its own mending',
      {
        engine: 'onnx',
        kind: 'cuda',
        found: true,
        reason: 'it does not load. Make it anew: sweep engine install cuda --force',
      },
      UBUNTU,
      'npx sweep engine install cuda --force',
    ],
    [
      'a GPU whose driver is not in the container',
      {
        engine: 'onnx',
        kind: 'cuda',
        found: true,
        reason: "NVIDIA's driver is not installed here (libcuda.so.1)",
      },
      UBUNTU,
      '--gpus all',
    ],
    [
      'a driver that is too old',
      { engine: 'tensorflow', kind: 'cuda', found: true, reason: 'the driver is too old for CUDA 12' },
      UBUNTU,
      'sudo ubuntu-drivers install',
    ],
    [
      'TensorFlow without its library',
      { engine: 'tensorflow', kind: 'cpu', found: true, reason: 'not installed' },
      DEBIAN,
      'npx sweep engine install tensorflow --cpu',
    ],
    [
      'a GPU that others fill',
      { engine: 'tensorflow', kind: 'cuda', found: true, reason: 'out of memory' },
      UBUNTU,
      'nvidia-smi',
    ],
    [
      'WebGPU without Vulkan',
      { engine: 'onnx', kind: 'webgpu', found: false, reason: 'no Vulkan driver' },
      DEBIAN,
      'bash scripts/ci-vulkan.sh',
    ],
    [
      'a package that is broken',
      { engine: 'onnx', kind: 'cpu', found: true, reason: 'cannot open shared object file' },
      DEBIAN,
      'npm run setup',
    ],
  ])('%s', (_, trouble, site, advice) => {
    expect(mend(trouble, site)).toContain(advice);
  });
});
