/** @file The batch script that Slurm is given. */
import { describe, expect, it } from 'vitest';
import { SLURM_DEFAULTS, type SlurmSettings } from '../../../definition/slurm.js';
import { memoryFor } from './memory.js';
import { arrayScript, optionsOf, secondsOf } from './script.js';

const script = (
  settings: Partial<SlurmSettings> = {},
  more: Partial<Parameters<typeof arrayScript>[0]> = {},
) =>
  arrayScript({
    token: 'patch-size-1a2b3c4d',
    sweep: 'patch-size',
    folder: '/shared/results/slurm/patch-size-1a2b3c4d',
    tasks: 12,
    limit: 4,
    needs: { cpus: 4, gpus: 1, memory: 6144 },
    settings: { ...SLURM_DEFAULTS, ...settings },
    node: '/opt/node/bin/node',
    wrapper: '/shared/cyclesweep/wrapper.js',
    ...more,
  });
const lines = (text: string) => text.split('\n').filter((line) => line.startsWith('#SBATCH'));

describe('the script of an array', () => {
  it('says all that is asked for, in lines that a user can read', () => {
    expect(
      script({
        partition: 'gpu',
        time: '4:00:00',
        account: 'radiology',
        qos: 'long',
        constraint: 'a100|h100',
      }),
    ).toMatchInlineSnapshot(`
      "#!/bin/bash
      # Sweep patch-size: 12 trials, one a task. What each is stands in tasks.json beside this file.
      #SBATCH --job-name=patch-size-1a2b3c4d
      #SBATCH --comment="cyclesweep sweep=patch-size token=patch-size-1a2b3c4d"
      #SBATCH --array=0-11%4
      #SBATCH --partition=gpu
      #SBATCH --account=radiology
      #SBATCH --qos=long
      #SBATCH --constraint="a100|h100"
      #SBATCH --time=4:00:00
      #SBATCH --nodes=1
      #SBATCH --ntasks=1
      #SBATCH --cpus-per-task=4
      #SBATCH --gres=gpu:1
      #SBATCH --mem=6144M
      #SBATCH --signal=B:USR1@120
      #SBATCH --open-mode=append
      #SBATCH --chdir=/shared/results/slurm/patch-size-1a2b3c4d
      #SBATCH --output=/shared/results/slurm/patch-size-1a2b3c4d/task-%a.log
      #SBATCH --requeue

      node='/opt/node/bin/node'
      [ -x "$node" ] || node=node
      # In the place of the shell: then the signals of Slurm reach it.
      exec "$node" '/shared/cyclesweep/wrapper.js' '/shared/results/slurm/patch-size-1a2b3c4d'
      "
    `);
  });

  it('leaves to the cluster what nobody asked for', () => {
    const bare = lines(script({}, { limit: undefined, needs: { cpus: 1, gpus: 0, memory: undefined } }));
    for (const name of ['partition', 'account', 'time', 'gres', 'mem='])
      expect(bare.join('\n')).not.toContain(`--${name}`);
    expect(bare).toContain('#SBATCH --array=0-11');
  });

  it('adds the lines of the sweep file behind its own, and its setup before the trial', () => {
    const text = script({
      gres: 'gpu:a100:1',
      sbatch: ['--exclusive', '--mail-type=END'],
      setup: 'module load cuda',
    });
    expect(lines(text)).toContain('#SBATCH --gres=gpu:a100:1');
    expect(lines(text).slice(-2)).toEqual(['#SBATCH --exclusive', '#SBATCH --mail-type=END']);
    expect(text.indexOf('module load cuda')).toBeLessThan(text.indexOf('exec "$node"'));
  });

  it('stands blanks, quotes and percent signs in the names of folders', () => {
    const text = script({}, { folder: "/data/50 % of it's/a" });
    expect(text).toContain(`#SBATCH --output="/data/50 %% of it's/a/task-%a.log"`);
    expect(text).toContain(`'/data/50 % of it'\\''s/a'`);
  });

  it.each([
    ['1', 'USR1@15'],
    ['8', 'USR1@120'],
    ['0:30', 'USR1@10'],
    ['1-0', 'USR1@120'],
  ])('of %s warns by %s', (time, signal) => {
    expect(script({ time })).toContain(signal);
  });

  it('names its options, which the environment of sbatch must not overrule', () => {
    expect(optionsOf(script({ partition: 'gpu' }))).toEqual(
      expect.arrayContaining(['partition', 'job-name', 'gres']),
    );
  });
});

it.each([
  ['90', 5400],
  ['1:30', 90],
  ['4:00:00', 14_400],
  ['2-12', 216_000],
  ['2-12:30', 217_800],
  ['2-12:30:05', 217_805],
  ['soon', undefined],
])('a time of Slurm, %s, is %s seconds', (time, seconds) => {
  expect(secondsOf(time)).toBe(seconds);
});

describe('memory', () => {
  const outOfMemory = { t: 'end', attempt: 1, wall: 0, outcome: 'failed', reason: '', exitCode: 71, signal: null, class: 'out-of-memory', lastLines: null } as const; // prettier-ignore

  it('is the prediction with a margin, in steps, so that trials of like needs share an array', () => {
    expect(memoryFor('auto', 2 ** 30, [])).toBe(2048);
    expect(memoryFor('auto', 1.05 * 2 ** 30, [])).toBe(2048);
    expect(memoryFor('auto', 2 * 2 ** 30, [])).toBe(3584);
  });

  it('is left to the partition where nothing is known, or that is asked for', () => {
    expect(memoryFor('auto', null, [])).toBeUndefined();
    expect(memoryFor('off', 2 ** 30, [])).toBeUndefined();
  });

  it('is doubled each time that the trial ran out', () => {
    expect(memoryFor(4096, null, [outOfMemory])).toBe(8192);
    expect(memoryFor('auto', 2 ** 30, [outOfMemory, outOfMemory])).toBe(8192);
  });
});
