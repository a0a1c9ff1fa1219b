/** @file How many bytes folders take, and how many are freed with them: a file may have several names, and takes its room once. */
import fs from 'node:fs';
import path from 'node:path';

/** Bytes that folders take, all together. */
export function usedBy(folders: readonly string[]): number {
  return [...filesOf(folders).values()].reduce((sum, { size }) => sum + size, 0);
}

/** Bytes that go with folders: a file's room is freed with its last name, and the best checkpoint is often the last one, too. */
export function freedBy(folders: readonly string[]): number {
  return [...filesOf(folders).values()].reduce((sum, { size, others }) => sum + (others === 0 ? size : 0), 0);
}

/** Each file once, with how many names it has elsewhere. Nothing where there is no such folder. */
function filesOf(folders: readonly string[]): Map<string, { size: number; others: number }> {
  const files = new Map<string, { size: number; others: number }>();
  for (const folder of folders.filter((each) => fs.existsSync(each))) {
    for (const entry of fs.readdirSync(folder, { recursive: true, withFileTypes: true })) {
      if (!entry.isFile()) continue;
      const file = path.join(entry.parentPath, entry.name);
      const stats = fs.lstatSync(file, { throwIfNoEntry: false });
      if (stats === undefined) continue; // a running trial has removed it
      const id = stats.nlink > 1 ? `${stats.dev}:${stats.ino}` : file;
      const { others } = files.get(id) ?? { others: stats.nlink };
      files.set(id, { size: stats.size, others: others - 1 });
    }
  }
  return files;
}
