import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { encode } from 'fast-png';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DataError, type GreyImage } from './image.js';
import { readPng, writePng } from './png.js';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'png-'));
});
afterAll(() => rm(folder, { recursive: true }));

async function put(name: string, content: Uint8Array | string): Promise<string> {
  const file = join(folder, name);
  await writeFile(file, content);
  return file;
}

/** The message with which reading fails. */
async function refusal(file: string): Promise<string> {
  const error: unknown = await readPng(file).catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(DataError);
  return (error as DataError).message;
}

const sixteen: GreyImage = {
  width: 3,
  height: 2,
  bits: 16,
  data: Uint16Array.of(0, 1, 255, 256, 0x1234, 65535),
};

describe('what is written is what is read', () => {
  it.each<GreyImage>([
    sixteen,
    { width: 2, height: 3, bits: 8, data: Uint8Array.of(0, 1, 2, 127, 254, 255) },
  ])('$bits bits', async (image) => {
    const file = join(folder, `whole-${image.bits}.png`);
    await writePng(file, image);
    expect(await readPng(file)).toEqual(image);
  });

  it('stores 16-bit values with the high byte first', async () => {
    const { inflateSync } = await import('node:zlib');
    const file = join(folder, 'order.png');
    await writePng(file, { width: 1, height: 1, bits: 16, data: Uint16Array.of(0x1234) });
    const content = await readFile(file);
    const start = content.indexOf('IDAT') + 4;
    const length = content.readUInt32BE(start - 8);
    expect([...inflateSync(content.subarray(start, start + length))]).toEqual([0, 0x12, 0x34]);
  });

  it('leaves no temporary file behind, also when it fails', async () => {
    await writePng(join(folder, 'clean.png'), sixteen);
    await expect(writePng(join(folder, 'missing', 'a.png'), sixteen)).rejects.toThrow(/cannot be written/);
    expect((await readdir(folder)).filter((name) => name.endsWith('.tmp'))).toEqual([]);
  });
});

describe('depths and channels', () => {
  it('scales 1, 2 and 4 bits up to 8', async () => {
    const one = await put(
      '1.png',
      encode({ width: 10, height: 1, data: Uint8Array.of(0b10110000, 0b01000000), depth: 1, channels: 1 }),
    );
    expect([...(await readPng(one)).data]).toEqual([255, 0, 255, 255, 0, 0, 0, 0, 0, 255]);
    const two = await put(
      '2.png',
      encode({ width: 4, height: 1, data: Uint8Array.of(0b00011011), depth: 2, channels: 1 }),
    );
    expect([...(await readPng(two)).data]).toEqual([0, 85, 170, 255]);
    const four = await put(
      '4.png',
      encode({ width: 3, height: 1, data: Uint8Array.of(0x0f, 0x70), depth: 4, channels: 1 }),
    );
    expect(await readPng(four)).toEqual({ width: 3, height: 1, bits: 8, data: Uint8Array.of(0, 255, 119) });
  });

  it('drops an alpha channel that is opaque everywhere and refuses any other', async () => {
    const opaque = Uint16Array.of(7, 65535, 500, 65535);
    const file = await put(
      'opaque.png',
      encode({ width: 2, height: 1, data: opaque, depth: 16, channels: 2 }),
    );
    expect([...(await readPng(file)).data]).toEqual([7, 500]);
    opaque[3] = 65534;
    const clear = await put(
      'clear.png',
      encode({ width: 2, height: 1, data: opaque, depth: 16, channels: 2 }),
    );
    expect(await refusal(clear)).toMatch(/clear\.png.*transparent/);
  });

  it('refuses colour, also where it looks grey, and says how to convert', async () => {
    const rgb = await put(
      'rgb.png',
      encode({ width: 1, height: 1, data: Uint8Array.of(5, 5, 5), channels: 3 }),
    );
    expect(await refusal(rgb)).toMatch(/rgb\.png.*colour PNG.*magick/);
    const rgba = await put(
      'rgba.png',
      encode({ width: 1, height: 1, data: Uint8Array.of(5, 5, 5, 255), channels: 4 }),
    );
    expect(await refusal(rgba)).toMatch(/colour PNG/);
    const palette = encode({
      width: 1,
      height: 1,
      data: Uint8Array.of(0),
      channels: 1,
      palette: [[1, 1, 1]],
    });
    expect(await refusal(await put('palette.png', palette))).toMatch(/palette\.png.*palette/);
  });
});

describe('files that are no whole PNG', () => {
  it('says so of another format', async () => {
    expect(await refusal(await put('text.png', 'hello'))).toMatch(/text\.png: not a PNG/);
    expect(await refusal(await put('empty.png', ''))).toMatch(/not a PNG/);
  });

  it('says so of a missing file', async () => {
    expect(await refusal(join(folder, 'nowhere.png'))).toMatch(/nowhere\.png: cannot be read \(no such file/);
  });

  it('never reads a file that was cut anywhere or has a wrong byte', async () => {
    await writePng(join(folder, 'good.png'), sixteen);
    const good = await readFile(join(folder, 'good.png'));
    for (let length = 8; length < good.length; length++) {
      expect(await refusal(await put('cut.png', good.subarray(0, length)))).toMatch(
        /^\S*cut\.png: the PNG is truncated or broken\. [^\n]*$/,
      );
    }
    const start = good.indexOf('IDAT') + 4;
    for (let at = start; at < start + good.readUInt32BE(start - 8); at++) {
      const bad = Uint8Array.from(good);
      bad[at]! ^= 0x10;
      expect(await refusal(await put('bad.png', bad))).toMatch(/truncated or broken/);
    }
  });
});
