/** @file Folders and files for results that a user names. */
import fs from 'node:fs';
import path from 'node:path';

/**
 * Makes a folder and what is missing above it. Node's own recursive mkdir (seen with 20.20) never returns where
 * the parent is there but nothing can be made in it, as below /proc: ENOENT, parent exists, ENOENT, and so on.
 * @throws the system's error
 */
export function makeFolder(folder: string): void {
  if (fs.existsSync(folder)) return;
  makeFolder(path.dirname(folder));
  try {
    fs.mkdirSync(folder);
  } catch (error) {
    if (!fs.existsSync(folder)) throw error; // else another process was faster
  }
}
