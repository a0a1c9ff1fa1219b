/**
 * @file Where the database of a results folder lies: in the folder, or, where other machines work with it or its file system
 * cannot carry a write-ahead log, on this machine's own disk. There it is made from the folder's files (src/runner/projection.ts).
 */
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { cacheFolder } from '../cache.js';
import { UserError } from '../errors.js';

/**
 * File systems that a write-ahead log does not work on, since it is memory that processes of one machine share, by the number
 * that statfs gives (https://man7.org/linux/man-pages/man2/statfs.2.html; BeeGFS, GPFS, Lustre and PanFS are not in the kernel).
 * Some of what FUSE serves would do, but it does not tell.
 */
const NETWORK_FILE_SYSTEMS: Readonly<Record<number, string>> = {
  0x00006969: 'NFS',
  0x0000517b: 'SMB',
  0xff534d42: 'CIFS',
  0xfe534d42: 'SMB 2',
  0x01021997: '9p',
  0x00c36400: 'Ceph',
  0x01161970: 'GFS2',
  0x0bd00bd0: 'Lustre',
  0x19830326: 'BeeGFS',
  0x20030528: 'OrangeFS',
  0x47504653: 'GPFS',
  0x5346414f: 'AFS',
  0x65735546: 'FUSE',
  0x7461636f: 'OCFS2',
  0xaad7aaea: 'PanFS',
};

/** Name of a file system by its number; undefined for one that can carry a write-ahead log. */
export function networkFileSystem(type: number): string | undefined {
  return NETWORK_FILE_SYSTEMS[type >>> 0]; // some systems give the number signed
}

/** Its presence says that each machine keeps a database of its own, whatever the file system. */
const MARK = 'shared';
const MARK_TEXT =
  'Several machines work with this folder: each keeps a database of its own, made from the files here (docs/slurm.md).\n';

/** Marks a results folder as one that several machines work with. Whoever opens its database from then on opens their machine's own. */
export function shareResults(results: string): void {
  const mark = path.join(results, MARK);
  if (!fs.existsSync(mark)) fs.writeFileSync(mark, MARK_TEXT);
}

/** Whether each machine keeps a database of its own of a results folder. */
export function isShared(results: string): boolean {
  return fs.existsSync(path.join(results, MARK)) || isOnNetwork(results);
}

/** The folder of the database, which need not be there: the results folder itself, or one of this machine's for it alone. */
export function databaseFolder(results: string): string {
  if (!isShared(results)) return results;
  const name = createHash('sha256').update(realPath(results)).digest('hex').slice(0, 16);
  return path.join(ownDisk(), 'databases', name);
}

/** The user's cache folder, or, where that is on the network as home folders of clusters are, a temporary one. */
function ownDisk(): string {
  const cache = cacheFolder();
  if (!isOnNetwork(cache)) return cache;
  const user = process.getuid?.();
  const temporary = path.join(os.tmpdir(), `cyclesweep-${user ?? 'user'}`);
  fs.mkdirSync(temporary, { recursive: true, mode: 0o700 });
  if (user !== undefined && fs.statSync(temporary).uid !== user) {
    throw new UserError(
      `${temporary} belongs to another user, so this machine's database cannot lie there.\n` +
        'Name a folder on a local disk: CYCLESWEEP_CACHE=/local/disk sweep ...',
      2,
    );
  }
  return temporary;
}

/** Asked of the nearest folder that is there. Systems other than Linux number their file systems otherwise: there, none is known. */
function isOnNetwork(folder: string): boolean {
  if (process.platform !== 'linux') return false;
  for (let at = path.resolve(folder); ; at = path.dirname(at)) {
    try {
      return networkFileSystem(fs.statfsSync(at).type) !== undefined;
    } catch {
      if (at === path.dirname(at)) return false;
    }
  }
}

function realPath(folder: string): string {
  try {
    return fs.realpathSync(folder);
  } catch {
    return path.resolve(folder);
  }
}
