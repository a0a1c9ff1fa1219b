/** @file Each class of failure, by real processes that fail as they are told: what the runner does, writes down and says. */
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import { afterAll, describe, expect, test } from 'vitest';
import { readJournal, type JournalEntry } from '../src/runner/journal.js';
import { eventsFile, lastCheckpoint, stepOf } from '../src/runner/layout.js';
import { contains, listTrials, query, readEvents, smallSweep, sweep, sweepIn, temporaryFolder, until, watchdogOf, writeImages } from './support.js'; // prettier-ignore

const folders: string[] = [];
afterAll(() => folders.forEach((folder) => fs.rmSync(folder, { recursive: true, force: true })));

/** Kills a runner at the instant that CHAOS_CRASH names. */
const HOOK = new URL('../scripts/chaos/hook.mjs', import.meta.url).href;
const TRAINER = fileURLToPath(new URL('fixtures/failing-trainer.mjs', import.meta.url));

interface Project {
  folder: string;
  results: string;
  /** Journals of all trials, by what their trainer was told to do. */
  journals: () => Record<string, JournalEntry[]>;
}

/** A sweep `a.yaml` of one trial for each of `does`, one after another. */
function project(does: string[], more = ''): Project {
  const folder = temporaryFolder();
  folders.push(folder);
  const results = path.join(folder, 'results');
  const command = JSON.stringify([process.execPath, TRAINER, '{does}']);
  fs.writeFileSync(
    path.join(folder, 'a.yaml'),
    `name: a\ndata: {phantom: radiograph, count: 3, size: 16}\ncommand: ${command}\ngrid: {does: ${JSON.stringify(does)}}\n` +
      `budget: {updates: 8}\nresources: {trials: 1${more.startsWith(',') ? more : ''}}\n${more.startsWith(',') ? '' : more}\n`,
  );
  const journals = () =>
    Object.fromEntries(
      listTrials(results).map((key) => {
        const config = fs.readFileSync(path.join(results, 'trials', key, 'config.json'), 'utf8');
        const { parameters } = JSON.parse(config) as { parameters: { does: string } };
        return [parameters.does, readJournal(results, key)];
      }),
    );
  return { folder, results, journals };
}

/** Ends of all attempts, as `outcome class`. */
function ends(journal: JournalEntry[]): string[] {
  return journal.flatMap((entry) => (entry.t === 'end' ? [`${entry.outcome} ${entry.class ?? '-'}`] : []));
}

