/** @file Whether a checkpoint on the disk is whole. A kill cannot break one (it is renamed when whole); a loss of power or a hand can. */
import fs from 'node:fs';
import path from 'node:path';
import { messageOf } from '../errors.js';
import { lastCheckpoint } from './layout.js';

/** What is wrong with a checkpoint's folder, in a few words; undefined for a whole one. Of another trainer's only its JSON is judged. */
export function checkpointFault(folder: string): string | undefined {
  try {
    const names = fs.readdirSync(folder);
    if (names.length === 0) return 'it is empty';
    for (const name of names) {
      const file = path.join(folder, name);
      if (name === 'state.json') JSON.parse(fs.readFileSync(file, 'utf8'));
      if (name.endsWith('.safetensors')) checkSafetensors(file);
    }
    return undefined;
  } catch (error) {
    return messageOf(error).replaceAll(folder + path.sep, '');
  }
}

/** https://github.com/huggingface/safetensors: 8 bytes that give the length of a JSON header, the header, the numbers. */
function checkSafetensors(file: string): void {
  const name = path.basename(file);
  const descriptor = fs.openSync(file, 'r');
  try {
    const { size } = fs.fstatSync(descriptor);
    const start = Buffer.alloc(8);
    if (fs.readSync(descriptor, start, 0, 8, 0) < 8) throw new Error(`${name} is empty or cut off`);
    const length = Number(start.readBigUInt64LE());
    if (8 + length > size) throw new Error(`${name} is cut off in its header`);
    const header = Buffer.alloc(length);
    fs.readSync(descriptor, header, 0, length, 8);
    const tensors = Object.values(
      JSON.parse(header.toString('utf8')) as Record<string, { data_offsets?: number[] }>,
    );
    const expected = 8 + length + Math.max(0, ...tensors.map(({ data_offsets }) => data_offsets?.[1] ?? 0));
    if (size !== expected) throw new Error(`${name} has ${size} bytes, its header promises ${expected}`);
  } finally {
    fs.closeSync(descriptor);
  }
}

/** Renames broken checkpoints out of the way, newest first, until the newest is whole: a trial goes on from that one. */
export function setBrokenCheckpointsAside(
  results: string,
  key: string,
  say: (message: string) => void,
): void {
  for (;;) {
    const newest = lastCheckpoint(results, key);
    const fault = newest === undefined ? undefined : checkpointFault(newest);
    if (newest === undefined || fault === undefined) return;
    say(`Checkpoint ${path.basename(newest)} of trial ${key} is broken (${fault}); it is set aside.`);
    const aside = path.join(path.dirname(newest), `broken-${path.basename(newest)}`);
    fs.rmSync(aside, { recursive: true, force: true });
    fs.renameSync(newest, aside);
  }
}
