/** @file `sweep show`, `sweep logs`, `sweep why`: what a user asks about one trial, when it has ended and while it runs. */
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { contains, listTrials, sweep, temporaryFolder, until } from './support.js';

const TRAINER = fileURLToPath(new URL('fixtures/failing-trainer.mjs', import.meta.url));
let folder: string;
let results: string;

function write(does: string[]): void {
  const command = JSON.stringify([process.execPath, TRAINER, '{does}']);
  fs.writeFileSync(
    path.join(folder, 'a.yaml'),
    `name: a\ndata: {phantom: radiograph, count: 3, size: 16}\ncommand: ${command}\nfixed: {lr: 0.1}\n` +
      `grid: {does: ${JSON.stringify(does)}}\nbudget: {updates: 8}\nresources: {trials: 1}\n`,
  );
}

beforeAll(async () => {
  folder = temporaryFolder();
  results = path.join(folder, 'results');
  write(['kill', 'exit!65']);
  expect((await sweep(folder, 'run', 'a.yaml')).exitCode).toBe(1);
});
afterAll(() => fs.rmSync(folder, { recursive: true, force: true }));

async function asked(...args: string[]): Promise<string> {
  const { exitCode, stdout, all } = await sweep(folder, ...args);
  expect(exitCode, all).toBe(0);
  return stdout;
}

/** Every file of the results, with its size and time. */
function snapshot(): string[] {
  const files = fs.readdirSync(results, { recursive: true }) as string[];
  return files.sort().map((file) => {
    const { size, mtimeMs } = fs.statSync(path.join(results, file));
    return `${file} ${size} ${mtimeMs}`;
  });
}

describe('a trial that has ended', () => {
  test('is shown with its attempts', async () => {
    const said = await asked('show', 'does=kill');
    expect(said).toMatch(/parameters +lr 0.1, does kill/);
    expect(said).toMatch(/status +done, 8 of 8 updates/);
    expect(said).toMatch(/Attempt 1: failed \(killed\)\n.*SIGKILL[^]*saved +4 \(last/);
    expect(said).toMatch(/Attempt 2: done\n[^]*updates +4 to 8\n[^]*loss 0\.500/);
  });

  test('tells why it was tried again, and why it was not', async () => {
    const killed = await asked('why', 'does=kill');
    expect(killed).toMatch(/attempt 1 starts on cpu, \d+ threads?, from the beginning/);
    expect(killed).toMatch(/attempt 1 ends \(failed, killed\): it was killed \(SIGKILL\)/);
    expect(killed).toMatch(/attempt 2 follows after \d\.\d s\n.*attempt 2 starts .* checkpoint of update 4/);
    expect(killed).toMatch(/It is finished, and not run again\.$/);
    const failed = await asked('why', 'does=exit!65');
    expect(failed).toContain('what is done about that: no further attempt');
    expect(failed).toMatch(/It has failed: --retry-failed .* What to do first: mend the data/);
  });

  test('tells of decisions of other parts of the runner, and of ones that it does not know', async () => {
    const { key } = JSON.parse(await asked('show', 'does=kill', '--json')) as { key: string };
    const copy = path.join(folder, 'copy');
    fs.cpSync(results, copy, { recursive: true });
    const entries = [
      { t: 'waiting', wall: 1, reason: 'no GPU is free' },
      {
        t: 'placed',
        wall: 2,
        attempt: 3,
        device: 'cuda:0',
        reason: 'it has room',
        waited: 60,
        predicted: 2 ** 30,
      },
      { t: 'early-stop', wall: 3, attempt: 3, step: 5, rule: 'median', reason: 'behind the others' },
      { t: 'moon', wall: 4, phase: 'full' },
    ];
    fs.appendFileSync(path.join(copy, 'trials', key, 'runner.ndjson'), entries.map((e) => JSON.stringify(e) + '\n').join('')); // prettier-ignore
    const said = await asked('why', key, '--results', copy);
    expect(said).toContain('waits: no GPU is free');
    expect(said).toContain(
      'attempt 3 gets cuda:0 after waiting 1 min 0 s: it has room; predicted to need 1 GiB',
    );
    expect(said).toContain('is stopped early at update 5 by median: behind the others');
    expect(said).toContain('moon, phase full');
  });

  test('has the output of every attempt', async () => {
    expect(await asked('logs', 'does=kill')).toBe('attempt 2 from 4');
    expect(await asked('logs', 'does=kill', '--attempt', '1')).toBe('attempt 1 from 0');
    expect(await asked('logs', 'does=kill', '-f')).toBe('attempt 2 from 4');
    expect(JSON.parse(await asked('logs', 'does=kill', '--json'))).toMatchObject({
      output: 'attempt 2 from 4\n',
    });
    const wrong = await sweep(folder, 'logs', 'does=kill', '--attempt', '7');
    expect(wrong.exitCode).toBe(2);
    expect(wrong.all).toContain('had the attempts 1, 2');
  });

  test('is read, never written', async () => {
    const before = snapshot();
    for (const command of ['show', 'why', 'logs']) await asked(command, 'does=kill');
    expect(snapshot()).toEqual(before);
  });
});

describe('which trial is meant', () => {
  test('is said by a key, or the beginning of one', async () => {
    for (const key of listTrials(results)) {
      expect(await asked('show', key)).toContain(`Trial ${key}`);
      expect(await asked('show', key.slice(0, 6).toUpperCase())).toContain(`Trial ${key}`);
    }
  });

  test.each([
    [['show', 'does=kil'], /No trial of a fits does=kil\. .*nearest:\n {2}\w+ {2}does kill seed 1/],
    [['why', 'seed=1'], /2 trials of a fit seed=1:\n/],
    [['show', 'patch=64'], /no parameter is called patch/],
    [['logs', 'zzz'], /There is no trial zzz .*\nThose of a:\n {2}\w+ {2}does kill seed 1/],
    [['show', 'x', '--results', 'nowhere'], /No sweep was run in .*nowhere yet/],
  ])('else an error says what comes near: %j', async (args, expected) => {
    const { exitCode, all } = await sweep(folder, ...args);
    expect(exitCode, all).toBe(2);
    expect(all).toMatch(expected);
    expect(all).not.toMatch(/^\s+at .*:\d+:\d+/m);
  });
});

test('a trial that runs is followed to its end, beside its runner', async () => {
  write(['kill', 'polite']);
  const run = sweep(folder, 'run', 'a.yaml');
  const ready = () =>
    listTrials(results).some((key) => contains(path.join(results, 'trials', key, 'attempts/1/events.ndjson'), '"t":"ready"')); // prettier-ignore
  await until(ready, 'the trainer to start');
  expect(await asked('show', 'does=polite')).toMatch(/status +running/);
  expect(await asked('why', 'does=polite')).toMatch(/It runs\.$/);
  const logs = sweep(folder, 'logs', 'does=polite', '-f');
  let printed = '';
  logs.stdout.on('data', (chunk: Buffer) => (printed += chunk.toString()));
  await until(() => printed.includes('attempt 1 from 0'), 'its first line');
  run.kill('SIGINT');
  expect((await run).exitCode).toBe(3);
  expect((await logs).exitCode).toBe(0);
  expect(await asked('why', 'does=polite')).toMatch(
    /not finished: .* goes on from the checkpoint of update 6\.$/,
  );
});
