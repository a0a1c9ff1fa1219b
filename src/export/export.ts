/** @file The main path of `sweep export`: a sweep from the store into files that other programs read. */
import path from 'node:path';
import type { Store } from '../store/open.js';
import { readStoredSweep, type StoredSweep } from '../store/stream.js';
import { packageVersion } from '../version.js';
import { writeExport, type Card } from './folder.js';
import { copyImages } from './images.js';
import { writeMlflow } from './mlflow.js';
import { writeParquet } from './parquet.js';
import { tablesOf, type Table } from './tables.js';
import { newBoard, writeBoard } from './tensorboard.js';
import { writeCsv, writeJson, writeNdjson } from './text.js';

type Reader = Pick<Store, 'db' | 'results'>;

export const FORMATS = ['csv', 'json', 'ndjson', 'parquet', 'tensorboard', 'mlflow'] as const;
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
  await writeExport(folder, cardOf(sweep, format), (to) => write[format](to, store, sweep));
  store.db.$client.exec('COMMIT');
  return sweep;
}

/** What is said of an export beside its numbers. */
export function cardOf({ name, question, varied }: StoredSweep, format: Format): Card {
  return { made_by: `CycleSweep ${packageVersion()}`, format, sweep: { name, question, varied } };
}

type Write = (folder: string, store: Reader, sweep: StoredSweep) => void | Promise<void>;

const write: Record<Format, Write> = {
  csv: fileATable('csv', writeCsv),
  ndjson: fileATable('ndjson', writeNdjson),
  parquet: fileATable('parquet', writeParquet),
  json(folder, store, sweep) {
    const tables = tablesOf(store, sweep, copyImages(store, sweep, folder));
    writeJson(path.join(folder, 'sweep.json'), cardOf(sweep, 'json').sweep, tables);
  },
  tensorboard(folder, store, sweep) {
    writeBoard(newBoard(folder, Date.now() / 1000), store, sweep);
  },
  mlflow: writeMlflow,
};

function fileATable(ending: string, writeTable: (file: string, table: Table) => void | Promise<void>): Write {
  return async (folder, store, sweep) => {
    for (const table of tablesOf(store, sweep, copyImages(store, sweep, folder)))
      await writeTable(path.join(folder, `${table.name}.${ending}`), table);
  };
}
