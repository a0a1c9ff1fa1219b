import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import Database from 'better-sqlite3';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { identify } from './processes.js';
import { openRegistry, type Registry, type Reservation } from './registry.js';

let folder: string;
let file: string;
let registry: Registry;
const children: ChildProcess[] = [];
beforeEach(() => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'cyclesweep-registry-'));
  file = path.join(folder, 'state', 'devices.db');
  registry = openRegistry(file);
});
afterEach(() => {
  registry.close();
  children.splice(0).forEach((child) => child.kill('SIGKILL'));
  fs.rmSync(folder, { recursive: true, force: true });
});

const TAKEN = { device: 'GPU-1', cores: 1, host: null, memory: 5 };
const held = (): readonly Reservation[] => registry.decide((all) => ({ reserve: [], claim: undefined, result: all }))!.result; // prettier-ignore
const reserve = () => registry.decide(() => ({ reserve: [TAKEN], claim: undefined, result: null }))!.ids[0]!;

function sleeper(environment: Record<string, string> = {}): ChildProcess {
  const child = spawn('sleep', ['1000'], { env: { ...process.env, ...environment }, stdio: 'ignore' });
  children.push(child);
  return child;
}

async function end(child: ChildProcess): Promise<void> {
  child.kill('SIGKILL');
  await new Promise((resolve) => (child.exitCode ?? child.signalCode ? resolve(null) : child.once('exit', resolve))); // prettier-ignore
}

/** As if the reservation had been made by a process that is dead now. */
function orphan(id: string): void {
  const dead = Number(execFileSync(process.execPath, ['-p', 'process.pid'], { encoding: 'utf8' }));
  const db = new Database(file);
  db.prepare('UPDATE reservations SET runner = ?, runner_started = ? WHERE id = ?').run(dead, '1', id);
  db.close();
}

describe('a reservation', () => {
  it('is kept for as long as its runner lives, and given back', () => {
    const id = reserve();
    expect(held()).toMatchObject([{ id, ...TAKEN, ours: true, claim: false, child: undefined }]);
    registry.release(id);
    expect(held()).toEqual([]);
  });

  it('outlives its runner as long as its process lives, and no longer', async () => {
    const id = reserve();
    const child = sleeper();
    registry.attach(id, child.pid!);
    orphan(id);
    expect(held()).toMatchObject([{ id, ours: false, child: identify(child.pid!) }]);
    await end(child);
    expect(held()).toEqual([]);
  });

  it('is not kept by another process that was given the same id', () => {
    const id = reserve();
    const child = sleeper();
    registry.attach(id, child.pid!);
    orphan(id);
    const db = new Database(file);
    db.prepare("UPDATE reservations SET child_started = '1'").run();
    db.close();
    expect(held()).toEqual([]);
  });

  it.runIf(process.platform === 'linux')(
    'is kept by a process that nobody has written down, which its environment tells',
    async () => {
      const id = reserve();
      const child = sleeper(registry.environment(id));
      orphan(id);
      expect(held()).toHaveLength(1);
      await end(child);
      expect(held()).toEqual([]);
    },
  );

  it('means nothing after the machine has started again', () => {
    reserve();
    const db = new Database(file);
    db.prepare("UPDATE reservations SET boot = 'another'").run();
    db.close();
    expect(held()).toEqual([]);
  });
});

describe('a claim', () => {
  const claim = (same: boolean) =>
    registry.decide((all) => ({ reserve: [], claim: { ...TAKEN, same }, result: all }))!.result;
  const rows = () => new Database(file, { readonly: true }).prepare<[], { since: number }>('SELECT since FROM reservations').all(); // prettier-ignore

  it('is one a runner, is not shown to it, keeps its age while the same trial waits, and goes with it', () => {
    expect(claim(false)).toEqual([]);
    const [first] = rows();
    expect(claim(true)).toEqual([]);
    expect(rows()).toEqual([first]);
    expect(held()).toEqual([]);
    expect(rows()).toEqual([]);
  });

  it('of another runner is shown where it is older than our own', () => {
    claim(false);
    const db = new Database(file);
    db.prepare('UPDATE reservations SET runner = ?, runner_started = ?').run(process.ppid, identify(process.ppid).started); // prettier-ignore
    db.close();
    expect(claim(false)).toMatchObject([{ claim: true, ours: false }]);
    expect(claim(true)).toHaveLength(1);
    const younger = new Database(file);
    younger.prepare('UPDATE reservations SET since = since + 100 WHERE runner = ?').run(process.ppid);
    younger.close();
    expect(claim(true)).toEqual([]);
  });
});

describe('a file that cannot be used', () => {
  it('is told with what to do', () => {
    const refusal = (at: string) => {
      try {
        openRegistry(at).close();
        return '';
      } catch (error) {
        return (error as Error).message;
      }
    };
    fs.writeFileSync(
      path.join(folder, 'text'),
      'no database at all, though it is long enough to be one. '.repeat(40),
    );
    expect(refusal(path.join(folder, 'text'))).toMatch(/text, is damaged \(.*\)\. It holds nothing but .* delete the file/); // prettier-ignore
    expect(refusal(path.join(folder, 'text', 'devices.db'))).toMatch(/cannot be written \(E.*CYCLESWEEP_STATE/); // prettier-ignore
    const db = new Database(path.join(folder, 'later.db'));
    db.pragma('user_version = 9');
    db.close();
    expect(refusal(path.join(folder, 'later.db'))).toContain('is of another version of this program');
  });
});
