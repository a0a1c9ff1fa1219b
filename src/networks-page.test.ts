/** @file docs/networks.md against what the layers and losses give. */
import fs from 'node:fs';
import { describe, expect, it } from 'vitest';
import { DECISION_THRESHOLD, KNOW_NOTHING } from './adversarial.js';
import type { GeneratorParameters } from './geometry.js';
import * as geometry from './geometry.js';

const page = fs.readFileSync(new URL('../docs/networks.md', import.meta.url), 'utf8');
const rowsFrom = (start: RegExp): string[][] =>
  page
    .split('\n')
    .filter((line) => start.test(line))
    .map((line) => line.split(' | ').map((cell) => cell.replace(/^\| | \|$/g, '')));
const words = (count: number): string => count.toLocaleString('en-US');

describe('docs/networks.md', () => {
  const generators = rowsFrom(/^\| `(resnet|unet|fullres)` \|/);

  it('lists every generator', () => {
    expect(new Set(generators.map(([name]) => name))).toEqual(new Set(['`resnet`', '`unet`', '`fullres`']));
  });

  it.each(generators)('tells the size of %s, %s blocks, %s filters, %s, norm %s', (...row) => {
    const [generator, blocks, filters, upsample, norm, ...numbers] = row;
    const parameters = {
      generator: generator?.replaceAll('`', ''),
      blocks: Number(blocks),
      filters: Number(filters),
      upsample,
      norm,
    } as GeneratorParameters;
    const layers = geometry.generatorLayers(parameters);
    expect(numbers).toEqual([
      words(geometry.countWeights(layers)),
      `${(geometry.multiplyAdds(layers) / 1000).toFixed(1)}k`,
      String(geometry.receptiveField(layers)),
      String(geometry.sideMultiple(parameters)),
    ]);
  });

  it.each(rowsFrom(/^\| [1-5] \| [\d,]+ \|/))('tells the size of a discriminator of %s layers', (...row) => {
    const disc_layers = Number(row[0]);
    const parameters = { disc_layers, disc_filters: 64, norm: 'instance' } as const;
    const maps = [64, 128, 256, 1024].map((patch) => {
      const map = geometry.discriminatorSides(patch, disc_layers).at(-1) as number;
      return map === 0
        ? '0'
        : `${map} (${Math.round(100 * geometry.discriminatorPaddingShare(parameters, patch))} %)`;
    });
    const weights = words(geometry.countWeights(geometry.discriminatorLayers(parameters)));
    expect(row.slice(1)).toEqual([
      weights,
      String(geometry.discriminatorReceptiveField(parameters)),
      ...maps,
    ]);
  });

  it('tells what each adversarial loss is worth to those who know nothing', () => {
    const rows = rowsFrom(/^\| `(least-squares|cross-entropy|hinge)`/);
    const round = (value: number): number => Number(value.toFixed(4));
    expect(rows.map((row) => row.slice(-2))).toEqual(
      (['least-squares', 'cross-entropy', 'hinge'] as const).map((loss) => [
        `above ${DECISION_THRESHOLD[loss]}`,
        `${round(KNOW_NOTHING[loss].D)}, ${round(KNOW_NOTHING[loss].adversarial)}`,
      ]),
    );
  });

  it('shows the sum by which five layers at patch 64 are refused', () => {
    expect(page).toContain(`(${geometry.discriminatorSides(64, 5).join(' → ')})`);
  });
});
