/** @file The programs that exports are read with: the interpreter of a folder that has them (scripts/install-readers.sh). */
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import { cacheFolder } from '../src/cache.js';

const FOLDER = path.join(cacheFolder(), 'readers');

/** Leaves a test out where they are missing; in CI it fails then. */
export function requireReaders(skip: (note: string) => void): void {
  if (fs.existsSync(path.join(FOLDER, 'requirements.txt'))) return;
  const missing = 'pandas, DuckDB, TensorBoard and MLflow are not there: scripts/install-readers.sh';
  if (process.env.CI) throw new Error(missing);
  skip(missing);
}

/** Runs `test/readers/NAME.py` and gives back the JSON that it prints. */
export async function readWith<T>(name: string, ...args: string[]): Promise<T> {
  return readIn<T>(process.cwd(), name, ...args);
}

/** The same in a folder. */
export async function readIn<T>(cwd: string, name: string, ...args: string[]): Promise<T> {
  const script = fileURLToPath(new URL(`readers/${name}.py`, import.meta.url));
  const { stdout } = await execa(path.join(FOLDER, 'bin', 'python'), [script, ...args], { cwd });
  return JSON.parse(stdout) as T;
}
