/** @file Derived DICOM files: the values that they are to hold, new identities, and nothing that names a patient. */
import { readFileSync, readdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { decodeImage } from '../read.js';
import { deriveDicom, uidFrom, type Derivation } from './derive.js';
import { encodeDicom, type Elements, type Value, type Vr } from './encode.js';
import { parseDicom } from './header.js';

/** Files of many transfer syntaxes, bit depths, signs and rescales. */
const FIXTURES = resolve(import.meta.dirname, '../../../test/fixtures/images');
const files = readdirSync(FIXTURES).filter((name) => name.endsWith('.dcm') && !name.startsWith('bad-'));

const HOW: Derivation = {
  direction: 'x2y',
  trial: '0123456789ab',
  model: 'ba9876543210',
  version: '9.8.7',
  range: [0, 1000],
  mark: false,
  keepIdentity: false,
};

const text = (content: Uint8Array, tag: string): string | undefined =>
  parseDicom(content, 'derived', 'tags').dataSet.string(tag)?.trim();

const element = (tag: string, vr: Vr, value: Value): [string, { vr: Vr; value: Value }] => [
  tag,
  { vr, value },
];

/** A CT slice with all that names a patient, in the elements that are known for it and in others. */
function source(changes: Elements = new Map()): Uint8Array {
  const pixels = Uint16Array.from({ length: 64 * 256 }, (_, i) => (i * 7) % 4096);
  return encodeDicom(
    new Map<string, { vr: Vr; value: Value }>([
      ['00080005', { vr: 'CS', value: 'ISO_IR 100' }],
      ['00080008', { vr: 'CS', value: 'ORIGINAL\\PRIMARY\\AXIAL' }],
      ...Object.entries({
        '00080016': '1.2.840.10008.5.1.4.1.1.2',
        '00080018': '1.2.3.1',
        '0020000d': '1.2.3.2',
        '0020000e': '1.2.3.3',
        '00200052': '1.2.3.4',
      }).map(([tag, value]) => element(tag, 'UI', value)),
      ...Object.entries({
        '00080020': '20190102',
        '00080050': 'SECRET-ACCESSION',
        '00080080': 'SECRET HOSPITAL',
        '00081010': 'SECRET-STATION',
        '00100010': 'SECRET^M\xfcller',
        '00100020': 'SECRET-ID',
        '00100030': '19500102',
        '00104000': 'SECRET comment',
        '00204000': 'SECRET comment',
        '00091001': 'SECRET private',
        '00080060': 'CT',
        '00180050': '1.25',
        '00200032': '-120.5\\-100\\33.5',
        '00200037': '1\\0\\0\\0\\1\\0',
        '00280030': '0.5\\0.5',
        '00281050': '40',
        '00281051': '400',
        '00281052': '-1024',
        '00281053': '1',
      }).map(([tag, value]) => element(tag, 'LO', value)),
      ...Object.entries({
        '00280002': 1,
        '00280010': 64,
        '00280011': 256,
        '00280100': 16,
        '00280101': 12,
        '00280102': 11,
        '00280103': 0,
      }).map(([tag, value]) => element(tag, 'US', value)),
      ['00280004', { vr: 'CS', value: 'MONOCHROME2' }],
      element('7fe00010', 'OW', new Uint8Array(pixels.buffer)),
      ...changes,
    ]),
  );
}

async function derived(content: Uint8Array, how: Partial<Derivation> = {}): Promise<Uint8Array> {
  const image = await decodeImage(content, 'source');
  return deriveDicom(image, parseDicom(content, 'source', 'tags'), { ...HOW, ...how });
}

describe('a derived DICOM file', () => {
  it.each(files)('of %s holds the values that it was given', async (name) => {
    const content = readFileSync(join(FIXTURES, name));
    const [before, after] = [
      await decodeImage(content, name),
      await decodeImage(await derived(content), 'derived'),
    ];
    expect([after.width, after.height]).toEqual([before.width, before.height]);
    expect(after.geometry).toEqual(before.geometry);
    expect(Array.from(after.data)).toEqual(Array.from(before.data));
    expect(after.dicom!.syntaxName).toBe('Explicit VR Little Endian');
  });

  it('keeps geometry, window and rescale, and says what it is', async () => {
    const content = await derived(source());
    const kept = {
      x00080060: 'CT',
      x00180050: '1.25',
      x00200032: '-120.5\\-100\\33.5',
      x00200037: '1\\0\\0\\0\\1\\0',
      x00280030: '0.5\\0.5',
      x00281050: '40',
      x00281051: '400',
      x00281052: '-1024',
      x00281053: '1',
    };
    for (const [tag, value] of Object.entries(kept)) expect(text(content, tag)).toBe(value);
    expect(text(content, 'x00080008')).toBe('DERIVED\\SECONDARY\\AXIAL');
    expect(text(content, 'x0008103e')).toBe('SYNTHETIC, research only: x2y 0123456789ab ba9876543210');
    expect(text(content, 'x0008103e')!.length).toBeLessThanOrEqual(64);
    expect(text(content, 'x00082111')).toMatch(/Synthetic .* not for diagnosis/);
  });

  it('has new UIDs: for the image, the series, the study and the frame of reference, the same at every time', async () => {
    const tags = ['x00080018', 'x0020000e', 'x0020000d', 'x00200052'];
    const uids = async (content: Uint8Array, how?: Partial<Derivation>): Promise<(string | undefined)[]> => {
      const made = await derived(content, how);
      return tags.map((tag) => text(made, tag));
    };
    const first = await uids(source());
    for (const uid of first) expect(uid).toMatch(/^2\.25\.[1-9]\d{30,38}$/);
    expect(new Set(first).size).toBe(4);
    expect(await uids(source())).toEqual(first);
    const sibling = await uids(source(new Map([['00080018', { vr: 'UI', value: '1.2.3.99' }]])));
    expect(sibling[0]).not.toBe(first[0]);
    expect(sibling.slice(1)).toEqual(first.slice(1));
    const other = await uids(source(), { model: '000000000000' });
    expect(other.slice(0, 3).some((uid, i) => uid === first[i])).toBe(false);
    expect((await uids(source(), { keepIdentity: true }))[2]).toBe(first[2]); // also then another study
  });

  it('holds nothing that names the patient, and says that it was removed', async () => {
    const content = Buffer.from(await derived(source()));
    for (const secret of ['SECRET', 'ller', '2019', '1950', '1.2.3.'])
      expect(content.includes(secret, 0, 'latin1')).toBe(false);
    expect(text(content, 'x00120062')).toBe('YES');
    expect(text(content, 'x00100020')).toMatch(/^SYNTHETIC-[0-9a-f]{12}$/);
    expect(content.includes('00082112')).toBe(false);
  });

  it('keeps identity, and names its source, only where that is asked for', async () => {
    const content = await derived(source(), { keepIdentity: true });
    expect(text(content, 'x00100020')).toBe('SECRET-ID');
    expect(text(content, 'x00080020')).toBe('20190102');
    const { dataSet } = parseDicom(content, 'derived', 'tags');
    const item = dataSet.elements['x00082112']!.items![0]!.dataSet!;
    expect(item.string('x00081155')).toBe('1.2.3.1');
    expect(text(content, 'x00120062')).toBeUndefined();
    expect(Buffer.from(content).includes('SECRET comment', 0, 'latin1')).toBe(false);
    const without = parseDicom(await derived(source()), 'derived', 'tags').dataSet;
    expect(without.elements['x00082112']).toBeUndefined();
  });

  it('bears a mark in its corner, in the ends of the range, and says so', async () => {
    const plain = await decodeImage(await derived(source()), 'derived');
    const content = await derived(source(), { mark: true, range: [-1024, 3071] });
    const marked = await decodeImage(content, 'derived');
    expect(text(content, 'x00280301')).toBe('YES');
    const changed = [...marked.data].flatMap((value, i) => (value === plain.data[i] ? [] : [i]));
    expect(changed.every((i) => Math.floor(i / 256) >= 64 - 2 - 11)).toBe(true);
    const rows = Array.from({ length: 7 }, (_, row) =>
      [...marked.data.subarray((64 - 2 - 9 + row) * 256 + 4, (64 - 2 - 9 + row) * 256 + 4 + 11)]
        .map((value) => (value === 3071 ? '#' : value === -1024 ? '.' : '?'))
        .join(''),
    );
    // S and Y of SYNTHETIC
    expect(rows).toEqual([
      '.####.#...#',
      '#.....#...#',
      '#......#.#.',
      '.###....#..',
      '....#...#..',
      '....#...#..',
      '####....#..',
    ]);
    expect(text(await derived(source()), 'x00280301')).toBeUndefined();
  });

  it('of an image that was no DICOM file is a secondary capture', async () => {
    const image = { width: 3, height: 2, bits: 8, data: Uint8Array.of(0, 1, 2, 253, 254, 255) };
    const content = deriveDicom(image, undefined, HOW);
    expect(text(content, 'x00080016')).toBe('1.2.840.10008.5.1.4.1.1.7');
    expect([...(await decodeImage(content, 'derived')).data]).toEqual([0, 1, 2, 253, 254, 255]);
  });

  it('has UIDs of 128 bits in decimal digits', () => {
    expect(uidFrom('a')).toBe(uidFrom('a'));
    expect((BigInt(uidFrom('a').slice(5)) >> 76n) & 0xfn).toBe(8n); // version 8
  });
});
