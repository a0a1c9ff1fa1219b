/** @file The images of a domain: each decoded once, kept as stored (1 or 2 bytes a pixel) as far as a limit of memory allows. */
import os from 'node:os';
import type { ImageFile } from './folder.js';
import { DataError, type GreyImage } from './image.js';
import { readPng } from './png.js';

/** A source of random numbers with a state that can be saved. */
export interface Random {
  /** A whole number from lo to hi, both included. */
  int(lo: number, hi: number): number;
  /** From 0 (included) to 1 (excluded). */
  float(): number;
}

/** Decoded images under a limit of memory: the one that was asked for longest ago goes first. */
export interface ImageCache {
  /** @throws DataError if the file cannot be used */
  get(file: ImageFile): Promise<GreyImage>;
  /** Bytes of decoded pixels that are held now. */
  held(): number;
  /** Files decoded so far. */
  decoded(): number;
}

/** A quarter of the free memory, and no less than 1 GiB, which holds a thousand images of 1024 x 1024 and 8 bits. */
export function defaultImageMemory(): number {
  return Math.max(2 ** 30, Math.floor(os.freemem() / 4));
}

/** @param limit bytes; an image that is larger than that is decoded anew each time */
export function openImageCache(limit = defaultImageMemory()): ImageCache {
  /** In the order of use, the latest last. */
  const images = new Map<string, GreyImage>();
  let [held, decoded] = [0, 0];
  return {
    async get(file) {
      const known = images.get(file.path);
      if (known !== undefined) {
        images.delete(file.path);
        images.set(file.path, known);
        return known;
      }
      const image = compact(await readPng(file.path));
      decoded++;
      images.set(file.path, image);
      held += image.data.byteLength;
      for (const [path, { data }] of images) {
        if (held <= limit) break;
        images.delete(path);
        held -= data.byteLength;
      }
      return image;
    },
    held: () => held,
    decoded: () => decoded,
  };
}

/** An image whose pixels hold on to no larger buffer. */
function compact(image: GreyImage): GreyImage {
  const { data } = image;
  return data.buffer.byteLength === data.byteLength ? image : { ...image, data: data.slice() };
}

/** Images of one domain, all of one bit depth; sizes may differ. */
export interface Dataset {
  readonly size: number;
  /** Bits of all images; undefined where there are none. */
  readonly bits: number | undefined;
  /** Width and height of the smallest image, each on its own. */
  readonly smallest: { width: number; height: number };
  image(index: number): Promise<GreyImage>;
}

/**
 * Reads every image once, in the order given, so that what cannot be used is told before training starts.
 * @param see called with every image as it passes
 * @throws DataError if a file cannot be used, if an image is smaller than a patch, or if bit depths are mixed.
 */
export async function openDataset(
  cache: ImageCache,
  files: readonly ImageFile[],
  patch: number,
  see: (image: GreyImage) => void = () => undefined,
): Promise<Dataset> {
  let bits: Dataset['bits'];
  const smallest = { width: Infinity, height: Infinity };
  for (const file of files) {
    const image = await cache.get(file);
    if (image.width < patch || image.height < patch) {
      throw new DataError(
        `${file.path}: ${image.width} x ${image.height} pixels are too few for a patch of ${patch} x ${patch}. ` +
          'Leave the image out, or choose a smaller patch.',
      );
    }
    bits ??= image.bits;
    if (image.bits !== bits) {
      throw new DataError(
        `${file.path}: has ${image.bits} bits, but ${files[0]!.path} has ${bits}. Save all images with one depth.`,
      );
    }
    smallest.width = Math.min(smallest.width, image.width);
    smallest.height = Math.min(smallest.height, image.height);
    see(image);
  }
  return {
    size: files.length,
    bits,
    smallest,
    image: async (index) => {
      const file = files[index];
      if (file === undefined) throw new RangeError(`There is no image ${index} among ${files.length}.`);
      return cache.get(file);
    },
  };
}
