/** @file The claims that a report asks by itself where the sweep file names none, and the settings that they are about. */
import { defaultMargin, type Claim } from '../definition/compare.js';
import { resolveContrast } from '../definition/contrast.js';
import type { SweepRecord } from '../store/queries.js';
import { settingsOf, type Cell } from './cells.js';
import { qualityOf } from './quality.js';

/** The claims of the study that this project repeats, as far as a grid can answer them: what a report asks by itself. */
export function ownClaims(sweep: SweepRecord, cells: readonly Cell[]): Claim[] {
  const quality = qualityOf(cells);
  const of = (
    claim: string,
    outcome: string,
    contrast: Claim['contrast'],
    expect: Claim['expect'],
  ): Claim => ({
    claim,
    outcome,
    contrast,
    expect,
    margin: defaultMargin(outcome),
    primary: false,
  });
  const factor = (name: string) => ({ kind: 'factor', name }) as const;
  const helps = (claim: string, contrast: Claim['contrast']) =>
    quality === undefined ? [] : [of(claim, quality.name, contrast, quality.better)];
  const asked = [
    ...helps('The larger patch gives better whole images', factor('patch')),
    ...helps('The patch matters more than the batch', { kind: 'patch-against-batch' }),
    of('The discriminator loss is lower at the smaller patch', 'loss/D', factor('patch'), 'higher'),
    of('The generator loss is lower at the larger patch', 'loss/G', factor('patch'), 'lower'),
    ...helps('More images help', factor('images')),
    ...helps('A loss on known pairs helps', factor('paired')),
    ...helps('More known pairs help', factor('pairs')),
    ...helps('A larger lambda gives better images', factor('lambda')),
    ...helps('A larger gamma gives better images', factor('gamma')),
  ];
  const settings = settingsOf(cells);
  return asked.filter(({ contrast }) => !('problem' in resolveContrast(contrast, settings, sweep.varied)));
}
