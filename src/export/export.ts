/** @file The main path of `sweep export`: a sweep from the store into files that other programs read. */
import path from 'node:path';
import type { Store } from '../store/open.js';
import { readStoredSweep, type StoredSweep } from '../store/stream.js';
import { packageVersion } from '../version.js';
import { writeExport } from './folder.js';
import { copyImages } from './images.js';
import { writeParquet } from './parquet.js';
import { tablesOf, type Table } from './tables.js';
import { writeCsv, writeJson, writeNdjson } from './text.js';

type Reader = Pick<Store, 'db' | 'results'>;

export const FORMATS = ['csv', 'json', 'ndjson', 'parquet'] as const;
export type Format = (typeof FORMATS)[number];

/**
 * Writes all that is known of a sweep into a folder; without a name, of the one that was run last.
 * @throws UserError if there is no such sweep, or the folder holds something else or cannot be written
 */
export async function exportSweep(
  store: Reader,
  { name, format, folder }: { name?: string; format: Format; folder: string },
): Promise<StoredSweep> {
  store.db.$client.exec('BEGIN'); // one moment of a sweep that may be running
  const sweep = readStoredSweep(store, name);
  const about = { name: sweep.name, question: sweep.question, varied: sweep.varied };
  const card = { made_by: `CycleSweep ${packageVersion()}`, format, sweep: about };
  await writeExport(folder, card, async (to) => {
    const tables = tablesOf(store, sweep, copyImages(store, sweep, to));
    if (format === 'json') writeJson(path.join(to, 'sweep.json'), about, tables);
    else
      for (const table of tables) await writeTable[format](path.join(to, `${table.name}.${format}`), table);
  });
  return sweep;
}

const writeTable: Record<Exclude<Format, 'json'>, (file: string, table: Table) => void | Promise<void>> = {
  csv: writeCsv,
  ndjson: writeNdjson,
  parquet: writeParquet,
};
