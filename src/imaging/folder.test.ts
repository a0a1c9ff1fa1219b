import { copyFile, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { findUnreadable, fingerprintFolder, listImages } from './folder.js';
import { DataError } from './image.js';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'folder-'));
});
afterEach(() => rm(folder, { recursive: true }));

/** A file that other programs wrote, under the same name or another. */
async function fixture(name: string, as = name): Promise<void> {
  await mkdir(dirname(join(folder, as)), { recursive: true });
  await copyFile(resolve(import.meta.dirname, '../../test/fixtures/images', name), join(folder, as));
}

async function put(name: string, content = name): Promise<void> {
  await mkdir(dirname(join(folder, name)), { recursive: true });
  await writeFile(join(folder, name), content);
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

  it('warns of images that are not read', async () => {
    for (const name of ['a.png', 'b.jpg', 'c.webp', 'd.jpg']) await put(name);
    expect((await listImages(folder)).warnings).toEqual([
      expect.stringMatching(/left out 2 \.jpg, 1 \.webp; read are grey images: DICOM, PNG/),
    ]);
  });

  it('refuses a folder that is missing, a file, empty, or of other formats', async () => {
    await put('other/a.jpg');
    await mkdir(join(folder, 'empty'));
    await put('file');
    await put('mixed/a.png');
    await put('mixed/b/c.tif');
    for (const [name, words] of [
      ['missing', /missing: .*no such file or folder.*Expected a folder of grey images/],
      ['file', /not a folder/],
      ['empty', /empty: no images\. Expected grey images/],
      ['other', /not read \(1 \.jpg\)/],
      ['mixed', /mixed: holds files of several formats \(1 PNG and 1 TIFF\)/],
    ] as const) {
      const error: unknown = await listImages(join(folder, name)).catch((reason: unknown) => reason);
      expect(error).toBeInstanceOf(DataError);
      expect((error as Error).message).toMatch(words);
    }
  });

  it('knows DICOM by its content, whatever the name, and whose it is and where it lies by its tags', async () => {
    await fixture('explicit-u12.dcm', 'IM0001');
    await fixture('rle-u12.dcm', 'series/1.2.840.7');
    await put('DICOMDIR', `${'\0'.repeat(128)}DICM`);
    await put('notes.txt');
    const { files, format } = await listImages(folder);
    expect(format).toBe('dicom');
    expect(files.map(({ name, stem }) => [name, stem])).toEqual([
      ['IM0001', 'IM0001'],
      ['series/1.2.840.7', 'series/1.2.840.7'],
    ]);
    expect(files[0]).toMatchObject({ patient: expect.stringMatching(/^[0-9a-f]{64}$/) as string });
    expect(files[0]).toMatchObject({ patient: files[1]!.patient, place: files[1]!.place });
    expect(JSON.stringify(files)).not.toContain('drawn-1');
  });

  it('takes a volume apart into its slices, all of one patient', async () => {
    await fixture('volume-i16.nii', 'a/scan.nii');
    await fixture('flat.mha', 'b.mha');
    const names = async (axis: 'axial' | 'coronal') => {
      const { files, sources } = await listImages(folder, { axis });
      expect(sources.map(({ name }) => name)).toEqual(['a/scan.nii', 'b.mha']);
      expect(files.slice(0, -1).every(({ patient }) => patient === 'a/scan')).toBe(true);
      return files.map(({ stem }) => stem);
    };
    expect(await names('axial')).toHaveLength(8 + 1);
    expect(await names('coronal')).toHaveLength(10 + 1);
    expect((await names('axial')).slice(-2)).toEqual(['a/scan/0007', 'b']);
  });

  it('leaves out what is refused where that is asked for, and tells each file once', async () => {
    for (const name of ['bad-colour.dcm', 'bad-truncated-rle.dcm', 'explicit-u12.dcm']) await fixture(name);
    await expect(listImages(folder)).rejects.toThrow(/bad-colour\.dcm: a colour image/);
    const refused: string[] = [];
    const list = await listImages(folder, { refuse: ({ name }) => refused.push(name) });
    expect(refused).toEqual(['bad-colour.dcm']); // its tags tell; of the other its pixels
    expect((await findUnreadable(list)).map(({ name }) => name)).toEqual(['bad-truncated-rle.dcm']);
    const left = await listImages(folder, { skip: ['bad-colour.dcm', 'bad-truncated-rle.dcm'] });
    expect(left.files.map(({ name }) => name)).toEqual(['explicit-u12.dcm']);
  });

  it('follows links, but not in circles', async () => {
    await put('real/a.png');
    await symlink(join(folder, 'real'), join(folder, 'link'));
    await symlink(folder, join(folder, 'real/circle'));
    expect((await listImages(folder)).files.map(({ name }) => name)).toEqual(['link/a.png', 'real/a.png']);
  });
});

const fingerprint = async (name: string) => fingerprintFolder(await listImages(join(folder, name)));

describe('fingerprintFolder', () => {
  it('is of names and contents, not of the place or of other files', async () => {
    for (const name of ['one/a.png', 'one/b.png', 'two/a.png', 'two/b.png', 'two/notes.txt'])
      await put(name, name.slice(4));
    const print = await fingerprint('one');
    // As it was when PNG was all that was read: trials keep their keys.
    expect(print).toBe('97b79adfa29a3d632ea0ec7b0b7b7653aca82df819fb89223905b903f44ca7bd');
    expect(await fingerprint('two')).toBe(print);
    await put('two/b.png', 'other');
    expect(await fingerprint('two')).not.toBe(print);
    await put('two/b.png', 'b.png');
    await put('two/c.png', '');
    expect(await fingerprint('two')).not.toBe(print);
  });
});
