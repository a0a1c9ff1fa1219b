import { describe, expect, it } from 'vitest';
import { whiteNoise } from './phantom-raster.js';
import { findSpots, spotContrast } from './spots.js';

const width = 200;
const places = [
  { x: 60.5, y: 50.5 },
  { x: 140.5, y: 120.5 },
];
const ground = whiteNoise(width * 160, 4).map((value) => 0.3 + 0.01 * value);
const spotted = ground.map((value, i) => {
  const near = places.some(
    ({ x, y }) => Math.hypot((i % width) + 0.5 - x, Math.floor(i / width) + 0.5 - y) < 8,
  );
  return near ? value + 0.2 : value;
});
const everywhere = new Uint8Array(spotted.length).fill(1);

describe('spots', () => {
  it('have the contrast that they were given', () => {
    expect(spotContrast(spotted, width, { ...places[0]!, radius: 8 })).toBeCloseTo(0.2, 2);
    expect(spotContrast(ground, width, { ...places[0]!, radius: 8 })).toBeCloseTo(0, 2);
  });

  it('are found where they are, each once, and nowhere else', () => {
    const found = findSpots(spotted, width, { radius: 8, threshold: 0.1, within: everywhere });
    expect(found).toHaveLength(2);
    for (const { x, y } of places) {
      expect(found.some((spot) => Math.hypot(spot.x - x, spot.y - y) < 5)).toBe(true);
    }
    expect(findSpots(ground, width, { radius: 8, threshold: 0.1, within: everywhere })).toEqual([]);
    const half = everywhere.map((_, i) => (i % width < 100 ? 1 : 0));
    expect(findSpots(spotted, width, { radius: 8, threshold: 0.1, within: half })).toHaveLength(1);
  });
});
