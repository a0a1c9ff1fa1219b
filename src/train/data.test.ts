/** @file Tests of the batches that training draws: what is paired, where patches lie, what augmentation does to them. */
import { describe, expect, it } from 'vitest';
import { resolveParameters } from '../definition/parameters.js';
import type { GreyImage } from '../imaging/image.js';
import type { TrialParameters } from '../protocol.js';
import { patchSource, type TrialImages } from './data.js';
import { randomFromSeed } from './random.js';

const [WIDTH, HEIGHT] = [32, 28];

/** Every value says where it stands; Y is X + 0 so that partners show equal patches; the left part of an image is 0. */
function coded(index: number, blank: number): GreyImage {
  const data = Uint16Array.from({ length: WIDTH * HEIGHT }, (_, i) =>
    i % WIDTH < blank ? 0 : 1 + index * 1000 + i,
  );
  return { width: WIDTH, height: HEIGHT, bits: 16, data };
}

function imagesOf(
  list: GreyImage[],
  partners: [number, number][] = [],
): Pick<TrialImages, 'train' | 'range'> {
  const domain = {
    images: {
      size: list.length,
      kinds: [{ bits: 16 }],
      smallest: { width: WIDTH, height: HEIGHT },
      image: (index: number) => Promise.resolve(list[index]!),
    },
    threshold: 0,
  };
  return { train: { x: domain, y: domain, partnerOf: new Map(partners) }, range: [0, 65535] };
}

const parametersOf = (more: Partial<TrialParameters>) =>
  resolveParameters({ patch: 16, batch: 4, disc_layers: 1, ...more });
const stored = (value: number) => Math.round(((value + 1) / 2) * 65535);
const PIXELS = 16 * 16;

describe('a batch', () => {
  const list = [coded(30, 0), coded(31, 0), coded(32, 0)];

  it('pairs what has a partner, at the same place and changed alike, and nothing else', async () => {
    const parameters = parametersOf({ paired: 1, flip: true, jitter: 0.2 });
    const draw = patchSource({ parameters, seed: 1 }, imagesOf(list, [[1, 1]]));
    const random = randomFromSeed(1, 'patches');
    let [paired, equal] = [0, 0];
    for (let update = 0; update < 50; update++) {
      const { X, Y, pairedMask } = await draw(random);
      for (let sample = 0; sample < 4; sample++) {
        const of = (values: Float32Array) => values.slice(sample * PIXELS, (sample + 1) * PIXELS);
        const same = of(X).every((value, i) => value === of(Y)[i]);
        if (same) equal++;
        if (pairedMask[sample] === 1) expect(same).toBe(true);
        paired += pairedMask[sample]!;
      }
    }
    expect(paired).toBeGreaterThan(40); // a third of 200
    expect(paired).toBeLessThan(95);
    expect(equal).toBe(paired);
  });

  it('is cut at one place for the whole run with fixed-per-run, in both domains', async () => {
    const parameters = parametersOf({ crop: 'fixed-per-run' });
    const corners = new Set<number>();
    for (const start of [1, 2]) {
      const random = randomFromSeed(start, 'patches');
      const { X, Y } = await patchSource({ parameters, seed: 5 }, imagesOf(list))(random);
      for (const values of [X, Y]) {
        for (let at = 0; at < values.length; at += PIXELS) corners.add((stored(values[at]!) - 1) % 1000);
      }
    }
    expect(corners.size).toBe(1);
  });

  it('counts blank patches, and draws none with inside-mask where the centre is in the body', async () => {
    const anywhere = patchSource({ parameters: parametersOf({}), seed: 1 }, imagesOf([coded(0, 30)]));
    const random = randomFromSeed(1, 'patches');
    let total = 0;
    for (let update = 0; update < 20; update++) total += (await anywhere(random)).blank;
    expect(total).toBeGreaterThan(100); // of 160: a patch sees the two columns of body from two of 17 places
    const inside = parametersOf({ crop: 'inside-mask' });
    const draw = patchSource({ parameters: inside, seed: 1 }, imagesOf([coded(0, 14)]));
    for (let update = 0; update < 20; update++) {
      const { X, blank } = await draw(random);
      expect(blank).toBe(0);
      for (let sample = 0; sample < 4; sample++) {
        expect(stored(X[sample * PIXELS + 8 * 16 + 8]!)).toBeGreaterThan(0);
      }
    }
  });

  it('is mirrored half of the time with flip, and stays within [-1, 1] with jitter', async () => {
    const random = randomFromSeed(1, 'patches');
    const draw = patchSource(
      { parameters: parametersOf({ flip: true, jitter: 0.5 }), seed: 1 },
      imagesOf([coded(60, 0)]),
    );
    let mirrored = 0;
    for (let update = 0; update < 50; update++) {
      const { X } = await draw(random);
      expect(X.every((value) => value >= -1 && value <= 1)).toBe(true);
      for (let at = 0; at < X.length; at += PIXELS) if (X[at]! > X[at + 1]!) mirrored++;
    }
    expect(mirrored).toBeGreaterThan(50);
    expect(mirrored).toBeLessThan(150);
  });
});
