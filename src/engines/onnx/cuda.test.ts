/** @file CUDA without a GPU: what is asked of whom, and what is said where something is missing. */
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { nvidiaRequirements } from '../install/cuda.js';
import { openEngine } from '../open.js';
import { cudaAdvice, cudaFolder, cudaManifestIn } from './cuda.js';

let folder: string;
beforeEach(() => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'cyclesweep-cuda-'));
  vi.stubEnv('CYCLESWEEP_CACHE', folder);
  for (const name of ['CUDA_VISIBLE_DEVICES', 'CUDA_DEVICE_ORDER', 'NVIDIA_TF32_OVERRIDE'])
    vi.stubEnv(name, undefined);
});
afterEach(() => {
  vi.unstubAllEnvs();
  fs.rmSync(folder, { recursive: true });
});

/** A folder that counts as installed and holds nothing. */
function pretendInstalled(): void {
  fs.mkdirSync(cudaFolder(), { recursive: true });
  fs.writeFileSync(cudaManifestIn(cudaFolder()), '{}');
}

describe('the onnx engine on cuda', () => {
  it('names the command that installs the provider', async () => {
    await expect(openEngine('onnx', { threads: 1, device: 'cuda:1' })).rejects.toMatchObject({
      kind: 'device',
      message: expect.stringMatching(/not installed for cuda:1.*sweep engine install cuda/) as string,
    });
  });

  it('never computes on the CPU instead: it says what does not load', async () => {
    pretendInstalled();
    await expect(openEngine('onnx', { threads: 1, device: 'cuda:0' })).rejects.toMatchObject({
      kind: 'device',
      // Without a driver that, with one the libraries that are not in the folder.
      message: expect.stringMatching(/libcuda\.so\.1.*driver of version 580|libcudart.*--force/) as string,
    });
  });

  it('shows the process the one GPU, in full float32', async () => {
    pretendInstalled();
    await openEngine('onnx', { threads: 1, device: 'cuda:2' }).catch(() => undefined);
    expect(process.env['CUDA_VISIBLE_DEVICES']).toBe('2');
    expect(process.env['CUDA_DEVICE_ORDER']).toBe('PCI_BUS_ID');
    expect(process.env['NVIDIA_TF32_OVERRIDE']).toBe('0');
  });

  it('takes the one that whoever started the process chose', async () => {
    pretendInstalled();
    vi.stubEnv('CUDA_VISIBLE_DEVICES', '5');
    await openEngine('onnx', { threads: 1, device: 'cuda:5' }).catch(() => undefined);
    expect(process.env['CUDA_VISIBLE_DEVICES']).toBe('5');
  });

  it('leaves the CPU usable afterwards', async () => {
    pretendInstalled();
    await openEngine('onnx', { threads: 1, device: 'cuda:0' }).catch(() => undefined);
    const engine = await openEngine('onnx', { threads: 1 });
    expect(engine.device).toBe('cpu');
    await engine.dispose();
  });
});

describe('advice', () => {
  it('follows from what CUDA says', () => {
    expect(cudaAdvice('CUDA failure 35: CUDA driver version is insufficient for CUDA runtime version')).toMatch(/580/); // prettier-ignore
    expect(cudaAdvice('CUDA failure 100: no CUDA-capable device is detected')).toMatch(
      /CUDA_VISIBLE_DEVICES/,
    );
    expect(cudaAdvice('CUDA failure 700: an illegal memory access was encountered')).toBe('');
  });
});

describe("what the provider's wheel requires", () => {
  const METADATA = `Name: onnxruntime-gpu
Requires-Dist: flatbuffers
Requires-Dist: sympy; extra == "symbolic"
Requires-Dist: nvidia-cuda-runtime~=13.0; extra == "cuda"
Requires-Dist: nvidia-cufft~=12.0; extra == "cuda"
Requires-Dist: nvidia-curand~=10.0; extra == "cuda"
Requires-Dist: nvidia-cudnn-cu13~=9.0; extra == "cudnn"
`;
  it('is what NVIDIA publishes, without what no graph of ours uses, with what cuDNN needs', () => {
    expect(nvidiaRequirements(METADATA)).toEqual([
      'nvidia-cuda-runtime~=13.0',
      'nvidia-curand~=10.0',
      'nvidia-cudnn-cu13~=9.0',
      'nvidia-cublas',
    ]);
  });

  it('is not guessed where it names nothing', () => {
    expect(() => nvidiaRequirements('Requires-Dist: flatbuffers\n')).toThrow(/names no libraries/);
  });
});
