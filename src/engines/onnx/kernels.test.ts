/** @file That the table of gradient checks holds every kernel of the onnx engine, and reaches it. What kernels compute is checked there. */
import { describe, expect, it, vi } from 'vitest';
import { KERNEL_CASES, kernelChecks } from '../../checks/kernels.js';
import { KERNELS } from './backend.js';
import { trace } from './trace.js';

const CHECKS = kernelChecks();
const OPS = Object.values(KERNEL_CASES).flatMap((cases) => Object.keys(cases));

it('has a case for every kernel', () => {
  expect(OPS.sort()).toEqual(Object.keys(KERNELS).sort());
});

describe('every case reaches the kernel that it is for', () => {
  it.each(OPS)('%s', (op) => {
    const checks = CHECKS.filter((check) => check.op === op);
    expect(checks.length).toBeGreaterThan(0);
    for (const { name, work } of checks) {
      const spy = vi.spyOn(KERNELS[op]!, 'trace');
      trace(work.spec, {}, { device: 'cpu' });
      expect(spy, name).toHaveBeenCalled();
      spy.mockRestore();
    }
  });
});
