import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { inflateSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { DataError } from './image.js';
import { decodeImage, readImage } from './read.js';
import { countSlices, type Axis } from './volume.js';

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
  /** Slices, rows and columns of a volume. */
  shape?: [number, number, number];
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

const fixture = (name: string) => join(FIXTURES, name);
const of = (ending: RegExp) => Object.entries(expected).filter(([name]) => ending.test(name));

/** Holds values to what an independent reader found. */
function expectValues(data: ArrayLike<number>, { sha256, values, tolerance, min, max }: Expected): void {
  if (values !== undefined) {
    // Decoders of a lossy stream may round differently.
    expect(largestDifference(data, packed(values))).toBeLessThanOrEqual(tolerance!);
    return;
  }
  const own = Float32Array.from(data);
  expect([Math.min(...own), Math.max(...own)]).toEqual([min, max]);
  expect(createHash('sha256').update(new Uint8Array(own.buffer)).digest('hex')).toBe(sha256);
}

async function refusal(name: string): Promise<string> {
  const error: unknown = await readImage(fixture(name)).catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(DataError);
  expect((error as Error).message).toContain(`${name}: `);
  return (error as Error).message;
}

describe('a DICOM file', () => {
  it.each(of(/\.dcm$/))('%s gives the values that pydicom reads', async (name, wanted) => {
    const { data, width, height, limits } = await readImage(fixture(name));
    expect([width, height]).toEqual([24, 20]);
    expectValues(data, wanted);
    expect(limits![0]).toBeLessThanOrEqual(wanted.min);
    expect(limits![1]).toBeGreaterThanOrEqual(wanted.max);
  });

  it.each(Object.entries(expected).filter(([, { voi }]) => voi !== undefined))(
    '%s is shown as pydicom shows it, where it is asked for',
    async (name, { voi }) => {
      const { data, bits } = await readImage(fixture(name), { voi: 'apply' });
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
    expect(await refusal(`${name}.dcm`)).toMatch(reason);
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
      const whole = readFileSync(fixture(`${name}.dcm`));
      for (let end = 0; end < whole.length; end += 127) {
        await expect(decodeImage(whole.subarray(0, end), 'cut.dcm'), `${name} cut at ${end}`).rejects.toThrow(
          DataError,
        );
      }
    }
  });
});

describe('a TIFF file', () => {
  it.each(of(/\.tif$/))('%s gives the values that tifffile reads', async (name, wanted) => {
    expectValues((await readImage(fixture(name))).data, wanted);
  });

  it.each([
    ['bad-colour.tif', /a colour TIFF \(3 samples/],
    ['bad-palette.tif', /a palette TIFF/],
    ['bad-tiles.tif', /a TIFF in tiles/],
    ['bad-pages.tif', /holds 2 pages/],
    ['bad-truncated.tif', /truncated or broken/],
  ])('%s is refused, with its name and the reason', async (name, reason) => {
    expect(await refusal(name)).toMatch(reason);
  });
});

describe('a volume', () => {
  it.each(of(/#/))(
    '%s: slices lie along the axis of the body, whatever the order of storage',
    async (name, wanted) => {
      const [file, axis] = name.split('#') as [string, Axis];
      const [slices, height, width] = wanted.shape!;
      expect(await countSlices(fixture(file), axis)).toBe(slices);
      const all = new Float32Array(slices * height * width);
      // In no order: which slice was read before does not matter.
      const order = Array.from({ length: slices }, (_, at) => (at * 3 + 1) % slices).concat([
        ...Array(slices).keys(),
      ]);
      for (const index of order) {
        const image = await readImage({ path: fixture(file), slice: { axis, index } });
        expect([image.width, image.height]).toEqual([width, height]);
        all.set(image.data, index * width * height);
      }
      expectValues(all, wanted);
    },
  );

  it.each([
    ['bad-time.nii.gz', /has 4 axes \(4 x 4 x 4 x 2\)/],
    ['bad-truncated.nii.gz', /truncated, broken/],
    ['bad-truncated.nii', /truncated, broken/],
    ['bad-truncated.mha', /truncated, broken/],
  ])('%s is refused, with its name and the reason', async (name, reason) => {
    expect(await refusal(name)).toMatch(reason);
  });
});

describe('a file that is cut off', () => {
  it.each(of(/\.(tif|nii|nii\.gz|mha)(#axial)?$/))(
    '%s is refused, or what is missing holds no values',
    async (name) => {
      const file = name.split('#')[0]!;
      const whole = readFileSync(fixture(file));
      const wanted = await readImage(fixture(file));
      const folder = mkdtempSync(join(tmpdir(), 'cut-'));
      for (let end = 0; end < whole.length; end += Math.ceil(whole.length / 8)) {
        const cut = join(folder, `${end}-${file}`);
        writeFileSync(cut, whole.subarray(0, end));
        const read = await readImage(cut).catch((error: unknown) => error);
        if (!(read instanceof DataError))
          expect((read as typeof wanted).data, `cut at ${end}`).toEqual(wanted.data);
      }
      rmSync(folder, { recursive: true });
    },
  );
});

it('leaves no fixture unread', () => {
  const names = readdirSync(FIXTURES).filter((name) => !/^bad-|^make\.py$|^expected\.json$/.test(name));
  const read = new Set(Object.keys(expected).map((name) => name.split('#')[0]));
  expect(names.filter((name) => !read.has(name))).toEqual([]);
});
