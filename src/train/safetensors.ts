/** @file The safetensors file format, float32 only: a JSON header with its length in front, then the values. */
import fs from 'node:fs';

export interface NamedTensor {
  shape: readonly number[];
  values: Float32Array;
}

/** Name in the header under which no tensor stands. */
const METADATA = '__metadata__';

interface HeaderEntry {
  dtype: string;
  shape: number[];
  data_offsets: [number, number];
}

/**
 * https://github.com/huggingface/safetensors#format; little-endian, as every platform that Node runs on.
 * @param metadata what a reader should know, as text by name
 */
export function encodeSafetensors(
  tensors: Record<string, NamedTensor>,
  metadata?: Record<string, string>,
): Uint8Array[] {
  const header: Record<string, HeaderEntry | Record<string, string>> = {};
  if (metadata !== undefined) header[METADATA] = metadata;
  let offset = 0;
  for (const [name, { shape, values }] of Object.entries(tensors)) {
    header[name] = { dtype: 'F32', shape: [...shape], data_offsets: [offset, offset + values.byteLength] };
    offset += values.byteLength;
  }
  const json = JSON.stringify(header);
  const head = Buffer.from(json.padEnd(Math.ceil(json.length / 8) * 8)); // values start on a multiple of 8
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(head.length));
  const bodies = Object.values(tensors).map(
    ({ values }) => new Uint8Array(values.buffer, values.byteOffset, values.byteLength),
  );
  return [length, head, ...bodies];
}

/** @throws RangeError if the file is no whole safetensors file of float32 */
export function decodeSafetensors(file: Buffer): Record<string, NamedTensor> {
  if (file.length < 8) throw new RangeError('too short for a safetensors file');
  const start = 8 + Number(file.readBigUInt64LE());
  if (start > file.length) throw new RangeError('the header is longer than the file');
  const header = JSON.parse(file.toString('utf8', 8, start)) as Record<string, HeaderEntry>;
  const tensors: Record<string, NamedTensor> = {};
  for (const [name, entry] of Object.entries(header)) {
    if (name === METADATA) continue;
    const [from, to] = entry.data_offsets;
    if (entry.dtype !== 'F32') throw new RangeError(`${name} is ${entry.dtype}, not F32`);
    if (start + to > file.length) throw new RangeError(`${name} ends behind the end of the file`);
    const bytes = file.subarray(start + from, start + to);
    const values = new Float32Array(bytes.length / 4);
    new Uint8Array(values.buffer).set(bytes);
    tensors[name] = { shape: entry.shape, values };
  }
  return tensors;
}

/**
 * Reads only some tensors of a file: a checkpoint holds six times what a generator is.
 * @throws RangeError if the file is no whole safetensors file of float32; the system's error if it cannot be read
 */
export function readSafetensors(
  file: string,
  wanted: (name: string) => boolean,
): Record<string, NamedTensor> {
  const descriptor = fs.openSync(file, 'r');
  try {
    const read = (length: number, position: number): Buffer => {
      const bytes = Buffer.alloc(length);
      if (fs.readSync(descriptor, bytes, 0, length, position) < length)
        throw new RangeError('ends before its values do');
      return bytes;
    };
    const length = Number(read(8, 0).readBigUInt64LE());
    if (length > fs.fstatSync(descriptor).size) throw new RangeError('the header is longer than the file');
    const header = JSON.parse(read(length, 8).toString('utf8')) as Record<string, HeaderEntry>;
    const tensors: Record<string, NamedTensor> = {};
    for (const [name, { dtype, shape, data_offsets: offsets }] of Object.entries(header)) {
      if (name === METADATA || !wanted(name)) continue;
      if (dtype !== 'F32') throw new RangeError(`${name} is ${dtype}, not F32`);
      const bytes = read(offsets[1] - offsets[0], 8 + length + offsets[0]);
      tensors[name] = { shape, values: new Float32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4) };
    }
    return tensors;
  } finally {
    fs.closeSync(descriptor);
  }
}
