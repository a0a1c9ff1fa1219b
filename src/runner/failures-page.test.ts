/** @file docs/failures.md shows the table of the code. */
import fs from 'node:fs';
import { expect, it } from 'vitest';
import { FAILURES } from './failures.js';

it('docs/failures.md holds every class, in the order of the table, in its words', () => {
  const page = fs.readFileSync(new URL('../../docs/failures.md', import.meta.url), 'utf8');
  const rows = page.split('\n').filter((line) => line.startsWith('| `'));
  const cells = rows.map((row) =>
    row
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim()),
  );
  const expected = Object.entries(FAILURES).map(([name, { sign, policy, advice }]) => [
    `\`${name}\``,
    sign,
    policy,
    advice,
  ]);
  expect(cells).toEqual(expected);
});
