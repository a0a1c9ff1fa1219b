/** @file `sweep data`: images to try things on, and a look at one's own. */

import { readdir } from 'node:fs/promises';
import { join, relative, resolve } from 'node:path';
import type { CommandModule } from 'yargs';
import { DataError } from '../imaging/image.js';
import { drawWhole, holdsPhantom, phantomFingerprint } from '../imaging/phantom-cache.js';
import { systemReason } from '../imaging/png.js';
import { inspectCommand } from './inspect/inspect.js';

interface PhantomArguments {
  out: string;
  count: number;
  size: number;
  seed: number;
  nodules: number;
  json: boolean;
}

/** Bounds of what can be drawn. */
const SMALLEST = 16;
const LARGEST = 4096;

const phantomCommand: CommandModule<object, PhantomArguments> = {
  command: 'phantom',
  describe: 'Draw chest radiographs in the styles of two vendors, in pairs',
  builder: (yargs) =>
    yargs
      .option('out', {
        type: 'string',
        demandOption: true,
        describe: 'Folder to make, for X/, Y/ and phantom.json',
      })
      .option('count', { type: 'number', default: 24, describe: 'Pairs of images' })
      .option('size', { type: 'number', default: 1024, describe: 'Side of an image, pixels' })
      .option('seed', { type: 'number', default: 1, describe: 'Another seed draws other patients' })
      .option('nodules', { type: 'number', default: 0, describe: 'Share of pairs with nodules, 0 to 1' })
      .option('json', { type: 'boolean', default: false, describe: 'Print one JSON object instead of text' })
      .example(
        '$0 data phantom --out data/phantom --count 64',
        'data/phantom/X and data/phantom/Y, for a sweep file',
      )
      .check((given) => {
        requireWhole('count', given.count, 1, 99_999);
        requireWhole('size', given.size, SMALLEST, LARGEST);
        requireWhole('seed', given.seed, 0, 2_147_483_647);
        if (!(given.nodules >= 0 && given.nodules <= 1))
          throw new Error(`--nodules ${given.nodules}: expected 0 to 1.`);
        if (given.out === '') throw new Error('--out: expected a folder.');
        return true;
      }),
  handler: drawInto,
};

export const dataCommand: CommandModule = {
  command: 'data',
  describe: 'Look at images, or draw some to try things on',
  builder: (yargs) =>
    yargs
      .command(inspectCommand)
      .command(phantomCommand)
      .demandCommand(1, 'Which? sweep data inspect DIR, or sweep data phantom --out DIR'),
  handler: () => undefined,
};

/** @throws DataError if the folder is in use for something else, or cannot be written */
async function drawInto({ out, count, size, seed, nodules, json }: PhantomArguments): Promise<void> {
  const folder = resolve(out);
  const options = { count, size, seed, nodules };
  const there = await holdsPhantom(folder, options);
  if (!there) {
    await requireEmpty(folder);
    await drawWhole(options, folder, false, json ? undefined : showProgress);
  }
  const [x, y] = [join(folder, 'X'), join(folder, 'Y')];
  if (json) {
    console.log(
      JSON.stringify({ folder, x, y, ...options, drawn: !there, fingerprint: phantomFingerprint(options) }),
    );
    return;
  }
  const shown = relative('.', folder) || '.';
  console.log(
    there
      ? `${shown} holds this phantom already: ${count} pairs of ${size} x ${size} pixels, seed ${seed}.`
      : `Drew ${count} pairs of ${size} x ${size} pixels, 16 bits, seed ${seed}, into ${shown}.`,
  );
  console.log(`In a sweep file: data: { x: ${join(shown, 'X')}, y: ${join(shown, 'Y')}, pairing: by-name }`);
}

async function requireEmpty(folder: string): Promise<void> {
  let names: string[];
  try {
    names = await readdir(folder);
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return;
    throw new DataError(
      `${folder}: cannot be used (${systemReason(error)}). Give a folder that is new or empty.`,
      { cause: error },
    );
  }
  if (names.length > 0) {
    throw new DataError(
      `${folder}: is not empty, and does not hold this phantom; nothing was overwritten. Give a folder that is new or empty.`,
    );
  }
}

/** On a terminal one line that is written over; elsewhere nothing, since the result follows. */
function showProgress(done: number, count: number): void {
  if (!process.stderr.isTTY) return;
  process.stderr.write(done < count ? `\rDrawing: ${done} of ${count} pairs` : '\r\x1b[K');
}

function requireWhole(name: string, value: number, lo: number, hi: number): void {
  if (!Number.isInteger(value) || value < lo || value > hi) {
    throw new Error(`--${name} ${value}: expected a whole number from ${lo} to ${hi}.`);
  }
}
