/** @file A trial on WebGPU, from the command line, on Mesa's software Vulkan in the place of a GPU. */
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { withoutVulkan } from '../src/engines/vulkan-here.js';
import { listTrials, readEvents, smallSweep, sweep, temporaryFolder, writeImages } from './support.js';

let folder: string;
beforeAll(async () => {
  folder = temporaryFolder();
  await writeImages(folder);
});
afterAll(() => fs.rmSync(folder, { recursive: true, force: true }));

describe.skipIf(withoutVulkan)('a sweep on webgpu', () => {
  test('trains, stores which adapter it was, and ends in good order', async () => {
    fs.writeFileSync(path.join(folder, 'a.yaml'), smallSweep().replace('seeds: 2', 'seeds: 1'));
    const { exitCode, all } = await sweep(
      folder,
      'run',
      'a.yaml',
      '--engine',
      'onnx',
      '--device',
      'webgpu:0',
    );
    expect(exitCode, all).toBe(0);
    const results = path.join(folder, 'results');
    const trials = listTrials(results);
    expect(trials).toHaveLength(2);
    for (const key of trials) {
      const events = readEvents(results, key).flat();
      expect(events.find(({ t }) => t === 'start')).toMatchObject({
        engine: 'onnx',
        device: 'webgpu:0',
        versions: { adapter: expect.stringMatching(/llvmpipe/) as string },
      });
      expect(events.at(-1)).toMatchObject({ t: 'done', step: 8 });
      const losses = events.flatMap((event) => (event.t === 'metric' ? Object.values(event.v) : []));
      expect(losses.length).toBeGreaterThan(0);
      for (const loss of losses) expect(loss).toSatisfy(Number.isFinite);
    }
  });
});

test('an error of the GPU that onnxruntime only logs is found in the log', () => {
  const built = fileURLToPath(new URL('../dist/engines/onnx/device-errors.js', import.meta.url));
  const log = path.join(folder, 'log.txt');
  fs.writeFileSync(log, 'WebGPU device error(3): from an attempt before\n');
  const script = `
    import fs from 'node:fs';
    import { watchDeviceErrors } from ${JSON.stringify(built)};
    const deviceError = watchDeviceErrors();
    const heard = [deviceError()];
    fs.writeSync(2, 'Warning: something else\\n');
    heard.push(deviceError());
    fs.writeSync(2, '[E:onnxruntime] WebGPU device error(3): vkAllocateMemory failed with VK_ERROR_OUT_OF_DEVICE_MEMORY\\n    at Allocate\\n');
    heard.push(deviceError(), deviceError());
    console.log(JSON.stringify(heard.map((each) => each ?? null)));`;
  const output = fs.openSync(log, 'a'); // the file itself, as the runner gives it to a trial
  const stdout = execFileSync(process.execPath, ['--input-type=module', '-e', script], {
    stdio: ['ignore', 'pipe', output],
    encoding: 'utf8',
  });
  fs.closeSync(output);
  const logged = 'vkAllocateMemory failed with VK_ERROR_OUT_OF_DEVICE_MEMORY';
  expect(JSON.parse(stdout)).toEqual(
    process.platform === 'linux' ? [null, null, logged, null] : [null, null, null, null],
  );
});
