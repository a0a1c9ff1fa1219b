/** @file A few words drawn into the corner of an image, so that nobody takes it for an exposure. */
import type { Pixels } from '../image.js';

/** Letters of 5 x 7 pixels, a row a number, the leftmost pixel its highest bit. */
const GLYPHS: Readonly<Record<string, readonly number[]>> = {
  A: [14, 17, 17, 31, 17, 17, 17],
  C: [14, 17, 16, 16, 16, 17, 14],
  E: [31, 16, 16, 30, 16, 16, 31],
  F: [31, 16, 16, 30, 16, 16, 16],
  H: [17, 17, 17, 31, 17, 17, 17],
  I: [14, 4, 4, 4, 4, 4, 14],
  N: [17, 25, 21, 19, 17, 17, 17],
  O: [14, 17, 17, 17, 17, 17, 14],
  R: [30, 17, 17, 30, 20, 18, 17],
  S: [15, 16, 16, 14, 1, 1, 30],
  T: [31, 4, 4, 4, 4, 4, 4],
  Y: [17, 17, 10, 4, 4, 4, 4],
  ' ': [0, 0, 0, 0, 0, 0, 0],
};
const [WIDTH, HEIGHT] = [5, 7];
/** From letter to letter. */
const ADVANCE = WIDTH + 1;
/** Around the text, and from the image's corner. */
const MARGIN = 2;

/** The longest that fits is drawn. */
const TEXTS = ['SYNTHETIC FOR RESEARCH', 'SYNTHETIC'];
/** Pixels of the image for each pixel of a letter: 1 below this side, 2 below twice of it, and so on. */
const SIDE_OF_SCALE = 512;

/**
 * Draws the mark into the lower left corner: light letters on a dark field.
 * @param dark and light: values, the ends of the intensity range
 * @returns whether there was room for it
 */
export function drawMark(
  data: Pixels,
  width: number,
  height: number,
  { dark, light }: { dark: number; light: number },
): boolean {
  const scale = Math.max(1, Math.floor(Math.min(width, height) / SIDE_OF_SCALE));
  const sideOf = (text: string): number => scale * (text.length * ADVANCE - 1 + 4 * MARGIN);
  const tall = scale * (HEIGHT + 2 * MARGIN);
  const text = TEXTS.find((each) => sideOf(each) <= width && tall + scale * MARGIN <= height);
  if (text === undefined) return false;
  const [left, top] = [scale * MARGIN, height - scale * MARGIN - tall];
  const wide = sideOf(text) - 2 * scale * MARGIN;
  for (let y = 0; y < tall; y++) {
    for (let x = 0; x < wide; x++) {
      const [column, row] = [Math.floor(x / scale) - MARGIN, Math.floor(y / scale) - MARGIN];
      const letter = GLYPHS[text[Math.floor(column / ADVANCE)] ?? ' '];
      const bit = WIDTH - 1 - (column % ADVANCE);
      const lit = column >= 0 && bit >= 0 && (((letter?.[row] ?? 0) >> bit) & 1) === 1;
      data[(top + y) * width + left + x] = lit ? light : dark;
    }
  }
  return true;
}
