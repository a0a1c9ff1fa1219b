import { describe, expect, it } from 'vitest';
import type { Random } from './dataset.js';
import { LABELS } from './phantom-anatomy.js';
import { drawLabels, drawPair } from './phantom.js';
import { diceOf, trainSegmenter, type Labelled } from './segmenter.js';

const SIZE = 128;
const COUNTED = [2, 3, 4];

function random(): Random {
  let state = 1;
  const float = () => (state = (state * 48271) % 2147483647) / 2147483647;
  return { float, int: (lo, hi) => lo + Math.floor(float() * (hi - lo + 1)) };
}

function drawn(index: number, domain: 'x' | 'y'): Labelled {
  const values = Float32Array.from(drawPair(1, index, SIZE)[domain].data, (value) => value / 65535);
  return { values, width: SIZE, height: SIZE, labels: drawLabels(1, index, SIZE) };
}

describe('the segmenter', () => {
  const segmenter = trainSegmenter(
    [0, 1, 2, 3].map((index) => drawn(index, 'x')),
    LABELS.length,
    random(),
  );
  const dice = (image: Labelled) => {
    const all = diceOf(segmenter, image);
    return COUNTED.reduce((sum, c) => sum + all[c - 1]!, 0) / COUNTED.length;
  };

  it('finds lung, heart and abdomen in other patients of the style that it learnt', () => {
    expect(dice(drawn(7, 'x'))).toBeGreaterThan(0.85);
  });

  it('is worse in the other style: what styling is to mend', () => {
    expect(dice(drawn(7, 'y'))).toBeLessThan(dice(drawn(7, 'x')) - 0.02);
  });

  it('learns the same again, and survives a file', () => {
    const again = trainSegmenter(
      [0, 1, 2, 3].map((index) => drawn(index, 'x')),
      LABELS.length,
      random(),
    );
    expect(JSON.parse(JSON.stringify(again))).toEqual(segmenter);
  });
});
