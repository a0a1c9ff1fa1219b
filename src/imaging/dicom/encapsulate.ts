/**
 * @file A compressed image alone in a DICOM file of its own, for a codec that reads files. It says nothing of sign, rescale and MONOCHROME1, so that
 * these are applied in one place, by us; GDCM takes 16-bit signed JPEG-LS wrongly otherwise. And no patient goes into the codec.
 */
import type { DicomHeader } from './header.js';

/** Explicit VR with a length of two bytes, PS3.5 section 7.1.2. */
function element(group: number, tag: number, vr: string, value: Buffer): Buffer {
  const head = Buffer.alloc(8);
  head.writeUInt16LE(group, 0);
  head.writeUInt16LE(tag, 2);
  head.write(vr, 4, 'latin1');
  head.writeUInt16LE(value.length, 6);
  return Buffer.concat([head, value]);
}

function short(group: number, tag: number, value: number): Buffer {
  return element(group, tag, 'US', Buffer.of(value & 0xff, value >> 8));
}

/** Values have an even number of bytes: UIDs end in 0, other texts in a blank. */
function text(group: number, tag: number, vr: 'UI' | 'CS', value: string): Buffer {
  const filled = value.length % 2 === 0 ? value : value + (vr === 'UI' ? '\0' : ' ');
  return element(group, tag, vr, Buffer.from(filled, 'latin1'));
}

const SECONDARY_CAPTURE = '1.2.840.10008.5.1.4.1.1.7';
const NO_INSTANCE = '2.25.1';

/** @param stream items of the pixel data, from the offset table to the delimiter at its end */
export function encapsulate(
  { transferSyntax, width, height, bitsAllocated, bitsStored }: DicomHeader,
  stream: Uint8Array,
): Uint8Array {
  const meta = Buffer.concat([
    text(2, 2, 'UI', SECONDARY_CAPTURE),
    text(2, 3, 'UI', NO_INSTANCE),
    text(2, 0x10, 'UI', transferSyntax),
  ]);
  const length = Buffer.alloc(4);
  length.writeUInt32LE(meta.length);
  return Buffer.concat([
    Buffer.alloc(128),
    Buffer.from('DICM', 'latin1'),
    element(2, 0, 'UL', length),
    meta,
    text(8, 0x16, 'UI', SECONDARY_CAPTURE),
    text(8, 0x18, 'UI', NO_INSTANCE),
    short(0x28, 2, 1),
    text(0x28, 4, 'CS', 'MONOCHROME2'),
    short(0x28, 0x10, height),
    short(0x28, 0x11, width),
    short(0x28, 0x100, bitsAllocated),
    short(0x28, 0x101, bitsStored),
    short(0x28, 0x102, bitsStored - 1),
    short(0x28, 0x103, 0),
    // Pixel Data, OB, of undefined length; then its items.
    Buffer.of(0xe0, 0x7f, 0x10, 0x00, 0x4f, 0x42, 0, 0, 0xff, 0xff, 0xff, 0xff),
    stream,
  ]);
}
