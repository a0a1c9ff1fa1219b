/** @file A table as a Parquet file. */
import { fileWriter, parquetWriteRows, type BasicType } from 'hyparquet-writer';
import { packageVersion } from '../version.js';
import type { ColumnType, Row, Table } from './tables.js';

/** Rows that are held in memory and written as one group. */
const GROUP = 100_000;

const TYPES = {
  text: 'STRING',
  integer: 'INT64',
  number: 'DOUBLE',
  boolean: 'BOOLEAN',
} as const satisfies Record<ColumnType, BasicType>;

/** Any column may hold nulls. @throws the system's error if the file cannot be written */
export async function writeParquet(file: string, { columns, rows }: Table): Promise<void> {
  const integers = Object.keys(columns).filter((name) => columns[name] === 'integer');
  await parquetWriteRows({
    writer: fileWriter(file),
    columns: Object.entries(columns).map(([name, type]) => ({ name, type: TYPES[type] })),
    rows: withBigIntegers(rows(), integers),
    rowGroupSize: GROUP,
    createdBy: `CycleSweep ${packageVersion()}`,
  });
}

/** The library takes 64 bits as bigint alone. */
function* withBigIntegers(
  rows: Iterable<Row>,
  integers: readonly string[],
): Generator<Record<string, Row[string] | bigint>> {
  for (const row of rows) {
    const wide = integers.map((name) => [name, row[name] == null ? null : BigInt(row[name])] as const);
    yield { ...row, ...Object.fromEntries(wide) };
  }
}
