/** @file Folders that are either whole or not there: made under another name, renamed when done. */
import fs from 'node:fs';
import path from 'node:path';
import { makeFolder } from '../../files.js';

/**
 * Has `build` fill a folder beside `folder`, then gives it that name. If it fails, is interrupted or killed, nothing of that
 * name is there; what a killed process left is removed by the next call. Of two processes at once the last to be done stays.
 * @param folder absolute; what is there is replaced
 */
export async function makeWhole(folder: string, build: (temporary: string) => Promise<void>): Promise<void> {
  makeFolder(path.dirname(folder));
  removeAbandoned(folder);
  const temporary = temporaryName(folder, process.pid);
  const remove = (): void => fs.rmSync(temporary, { recursive: true, force: true });
  const interrupted = (signal: NodeJS.Signals): void => {
    remove();
    process.exit(signal === 'SIGINT' ? 130 : 143);
  };
  process.on('SIGINT', interrupted).on('SIGTERM', interrupted);
  try {
    remove();
    fs.mkdirSync(temporary);
    await build(temporary);
    fs.rmSync(folder, { recursive: true, force: true });
    fs.renameSync(temporary, folder);
  } finally {
    process.off('SIGINT', interrupted).off('SIGTERM', interrupted);
    remove();
  }
}

function temporaryName(folder: string, pid: number): string {
  return path.join(path.dirname(folder), `.${path.basename(folder)}.${pid}.tmp`);
}

/** Removes unfinished folders whose process is gone. */
function removeAbandoned(folder: string): void {
  const parent = path.dirname(folder);
  for (const name of fs.readdirSync(parent)) {
    const pid = Number(/\.(\d+)\.tmp$/.exec(name)?.[1]);
    if (!Number.isInteger(pid) || path.join(parent, name) !== temporaryName(folder, pid) || lives(pid))
      continue;
    fs.rmSync(path.join(parent, name), { recursive: true, force: true });
  }
}

function lives(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}
