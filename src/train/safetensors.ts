/** @file The safetensors file format, float32 only: a JSON header with its length in front, then the values. */

export interface NamedTensor {
  shape: readonly number[];
  values: Float32Array;
}

interface HeaderEntry {
  dtype: string;
  shape: number[];
  data_offsets: [number, number];
}

/** https://github.com/huggingface/safetensors#format; little-endian, as every platform that Node runs on. */
export function encodeSafetensors(tensors: Record<string, NamedTensor>): Uint8Array[] {
  const header: Record<string, HeaderEntry> = {};
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
    if (name === '__metadata__') continue;
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
