/** @file The bytes of a DICOM file: elements in Explicit VR Little Endian behind the head of PS3.10. */

/** Value representations that are written here (PS3.5 section 6.2). */
export type Vr =
  | 'AS' | 'CS' | 'DA' | 'DS' | 'IS' | 'LO' | 'LT' | 'OB' | 'OW' | 'PN' | 'SH' | 'SQ' | 'SS' | 'ST' | 'TM' | 'UI' | 'US'; // prettier-ignore

/** An element's value: text as it stands in the file, numbers of two bytes, bytes, or the items of a sequence. */
export type Value = string | number | Uint8Array | readonly Elements[];

/** Elements by tag, eight hexadecimal digits. */
export type Elements = ReadonlyMap<string, { vr: Vr; value: Value }>;

/** Those whose length takes four bytes (PS3.5 section 7.1.2). */
const LONG = new Set<Vr>(['OB', 'OW', 'SQ']);

export const EXPLICIT_LITTLE_ENDIAN = '1.2.840.10008.1.2.1';
/** Says which program wrote a file; a UUID drawn once for this project (PS3.5 annex B.2). */
const IMPLEMENTATION = '2.25.216043829416731803529178301922104467215';
const IMPLEMENTATION_NAME = 'CYCLESWEEP';

/** A whole file. @param elements those of the data set; SOP class and instance among them */
export function encodeDicom(elements: Elements): Uint8Array {
  const text = (tag: string): string => {
    const value = elements.get(tag)?.value;
    if (typeof value !== 'string') throw new RangeError(`a DICOM file needs the element ${tag}`);
    return value;
  };
  const meta = encodeElements(
    new Map([
      ['00020001', { vr: 'OB', value: Uint8Array.of(0, 1) }],
      ['00020002', { vr: 'UI', value: text('00080016') }],
      ['00020003', { vr: 'UI', value: text('00080018') }],
      ['00020010', { vr: 'UI', value: EXPLICIT_LITTLE_ENDIAN }],
      ['00020012', { vr: 'UI', value: IMPLEMENTATION }],
      ['00020013', { vr: 'SH', value: IMPLEMENTATION_NAME }],
    ]),
  );
  // The group's length is the one element of four-byte numbers here.
  const length = Buffer.from([0x02, 0x00, 0x00, 0x00, 0x55, 0x4c, 0x04, 0x00, 0, 0, 0, 0]);
  length.writeUInt32LE(meta.length, 8);
  return Buffer.concat([Buffer.alloc(128), Buffer.from('DICM', 'latin1'), length, meta, encodeElements(elements)]); // prettier-ignore
}

/** In ascending order of tags, as the standard wants them. */
function encodeElements(elements: Elements): Buffer {
  const sorted = [...elements].sort(([a], [b]) => (a < b ? -1 : 1));
  return Buffer.concat(sorted.map(([tag, { vr, value }]) => encodeElement(tag, vr, value)));
}

function encodeElement(tag: string, vr: Vr, value: Value): Buffer {
  const body = encodeValue(vr, value);
  const long = LONG.has(vr);
  const head = Buffer.alloc(long ? 12 : 8);
  head.writeUInt16LE(parseInt(tag.slice(0, 4), 16), 0);
  head.writeUInt16LE(parseInt(tag.slice(4), 16), 2);
  head.write(vr, 4, 'latin1');
  if (long) head.writeUInt32LE(body.length, 8);
  else head.writeUInt16LE(body.length, 6);
  return Buffer.concat([head, body]);
}

/** Of even length: text is filled up with a space, UIDs and bytes with a zero. */
function encodeValue(vr: Vr, value: Value): Buffer {
  if (typeof value === 'number') {
    const bytes = Buffer.alloc(2);
    if (vr === 'SS') bytes.writeInt16LE(value);
    else bytes.writeUInt16LE(value);
    return bytes;
  }
  if (typeof value === 'string') {
    const text = Buffer.from(value, 'latin1');
    return text.length % 2 === 0 ? text : Buffer.concat([text, Buffer.from(vr === 'UI' ? '\0' : ' ')]);
  }
  if (value instanceof Uint8Array) {
    return value.length % 2 === 0 ? Buffer.from(value) : Buffer.concat([value, Buffer.alloc(1)]);
  }
  return Buffer.concat(
    value.map((item) => {
      const body = encodeElements(item);
      const head = Buffer.from([0xfe, 0xff, 0x00, 0xe0, 0, 0, 0, 0]);
      head.writeUInt32LE(body.length, 4);
      return Buffer.concat([head, body]);
    }),
  );
}
