/** @file Colours of settings: told apart by those who see fewer, and readable on both backgrounds. */
import { describe, expect, test } from 'vitest';
import { COLOURS } from './cells.js';

type Triple = [number, number, number];

/** How those see who lack one kind of cone: Machado, Oliveira and Fernandes 2009, severity 1, on linear RGB. */
const SIGHT: Record<string, [Triple, Triple, Triple]> = {
  'all cones': [
    [1, 0, 0],
    [0, 1, 0],
    [0, 0, 1],
  ],
  protanopia: [
    [0.152286, 1.052583, -0.204868],
    [0.114503, 0.786281, 0.099216],
    [-0.003882, -0.048116, 1.051998],
  ],
  deuteranopia: [
    [0.367322, 0.860646, -0.227968],
    [0.280085, 0.672501, 0.047413],
    [-0.01182, 0.04294, 0.968881],
  ],
  tritanopia: [
    [1.255528, -0.076749, -0.178779],
    [-0.078411, 0.930809, 0.147602],
    [0.004733, 0.691367, 0.3039],
  ],
};

function linear(hex: string): Triple {
  const channel = (at: number) => {
    const value = parseInt(hex.slice(at, at + 2), 16) / 255;
    return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
  };
  return [channel(1), channel(3), channel(5)];
}

function seen(hex: string, sight: [Triple, Triple, Triple]): Triple {
  const rgb = linear(hex);
  const row = (weights: Triple) =>
    Math.min(1, Math.max(0, weights[0] * rgb[0] + weights[1] * rgb[1] + weights[2] * rgb[2]));
  return [row(sight[0]), row(sight[1]), row(sight[2])];
}

/** CIELAB under D65. */
function lab([r, g, b]: Triple): Triple {
  const f = (t: number) => (t > 0.008856 ? Math.cbrt(t) : 7.787 * t + 16 / 116);
  const x = f((0.4124 * r + 0.3576 * g + 0.1805 * b) / 0.95047);
  const y = f(0.2126 * r + 0.7152 * g + 0.0722 * b);
  const z = f((0.0193 * r + 0.1192 * g + 0.9505 * b) / 1.08883);
  return [116 * y - 16, 500 * (x - y), 200 * (y - z)];
}

/** WCAG 2.2. */
function contrast(a: string, b: string): number {
  const [low, high] = [a, b]
    .map((hex) => {
      const [red, green, blue] = linear(hex);
      return 0.2126 * red + 0.7152 * green + 0.0722 * blue + 0.05;
    })
    .sort((one, other) => one - other);
  return high! / low!;
}

describe.each(['light', 'dark'] as const)('colours of the %s scheme', (scheme) => {
  const colours = COLOURS.map((colour) => colour[scheme]);

  test.each(Object.keys(SIGHT))('are told apart with %s', (name) => {
    const points = colours.map((hex) => lab(seen(hex, SIGHT[name]!)));
    const nearest = (few: Triple[]) =>
      Math.min(
        ...few.flatMap((a, i) =>
          few.slice(i + 1).map((b) => Math.hypot(a[0] - b[0], a[1] - b[1], a[2] - b[2])),
        ),
      );
    expect(nearest(points)).toBeGreaterThan(20);
    expect(nearest(points.slice(0, 3))).toBeGreaterThan(40);
  });

  test('can be read as text', () => {
    const paper = scheme === 'light' ? '#ffffff' : '#15181d';
    expect(Math.min(...colours.map((hex) => contrast(hex, paper)))).toBeGreaterThan(4.5);
  });
});
