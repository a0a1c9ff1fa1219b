import { expect, it } from 'vitest';
import { crc32c, record } from './records.js';

it('has the checksums that RFC 3720, appendix B.4, gives', () => {
  expect(crc32c(new Uint8Array(32))).toBe(0x8a9136aa);
  expect(crc32c(new Uint8Array(32).fill(255))).toBe(0x62a8ab43);
  expect(crc32c(Uint8Array.from({ length: 32 }, (_, i) => i))).toBe(0x46dd794e);
});

it('frames data with its length and two checksums', () => {
  const framed = Buffer.from(record(Buffer.from('abc')));
  expect(framed).toHaveLength(19);
  expect(framed.readBigUInt64LE(0)).toBe(3n);
  expect(framed.subarray(12, 15).toString()).toBe('abc');
});
