/** @file The parts of an install: wheels read and checked, folders whole or not there, requirements, what pip is not needed for. */
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { crc32, deflateRawSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { InstallError } from './installer.js';
import { discardDownloads, fetchWheels, handFedFolder, parseRequirement } from './pip.js';
import { cudaRequirements } from './tensorflow.js';
import { openWheel } from './wheel.js';
import { makeWhole } from './whole.js';

let folder: string;
beforeEach(() => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'cyclesweep-install-'));
});
afterEach(() => {
  vi.unstubAllEnvs();
  fs.rmSync(folder, { recursive: true, force: true });
});
const at = (...names: string[]): string => path.join(folder, ...names);

describe('a wheel', () => {
  const LIBRARY = Buffer.from(Array.from({ length: 200_000 }, (_, i) => (i * i) % 251));
  const wheel = zip({ 'a/METADATA': 'Name: ä\n', 'a/lib/liba.so.2': LIBRARY });

  it('gives its files, whole', async () => {
    fs.writeFileSync(at('a.whl'), wheel);
    const { names, text, extract, close } = await openWheel(at('a.whl'));
    expect([...names]).toEqual(['a/METADATA', 'a/lib/liba.so.2']);
    expect(await text('a/METADATA')).toBe('Name: ä\n');
    await extract('a/lib/liba.so.2', at('deep', 'er', 'liba.so.2'));
    expect(fs.readFileSync(at('deep', 'er', 'liba.so.2')).equals(LIBRARY)).toBe(true);
    close();
  });

  it('is refused where its content is not that of its checksum', async () => {
    const changed = Buffer.from(wheel);
    changed[43] = changed[43]! ^ 1; // inside the packed METADATA
    fs.writeFileSync(at('a.whl'), changed);
    const { text, extract, close } = await openWheel(at('a.whl'));
    await expect(text('a/METADATA')).rejects.toThrow(/a\.whl is damaged \(.*\)\. Delete it/);
    await extract('a/lib/liba.so.2', at('liba.so.2')); // its others are as they were
    close();
  });

  it('is refused where it ends early, is none, or lacks what is wanted', async () => {
    fs.writeFileSync(at('half.whl'), wheel.subarray(0, wheel.length / 2));
    await expect(openWheel(at('half.whl'))).rejects.toThrow(InstallError);
    fs.writeFileSync(at('page.whl'), '<html>not found</html>');
    await expect(openWheel(at('page.whl'))).rejects.toThrow(/page\.whl is damaged/);
    fs.writeFileSync(at('a.whl'), wheel);
    const { text, close } = await openWheel(at('a.whl'));
    await expect(text('b')).rejects.toThrow(/it has no b/);
    close();
  });
});

describe('a folder made whole', () => {
  const list = (): string[] => fs.readdirSync(folder);

  it('is there when it is done, instead of what was there', async () => {
    for (const content of ['first', 'second']) {
      await makeWhole(at('made'), (temporary) => {
        fs.writeFileSync(path.join(temporary, content), content);
        return Promise.resolve();
      });
      expect(fs.readdirSync(at('made'))).toEqual([content]);
    }
    expect(list()).toEqual(['made']);
  });

  it('is not there where making it fails', async () => {
    const failing = makeWhole(at('made'), (temporary) => {
      fs.writeFileSync(path.join(temporary, 'half'), '');
      return Promise.reject(new Error('no more'));
    });
    await expect(failing).rejects.toThrow('no more');
    expect(list()).toEqual([]);
  });

  it('takes away what a killed process left of it, and nothing else', async () => {
    const dead = spawnSync(process.execPath, ['-e', '']).pid;
    const left = `.made.${dead}.tmp`;
    const others = [`.made.${process.ppid}.tmp`, `.other.${dead}.tmp`, '.made.tmp'];
    for (const name of [left, ...others]) fs.mkdirSync(at(name));
    await makeWhole(at('made'), () => Promise.resolve());
    expect(list().sort()).toEqual([...others, 'made'].sort());
  });
});

