/** @file `sweep completion`: what each shell offers, asked of the shell itself. */
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test, type TestContext } from 'vitest';
import { CLI, TERMINAL, requirePython, sweep, temporaryFolder } from './support.js';

const folder = temporaryFolder();
const results = path.join(folder, 'results');
const environment = { ...process.env, PATH: `${path.join(folder, 'bin')}:${process.env.PATH}` };

beforeAll(async () => {
  fs.mkdirSync(path.join(folder, 'bin'));
  fs.writeFileSync(path.join(folder, 'bin', 'sweep'), `#!/bin/sh\nexec ${process.execPath} ${CLI} "$@"\n`, {
    mode: 0o755,
  });
  fs.mkdirSync(path.join(folder, 'sweeps'));
  for (const name of ['patch.yaml', 'patch-by-batch.yaml', 'notes.txt']) {
    fs.writeFileSync(path.join(folder, 'sweeps', name), '');
  }
  fs.mkdirSync(path.join(results, 'sweeps', 'mine'), { recursive: true });
  const trial = { key: 'abcdef0123456789', parameters: { patch: 64 }, seed: 1, budget: { updates: 4 } };
  fs.writeFileSync(
    path.join(results, 'sweeps', 'mine', 'sweep.json'),
    JSON.stringify({ name: 'mine', varied: ['patch'], trials: [trial], updated: 1 }),
  );
  for (const shell of ['bash', 'zsh', 'fish']) {
    fs.writeFileSync(path.join(folder, shell), (await sweep(folder, 'completion', shell)).stdout);
  }
});
afterAll(() => fs.rmSync(folder, { recursive: true }));

/** Leaves a test out where a program is missing; in CI it fails then. */
function require(program: string, { skip }: TestContext): void {
  try {
    execFileSync('sh', ['-c', `command -v ${program}`]);
  } catch {
    if (process.env.CI) throw new Error(`${program} is missing: .ci/run installs it.`);
    skip(`${program} is not installed`);
  }
}

const run = (program: string, ...args: string[]) =>
  execFileSync(program, args, { cwd: folder, env: environment, encoding: 'utf8' });

describe('what may stand next', () => {
  const offered = async (...words: string[]) =>
    (await sweep(folder, '--complete', 'sweep', ...words)).stdout
      .split('\n')
      .map((line) => line.split('\t')[0]);

  test('is a command', async () => {
    expect(await offered('')).toEqual(expect.arrayContaining(['run', 'report', 'completion']));
  });
  test('is an option of the command', async () => {
    expect(await offered('run', 'x.yaml', '--re')).toContain('--retry-failed');
  });
  test('is a sweep file, also of sweeps/, and a folder', async () => {
    expect(await offered('run', '')).toEqual([
      'bin/',
      'results/',
      'sweeps/',
      'sweeps/patch-by-batch.yaml',
      'sweeps/patch.yaml',
    ]);
    expect(await offered('run', 'sweeps/')).toEqual(['sweeps/patch-by-batch.yaml', 'sweeps/patch.yaml']);
  });
  test('is a trial, with what it is', async () => {
    const { stdout } = await sweep(folder, '--complete', 'sweep', 'show', '');
    expect(stdout).toBe('abcdef0123\tmine: patch 64 seed 1');
  });
  test('is a sweep', async () => {
    expect(await offered('report', '--results', results, '')).toEqual(['mine']);
  });
  test('is a parameter', async () => {
    expect(await offered('run', 'x.yaml', '--only', '')).toEqual(
      expect.arrayContaining(['patch=', 'lambda=']),
    );
    expect(await offered('run', 'x.yaml', '--set', '')).toContain('budget.pixels=');
  });
});

describe('in a shell', () => {
  test('bash', (context) => {
    require('bash', context);
    const ask = (words: string, at: number) =>
      `COMP_WORDS=(${words}); COMP_CWORD=${at}; _sweep; printf '%s\\n' "\${COMPREPLY[@]}"`;
    const script = `source ./bash; ${ask('sweep repo', 1)}; ${ask('sweep run sweeps/patch-', 2)}; ${ask('sweep show ab', 2)}`;
    expect(run('bash', '--norc', '-c', script)).toBe('report\nsweeps/patch-by-batch.yaml\nabcdef0123\n');
  });

  test('fish', (context) => {
    require('fish', context);
    const ask = (line: string) => run('fish', '--no-config', '-c', `source ./fish; complete -C '${line}'`);
    expect(ask('sweep repo')).toContain('report\tWrite the report');
    expect(ask('sweep run sweeps/patch-')).toContain('sweeps/patch-by-batch.yaml');
    expect(ask('sweep show ab')).toContain('abcdef0123\tmine: patch 64 seed 1');
  });

  test('zsh', (context) => {
    require('zsh', context);
    requirePython(context.skip);
    // The marker is put together by zsh, so that its echo is not taken for it.
    const ready = "autoload -Uz compinit; compinit -u -D; source ./zsh; print RE''ADY\n";
    const become = (line: string, expected: string) => {
      const steps = [['', ready], ['READY', `${line}\t`], [expected, null]]; // prettier-ignore
      run('python3', TERMINAL, JSON.stringify(steps), 'zsh', '-f', '-i');
    };
    become('sweep repo', 'sweep report ');
    become('sweep run sweeps/patch-', 'sweeps/patch-by-batch.yaml ');
    become('sweep run x --only lam', 'lambda=');
  });
});
