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

/** Runs JavaScript in a process whose standard error is the file `log`, as that of a trial is; gives what it prints. */
function withLog(log: string, body: string): unknown {
  const dist = fileURLToPath(new URL('../dist/', import.meta.url));
  const script = `const built = (file) => import(${JSON.stringify(dist)} + file);\n${body}`;
  const output = fs.openSync(log, 'a');
  const stdout = execFileSync(process.execPath, ['--input-type=module', '-e', script], {
    stdio: ['ignore', 'pipe', output],
    encoding: 'utf8',
  });
  fs.closeSync(output);
  return JSON.parse(stdout);
}

describe.runIf(process.platform === 'linux')('an error of the GPU that onnxruntime only logs', () => {
  const LINE = 'WebGPU device error(3): vkAllocateMemory failed with VK_ERROR_OUT_OF_DEVICE_MEMORY';

  test('is found in the log, once', () => {
    const log = path.join(folder, 'log.txt');
    fs.writeFileSync(log, `${LINE}, from an attempt before\n`);
    const heard = withLog(
      log,
      `
      import fs from 'node:fs';
      const { watchDeviceErrors } = await built('engines/onnx/device-errors.js');
      const deviceError = watchDeviceErrors();
      const heard = [deviceError()];
      fs.writeSync(2, 'Warning: something else\\n');
      heard.push(deviceError());
      fs.writeSync(2, '[E:onnxruntime] ${LINE}\\n    at Allocate\\n');
      heard.push(deviceError(), deviceError());
      console.log(JSON.stringify(heard.map((each) => each ?? null)));`,
    );
    expect(heard).toEqual([null, null, 'vkAllocateMemory failed with VK_ERROR_OUT_OF_DEVICE_MEMORY', null]);
  });

  test.skipIf(withoutVulkan)('ends a run, and the reading of a bank, as out of memory', () => {
    const kinds = withLog(
      path.join(folder, 'engine.txt'),
      `
      import fs from 'node:fs';
      const { openEngine } = await built('engines/open.js');
      const engine = await openEngine('onnx', { threads: 1, device: 'webgpu:0' });
      const bank = engine.createBank({ w: [2] });
      const program = await engine.compile(
        { name: 'double', inputs: {}, reads: ['w'], writes: ['w'], run: ({ w }) => ({ w: w.add(w) }) }, bank);
      const kind = (work) => work.then(() => 'fine', (error) => error.kind);
      const kinds = [await kind(program.run(bank, {})), await kind(bank.read('w'))];
      fs.writeSync(2, '${LINE}\\n');
      kinds.push(await kind(program.run(bank, {})));
      fs.writeSync(2, '${LINE}\\n');
      kinds.push(await kind(bank.read('w')), await kind(bank.read('w')));
      console.log(JSON.stringify(kinds));`,
    );
    expect(kinds).toEqual(['fine', 'fine', 'out-of-memory', 'out-of-memory', 'fine']);
  });
});