describe('requirements', () => {
  it.each([
    ['tensorflow-cpu==2.21.0', { name: 'tensorflow_cpu', version: '2.21.0' }],
    ['nvidia-cublas-cu12<13.0,>=12.5.3.2', { name: 'nvidia_cublas_cu12' }],
    ['Some.Name', { name: 'some_name' }],
  ])('%s', (requirement, expected) => {
    expect(parseRequirement(requirement)).toEqual(expected);
  });

  it("of TensorFlow's GPU build are those of its extra and-cuda", () => {
    const metadata = `Metadata-Version: 2.1
Requires-Dist: absl-py>=1.0.0
Requires-Dist: nvidia-cublas-cu12<13.0,>=12.5.3.2; extra == "and-cuda"
Requires-Dist: nvidia-cudnn-cu12 (<10.0,>=9.3.0.75) ; extra == 'and-cuda'
Requires-Dist: tensorflow-io-gcs-filesystem>=0.23.1; (sys_platform != "win32") and extra == "gcs-filesystem"

and-cuda`;
    expect(cudaRequirements(metadata)).toEqual([
      'nvidia-cublas-cu12<13.0,>=12.5.3.2',
      'nvidia-cudnn-cu12<10.0,>=9.3.0.75',
    ]);
  });
});

describe('fetching wheels', () => {
  const MACHINE = process.arch === 'arm64' ? 'aarch64' : 'x86_64';
  beforeEach(() => vi.stubEnv('CYCLESWEEP_CACHE', at('cache')));

  it('takes what somebody has put there, and leaves it there', async () => {
    vi.stubEnv('PATH', '');
    fs.mkdirSync(handFedFolder(), { recursive: true });
    const names = ['pack_a-1.9.0', 'pack_a-1.10.0', 'pack_b-1.0', 'pack_b-2.0'];
    for (const name of names)
      fs.writeFileSync(path.join(handFedFolder(), `${name}-py3-none-manylinux_2_27_${MACHINE}.whl`), '');
    const found = await fetchWheels(['pack-a<2,>=1', 'pack-b==1.0'], () => undefined);
    expect(found.map((file) => path.basename(file).split('-py3')[0])).toEqual([
      'pack_a-1.10.0',
      'pack_b-1.0',
    ]);
    discardDownloads(found);
    expect(found.every((file) => fs.existsSync(file))).toBe(true);
  });

  it('says what to fetch and where to put it, without Python', async () => {
    vi.stubEnv('PATH', at('empty'));
    const fetching = fetchWheels(['pack-a<2,>=1'], () => undefined);
    await expect(fetching).rejects.toThrow(/python3 is not installed; python is not installed/);
    await expect(fetching).rejects.toThrow(/pip download .*'pack-a<2,>=1'/);
    await expect(fetching).rejects.toThrow(`put them into ${handFedFolder()} and run this command again`);
  });
});

/** A ZIP file of these files, compressed. */
function zip(files: Record<string, string | Buffer>): Buffer {
  const locals: Buffer[] = [];
  const directory: Buffer[] = [];
  let offset = 0;
  for (const [name, content] of Object.entries(files)) {
    const data = Buffer.from(content);
    const packed = deflateRawSync(data);
    const common = Buffer.alloc(26);
    common.writeUInt16LE(20, 0); // version needed
    common.writeUInt16LE(8, 4); // deflate
    common.writeUInt32LE(crc32(data), 10);
    common.writeUInt32LE(packed.length, 14);
    common.writeUInt32LE(data.length, 18);
    common.writeUInt16LE(Buffer.byteLength(name), 22);
    const place = Buffer.alloc(14);
    place.writeUInt32LE(offset, 10);
    const local = Buffer.concat([Buffer.from('PK\x03\x04'), common, Buffer.from(name), packed]);
    locals.push(local);
    directory.push(Buffer.from('PK\x01\x02'), Buffer.from([20, 0]), common, place, Buffer.from(name));
    offset += local.length;
  }
  const size = directory.reduce((sum, { length }) => sum + length, 0);
  const end = Buffer.alloc(18);
  end.writeUInt16LE(locals.length, 4);
  end.writeUInt16LE(locals.length, 6);
  end.writeUInt32LE(size, 8);
  end.writeUInt32LE(offset, 12);
  return Buffer.concat([...locals, ...directory, Buffer.from('PK\x05\x06'), end]);
}
