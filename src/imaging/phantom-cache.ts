/** @file Phantoms on disk: drawn once, under a temporary name, and there for good when whole. */

import { createHash, randomBytes } from 'node:crypto';
import { readdir, readFile, rename, rm, rmdir, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { cacheFolder } from '../cache.js';
import { makeFolder } from '../files.js';
import { DataError } from './image.js';
import type { ImageFile } from './folder.js';
import {
  drawPhantom,
  fileName,
  identity,
  PHANTOM_FILE,
  PHANTOM_VERSION,
  type PhantomOptions,
} from './phantom.js';
import { systemReason } from './png.js';

export interface Phantom {
  /** Folder that holds both domains and `phantom.json`. */
  folder: string;
  /** Folders of the domains. */
  x: string;
  y: string;
  /** SHA-256 of what decides its pixels. */
  fingerprint: string;
}

/** A half-drawn folder that is older belongs to a process that was killed. */
const STALE_AFTER_MS = 24 * 3600 * 1000;

/** SHA-256, in hexadecimal, of all that decides a phantom's pixels. */
export function phantomFingerprint(options: PhantomOptions): string {
  return createHash('sha256')
    .update(`phantom ${JSON.stringify(identity(options))}`)
    .digest('hex');
}

/**
 * Finds a phantom in the cache, or draws it there. Any number of processes may ask at once.
 * @param say told, in words, when it has to be drawn
 * @param progress told how many pairs are done
 * @throws DataError if the cache cannot be written
 */
export async function ensurePhantom(
  options: PhantomOptions,
  say: (message: string) => void = () => undefined,
  progress?: (done: number, count: number) => void,
): Promise<Phantom> {
  const { count, size } = options;
  const phantom = phantomPlace(options);
  const { folder } = phantom;
  if (!(await holdsPhantom(folder, options))) {
    await removeStale(cacheFolder());
    say(`Drawing ${count} pairs of radiographs of ${size} x ${size} pixels into ${folder} (once).`);
    await drawWhole(options, folder, true, progress);
  }
  return phantom;
}

/** Where a phantom lies in the cache, or would lie. */
export function phantomPlace(options: PhantomOptions): Phantom {
  const { count, size, seed, nodules = 0 } = options;
  const fingerprint = phantomFingerprint(options);
  const shown = typeof nodules === 'number' ? nodules : `${nodules.x}-${nodules.y}`;
  const name = `phantom-${count}x${size}-seed${seed}${nodules === 0 ? '' : `-nodules${shown}`}-${fingerprint.slice(0, 8)}`;
  const folder = join(cacheFolder(), name);
  return { folder, x: join(folder, 'X'), y: join(folder, 'Y'), fingerprint };
}

/** The files that a domain of a phantom holds, or will hold once it is drawn. */
export function phantomFiles(folder: string, count: number): ImageFile[] {
  return Array.from({ length: count }, (_, index) => {
    const name = fileName(index);
    return { path: join(folder, name), name, stem: basename(name, '.png') };
  });
}

/** What a phantom's folder holds: its `phantom.json`; undefined where there is none of this version. */
export async function phantomOf(folder: string): Promise<PhantomOptions | undefined> {
  try {
    const found = JSON.parse(await readFile(join(folder, PHANTOM_FILE), 'utf8')) as ReturnType<
      typeof identity
    >;
    if (found.version !== PHANTOM_VERSION) return undefined;
    const { count, size, seed, prevalence: nodules } = found;
    return { count, size, seed, nodules };
  } catch {
    return undefined;
  }
}

/** Whether a folder holds this very phantom, with all its images. */
export async function holdsPhantom(folder: string, options: PhantomOptions): Promise<boolean> {
  try {
    const found = JSON.parse(await readFile(join(folder, PHANTOM_FILE), 'utf8')) as Record<string, unknown>;
    const same = (key: string, value: unknown) => JSON.stringify(found[key]) === JSON.stringify(value);
    if (Object.entries(identity(options)).some(([key, value]) => !same(key, value))) return false;
    const lists = await Promise.all(['X', 'Y'].map((domain) => readdir(join(folder, domain))));
    return lists.every((list) => list.filter((name) => /^\d+\.png$/.test(name)).length === options.count);
  } catch {
    return false;
  }
}

/**
 * Draws a phantom beside `folder` and gives it that name when it is whole.
 * @param replace whether what is there and is not this phantom may go; without it, only an empty folder may
 * @throws DataError if it cannot be written
 */
export async function drawWhole(
  options: PhantomOptions,
  folder: string,
  replace: boolean,
  progress?: (done: number, count: number) => void,
): Promise<void> {
  const temporary = join(
    dirname(folder),
    `.${basename(folder)}.${process.pid}.${randomBytes(4).toString('hex')}.tmp`,
  );
  try {
    await drawPhantom(options, temporary, progress);
    await takePlace(temporary, folder).catch(async (error: unknown) => {
      // What another process has put there meanwhile is as good.
      if (await holdsPhantom(folder, options)) return;
      if (!replace) throw error;
      await rm(folder, { recursive: true, force: true });
      await takePlace(temporary, folder);
    });
  } catch (error) {
    if (error instanceof DataError) throw error;
    throw new DataError(`${folder}: cannot be written (${systemReason(error)}).`, { cause: error });
  } finally {
    await rm(temporary, { recursive: true, force: true }).catch(() => undefined);
  }
}

/** Fails if `folder` is there and not empty. */
async function takePlace(temporary: string, folder: string): Promise<void> {
  // Not every system renames onto an empty folder.
  await rmdir(folder).catch(() => undefined);
  await rename(temporary, folder);
}

async function removeStale(cache: string): Promise<void> {
  try {
    makeFolder(cache);
    for (const name of await readdir(cache)) {
      if (!/^\.phantom-.*\.tmp$/.test(name)) continue;
      const { mtimeMs } = await stat(join(cache, name));
      if (Date.now() - mtimeMs > STALE_AFTER_MS)
        await rm(join(cache, name), { recursive: true, force: true });
    }
  } catch {
    // Whether the cache can be written is for the drawing to say.
  }
}
