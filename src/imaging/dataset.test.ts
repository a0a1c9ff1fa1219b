import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { uniformFloat64 } from 'pure-rand/distribution/uniformFloat64';
import { uniformInt } from 'pure-rand/distribution/uniformInt';
import { xoroshiro128plus } from 'pure-rand/generator/xoroshiro128plus';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bytes, drawPatches, loadImages, type Random } from './dataset.js';
import { listImages } from './folder.js';
import type { GreyImage } from './image.js';
import { writePng } from './png.js';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'dataset-'));
});
afterAll(() => rm(folder, { recursive: true }));

function randomFrom(seed: number): Random {
  const generator = xoroshiro128plus(seed);
  return { int: (lo, hi) => uniformInt(generator, lo, hi), float: () => uniformFloat64(generator) };
}

/** Every value says where it stands: image, row, column. */
function coded(index: number, width: number, height: number): GreyImage {
  const data = Uint16Array.from(
    { length: width * height },
    (_, i) => index * 10000 + Math.floor(i / width) * 100 + (i % width),
  );
  return { width, height, bits: 16, data };
}

describe('loadImages', () => {
  it('keeps images as stored and counts their memory', async () => {
    const images = [coded(0, 8, 9), coded(1, 20, 7)];
    await writePng(join(folder, 'a.png'), images[0]!);
    await writePng(join(folder, 'b.png'), images[1]!);
    const { files } = await listImages(folder);
    const loaded = await loadImages(files, 7);
    expect(loaded).toEqual(images);
    expect(bytes(loaded)).toBe(2 * (8 * 9 + 20 * 7));
    await expect(loadImages(files, 8)).rejects.toThrow(
      /b\.png: 20 x 7 pixels are too few for a patch of 8 x 8/,
    );
    await writePng(join(folder, 'c.png'), { width: 9, height: 9, bits: 8, data: new Uint8Array(81) });
    await expect(listImages(folder).then((list) => loadImages(list.files, 4))).rejects.toThrow(
      /c\.png: has 8 bits/,
    );
  });
});

describe('drawPatches', () => {
  const images = [coded(0, 6, 5), coded(1, 4, 7), coded(2, 4, 4)];
  const range: [number, number] = [0, 65535];

  it('cuts whole patches out of one image each, and reaches every position of every image', () => {
    const seen = new Set<number>();
    const random = randomFrom(1);
    const out = new Float32Array(5 * 16);
    for (let step = 0; step < 100; step++) {
      drawPatches(random, images, 4, 5, range, out);
      for (let sample = 0; sample < 5; sample++) {
        const stored = [...out.subarray(sample * 16, sample * 16 + 16)].map((value) =>
          Math.round(((value + 1) / 2) * 65535),
        );
        stored.forEach((value, i) => expect(value).toBe(stored[0]! + Math.floor(i / 4) * 100 + (i % 4)));
        seen.add(stored[0]!);
      }
    }
    expect([...seen].sort((a, b) => a - b)).toEqual([
      0, 1, 2, 100, 101, 102, 10000, 10100, 10200, 10300, 20000,
    ]);
  });

  it('gives the same patches for the same seed and others for another', () => {
    const draw = (seed: number) => {
      const out = new Float32Array(8 * 9);
      drawPatches(randomFrom(seed), images, 3, 8, range, out);
      return out;
    };
    expect(draw(3)).toEqual(draw(3));
    expect(draw(3)).not.toEqual(draw(4));
  });

  it('clamps values beyond the range and refuses a buffer of the wrong size', () => {
    const out = new Float32Array(16);
    drawPatches(randomFrom(1), [coded(2, 4, 4)], 4, 1, [20001, 20002], out);
    expect([out[0], out[1], out[2], out[3]]).toEqual([-1, -1, 1, 1]);
    expect(() => drawPatches(randomFrom(1), images, 4, 2, range, out)).toThrow(RangeError);
  });
});
