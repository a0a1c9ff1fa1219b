/** @file Numbers and words as the report prints them: the same on every machine, whatever its language. */
export { withoutPaths } from '../definition/redact.js';

const NARROW = '\u202f';
const MINUS = '\u2212';
export const NONE = '—';

/** Three significant digits at least, never an exponent for what a reader meets in a table. */
export function decimal(value: number | null | undefined, digits = 3): string {
  if (value === null || value === undefined || !Number.isFinite(value)) return NONE;
  if (value === 0) return '0';
  const size = Math.abs(value);
  if (size >= 1e7 || size < 1e-4) return value.toPrecision(digits).replace('-', MINUS);
  const places = Math.min(6, Math.max(0, digits - 1 - Math.floor(Math.log10(size))));
  const [whole = '', fraction] = size.toFixed(places).split('.');
  return (value < 0 ? MINUS : '') + thousands(whole) + (fraction === undefined ? '' : `.${fraction}`);
}

/** Places after the point that show three significant digits; the same for a mean and its deviation. */
export function placesOf(value: number): number {
  if (!Number.isFinite(value) || value === 0) return 3;
  return Math.min(6, Math.max(0, 2 - Math.floor(Math.log10(Math.abs(value)))));
}

/** A given number as it is, not a measured one. */
export function exact(value: number): string {
  return Number.isInteger(value) ? integer(value) : String(value).replace('-', MINUS);
}

/** A fixed number of places, for a column of like numbers. */
export function fixed(value: number, places: number): string {
  return Number.isFinite(value) ? value.toFixed(places).replace('-', MINUS) : NONE;
}

/** A difference: always with its sign. */
export function signed(value: number, places = 3): string {
  if (!Number.isFinite(value)) return NONE;
  const text = fixed(Math.abs(value), places);
  return Number(text) === 0 ? text : (value < 0 ? MINUS : '+') + text;
}

export function integer(value: number | null | undefined): string {
  if (value === null || value === undefined || !Number.isFinite(value)) return NONE;
  const rounded = Math.round(value);
  return (rounded < 0 ? MINUS : '') + thousands(String(Math.abs(rounded)));
}

function thousands(digits: string): string {
  return digits.length < 5 ? digits : digits.replace(/\B(?=(\d{3})+$)/g, NARROW);
}

/** `40 million`, `1.5 million`, `12 000`. */
export function amount(value: number): string {
  if (value >= 1e9) return `${trimmed(value / 1e9)} billion`;
  if (value >= 1e6) return `${trimmed(value / 1e6)} million`;
  return integer(value);
}

function trimmed(value: number): string {
  return String(Number(value.toPrecision(3)));
}

export function duration(seconds: number | null | undefined): string {
  if (seconds === null || seconds === undefined || !Number.isFinite(seconds)) return NONE;
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  const minutes = Math.floor(whole / 60);
  if (minutes < 60) return `${minutes} min ${whole % 60} s`;
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

export function bytes(value: number | null | undefined): string {
  if (value === null || value === undefined || !Number.isFinite(value)) return NONE;
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  const power = Math.min(units.length - 1, Math.floor(Math.log2(Math.max(1, value)) / 10));
  return `${trimmed(value / 1024 ** power)} ${units[power] ?? ''}`;
}

export function percent(share: number): string {
  return `${Math.round(share * 100)}\u00a0%`;
}

/** A measured share: small ones with a digit more. */
export function shareText(share: number): string {
  return share > 0 && share < 0.1 ? `${(share * 100).toFixed(1)}\u00a0%` : percent(share);
}

/** `one`, `two` … in running text; figures from thirteen. */
export function count(n: number, noun: string, plural = `${noun}s`): string {
  return `${spelled(n)} ${n === 1 ? noun : plural}`;
}

export function spelled(n: number): string {
  const words = [
    'no',
    'one',
    'two',
    'three',
    'four',
    'five',
    'six',
    'seven',
    'eight',
    'nine',
    'ten',
    'eleven',
    'twelve',
  ];
  return words[n] ?? integer(n);
}

/** `a`, `a and b`, `a, b and c`. */
export function list(words: readonly string[]): string {
  if (words.length < 2) return words.join('');
  return `${words.slice(0, -1).join(', ')} and ${words.at(-1) ?? ''}`;
}

export function capital(text: string): string {
  return text.slice(0, 1).toUpperCase() + text.slice(1);
}
