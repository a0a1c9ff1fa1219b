import { describe, expect, it } from 'vitest';
import { UserError } from '../errors.js';
import type { DeviceKind } from '../protocol.js';
import { chooseEngine, type Machine, type Wish } from './choose.js';
import type { Device } from './devices.js';

const NVIDIA = 'NVIDIA H200';
const AMD = 'AMD Radeon RX 7900 XTX';
const device = (name: string, model: string, software = false): Device => ({ name, model, software });

/** A machine of the given devices; `speeds` are those of what works, by `engine device`. */
function machine(devices: Device[], speeds: Record<string, number>) {
  const probed: string[] = [];
  const asked: DeviceKind[] = [];
  const made: Machine = {
    mayHaveGpu: () => devices.some(({ name, software }) => name !== 'cpu' && !software),
    devices: (kind) => {
      asked.push(kind);
      const found = [...devices, device('cpu', 'EPYC')].filter(({ name }) => name.split(':')[0] === kind);
      return Promise.resolve({ found, reason: found.length > 0 ? '' : 'none is there' });
    },
    probe: (engine, name, seconds) => {
      probed.push(`${engine} ${name}${seconds > 0 ? ' measured' : ''}`);
      const gflops = speeds[`${engine} ${name}`];
      const works = gflops !== undefined;
      return Promise.resolve({ engine, device: name, works, reason: works ? '' : 'it does not load', versions: {}, ...(works && seconds > 0 ? { gflops } : {}) }); // prettier-ignore
    },
  };
  return { made, probed, asked };
}

const AUTO: Wish = { engine: 'auto', device: 'auto' };
const CPU = { 'onnx cpu': 100, 'wasm cpu': 10, 'cpu cpu': 0.1 };
const CUDA = [device('cuda:0', NVIDIA), device('cuda:1', NVIDIA)];
const WEBGPU = [device('webgpu:0', AMD)];
const SOFTWARE = [device('webgpu:0', 'llvmpipe', true)];

async function refusal(wish: Wish, devices: Device[], speeds: Record<string, number> = CPU): Promise<string> {
  const error = await chooseEngine(wish, machine(devices, speeds).made).catch((error: unknown) => error);
  expect(error).toBeInstanceOf(UserError);
  return (error as UserError).message;
}

describe('left to us', () => {
  it('takes onnx on the processor where there is no GPU, and spends no time on measuring or on WebGPU', async () => {
    const { made, probed, asked } = machine(SOFTWARE, { ...CPU, 'onnx webgpu:0': 1 });
    expect(await chooseEngine(AUTO, made)).toEqual({
      engine: 'onnx',
      devices: ['cpu'],
      reason: 'onnx on cpu: the fastest that works here; no cuda device: none is there',
    });
    expect(probed).toEqual(['onnx cpu']);
    expect(asked).not.toContain('webgpu');
  });

  it('takes CUDA first, of its engines the fastest, on all GPUs of the model', async () => {
    const speeds = { ...CPU, 'onnx cuda:0': 20_000, 'tensorflow cuda:0': 9000 };
    expect(await chooseEngine(AUTO, machine([...CUDA, ...WEBGPU], speeds).made)).toEqual({
      engine: 'onnx',
      devices: ['cuda:0', 'cuda:1'],
      reason: 'onnx on cuda:0, cuda:1 (NVIDIA H200): the fastest that works here, 20000 GFLOP/s in a short probe against 9000 GFLOP/s of tensorflow on cuda:0 and 100 GFLOP/s of onnx on cpu', // prettier-ignore
    });
    const other = { ...speeds, 'tensorflow cuda:0': 30_000 };
    expect(await chooseEngine(AUTO, machine(CUDA, other).made)).toMatchObject({ engine: 'tensorflow' });
  });

  it('takes the better of two models', async () => {
    const gpus = [device('cuda:0', 'NVIDIA T400'), device('cuda:1', NVIDIA)];
    const choice = await chooseEngine(AUTO, machine(gpus, { ...CPU, 'onnx cuda:0': 900, 'onnx cuda:1': 20_000 }).made); // prettier-ignore
    expect(choice.devices).toEqual(['cuda:1']);
  });

  it('takes WebGPU where CUDA is not there or does not work, and says why', async () => {
    const speeds = { ...CPU, 'onnx webgpu:0': 8000 };
    expect(await chooseEngine(AUTO, machine(WEBGPU, speeds).made)).toMatchObject({ devices: ['webgpu:0'] });
    const choice = await chooseEngine(AUTO, machine([...CUDA, ...WEBGPU], speeds).made);
    expect(choice.devices).toEqual(['webgpu:0']);
    expect(choice.reason).toContain('onnx on cuda:0 does not work: it does not load');
  });

  it('takes the processor where it is faster than the GPU', async () => {
    const choice = await chooseEngine(AUTO, machine(WEBGPU, { ...CPU, 'onnx webgpu:0': 40 }).made);
    expect(choice.devices).toEqual(['cpu']);
    expect(choice.reason).toContain('40 GFLOP/s of onnx on webgpu:0');
  });

  it('names no folder of this machine, since the reason is stored', async () => {
    const { made } = machine([], { 'wasm cpu': 1 });
    const failing: Machine = {
      ...made,
      probe: async (...asked) => ({ ...(await made.probe(...asked)), reason: 'cannot load /home/ada/lib/libonnxruntime.so.1: "C:\\x\\y.dll"' }), // prettier-ignore
    };
    const { reason } = await chooseEngine(AUTO, failing);
    expect(reason).toContain('cannot load libonnxruntime.so.1: "y.dll"');
  });

  it('falls back to wasm, then to plain JavaScript', async () => {
    expect(await chooseEngine(AUTO, machine([], { 'wasm cpu': 1, 'cpu cpu': 1 }).made)).toEqual({
      engine: 'wasm',
      devices: ['cpu'],
      reason: 'wasm on cpu: the fastest that works here; no cuda device: none is there; onnx on cpu does not work: it does not load', // prettier-ignore
    });
    expect(await chooseEngine(AUTO, machine([], { 'cpu cpu': 1 }).made)).toMatchObject({ engine: 'cpu' });
  });
});

