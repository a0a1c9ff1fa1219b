/** @file The images of a domain: each decoded once, kept as stored (1 or 2 bytes a pixel) as far as a limit of memory allows. */
import os from 'node:os';
import { DataError, type GreyImage } from './image.js';
import { inWords, kindOf, sameKind, sameLimits, type ImageKind } from './intensity.js';
import { readImage, type ImageSource, type ReadOptions } from './read.js';

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
  get(source: ImageSource): Promise<GreyImage>;
  /** Bytes of decoded pixels that are held now. */
  held(): number;
  /** Files decoded so far. */
  decoded(): number;
}

/** A quarter of the free memory, and no less than 1 GiB, which holds a thousand images of 1024 x 1024 and 8 bits. */
export function defaultImageMemory(): number {
  return Math.max(2 ** 30, Math.floor(os.freemem() / 4));
}

/**
 * @param limit bytes; an image that is larger than that is decoded anew each time
 * @param options how every image is read
 */
export function openImageCache(limit = defaultImageMemory(), options: ReadOptions = {}): ImageCache {
  /** In the order of use, the latest last. */
  const images = new Map<string, GreyImage>();
  let [held, decoded] = [0, 0];
  return {
    async get(source) {
      const key = source.slice === undefined ? source.path : `${source.path}/${source.slice.index}`;
      const known = images.get(key);
      if (known !== undefined) {
        images.delete(key);
        images.set(key, known);
        return known;
      }
      const image = compact(await readImage(source, options));
      decoded++;
      images.set(key, image);
      held += image.data.byteLength;
      for (const [oldest, { data }] of images) {
        if (held <= limit) break;
        images.delete(oldest);
        held -= data.byteLength;
      }
      return image;
    },
    held: () => held,
    decoded: () => decoded,
  };
}

/** The image alone, whose pixels hold on to no larger buffer. */
function compact({ width, height, data, ...image }: GreyImage): GreyImage {
  const own = data.buffer.byteLength === data.byteLength ? data : data.slice();
  return { width, height, data: own, ...kindOf(image) };
}

/** Images of one domain, whose values mean the same; sizes may differ. */
export interface Dataset {
  readonly size: number;
  /** What their values are: one kind as a rule, several where files of one scanner are rescaled each in its own way. */
  readonly kinds: readonly ImageKind[];
  /** Width and height of the smallest image, each on its own. */
  readonly smallest: { width: number; height: number };
  image(index: number): Promise<GreyImage>;
}

/**
 * Reads every image once, in the order given, so that what cannot be used is told before training starts.
 * @param see called with every image as it passes
 * @throws DataError if a file cannot be used, if an image is smaller than a patch, or if values of images mean different things.
 */
export async function openDataset(
  cache: ImageCache,
  files: readonly ImageSource[],
  patch: number,
  see: (image: GreyImage) => void = () => undefined,
): Promise<Dataset> {
  const kinds: ImageKind[] = [];
  const smallest = { width: Infinity, height: Infinity };
  for (const file of files) {
    const image = await cache.get(file);
    if (image.width < patch || image.height < patch) {
      throw new DataError(
        `${file.path}: ${image.width} x ${image.height} pixels are too few for a patch of ${patch} x ${patch}. ` +
          'Leave the image out, or choose a smaller patch.',
      );
    }
    const [first] = kinds;
    if (first !== undefined && !sameKind(first, image)) {
      throw new DataError(
        `${file.path}: holds ${inWords(image)}, but ${files[0]!.path} holds ${inWords(first)}. Give all images one form.`,
      );
    }
    if (!kinds.some((kind) => sameLimits(kind, image))) kinds.push(kindOf(image));
    smallest.width = Math.min(smallest.width, image.width);
    smallest.height = Math.min(smallest.height, image.height);
    see(image);
  }
  return {
    size: files.length,
    kinds,
    smallest,
    image: async (index) => {
      const file = files[index];
      if (file === undefined) throw new RangeError(`There is no image ${index} among ${files.length}.`);
      return cache.get(file);
    },
  };
}
