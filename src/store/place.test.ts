/** @file Where the database of a results folder lies. */
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, afterEach, expect, test, vi } from 'vitest';
import { databasePath } from './open.js';
import { networkFileSystem, shareResults } from './place.js';

const folder = fs.realpathSync(fs.mkdtempSync(path.join(os.tmpdir(), 'cyclesweep-place-')));
afterAll(() => fs.rmSync(folder, { recursive: true, force: true }));
afterEach(() => vi.unstubAllEnvs());

/** A results folder of this name that machines share. */
function shared(name: string): string {
  const results = path.join(folder, name);
  fs.mkdirSync(results);
  shareResults(results);
  return results;
}

test('a results folder of one machine holds its database', () => {
  expect(databasePath(folder)).toBe(path.join(folder, 'sweep.db'));
});

test('of one that machines share each has its own, another for each folder and the same for all names of one', () => {
  vi.stubEnv('CYCLESWEEP_CACHE', path.join(folder, 'cache'));
  const [one, other] = [shared('one'), shared('other')];
  fs.symlinkSync(one, path.join(folder, 'link'));
  expect(databasePath(one)).toMatch(path.join(folder, 'cache', 'databases'));
  expect(databasePath(other)).not.toBe(databasePath(one));
  expect(databasePath(path.join(folder, 'link'))).toBe(databasePath(one));
});

test('file systems that carry no write-ahead log are known by their numbers, also where a system gives them signed', () => {
  const NFS = 0x6969;
  const CIFS = 0xff534d42;
  const [EXT4, TMPFS, OVERLAY, XFS] = [0xef53, 0x01021994, 0x794c7630, 0x58465342];
  expect([NFS, CIFS, CIFS | 0].map(networkFileSystem)).toEqual(['NFS', 'CIFS', 'CIFS']);
  expect([EXT4, TMPFS, OVERLAY, XFS].map(networkFileSystem)).toEqual(Array(4).fill(undefined));
});
