/** @file Processes are killed for real: the short form of `npm run chaos`, and proof that it can fail. */
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import { describe, expect, test } from 'vitest';

const CHAOS = fileURLToPath(new URL('../scripts/chaos/main.mjs', import.meta.url));
const LONG = 900_000;

async function chaos(...args: string[]): Promise<{ exitCode?: number; last: string; all: string }> {
  const { exitCode, stdout } = await execa(process.execPath, [CHAOS, ...args], { reject: false });
  return { exitCode, last: stdout.trimEnd().split('\n').at(-1) ?? '', all: stdout };
}

describe.skipIf(process.platform !== 'linux')('sweeps whose processes are killed at random', () => {
  test(
    'lose nothing, store nothing twice, repeat nothing and leave nothing running',
    { timeout: LONG },
    async () => {
      const { exitCode, last, all } = await chaos('--kills', '20', '--seed', '5');
      expect(last, all).toMatch(/^kills [2-9]\d rows \d{3,} lost 0 doubled 0 repeated 0 orphans 0$/);
      expect(exitCode).toBe(0);
    },
  );

  test('also where the disk is full for a while', { timeout: LONG }, async ({ skip }) => {
    const { exitCode, last, all } = await chaos('--kills', '2', '--seed', '3', '--full-disk');
    if (all.includes('a full disk is left out')) {
      if (process.env.CI) throw new Error(all);
      skip('no small file system can be mounted here');
    }
    expect(last, all).toMatch(/lost 0 doubled 0 repeated 0 orphans 0$/);
    expect(all).toContain('diskFull');
    expect(exitCode).toBe(0);
  });

  test.each([
    ['lose', /lost [1-9]\d* doubled 0/],
    ['double', /doubled [1-9]\d*/],
    ['repeat', /repeated [1-9]\d*/],
    ['orphan', /orphans [1-9]\d*/],
  ])('and a runner that would %s is found out', { timeout: LONG }, async (sabotage, expected) => {
    const { exitCode, last, all } = await chaos('--kills', '1', '--seed', '2', '--sabotage', sabotage);
    expect(last, all).toMatch(expected);
    expect(exitCode).toBe(1);
  });
});
