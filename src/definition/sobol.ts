/** @file Points that fill a cube evenly, and points at random: the same for the same seed, on every machine. */
import { xoroshiro128plus } from 'pure-rand/generator/xoroshiro128plus';

/**
 * Primitive polynomials and first direction numbers of Joe and Kuo 2008 (https://doi.org/10.1137/070709359, table
 * new-joe-kuo-6), dimensions 2 to 10. The first dimension is van der Corput's sequence.
 */
const DIRECTIONS: { polynomial: number; first: number[] }[] = [
  { polynomial: 0, first: [1] },
  { polynomial: 1, first: [1, 3] },
  { polynomial: 1, first: [1, 3, 1] },
  { polynomial: 2, first: [1, 1, 1] },
  { polynomial: 1, first: [1, 1, 3, 3] },
  { polynomial: 4, first: [1, 3, 5, 13] },
  { polynomial: 2, first: [1, 1, 5, 5, 17] },
  { polynomial: 4, first: [1, 1, 5, 5, 5] },
  { polynomial: 7, first: [1, 1, 7, 11, 19] },
];

/** Most parameters that one Sobol draw may hold. */
export const MOST_DIMENSIONS = DIRECTIONS.length + 1;

const BITS = 32;

/** Direction numbers of one dimension as 32-bit fractions, the first bit of the index first. */
function directions(dimension: number): number[] {
  if (dimension === 0) return Array.from({ length: BITS }, (_, bit) => (1 << (31 - bit)) >>> 0);
  const { polynomial, first } = DIRECTIONS[dimension - 1]!;
  const degree = first.length;
  const found = first.map((m, bit) => (m << (31 - bit)) >>> 0);
  for (let bit = degree; bit < BITS; bit++) {
    let value = found[bit - degree]! ^ (found[bit - degree]! >>> degree);
    for (let term = 1; term < degree; term++) {
      if ((polynomial >> (degree - 1 - term)) & 1) value ^= found[bit - term]!;
    }
    found.push(value >>> 0);
  }
  return found;
}

/**
 * `count` coordinates in [0, 1) of one dimension of Sobol's sequence, shifted at random: each coordinate's bits are exchanged
 * (XOR) by bits of the seed, which keeps the evenness. A larger count begins with the same numbers.
 */
export function sobol(dimension: number, count: number, seed: number): number[] {
  const numbers = directions(dimension);
  const shift = randomBits(seed, `sobol ${dimension}`)();
  return Array.from({ length: count }, (_, index) => {
    let value = shift;
    for (let bit = 0; index >> bit > 0; bit++) if ((index >> bit) & 1) value ^= numbers[bit]!;
    return (value >>> 0) / 2 ** BITS;
  });
}

/** `count` independent numbers in [0, 1). A stream of its own for each name, so that no parameter's draws hang on another's. */
export function uniform(name: string, count: number, seed: number): number[] {
  const next = randomBits(seed, name);
  return Array.from({ length: count }, () => next() / 2 ** BITS);
}

/** 32 random bits a call, as a number from 0. */
function randomBits(seed: number, name: string): () => number {
  let hash = 0x811c9dc5; // FNV-1a, 32 bits
  for (const byte of new TextEncoder().encode(name)) hash = Math.imul(hash ^ byte, 0x01000193);
  const generator = xoroshiro128plus(Math.imul(seed + 1, 0x9e3779b1) ^ hash);
  generator.next(); // the first word still resembles the seed
  return () => generator.next() >>> 0;
}
