import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { driverCuda, listGpus } from './nvidia.js';

let folder: string;
beforeAll(() => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'cyclesweep-nvidia-'));
});
afterAll(() => fs.rmSync(folder, { recursive: true, force: true }));

/** An environment in which nvidia-smi is this shell script and nothing else is there. */
function machine(script: string, more: NodeJS.ProcessEnv = {}): NodeJS.ProcessEnv {
  const bin = fs.mkdtempSync(path.join(folder, 'bin-'));
  if (script !== '')
    fs.writeFileSync(path.join(bin, 'nvidia-smi'), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  return { PATH: bin, CUDA_VISIBLE_DEVICES: undefined, ...more };
}

const TWO = `
echo '0, GPU-1a2b, NVIDIA H200, 143771, 4, 3, 570.86.15, 31, 76.42'
echo '1, GPU-3c4d, NVIDIA H200, 143771, 70000, [N/A], 570.86.15, [Not Supported], [N/A]'`;

describe.skipIf(process.platform === 'win32')('GPUs by nvidia-smi', () => {
  it('reads what it prints, also where a GPU does not tell everything', async () => {
    const { found, reason } = await listGpus(machine(TWO));
    expect(reason).toBe('');
    expect(found[0]).toEqual({ index: 0, mig: null, uuid: 'GPU-1a2b', card: 'GPU-1a2b', name: 'NVIDIA H200', memoryBytes: 143771 * 2 ** 20, usedBytes: 4 * 2 ** 20, busy: 0.03, temperature: 31, power: 76.42, driver: '570.86.15' }); // prettier-ignore
    expect(found[1]).toMatchObject({ index: 1, busy: null, temperature: null, power: null });
  });

  it.each([
    ['it is not there', '', 'nvidia-smi is not installed'],
    [
      'its driver does not run',
      'echo "NVIDIA-SMI has failed: no driver"; exit 9',
      'nvidia-smi failed: NVIDIA-SMI has failed: no driver',
    ],
    ['it says nothing', 'exit 0', 'nvidia-smi lists no GPU'],
    ['it says something else', 'echo "what do you want?"', 'nvidia-smi lists no GPU'],
  ])('says why there are none: %s', async (_, script, reason) => {
    const { found, reason: told } = await listGpus(machine(script));
    expect([found, told.startsWith(reason)]).toEqual([[], true]);
  });

  it.each([
    ['1', [1]],
    ['1,0', [0, 1]],
    ['GPU-1a', [0]],
    ['-1', []],
    ['', []],
  ])('lists what CUDA_VISIBLE_DEVICES=%s shows', async (visible, indices) => {
    const { found, reason } = await listGpus(machine(TWO, { CUDA_VISIBLE_DEVICES: visible }));
    expect(found.map(({ index }) => index)).toEqual(indices);
    expect(reason === '').toBe(indices.length > 0);
  });

  it('reads the CUDA that the driver serves', async () => {
    const line = '| NVIDIA-SMI 570.86.15    Driver Version: 570.86.15    CUDA Version: 12.8  |';
    expect(await driverCuda(machine(`echo '${line}'`))).toBe('12.8');
    expect(await driverCuda(machine(''))).toBeUndefined();
  });
});
