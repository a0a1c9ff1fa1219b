import fs from 'node:fs';
import { expect, test } from 'vitest';
import { METRICS } from './metrics.js';

test('docs/metrics.md holds the list of metrics, word for word', () => {
  const page = fs.readFileSync(new URL('../docs/metrics.md', import.meta.url), 'utf8');
  const rows = page.split('\n').filter((line) => line.startsWith('| `'));
  expect(rows).toEqual(
    Object.entries(METRICS).map(([name, { label, formula, unit, direction }]) => {
      return `| \`${name}\` | ${label} | ${formula.replaceAll('|', '\\|')} | ${unit || '–'} | ${direction} |`;
    }),
  );
});
