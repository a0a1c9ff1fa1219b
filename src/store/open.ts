/** @file Opens the database of a results folder, and brings an older one up to date. */
import { fileURLToPath } from 'node:url';
import fs from 'node:fs';
import path from 'node:path';
import Database from 'better-sqlite3';
import { drizzle, type BetterSQLite3Database } from 'drizzle-orm/better-sqlite3';
import { migrate } from 'drizzle-orm/better-sqlite3/migrator';
import { diskFull, freeSpace, isDiskFull } from '../disk.js';
import { messageOf, systemCode, UserError } from '../errors.js';
import { makeFolder } from '../files.js';
import { databaseFolder } from './place.js';
import * as schema from './schema.js';

export type Db = BetterSQLite3Database<typeof schema> & { $client: Database.Database };

export interface Store {
  /** Absolute results folder. */
  results: string;
  db: Db;
  close(): void;
}

/** What reads need of a store. */
export type ReadStore = Pick<Store, 'results' | 'db'>;

/** The migrations are read where they were generated: tsc copies no SQL. */
const MIGRATIONS = fileURLToPath(new URL('../../src/store/migrations', import.meta.url));

export function databasePath(results: string): string {
  return path.join(databaseFolder(results), 'sweep.db');
}

/**
 * Opens the database of a results folder, `results/sweep.db` or this machine's own (place.ts), making folder and file when missing.
 * One process at a time writes (the runner holds the results lock); readers may be many: the journal is a WAL.
 * @throws UserError 2 if the folder cannot be written, 4 if the database is damaged
 */
export function openStore(results: string, file = databasePath(results)): Store {
  const folder = path.dirname(file);
  if (folder === results) makeWritable(results);
  let connection: Database.Database | undefined;
  try {
    makeFolder(folder);
    connection = new Database(file);
    connection.pragma('journal_mode = WAL');
    connection.pragma('synchronous = NORMAL'); // the event files are the durable truth
    connection.pragma('busy_timeout = 10000');
    connection.pragma('foreign_keys = ON');
    const db = drizzle(connection, { schema });
    migrate(db, { migrationsFolder: MIGRATIONS });
    const opened = connection;
    return { results, db, close: () => opened.close() };
  } catch (error) {
    connection?.close();
    throw storeError(results, error);
  }
}

/** What a failed call of the database means to the user: a full disk, a file that cannot be used as it is, or damage. */
export function storeError(results: string, error: unknown): UserError {
  const file = databasePath(results);
  // drizzle wraps what SQLite says.
  const reason = error instanceof Error && error.cause !== undefined ? error.cause : error;
  const code = systemCode(reason) ?? '';
  const cause = { cause: error };
  if (isDiskFull(error) || (code.startsWith('SQLITE_IOERR') && freeSpace(path.dirname(file)) === 0)) {
    return diskFull(path.dirname(file), error);
  }
  if (/^SQLITE_(BUSY|CANTOPEN|PERM|READONLY|AUTH|NOMEM)/.test(code) || !code.startsWith('SQLITE_')) {
    return new UserError(`The database ${file} cannot be used: ${messageOf(reason)}`, 2, cause);
  }
  return new UserError(
    `The database ${file} is damaged (${messageOf(reason)}).\n` +
      `What was measured is safe in ${path.join(results, 'trials')}: sweep fsck --rebuild makes the database anew from there.`,
    4,
    cause,
  );
}

/**
 * Opens the database as it is, changing nothing, also beside a live runner.
 * @throws the error of SQLite if it is no database
 */
export function openForReading(results: string): Pick<Store, 'db' | 'close'> & { faults: () => string[] } {
  const connection = new Database(databasePath(results), { readonly: true, fileMustExist: true });
  const faults = () => {
    const rows = connection.prepare<[], { integrity_check: string }>('PRAGMA integrity_check(10)').all();
    return rows.map((row) => row.integrity_check).filter((text) => text !== 'ok');
  };
  return { db: drizzle(connection, { schema }), close: () => connection.close(), faults };
}

/** Opens a results folder that must be there already, for reading commands. */
export function openExistingStore(results: string): Store {
  mustExist(results);
  return openStore(results);
}

/**
 * Reads the database of a results folder that must be there already. Changes nothing, also beside a live runner.
 * @throws UserError 2 if there is none, or it is of an earlier version; 4 if it is damaged
 */
export function readStore<T>(results: string, read: (store: ReadStore) => T): T {
  mustExist(results);
  try {
    const { db, close } = openForReading(results);
    try {
      return read({ results, db });
    } finally {
      close();
    }
  } catch (error) {
    if (error instanceof UserError) throw error;
    const reason = error instanceof Error && error.cause !== undefined ? error.cause : error;
    if (systemCode(reason)?.startsWith('SQLITE_') !== true) throw error;
    if (/no such (table|column)/.test(messageOf(reason))) {
      throw new UserError(
        `The database ${databasePath(results)} is of an earlier version of this program.\n` +
          'The next sweep run or sweep report brings it up to date.',
        2,
        { cause: error },
      );
    }
    throw storeError(results, error);
  }
}

function mustExist(results: string): void {
  if (fs.existsSync(databasePath(results))) return;
  throw new UserError(
    `No results in ${results}: there is no ${path.basename(databasePath(results))}.\n` +
      'Run a sweep first (sweep run sweeps/patch.yaml), or name the folder with --results DIR.',
  );
}

/** @throws UserError that says why a results folder cannot be made or written */
export function makeWritable(folder: string): void {
  try {
    makeFolder(folder);
    if (!fs.statSync(folder).isDirectory()) throw new Error('it is a file');
    const probe = path.join(folder, `.write-test-${process.pid}`);
    fs.writeFileSync(probe, '');
    fs.rmSync(probe);
  } catch (error) {
    throw new UserError(
      `The results folder ${folder} cannot be written (${systemCode(error) ?? messageOf(error)}).\n` +
        'Choose another with --results DIR, or mend its permissions.',
      2,
      { cause: error },
    );
  }
}
