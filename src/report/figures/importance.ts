/** @file How much of each outcome's variance goes with each parameter, and with the seed. */
import type { SweepRecord } from '../../store/queries.js';
import { capital, integer, list, percent } from '../format.js';
import type { Outcome } from '../outcomes.js';
import { varianceShares } from '../shares.js';

export function importanceFigure(sweep: SweepRecord, outcomes: readonly Outcome[]) {
  const columns = outcomes.flatMap(({ label, value }) => {
    const shares = varianceShares(sweep, value);
    return shares === undefined ? [] : [{ label, ...shares }];
  });
  const [first] = columns;
  if (first === undefined) return null;
  const name = (names: readonly string[]) => capital(list(names.map((one) => one.replaceAll('_', ' '))));
  const rows = [...new Set(first.shares.map(({ names }) => name(names)))].map((label) => ({
    label: label === 'Seed' ? 'Seed, in all settings alike' : label,
    cells: columns.map(({ shares }) => bar(shares.find(({ names }) => name(names) === label)?.epsilon)),
  }));
  const within = {
    label: 'Seeds within a setting: chance',
    cells: columns.map(({ withinSettings }) => bar(withinSettings ?? undefined)),
  };
  return {
    columns: columns.map(({ label, trials }) => ({ label, trials: integer(trials) })),
    rows: [...rows, ...(columns.some(({ withinSettings }) => withinSettings !== null) ? [within] : [])],
    together: first.shares.filter(({ names }) => names.length > 1).map(({ names }) => name(names)),
  };
}

/** Below 0 by chance is shown as 0. */
function bar(share: number | undefined): { width: number; text: string } {
  if (share === undefined) return { width: 0, text: '—' };
  const shown = Math.min(1, Math.max(0, share));
  return { width: Math.round(100 * shown), text: percent(shown) };
}
