/**
 * @file WebGPU: which adapters there are, how a process is held to one, and what it says where something is missing. That it
 * computes rightly is for the table of gradient checks (src/checks).
 */
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import * as tf from '@tensorflow/tfjs';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Engine, ProgramSpec } from '../engine.js';
import { openEngine } from '../open.js';
import { SOFTWARE_VULKAN, withoutVulkan } from '../vulkan-here.js';
import { KERNELS } from './backend.js';
import { unary } from './kernels/elementwise.js';

describe.skipIf(withoutVulkan)('the onnx engine on WebGPU', () => {
  let engine: Engine;
  beforeAll(async () => {
    engine = await openEngine('onnx', { threads: 1, device: 'webgpu:0' });
  });
  afterAll(() => engine.dispose());

  const spec = (run: ProgramSpec['run']): ProgramSpec => ({
    name: 'strange',
    inputs: { x: [3] },
    reads: [],
    writes: [],
    run,
  });

  it('says which adapter it computes on', () => {
    expect(engine).toMatchObject({ name: 'onnx', device: 'webgpu:0' });
    expect(engine.versions['adapter']).toMatch(/./);
  });

  it('computes nothing on the CPU in its place, and names the op that it lacks', async () => {
    const kernel = KERNELS['Exp'];
    if (!kernel) throw new Error('no kernel Exp');
    const spy = vi.spyOn(kernel, 'trace').mockImplementation((g, [x]) => {
      if (!x) throw new Error('no operand');
      return unary(g, 'Sign', x); // an op that the provider lacks
    });
    const compiled = engine.compile(
      spec(({ x }) => ({ y: tf.tanh(tf.mul(tf.exp(tf.neg(x as tf.Tensor)), x as tf.Tensor)) })),
      engine.createBank({}),
    );
    await expect(compiled).rejects.toMatchObject({
      kind: 'cannot-trace',
      message: expect.stringMatching(/cannot compute Sign \(node 2 of 4\)/) as string,
    });
    spy.mockRestore();
  });

  it('refuses a bank that lies elsewhere', async () => {
    const cpu = await openEngine('onnx', { threads: 1 });
    const program = await engine.compile(
      spec(({ x }) => ({ y: tf.neg(x as tf.Tensor) })),
      engine.createBank({}),
    );
    await expect(program.run(cpu.createBank({}), { x: new Float32Array(3) })).rejects.toThrow(
      /another engine/,
    );
  });
});

describe('adapters', () => {
  beforeEach(() => {
    vi.resetModules(); // the list is made once a process
    for (const name of ['VK_DRIVER_FILES', 'VK_ICD_FILENAMES', 'MESA_VK_DEVICE_SELECT'])
      vi.stubEnv(name, undefined);
  });
  afterEach(() => vi.unstubAllEnvs());

  describe.skipIf(withoutVulkan)('with the software driver', () => {
    it('are listed with their names, software as such', async () => {
      vi.stubEnv('VK_DRIVER_FILES', SOFTWARE_VULKAN);
      const { listWebgpuAdapters } = await import('./webgpu.js');
      expect(await listWebgpuAdapters()).toEqual([
        { index: 0, name: expect.stringMatching(/^llvmpipe/) as string, kind: 'software', vendor: 'Mesa' },
      ]);
    });

    it('are known as software without the layer that names them, too', async () => {
      vi.stubEnv('VK_DRIVER_FILES', SOFTWARE_VULKAN);
      vi.stubEnv('NODEVICE_SELECT', '1');
      const { listWebgpuAdapters } = await import('./webgpu.js');
      expect(await listWebgpuAdapters()).toMatchObject([{ index: 0, name: 'lvp_icd', kind: 'software' }]);
    });

    it('of NVIDIA are named by nvidia-smi without that layer', async () => {
      const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'cyclesweep-vulkan-'));
      const manifest = path.join(folder, 'nvidia_icd.json');
      fs.copyFileSync(SOFTWARE_VULKAN, manifest);
      fs.writeFileSync(
        path.join(folder, 'nvidia-smi'),
        '#!/bin/sh\necho "0, GPU-1a2b, NVIDIA H200, 143771, 4, 0, 580.159.04, 31, 76.42"\n',
        { mode: 0o755 },
      );
      vi.stubEnv('VK_DRIVER_FILES', manifest);
      vi.stubEnv('NODEVICE_SELECT', '1');
      vi.stubEnv('PATH', `${folder}:${process.env['PATH']}`);
      const { listWebgpuAdapters } = await import('./webgpu.js');
      expect(await listWebgpuAdapters()).toMatchObject([{ index: 0, name: 'NVIDIA H200', kind: 'gpu' }]);
      fs.rmSync(folder, { recursive: true });
    });

    it('of several drivers are chosen by their number, one a process', async () => {
      const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'cyclesweep-vulkan-'));
      const second = path.join(folder, 'second.json');
      fs.copyFileSync(SOFTWARE_VULKAN, second);
      vi.stubEnv('VK_DRIVER_FILES', `${SOFTWARE_VULKAN}:${second}`);
      const { chooseWebgpuAdapter, listWebgpuAdapters } = await import('./webgpu.js');
      expect(await chooseWebgpuAdapter(1)).toMatchObject({
        index: 1,
        name: expect.stringMatching(/^llvmpipe/) as string,
      });
      expect(process.env['VK_DRIVER_FILES']).toBe(second);
      expect(await chooseWebgpuAdapter(1)).toMatchObject({ index: 1 });
      await expect(chooseWebgpuAdapter(0)).rejects.toMatchObject({
        kind: 'device',
        message: expect.stringMatching(/webgpu:0: this process computes on webgpu:1/) as string,
      });
      expect(await listWebgpuAdapters()).toHaveLength(2);
      fs.rmSync(folder, { recursive: true });
    });

    it('that are not there are refused, with those that are', async () => {
      vi.stubEnv('VK_DRIVER_FILES', SOFTWARE_VULKAN);
      const { chooseWebgpuAdapter } = await import('./webgpu.js');
      await expect(chooseWebgpuAdapter(7)).rejects.toMatchObject({
        kind: 'device',
        message: expect.stringMatching(/webgpu:7 is not there: webgpu:0 is llvmpipe/) as string,
      });
    });
  });

  it('that are missing altogether are said to be, with the command that mends it', async () => {
    vi.stubEnv('VK_DRIVER_FILES', '/nowhere/driver.json');
    const { chooseWebgpuAdapter, listWebgpuAdapters } = await import('./webgpu.js');
    expect(await listWebgpuAdapters()).toEqual([]);
    await expect(chooseWebgpuAdapter(0)).rejects.toMatchObject({
      kind: 'device',
      message: expect.stringMatching(/(no Vulkan driver|libvulkan\.so\.1).*apt-get install/) as string,
    });
  });
});
