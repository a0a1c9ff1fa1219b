/** @file Mean, standard deviation, the distributions of t and F, and the paired t interval that the report's differences carry. */

export function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** Sample standard deviation (n - 1); NaN below two values. */
export function standardDeviation(values: readonly number[]): number {
  if (values.length < 2) return NaN;
  const centre = mean(values);
  return Math.sqrt(values.reduce((sum, value) => sum + (value - centre) ** 2, 0) / (values.length - 1));
}

export interface PairedInterval {
  /** Number of pairs. */
  n: number;
  /** Mean of a - b. */
  difference: number;
  /** NaN below two pairs. */
  low: number;
  high: number;
}

/** Interval of the mean of a - b over pairs, by Student's t with n - 1 degrees of freedom. */
export function pairedInterval(
  a: readonly number[],
  b: readonly number[],
  confidence = 0.95,
): PairedInterval {
  if (a.length !== b.length)
    throw new RangeError(`pairs need equal lengths, got ${a.length} and ${b.length}`);
  return meanInterval(
    a.map((value, i) => value - (b[i] ?? NaN)),
    confidence,
  );
}

/** The same of differences that are made already. */
export function meanInterval(differences: readonly number[], confidence = 0.95): PairedInterval {
  const n = differences.length;
  const difference = mean(differences);
  if (n < 2) return { n, difference, low: NaN, high: NaN };
  const half = (tQuantile(0.5 + confidence / 2, n - 1) * standardDeviation(differences)) / Math.sqrt(n);
  return { n, difference, low: difference - half, high: difference + half };
}

const quantiles = new Map<string, number>();

/** Quantile of Student's t distribution, by bisection on its distribution function; each is computed once. */
export function tQuantile(p: number, degrees: number): number {
  if (!(p > 0 && p < 1)) throw new RangeError(`a quantile needs a probability between 0 and 1, got ${p}`);
  if (p < 0.5) return -tQuantile(1 - p, degrees);
  const key = `${p} ${degrees}`;
  const found = quantiles.get(key) ?? bisected(p, degrees);
  quantiles.set(key, found);
  return found;
}

function bisected(p: number, degrees: number): number {
  let low = 0;
  let high = 1;
  while (tDistribution(high, degrees) < p) high *= 2;
  for (;;) {
    const middle = (low + high) / 2;
    if (middle === low || middle === high) return middle;
    if (tDistribution(middle, degrees) < p) low = middle;
    else high = middle;
  }
}

/** P(T <= t) of Student's t distribution. */
export function tDistribution(t: number, degrees: number): number {
  const tail = incompleteBeta(degrees / (degrees + t * t), degrees / 2, 0.5) / 2;
  return t > 0 ? 1 - tail : tail;
}

/** P(F >= f) of the F distribution. */
export function fTail(f: number, above: number, below: number): number {
  return incompleteBeta(below / (below + above * f), below / 2, above / 2);
}

/** Regularised incomplete beta function I_x(a, b), by its continued fraction (DLMF 8.17.22). */
export function incompleteBeta(x: number, a: number, b: number): number {
  if (x <= 0) return 0;
  if (x >= 1) return 1;
  // The fraction converges fast below the mean only; above it, the function is taken from the other side.
  if (x > (a + 1) / (a + b + 2)) return 1 - incompleteBeta(1 - x, b, a);
  const front = Math.exp(logGamma(a + b) - logGamma(a) - logGamma(b) + a * Math.log(x) + b * Math.log1p(-x));
  return (front * continuedFraction(x, a, b)) / a;
}

/** Lentz's method. */
function continuedFraction(x: number, a: number, b: number): number {
  const tiny = 1e-300;
  const away = (value: number) => (Math.abs(value) < tiny ? tiny : value);
  let c = 1;
  let d = 1 / away(1 - ((a + b) * x) / (a + 1));
  let result = d;
  for (let m = 1; m <= 500; m++) {
    const even = (m * (b - m) * x) / ((a + 2 * m - 1) * (a + 2 * m));
    d = 1 / away(1 + even * d);
    c = away(1 + even / c);
    result *= c * d;
    const odd = (-(a + m) * (a + b + m) * x) / ((a + 2 * m) * (a + 2 * m + 1));
    d = 1 / away(1 + odd * d);
    c = away(1 + odd / c);
    result *= c * d;
    if (Math.abs(c * d - 1) < 1e-16) break;
  }
  return result;
}

/** Lanczos' approximation with g = 7 and nine terms; relative error about 1e-15. */
function logGamma(z: number): number {
  const coefficients = [
    676.5203681218851, -1259.1392167224028, 771.3234287776531, -176.6150291621406, 12.507343278686905,
    -0.13857109526572012, 9.984369578019572e-6, 1.5056327351493116e-7,
  ];
  if (z < 0.5) return Math.log(Math.PI / Math.sin(Math.PI * z)) - logGamma(1 - z);
  const x = z - 1;
  const base = x + 7.5;
  const series = coefficients.reduce((sum, c, i) => sum + c / (x + i + 1), 0.9999999999998099);
  return 0.5 * Math.log(2 * Math.PI) + (x + 0.5) * Math.log(base) - base + Math.log(series);
}

/** Quantile by linear interpolation between sorted values, type 7 of Hyndman and Fan 1996. */
export function quantile(values: readonly number[], p: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (sorted.length - 1) * p;
  const [low, high] = [sorted[Math.floor(at)] ?? NaN, sorted[Math.ceil(at)] ?? NaN];
  return low + (high - low) * (at - Math.floor(at));
}
