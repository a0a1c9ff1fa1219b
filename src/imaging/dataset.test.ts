import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { defaultImageMemory, openDataset, openImageCache } from './dataset.js';
import { listImages } from './folder.js';
import type { GreyImage } from './image.js';
import { writePng } from './png.js';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'dataset-'));
});
afterAll(() => rm(folder, { recursive: true }));

/** Every value says where it stands: image, row, column. */
function coded(index: number, width: number, height: number): GreyImage {
  const data = Uint16Array.from(
    { length: width * height },
    (_, i) => index * 10000 + Math.floor(i / width) * 100 + (i % width),
  );
  return { width, height, bits: 16, data };
}

describe('a dataset', () => {
  const images = [coded(0, 8, 9), coded(1, 20, 7), coded(2, 9, 9)];
  const size = (index: number) => images[index]!.data.byteLength;
  beforeAll(async () => {
    for (const [index, image] of images.entries()) await writePng(join(folder, `${index}.png`), image);
  });

  it('decodes every image once where all fit, and keeps them as stored', async () => {
    const { files } = await listImages(folder);
    const cache = openImageCache();
    const seen: GreyImage[] = [];
    const dataset = await openDataset(cache, files, 7, (image) => seen.push(image));
    expect(seen).toEqual(images);
    expect(dataset).toMatchObject({ size: 3, kinds: [{ bits: 16 }], smallest: { width: 8, height: 7 } });
    for (let round = 0; round < 3; round++) {
      for (const [index, image] of images.entries()) expect(await dataset.image(index)).toEqual(image);
    }
    expect(cache.decoded()).toBe(3);
    expect(cache.held()).toBe(size(0) + size(1) + size(2));
    await expect(dataset.image(3)).rejects.toThrow(RangeError);
  });

  it('lets go of what was used longest ago where memory is short, and reads it again when asked', async () => {
    const { files } = await listImages(folder);
    const cache = openImageCache(size(1) + size(2));
    const dataset = await openDataset(cache, files, 7);
    expect(cache.held()).toBe(size(1) + size(2));
    await dataset.image(1);
    expect(cache.decoded()).toBe(3);
    expect(await dataset.image(0)).toEqual(images[0]); // 2 goes: it was used before 1
    expect(cache.decoded()).toBe(4);
    await dataset.image(1);
    expect(cache.decoded()).toBe(4);
    expect(cache.held()).toBeLessThanOrEqual(size(1) + size(2));

    const none = openImageCache(0);
    expect(await (await openDataset(none, files, 7)).image(2)).toEqual(images[2]);
    expect([none.held(), none.decoded()]).toEqual([0, 4]);
  });

  it('takes at least 1 GiB: a thousand radiographs of 1024 x 1024', () => {
    expect(defaultImageMemory()).toBeGreaterThanOrEqual(1000 * 1024 * 1024);
  });

  it('refuses what is smaller than a patch, and mixed depths', async () => {
    const { files } = await listImages(folder);
    const open = (patch: number, list = files) => openDataset(openImageCache(), list, patch);
    await expect(open(8)).rejects.toThrow(/1\.png: 20 x 7 pixels are too few for a patch of 8 x 8/);
    await writePng(join(folder, '3.png'), { width: 9, height: 9, bits: 8, data: new Uint8Array(81) });
    await expect(open(4, (await listImages(folder)).files)).rejects.toThrow(
      /3\.png: holds 8 bits, but .*0\.png holds 16 bits/,
    );
  });
});
