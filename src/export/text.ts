/** @file Tables as text: csv, ndjson, json. Written as they are read, in pieces. */
import fs from 'node:fs';
import type { Cell, Table } from './tables.js';

/** Characters that are gathered before they are written. */
const PIECE = 1 << 16;

/** RFC 4180, with a line of names; what is not known is empty. */
export function writeCsv(file: string, { columns, rows }: Table): void {
  const names = Object.keys(columns);
  writeText(file, function* () {
    yield `${names.map(quoted).join(',')}\n`;
    for (const row of rows()) yield `${names.map((name) => quoted(row[name] ?? null)).join(',')}\n`;
  });
}

function quoted(cell: Cell): string {
  const text = String(cell ?? '');
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/** One JSON object a line. */
export function writeNdjson(file: string, { rows }: Table): void {
  writeText(file, function* () {
    for (const row of rows()) yield `${JSON.stringify(row)}\n`;
  });
}

/** One JSON object, whose keys are `sweep` and the tables. */
export function writeJson(file: string, sweep: object, tables: readonly Table[]): void {
  writeText(file, function* () {
    yield `{"sweep":${JSON.stringify(sweep)}`;
    for (const { name, rows } of tables) {
      yield `,\n"${name}":[`;
      let separator = '\n';
      for (const row of rows()) {
        yield separator + JSON.stringify(row);
        separator = ',\n';
      }
      yield ']';
    }
    yield '}\n';
  });
}

/** @throws the system's error */
function writeText(file: string, pieces: () => Iterable<string>): void {
  const to = fs.openSync(file, 'w');
  try {
    let text = '';
    for (const piece of pieces()) {
      text += piece;
      if (text.length < PIECE) continue;
      fs.writeFileSync(to, text);
      text = '';
    }
    fs.writeFileSync(to, text);
  } finally {
    fs.closeSync(to);
  }
}
