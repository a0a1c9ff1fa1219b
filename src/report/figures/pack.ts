/** @file Numbers as the page carries them: 32-bit floats in base64, a third of their size as text, read when a chart is drawn. */

/** Little-endian, whatever the machine. */
export function packed(values: readonly number[]): string {
  const bytes = Buffer.alloc(values.length * 4);
  values.forEach((value, i) => bytes.writeFloatLE(value, i * 4));
  return bytes.toString('base64');
}
