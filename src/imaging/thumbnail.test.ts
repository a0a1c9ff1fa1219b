import { describe, expect, it } from 'vitest';
import type { GreyImage } from './image.js';
import { decodePng } from './png.js';
import { region } from './thumbnail.js';

const image: GreyImage = {
  width: 4,
  height: 3,
  bits: 16,
  data: Uint16Array.from({ length: 12 }, (_, i) => i * 1000),
};

describe('region', () => {
  it('is an 8-bit PNG of the rectangle in the fixed range', () => {
    const png = decodePng(region(image, 1, 1, 2, 2, [5000, 10100]), 'region');
    expect(png).toEqual({ width: 2, height: 2, bits: 8, data: Uint8Array.of(0, 50, 200, 250) });
  });

  it('clamps to the range and cuts off what sticks out', () => {
    const png = decodePng(region(image, 2, -1, 9, 2, [2500, 2600]), 'region');
    expect(png).toEqual({ width: 2, height: 1, bits: 8, data: Uint8Array.of(0, 255) });
    expect(() => region(image, 4, 0, 2, 2, [0, 1])).toThrow(/No pixel/);
  });
});
