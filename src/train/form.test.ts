import { describe, expect, it } from 'vitest';
import { resolveParameters } from '../definition/parameters.js';
import type { Engine } from '../engines/engine.js';
import { describeForm, formOf } from './form.js';

const PARAMETERS = resolveParameters({ patch: 32, batch: 2, filters: 4, blocks: 1, disc_filters: 4 });

describe('the form of a trial', () => {
  const on = (
    name: Engine['name'],
    device: string,
    more: Partial<Parameters<typeof formOf>[0]> = {},
    threads = 1,
  ) => formOf({ parameters: PARAMETERS, ...more }, { name, device, threads });

  it('is Winograd’s on the onnx engine on a CPU, where the patch fits tiles', () => {
    expect(on('onnx', 'cpu').winograd).toBe(true);
    expect(on('onnx', 'cpu', { parameters: { ...PARAMETERS, patch: 40 } }).winograd).toBe(false);
    expect(on('onnx', 'cpu', { parameters: { ...PARAMETERS, generator: 'unet' } }).winograd).toBe(false);
    expect(on('onnx', 'webgpu:0').winograd).toBe(false);
    expect(on('wasm', 'cpu').winograd).toBe(false);
    expect(on('onnx', 'cpu', { winograd: 'off' }).winograd).toBe(false);
  });

  it('recomputes only where asked to, and only residual blocks', () => {
    expect(on('onnx', 'cpu').memory).toBe('auto');
    expect(on('onnx', 'cpu', { memory: 'low' }).memory).toBe('low');
    expect(
      on('onnx', 'cpu', { memory: 'low', parameters: { ...PARAMETERS, generator: 'unet' } }).memory,
    ).toBe('auto');
  });

  it('is on two lanes where there are threads for both and the weights are small', () => {
    const large = { ...PARAMETERS, patch: 64, batch: 4, filters: 64, blocks: 9, disc_filters: 64 };
    expect(on('onnx', 'cpu', {}, 1).lanes).toBe(1);
    expect(on('onnx', 'cpu', {}, 2).lanes).toBe(2);
    expect(on('onnx', 'cpu', { parameters: large }, 2).lanes).toBe(1);
    expect(on('onnx', 'cpu', { parameters: { ...large, filters: 16, disc_filters: 16 } }, 8).lanes).toBe(2);
    expect(on('onnx', 'cpu', { memory: 'low' }, 2).lanes).toBe(1);
    expect(on('onnx', 'webgpu:0', {}, 2).lanes).toBe(1);
    expect(on('tensorflow', 'cpu', {}, 2).lanes).toBe(1);
  });

  it('is told in words', () => {
    expect(describeForm({ winograd: true, memory: 'auto', lanes: 2 })).toBe('winograd, two lanes');
    expect(describeForm({ winograd: false, memory: 'low', lanes: 1 })).toBe('direct, recomputed');
  });
});
