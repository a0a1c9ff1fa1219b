import { createHash } from 'node:crypto';
import { readFileSync, readdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { inflateSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { DataError } from './image.js';
import { decodeImage, readImage } from './read.js';

/** Small files that other programs wrote, and the values that other programs read from them: make.py beside them. */
const FIXTURES = resolve(import.meta.dirname, '../../test/fixtures/images');

interface Expected {
  sha256?: string;
  values?: string;
  tolerance?: number;
  min: number;
  max: number;
  /** What a display shows, as a share of its range. */
  voi?: string;
}
const expected = JSON.parse(readFileSync(join(FIXTURES, 'expected.json'), 'utf8')) as Record<
  string,
  Expected
>;

function packed(text: string): Float32Array {
  return new Float32Array(new Uint8Array(inflateSync(Buffer.from(text, 'base64'))).buffer);
}

function largestDifference(a: ArrayLike<number>, b: ArrayLike<number>): number {
  expect(a.length).toBe(b.length);
  let largest = 0;
  for (let i = 0; i < a.length; i++) largest = Math.max(largest, Math.abs(a[i]! - b[i]!));
  return largest;
}

const dicom = (name: string) => join(FIXTURES, `${name}.dcm`);

describe('a DICOM file', () => {
  it.each(Object.entries(expected))('%s gives the values that pydicom reads', async (name, wanted) => {
    const { data, width, height, limits } = await readImage(dicom(name));
    expect([width, height]).toEqual([24, 20]);
    if (wanted.values !== undefined) {
      // Decoders of a lossy stream may round differently.
      expect(largestDifference(data, packed(wanted.values))).toBeLessThanOrEqual(wanted.tolerance!);
      return;
    }
    const values = Float32Array.from(data);
    expect([Math.min(...values), Math.max(...values)]).toEqual([wanted.min, wanted.max]);
    expect(createHash('sha256').update(new Uint8Array(values.buffer)).digest('hex')).toBe(wanted.sha256);
    expect(limits![0]).toBeLessThanOrEqual(wanted.min);
    expect(limits![1]).toBeGreaterThanOrEqual(wanted.max);
  });

  it.each(Object.entries(expected).filter(([, { voi }]) => voi !== undefined))(
    '%s is shown as pydicom shows it, where it is asked for',
    async (name, { voi }) => {
      const { data, bits } = await readImage(dicom(name), { voi: 'apply' });
      expect(bits).toBe(16);
      const shares = packed(voi!).map((share) => 65535 * share);
      expect(largestDifference(data, shares)).toBeLessThanOrEqual(1);
    },
  );

  it.each([
    ['bad-truncated', /bytes of pixels|truncated or broken/],
    ['bad-truncated-header', /truncated or broken|holds no pixels/],
    ['bad-truncated-jpeg2000', /truncated or broken/],
    ['bad-truncated-rle', /truncated or broken/],
    ['bad-colour', /a colour image \(RGB, 3 samples a pixel\)/],
    ['bad-palette', /a palette image/],
    ['bad-frames', /holds 2 frames/],
    ['bad-no-pixels', /holds no pixels \(CT\)/],
    ['bad-video', /transfer syntax 1\.2\.840\.10008\.1\.2\.4\.100 is not read/],
  ])('%s is refused, with its name and the reason', async (name, reason) => {
    const error: unknown = await readImage(dicom(name)).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(DataError);
    expect((error as Error).message).toContain(`${name}.dcm: `);
    expect((error as Error).message).toMatch(reason);
  });

  it('is never taken for whole when its end is missing, wherever it is cut', async () => {
    for (const name of [
      'explicit-u12',
      'implicit-u12',
      'deflated-u12',
      'jpeg2000-u12',
      'rle-u12',
      'jpeg-ls-u12',
    ]) {
      const whole = readFileSync(dicom(name));
      for (let end = 0; end < whole.length; end += 61) {
        await expect(decodeImage(whole.subarray(0, end), 'cut.dcm'), `${name} cut at ${end}`).rejects.toThrow(
          DataError,
        );
      }
    }
  });

  it('has no fixture that no test reads', () => {
    const names = readdirSync(FIXTURES).filter((name) => name.endsWith('.dcm'));
    const read = new Set([...Object.keys(expected)]);
    expect(names.filter((name) => !read.has(name.slice(0, -4)) && !name.startsWith('bad-'))).toEqual([]);
  });
});