describe('a trial that', () => {
  test('is killed, or whose engine crashes, goes on from its checkpoint', async () => {
    const { folder, journals } = project(['kill', 'segfault']);
    const { exitCode, all } = await sweep(folder, 'run', 'a.yaml');
    expect(exitCode, all).toBe(0);
    const { kill, segfault } = journals();
    expect(ends(kill!)).toEqual(['failed killed', 'done -']);
    expect(ends(segfault!)).toEqual(['failed crash', 'done -']);
    const attempts = kill!.filter((entry) => entry.t === 'attempt');
    expect(attempts.map(({ resume }) => resume)).toEqual([null, 4]);
    const retry = kill!.find((entry) => entry.t === 'retry');
    expect(retry).toMatchObject({ attempt: 1, class: 'killed', delay: expect.any(Number) as number });
    expect(all).toMatch(/it was killed \(SIGKILL\).*attempt 2 of 3 goes on from its last checkpoint/);
    expect(all).toMatch(/its engine crashed \(SIGSEGV\)/);
  });

  test('says nothing for longer than retry.hang is killed and tried again', async () => {
    // Attempts that this machine is too slow to start within five seconds are killed as well: there are some.
    const { folder, journals } = project(['hang'], 'retry: {limit: 6, hang: 5s}');
    const { exitCode, all } = await sweep(folder, 'run', 'a.yaml');
    expect(exitCode, all).toBe(0);
    const ended = ends(journals().hang!);
    expect([ended[0], ended.at(-1)]).toEqual(['failed hang', 'done -']);
  });

  test('has used up its attempts fails, and --retry-failed goes on from its checkpoint', async () => {
    const { folder, journals } = project(['exit!70'], 'retry: {limit: 1}');
    const { exitCode, all } = await sweep(folder, 'run', 'a.yaml');
    expect(exitCode).toBe(1);
    expect(ends(journals()['exit!70']!)).toEqual(['failed fault', 'failed fault']);
    expect(all).toContain('what to do: its output tells more');
    await sweep(folder, 'run', 'a.yaml', '--retry-failed');
    expect(ends(journals()['exit!70']!)).toHaveLength(4);
  });

  test('cannot be helped by another attempt has none', async () => {
    const { folder, results, journals } = project(['exit!64', 'exit!65', 'diverge', 'out-of-memory']);
    const { exitCode, all } = await sweep(folder, 'run', 'a.yaml');
    expect(exitCode, all).toBe(1);
    const found = journals();
    expect(ends(found['exit!64']!)).toEqual(['failed configuration']);
    expect(ends(found['exit!65']!)).toEqual(['failed data']);
    expect(ends(found.diverge!)).toEqual(['failed diverged']);
    expect(ends(found['out-of-memory']!)).toEqual(['failed out-of-memory']);
    expect(all).toContain('what to do: set resources: {memory: low}');

    // The last lines that it printed are kept, and found again when the database is made anew.
    expect((await sweep(folder, 'fsck', '--rebuild')).exitCode).toBe(0);
    const lines = query(results, "select last_lines from attempts where class = 'out-of-memory'");
    expect(lines).toEqual([{ last_lines: 'attempt 1 from 0\ntorch.OutOfMemoryError: CUDA out of memory.' }]);
    const end = found['out-of-memory']!.find((entry) => entry.t === 'end');
    expect(end).toMatchObject({ lastLines: lines[0]!.last_lines });
  });

  test('lost its device or asks for another attempt is told so', async () => {
    // Without another attempt: the pause before it is long.
    const { folder, journals } = project(['exit!69', 'exit!75'], 'retry: {limit: 0}');
    expect((await sweep(folder, 'run', 'a.yaml')).exitCode).toBe(1);
    expect(ends(journals()['exit!69']!)).toEqual(['failed device-lost']);
    expect(ends(journals()['exit!75']!)).toEqual(['failed try-again']);
  });

  test('reaches its time limit saves, leaves and has failed; a longer limit goes on from there', async () => {
    // Long enough for a trial to start on a machine with much else to do.
    const { folder, results, journals } = project(['polite'], ', time: 5s');
    const { exitCode, all } = await sweep(folder, 'run', 'a.yaml');
    expect(exitCode, all).toBe(1);
    const key = listTrials(results)[0]!;
    // Where it got as far as to wait for the signal, it saved its sixth update.
    const waited = contains(eventsFile(results, key, 1), '"t":"ready"');
    const saved = lastCheckpoint(results, key);
    if (waited) expect(saved && stepOf(saved)).toBe(6);
    expect(ends(journals().polite!)).toEqual(['failed time-limit']);
    expect(all).toContain('it reached its time limit');
    const longer = await sweep(folder, 'run', 'a.yaml', '--retry-failed', '--set', 'resources.time=1h');
    expect(longer.exitCode, longer.all).toBe(0);
    const second = journals().polite!.findLast((entry) => entry.t === 'attempt');
    expect(second).toMatchObject({ attempt: 2, resume: saved === undefined ? null : stepOf(saved) });
  });

  test('cannot be started is a wrong configuration', async () => {
    const { folder } = project(['x']);
    const missing = ['--set', 'command=["/nowhere/trainer", "{does}"]'];
    const { exitCode, all } = await sweep(folder, 'run', 'a.yaml', ...missing);
    expect(exitCode, all).toBe(2);
    expect(all).toMatch(/its configuration is wrong.*could not be started/);
  });
});

