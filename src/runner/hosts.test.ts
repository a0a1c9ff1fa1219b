/** @file One runner of all machines that see a folder. */
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { shareResults } from '../store/place.js';
import { holdForHosts, runnerElsewhere } from './hosts.js';
import { liveRunner, takeLock } from './lock.js';

let results: string;
beforeEach(() => {
  results = fs.mkdtempSync(path.join(os.tmpdir(), 'cyclesweep-hosts-'));
  process.env.CYCLESWEEP_CACHE = path.join(results, 'cache');
  shareResults(results);
});
afterEach(() => {
  delete process.env.CYCLESWEEP_CACHE;
  fs.rmSync(results, { recursive: true });
});

/** Writes what the runner of another machine says of itself, so many seconds ago by the clock of the file server. */
function otherHost(secondsAgo: number): void {
  const file = path.join(results, 'runner.json');
  fs.writeFileSync(file, JSON.stringify({ id: 'theirs', host: 'node-17', pid: 4242 }));
  const then = Date.now() / 1000 - secondsAgo;
  fs.utimesSync(file, then, then);
}

it('a runner of another machine that lives keeps the folder, though no lock of its kernel is seen here', () => {
  otherHost(5);
  expect(runnerElsewhere(results)).toBe('4242 on node-17');
  expect(() => takeLock(results)).toThrow('Another sweep run (process 4242 on node-17) works in');
});

it('one that has said nothing for a minute is dead', () => {
  otherHost(90);
  const unlock = takeLock(results);
  expect(JSON.parse(fs.readFileSync(path.join(results, 'runner.json'), 'utf8'))).toMatchObject({ pid: process.pid }); // prettier-ignore
  unlock();
  expect(fs.existsSync(path.join(results, 'runner.json'))).toBe(false);
});

it('who looks at the folder is told of it', () => {
  takeLock(results)();
  expect(liveRunner(results)).toBeUndefined();
  otherHost(5);
  expect(liveRunner(results)).toBe('4242 on node-17');
});

it('what another has taken over is not given back', () => {
  const release = holdForHosts(results, () => undefined);
  expect(runnerElsewhere(results)).toBeUndefined();
  otherHost(0);
  release();
  expect(runnerElsewhere(results)).toBe('4242 on node-17');
});
