/** @file `sweep sql QUERY`: asks the database, and changes nothing. */
import fs from 'node:fs';
import type Database from 'better-sqlite3';
import type { ArgumentsCamelCase, Argv, CommandModule } from 'yargs';
import { messageOf, systemCode, UserError } from '../errors.js';
import { readStore } from '../store/open.js';
import { columns } from './columns.js';
import { resultsOption } from './options.js';

type Format = 'table' | 'csv' | 'json';
type Cell = string | number | bigint | Buffer | null;

interface SqlArguments {
  query: string;
  results: string;
  format?: Format;
  json: boolean;
}

/** Columns of a table are no wider than this. */
const WIDEST = 60;

export const sqlCommand: CommandModule<object, SqlArguments> = {
  command: 'sql <query>',
  describe: 'Ask the database by SQL; read only',
  builder: (yargs: Argv) =>
    yargs
      .usage(
        '$0 sql <query>\n\nAsks the database of a results folder, also while a sweep runs, and changes nothing. docs/store.md has the tables, and queries that\n' +
          'people ask. A query of - is read from standard input.',
      )
      .positional('query', {
        type: 'string',
        demandOption: true,
        describe: 'One SELECT of SQLite’s SQL; or -',
      })
      .options({
        results: resultsOption,
        format: {
          choices: ['table', 'csv', 'json'] as const,
          requiresArg: true,
          describe: 'table: for people, long cells cut off; csv; json: an array of objects  [default: table]',
        },
        json: { type: 'boolean', default: false, describe: 'The same as --format json' },
      })
      .example('$0 sql "select key, status, step from trials"', 'a table')
      .example('$0 sql "select * from sweeps" --format csv', 'for a spreadsheet'),
  handler: sql,
};

function sql({ query, results, format, json }: ArgumentsCamelCase<SqlArguments>): void {
  // yargs makes an empty text of a positional -.
  const text = query === '' && process.argv.includes('-') ? fs.readFileSync(0, 'utf8') : query;
  readStore(results, ({ db }) => {
    const { names, rows } = ask(db.$client, text);
    const how = format ?? (json ? 'json' : 'table');
    if (how === 'json')
      console.log(JSON.stringify(rows.map((row) => Object.fromEntries(row.map((cell, at): [string, ReturnType<typeof plain>] => [names[at]!, plain(cell)]))))); // prettier-ignore
    else if (how === 'csv') console.log([names, ...rows].map((row) => row.map(csvCell).join(',')).join('\n'));
    else console.log(table(names, rows).join('\n'));
  });
}

/** @throws UserError if it is not one statement that only reads, or SQLite does not understand it */
function ask(client: Database.Database, text: string): { names: string[]; rows: Cell[][] } {
  // The connection can only read; this keeps it from temporary tables as well.
  client.pragma('query_only = ON');
  try {
    const statement = client.prepare<[], Cell[]>(text);
    if (!statement.reader || !statement.readonly) throw new UserError('Only statements that read are run: select … or with … select …'); // prettier-ignore
    return { names: statement.columns().map(({ name }) => name), rows: statement.raw().all() };
  } catch (error) {
    if (error instanceof UserError) throw error;
    const code = systemCode(error) ?? '';
    // What is wrong with the database itself is told as ever.
    if (code.startsWith('SQLITE_') && code !== 'SQLITE_ERROR' && code !== 'SQLITE_READONLY') throw error;
    const tables = client.prepare<[], string>("select name from sqlite_schema where type = 'table' and name not like '\\_\\_%' escape '\\' order by name").pluck().all(); // prettier-ignore
    throw new UserError(`${messageOf(error)}\nThere are the tables ${tables.join(', ')}; docs/store.md says what they hold.`, 2, { cause: error }); // prettier-ignore
  }
}

function plain(cell: Cell): string | number | null {
  if (typeof cell === 'bigint') return Number(cell);
  return Buffer.isBuffer(cell) ? cell.toString('hex') : cell;
}

/** https://www.rfc-editor.org/rfc/rfc4180, but for the ends of lines. */
function csvCell(cell: Cell): string {
  const text = String(plain(cell) ?? '');
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

function table(names: string[], rows: Cell[][]): string[] {
  const cells = rows.map((row) =>
    row.map((cell) => {
      const text = String(plain(cell) ?? '').replace(/\s+/g, ' ');
      return text.length > WIDEST ? `${text.slice(0, WIDEST - 1)}…` : text;
    }),
  );
  const [head = '', ...body] = columns([names, ...cells]);
  return [head, '-'.repeat(Math.max(...[head, ...body].map((line) => line.length))), ...body];
}
