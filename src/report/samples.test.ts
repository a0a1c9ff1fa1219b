import { encode } from 'fast-png';
import { describe, expect, test } from 'vitest';
import { syntheticPicture as drawn, syntheticSweep } from '../../test/fixtures/sweep-record.js';
import { cellsOf } from './cells.js';
import { chooseSamples } from './samples.js';
import { thumbnailOf } from './thumbnail.js';

const drawings = new Map<string, Uint8Array>();
const syntheticPicture = (file: string) => {
  const known = drawings.get(file) ?? drawn(file);
  drawings.set(file, known);
  return known;
};
const bytesOf = (sources: { url: string }[]) => sources.reduce((sum, { url }) => sum + url.length, 0);
const WHOLE = { cut: false, shrunk: false };

describe('the pictures of a page', () => {
  const cells = cellsOf(syntheticSweep());

  test('are all of them where there is room, what all trials share only once', () => {
    const { pictures, sources, leftOut } = chooseSamples(cells, syntheticPicture, 1e8);
    expect(leftOut).toEqual([]);
    expect(pictures.map(({ name, trials }) => [name, trials.length])).toEqual([
      ['image 0-3fa1, crop', 6],
      ['image 1-97bc, whole', 6],
    ]);
    for (const { trial, frames } of pictures[0]!.trials) {
      expect(frames.map(({ share }) => share)).toEqual([20, 40, 60, 80, 100]);
      expect(frames.at(-1)!.step).toBe(trial.updates);
    }
    const x = pictures[0]!.trials.flatMap(({ frames }) => frames.map(({ roles }) => roles.x));
    expect(new Set(x).size).toBe(1);
    // Two images of x and y; G(X) and F(G(X)) of six trials, at five steps and of the second image.
    expect(sources).toHaveLength(2 * 2 + 2 * 6 * (5 + 1));
  });

  test.each([
    [900_000, /half the resolution/, 6, 160],
    [450_000, /steps are left out: .* of the budget/, 6, 160],
    [150_000, /only the middle/, 6, 80],
    [60_000, /Pictures of \d of 6 trials are left out/, 2, 80],
  ])('in %d bytes: %s', (budget, said, least, side) => {
    const { pictures, sources, leftOut } = chooseSamples(cells, syntheticPicture, budget);
    expect(bytesOf(sources)).toBeLessThanOrEqual(budget);
    expect(leftOut.join('\n')).toMatch(said);
    expect(pictures[0]!.trials.length).toBeGreaterThanOrEqual(least);
    const end = pictures[0]!.trials[0]!.frames.at(-1)!.roles.gx!;
    expect(sources[end]!.width).toBe(side);
  });

  test('of few trials are of one seed of each setting before the next', () => {
    const { pictures } = chooseSamples(cells, syntheticPicture, 60_000);
    expect(pictures[0]!.trials.slice(0, 2).map(({ cell }) => cell)).not.toEqual([0, 0]);
    expect(new Set(pictures[0]!.trials.map(({ cell }) => cell)).size).toBe(2);
  });

  test('are of the later attempt where one repeats another', () => {
    const sweep = syntheticSweep({ seeds: [1] });
    const [trial] = sweep.trials;
    const again = trial!.samples
      .filter(({ role, step }) => role === 'gx' && step === trial!.updates)
      .map((sample) => ({ ...sample, file: '/samples/again/0-3fa1-1-gx.png' }));
    trial!.samples.push(...again);
    const read: string[] = [];
    chooseSamples(
      cellsOf(sweep),
      (file) => {
        read.push(file);
        return syntheticPicture(file);
      },
      1e8,
    );
    expect(read).toContain('/samples/again/0-3fa1-1-gx.png');
    expect(read).not.toContain(trial!.samples.find(({ step, role }) => role === 'gx' && step === trial!.updates)!.file); // prettier-ignore
  });

  test('that are gone are counted', () => {
    const { leftOut } = chooseSamples(
      cells,
      (file) => {
        if (file.endsWith('-fgx.png')) throw new Error('ENOENT');
        return syntheticPicture(file);
      },
      1e8,
    );
    expect(leftOut).toEqual(['36 pictures were not found or are no PNG.']);
  });
});

describe('a thumbnail', () => {
  const ramp = (width: number, height: number) => Uint16Array.from({ length: width * height }, (_, i) => i % width); // prettier-ignore

  test('of a plain 8-bit picture is the file itself', () => {
    const png = syntheticPicture('/samples/0-a-x.png');
    expect(Buffer.from(thumbnailOf(png, WHOLE)!.png).equals(Buffer.from(png))).toBe(true);
  });

  test('holds no text that stood in the file', () => {
    const data = Uint8Array.from(ramp(4, 4));
    const named = encode({ width: 4, height: 4, data, channels: 1, depth: 8, text: { Patient: 'Doe^Jane' } });
    expect(Buffer.from(named).includes('Doe^Jane')).toBe(true);
    const thumbnail = thumbnailOf(named, WHOLE)!;
    expect(Buffer.from(thumbnail.png).includes('Doe^Jane')).toBe(false);
    expect(thumbnail).toMatchObject({ width: 4, height: 4 });
  });

  test('of 16 bits has 8, of large ones at most 512 a side', () => {
    const data = ramp(1200, 600).map((value) => value * 54);
    const thumbnail = thumbnailOf(encode({ width: 1200, height: 600, data, channels: 1, depth: 16 }), WHOLE)!;
    expect(thumbnail).toMatchObject({ width: 400, height: 200 });
    expect(thumbnail.png[24]).toBe(8);
  });

  test('of what is no PNG is none', () => {
    expect(thumbnailOf(Buffer.from('<svg></svg>'.repeat(9)), WHOLE)).toBeUndefined();
    expect(thumbnailOf(syntheticPicture('/samples/0-a-x.png').slice(0, 60), { cut: true, shrunk: false })).toBeUndefined(); // prettier-ignore
  });
});