describe('a full disk', () => {
  test('that a trial meets stops the sweep; the same command goes on', async () => {
    const { folder, journals } = project(['exit!74', 'done']);
    const { exitCode, all } = await sweep(folder, 'run', 'a.yaml');
    expect(exitCode, all).toBe(1);
    expect(all).toMatch(/The disk of .*results is full \(.* MB are left\)/);
    expect(all).toContain('0 done, 0 failed, 2 left');
    expect(ends(journals()['exit!74']!)).toEqual(['stopped disk-full']);
  });

  test.skipIf(!fs.existsSync('/dev/full'))(
    'that our own trainer meets is told from other faults',
    async () => {
      const { folder } = project([]);
      await writeImages(folder);
      fs.writeFileSync(path.join(folder, 'own.yaml'), smallSweep().replace('seeds: 2', 'seeds: 1'));
      await sweep(folder, 'run', 'own.yaml', '--max-trials', '1');
      const results = path.join(folder, 'results');
      const config = path.join(results, 'trials', listTrials(results)[0]!, 'config.json');
      const main = fileURLToPath(new URL('../dist/train/main.js', import.meta.url));
      const env = { SWEEP_EVENTS: '/dev/full' };
      const { exitCode, stderr } = await execa(process.execPath, [main, config], { env, reject: false });
      expect(exitCode, stderr).toBe(74);
      expect(stderr).toContain('ENOSPC');
    },
  );

  test.skipIf(!fs.existsSync('/dev/full'))('that the runner meets stops it; nothing is lost', async () => {
    const { folder, results, journals } = project(['done', 'kill']);
    const planned = await sweep(folder, 'plan', 'a.yaml', '--json');
    const { trials } = JSON.parse(planned.stdout) as { trials: { key: string }[] };
    const journal = path.join(results, 'trials', trials[0]!.key, 'runner.ndjson');
    fs.mkdirSync(path.dirname(journal), { recursive: true });
    fs.symlinkSync('/dev/full', journal);
    const { exitCode, all } = await sweep(folder, 'run', 'a.yaml');
    expect(exitCode, all).toBe(1);
    expect(all).toMatch(/The disk of .*results is full/);
    expect(all).not.toMatch(/^\s+at .*:\d+:\d+/m);
    fs.rmSync(journal);
    const again = await sweep(folder, 'run', 'a.yaml');
    expect(again.exitCode, again.all).toBe(0);
    expect(ends(journals().done!).at(-1)).toBe('done -');
  });
});

describe('a lack of memory of our own trainer', () => {
  test('halves the micro-batch at the same batch, for the next attempt and for later runs', async () => {
    const { folder, results } = project([]);
    await writeImages(folder, 6, 256);
    const file = path.join(folder, 'own.yaml');
    fs.writeFileSync(
      file,
      smallSweep()
        .replace(
          /grid:[^]*$/m,
          'grid: [{patch: 256, batch: 8, disc_layers: 1}]\nbudget: {updates: 1}\nresources: {micro_batch: 8, threads: 1}',
        )
        .replace('filters: 2', 'filters: 4'),
    );
    // A step is predicted to need 0.54 GB with a micro-batch of 8, 0.37 with 4, 0.29 with 2.
    const { exitCode, all } = await sweep(folder, 'run', 'own.yaml', '--memory-limit', '450M');
    expect(exitCode, all).toBe(0);
    const key = listTrials(results)[0]!;
    const retries = readJournal(results, key).filter((entry) => entry.t === 'retry');
    expect(retries.length).toBeGreaterThan(0);
    expect(retries[0]).toMatchObject({ class: 'out-of-memory', microBatch: 4, delay: 0 });
    const last = retries.at(-1)!.microBatch!;
    const memory = readEvents(results, key)
      .at(-1)!
      .findLast(({ t }) => t === 'memory');
    expect(memory).toMatchObject({ micro_batch: last });
    const config = fs.readFileSync(path.join(results, 'trials', key, 'config.json'), 'utf8');
    expect(JSON.parse(config)).toMatchObject({ microBatch: last, parameters: { batch: 8 } });
    expect(all).toMatch(/ran out of memory.*the next attempt, with micro_batch 4/);
  });
});

describe('what a sweep is told to do about failures', () => {
  test('--fail-fast stops it at the first', async () => {
    const { folder, results } = project(['exit!65', 'done']);
    const { exitCode, all } = await sweep(folder, 'run', 'a.yaml', '--fail-fast');
    expect(exitCode, all).toBe(2);
    expect(all).toContain('0 done, 1 failed, 1 left');
    expect(listTrials(results)).toHaveLength(1);
  });

  test('--max-trials leaves the others to a later run', async () => {
    const { folder, results } = project(['done', 'kill', 'segfault']);
    const { exitCode, all } = await sweep(folder, 'run', 'a.yaml', '--max-trials', '1');
    expect(exitCode, all).toBe(0);
    expect(all).toContain('1 done, 0 failed, 2 left');
    expect(all).toContain('2 left to a later run by --max-trials');
    expect(listTrials(results)).toHaveLength(1);
    const wrong = await sweep(folder, 'run', 'a.yaml', '--max-trials', 'many');
    expect(wrong.exitCode).toBe(2);
    expect(wrong.all).toContain('--max-trials: expected a whole number from 1');
  });

  test('the guard stops one in which nothing works, and says how to turn it off', async () => {
    const { folder, results } = project(['exit!65', 'exit!065', 'exit!0065', 'done']);
    const { exitCode, all } = await sweep(folder, 'run', 'a.yaml');
    expect(exitCode, all).toBe(2);
    expect(all).toMatch(/first 3 trials all failed the same way \(its data cannot be used.*SWEEP_GUARD=off/);
    expect(listTrials(results)).toHaveLength(3);
    const off = await sweepIn({ SWEEP_GUARD: 'off' }, folder, 'run', 'a.yaml', '--retry-failed');
    expect(off.exitCode, off.all).toBe(1);
    expect(off.all).toContain('1 done, 3 failed, 0 left');
  });
});

/** Whether a process lives; one that has ended and waits for its parent to notice does not. */
function lives(pid: number): boolean {
  try {
    process.kill(pid, 0);
    const stat = `/proc/${pid}/stat`;
    return !fs.existsSync(stat) || !/\) Z /.test(fs.readFileSync(stat, 'utf8'));
  } catch {
    return false;
  }
}

