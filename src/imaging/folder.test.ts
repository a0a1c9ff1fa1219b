import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { fingerprintFolder, listImages, pairByIndex, pairByName, type ImageFile } from './folder.js';
import { DataError } from './image.js';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'folder-'));
});
afterEach(() => rm(folder, { recursive: true }));

async function put(name: string, content = name): Promise<void> {
  await mkdir(dirname(join(folder, name)), { recursive: true });
  await writeFile(join(folder, name), content);
}

function files(...names: string[]): ImageFile[] {
  return names.map((name) => ({ path: name, name, stem: name.replace(/\.png$/i, '') }));
}

describe('listImages', () => {
  it('finds PNG files at any depth, in one order, and leaves hidden ones out', async () => {
    for (const name of ['b.PNG', 'a.png', 'sub/c.png', '.hidden.png', '.trash/d.png', 'notes.txt'])
      await put(name);
    const { files, warnings } = await listImages(folder);
    expect(files.map(({ name, stem }) => [name, stem])).toEqual([
      ['a.png', 'a'],
      ['b.PNG', 'b'],
      ['sub/c.png', 'sub/c'],
    ]);
    expect(files[2]!.path).toBe(join(folder, 'sub/c.png'));
    expect(warnings).toEqual([]);
  });

  it('warns of images that are not read yet', async () => {
    for (const name of ['a.png', 'b.dcm', 'c.tif', 'd.dcm']) await put(name);
    expect((await listImages(folder)).warnings).toEqual([
      expect.stringMatching(/left out 2 \.dcm, 1 \.tif.*grey PNG/),
    ]);
  });

  it('refuses a folder that is missing, a file, empty, or of other formats', async () => {
    await put('dicom/a.dcm');
    await mkdir(join(folder, 'empty'));
    await put('file');
    for (const [name, words] of [
      ['missing', /missing: .*no such file or folder.*Expected a folder of grey PNG/],
      ['file', /not a folder/],
      ['empty', /empty: no images\. Expected grey PNG/],
      ['dicom', /not read yet \(1 \.dcm\)/],
    ] as const) {
      const error: unknown = await listImages(join(folder, name)).catch((reason: unknown) => reason);
      expect(error).toBeInstanceOf(DataError);
      expect((error as Error).message).toMatch(words);
    }
  });

  it('follows links, but not in circles', async () => {
    await put('real/a.png');
    await symlink(join(folder, 'real'), join(folder, 'link'));
    await symlink(folder, join(folder, 'real/circle'));
    expect((await listImages(folder)).files.map(({ name }) => name)).toEqual(['link/a.png', 'real/a.png']);
  });
});

describe('fingerprintFolder', () => {
  it('is of names and contents, not of the place or of other files', async () => {
    for (const name of ['one/a.png', 'one/b.png', 'two/a.png', 'two/b.png', 'two/notes.txt'])
      await put(name, name.slice(4));
    const print = await fingerprintFolder(join(folder, 'one'));
    expect(print).toMatch(/^[0-9a-f]{64}$/);
    expect(await fingerprintFolder(join(folder, 'two'))).toBe(print);
    await put('two/b.png', 'other');
    expect(await fingerprintFolder(join(folder, 'two'))).not.toBe(print);
    await put('two/b.png', 'b.png');
    await put('two/c.png', '');
    expect(await fingerprintFolder(join(folder, 'two'))).not.toBe(print);
  });
});

describe('pairByName', () => {
  it('pairs equal stems and counts the others', () => {
    expect(
      pairByName(files('a.png', 'b.png', 's/c.png'), files('b.PNG', 'd.png', 'e.png', 's/c.png')),
    ).toEqual({
      pairs: [
        [1, 0],
        [2, 3],
      ],
      unmatched: [1, 2],
    });
  });

  it('refuses domains without a pair, and names that are used twice', () => {
    expect(() => pairByName(files('a.png'), files('b.png'))).toThrow(/finds no pair/);
    expect(() => pairByName(files('a.png', 'a.PNG'), files('a.png'))).toThrow(/same name/);
  });
});

describe('pairByIndex', () => {
  const [x, y] = [files('a.png', 'b.png', 'sub/c.png'), files('1.png', '2.png')];

  it('pairs by the columns x and y, in any order and beside others', () => {
    const text = 'Y;note;X\n"2.png";good;a.png\n1;;sub/c\n\n';
    expect(pairByIndex(x, y, text, 'pairs.csv')).toEqual({
      pairs: [
        [0, 1],
        [2, 0],
      ],
      unmatched: [1, 0],
    });
  });

  it.each([
    ['a,b\n1,2', /pairs\.csv:1: .* names the columns x and y/],
    ['x,y\na,1\nz,2', /pairs\.csv:3: 'z' is no image of X/],
    ['x,y\na,1\nb,1', /pairs\.csv:3: '1' of Y stands in line 2 already/],
    ['x,y\n', /lists no pair/],
  ])('refuses %j', (text, message) => {
    expect(() => pairByIndex(x, y, text, 'pairs.csv')).toThrow(message);
  });
});