describe('asked for', () => {
  it.each<[Wish, string, string[]]>([
    [{ engine: 'onnx', device: 'cpu' }, 'onnx', ['cpu']],
    [{ engine: 'auto', device: 'cuda' }, 'onnx', ['cuda:0', 'cuda:1']],
    [{ engine: 'onnx', device: 'cuda:1' }, 'onnx', ['cuda:1']],
    [{ engine: 'tensorflow', device: 'auto' }, 'tensorflow', ['cpu']],
    [{ engine: 'wasm', device: 'auto' }, 'wasm', ['cpu']],
  ])('%o', async (wish, engine, devices) => {
    const speeds = { ...CPU, 'onnx cuda:0': 9000, 'onnx cuda:1': 9000, 'tensorflow cpu': 50 };
    expect(await chooseEngine(wish, machine(CUDA, speeds).made)).toMatchObject({ engine, devices });
  });

  it('takes a software adapter by its number alone, and says what that means', async () => {
    const { made } = machine(SOFTWARE, { 'onnx webgpu:0': 1 });
    const { devices, reason } = await chooseEngine({ engine: 'onnx', device: 'webgpu:0' }, made);
    expect(devices).toEqual(['webgpu:0']);
    expect(reason).toContain('a software adapter');
    expect(await refusal({ engine: 'onnx', device: 'webgpu' }, SOFTWARE)).toContain(
      'webgpu:0 (llvmpipe): software',
    );
  });

  it('refuses what is not there, and says what is', async () => {
    expect(await refusal({ engine: 'auto', device: 'cuda:3' }, CUDA)).toBe(
      'Engine auto, device cuda:3: cuda:0 (NVIDIA H200), cuda:1 (NVIDIA H200): no other is there.\n' +
        'Devices here: cpu, cuda:0 (NVIDIA H200), cuda:1 (NVIDIA H200). sweep doctor says what works and how to mend the rest.',
    );
    expect(await refusal({ engine: 'onnx', device: 'cuda' }, [])).toContain('no cuda device: none is there');
  });

  it('refuses what does not work, with the reason', async () => {
    expect(await refusal({ engine: 'onnx', device: 'cuda:0' }, CUDA)).toContain(
      'onnx on cuda:0 does not work: it does not load',
    );
  });

  it('refuses an engine on what it cannot use', async () => {
    expect(await refusal({ engine: 'wasm', device: 'cuda:0' }, CUDA)).toBe(
      'engine wasm runs on cpu, not on cuda:0. On cuda run: onnx, tensorflow.',
    );
    expect(await refusal({ engine: 'auto', device: 'gpu' }, CUDA)).toContain('expected auto, cpu, cuda');
  });
});