describe.skipIf(!fs.existsSync('/proc/self/environ'))('what a trial started', () => {
  const leftBehind = (results: string) =>
    Number(fs.readFileSync(path.join(results, 'trials', listTrials(results)[0]!, 'left-behind'), 'utf8'));
  const started = async ({ results }: Project): Promise<number> => {
    const events = () => path.join(results, 'trials', fs.readdirSync(path.join(results, 'trials'))[0] ?? '', 'attempts/1/events.ndjson'); // prettier-ignore
    await until(
      () => fs.existsSync(path.join(results, 'trials')) && contains(events(), '"t":"ready"'),
      'the trainer to start',
    );
    return (readEvents(results, listTrials(results)[0]!)[0]![0] as { pid: number }).pid;
  };

  test('is gone when the trial is done, also what left its group', async () => {
    const { folder, results } = project(['leave-behind']);
    const { exitCode, all } = await sweep(folder, 'run', 'a.yaml');
    expect(exitCode, all).toBe(0);
    // What is killed takes a moment to be gone.
    await until(() => !lives(leftBehind(results)), 'what it left to end');
  });

  test('is gone soon after a runner that was killed with -9, though it ignores all signals that can be', async () => {
    const here = project(['stubborn']);
    const run = sweep(here.folder, 'run', 'a.yaml');
    const pid = await started(here);
    run.kill('SIGKILL');
    await run;
    await until(() => !lives(pid) && !lives(leftBehind(here.results)), 'the watchdog to end them');
  });

  test('is gone soon also after a runner that died before it knew which process the trial is', async () => {
    const here = project(['stubborn']);
    const crash = { NODE_OPTIONS: `--import=${HOOK}`, CHAOS_CRASH: 'spawn:1' };
    const { signal, all } = await sweepIn(crash, here.folder, 'run', 'a.yaml');
    expect(signal, all).toBe('SIGKILL');
    const pid = await started(here);
    await until(() => !lives(pid) && !lives(leftBehind(here.results)), 'the watchdog to end them');
  });

  test('has a grace time at the first Ctrl-C, is hurried at the second, and ended at the third', async () => {
    const here = project(['stubborn']);
    const run = sweep(here.folder, 'run', 'a.yaml');
    const said: string[] = [];
    run.all.on('data', (chunk: Buffer) => said.push(chunk.toString()));
    const pid = await started(here);
    for (const sign of ['Stopping:', 'Hurrying:']) {
      run.kill('SIGINT');
      await until(() => said.join('').includes(sign), sign);
      if (sign === 'Stopping:') expect(lives(pid)).toBe(true);
    }
    // Nobody but the runner ends them.
    process.kill(watchdogOf(run.pid!), 'SIGKILL');
    run.kill('SIGINT');
    expect((await run).exitCode).toBe(130);
    await until(() => !lives(pid) && !lives(leftBehind(here.results)), 'both to end');
  });

  test('saves at the first Ctrl-C, and the same command goes on', async () => {
    const here = project(['polite', 'done']);
    const run = sweep(here.folder, 'run', 'a.yaml');
    await started(here);
    run.kill('SIGINT');
    const stopped = await run;
    expect(stopped.exitCode, stopped.all).toBe(3);
    expect(ends(here.journals().polite!)).toEqual(['stopped -']);
    const again = await sweep(here.folder, 'run', 'a.yaml');
    expect(again.exitCode, again.all).toBe(0);
    expect(here.journals().polite!.findLast((entry) => entry.t === 'attempt')).toMatchObject({ resume: 6 });
  });
});
