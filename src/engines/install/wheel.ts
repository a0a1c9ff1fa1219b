/** @file Reads Python wheels (ZIP files), of which only a few files are wanted, one at a time and checked. */
import fs from 'node:fs';
import path from 'node:path';
import { Transform } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import { crc32 } from 'node:zlib';
import * as yauzl from 'yauzl';
import { messageOf } from '../../errors.js';
import { makeFolder } from '../../files.js';
import { InstallError } from './installer.js';

export interface Wheel {
  /** Paths inside the wheel. */
  names: ReadonlySet<string>;
  /** A text file of the wheel. @throws InstallError if it is damaged or not there */
  text: (name: string) => Promise<string>;
  /** Writes a file of the wheel to `target`, whose folders are made. @throws InstallError if it is damaged or not there */
  extract: (name: string, target: string) => Promise<void>;
  close: () => void;
}

/** @throws InstallError if it is no wheel or incomplete */
export async function openWheel(file: string): Promise<Wheel> {
  const damaged = (error: unknown): InstallError =>
    new InstallError(`${file} is damaged (${messageOf(error)}). Delete it and run this again.`);
  const entries = new Map<string, yauzl.Entry>();
  let zip: yauzl.ZipFile;
  try {
    zip = await yauzl.openPromise(file, { autoClose: false });
    for await (const entry of zip.eachEntry()) entries.set(entry.fileName, entry);
  } catch (error) {
    throw damaged(error);
  }
  /** Passes a file's content to `sink`, and fails if its checksum is not the one in the ZIP's directory. */
  const read = async (
    name: string,
    sink: (content: NodeJS.ReadableStream) => Promise<void>,
  ): Promise<void> => {
    try {
      const entry = entries.get(name);
      if (!entry) throw new Error(`it has no ${name}`);
      const check = checksum(entry.crc32);
      await Promise.all([pipeline(await zip.openReadStreamPromise(entry), check), sink(check)]);
    } catch (error) {
      throw damaged(error);
    }
  };
  return {
    names: new Set(entries.keys()),
    text: async (name) => {
      let text = '';
      await read(name, async (content) => {
        text = (await buffer(content)).toString('utf8');
      });
      return text;
    },
    extract: async (name, target) => {
      makeFolder(path.dirname(target));
      await read(name, (content) => pipeline(content, fs.createWriteStream(target)));
    },
    close: () => zip.close(),
  };
}

function checksum(expected: number): Transform {
  let sum = 0;
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      sum = crc32(chunk, sum);
      done(null, chunk);
    },
    flush(done) {
      done(sum === expected ? null : new Error('a checksum is wrong'));
    },
  });
}
