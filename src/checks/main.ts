/** @file `node dist/checks/main.js`: the table of gradient checks, on every engine and device that is here or on those named. */
import { parseArgs } from 'node:util';
import { messageOf } from '../errors.js';
import { COLUMNS, parseTitle, runColumn, runColumnHere } from './columns.js';
import { failuresOf, renderTable, type Column } from './table.js';

const USAGE = `Compares every engine with the cpu engine: the value and the gradients of every op, layer, norm, loss and network, and of
the whole training step. Prints one table.

Usage: node dist/checks/main.js [ENGINE/DEVICE ...] [--only TEXT] [--threads N] [--json]

  ENGINE/DEVICE  ${COLUMNS.join(', ')}; without, all that are here
  --only TEXT    only checks whose group or name holds this text
  --threads N    threads that one run may use, 1 by default
  --json         the columns of the table, for a program

Example: node dist/checks/main.js onnx/cpu wasm/cpu --only conv2d
Exit code: 0 all passed, 1 some failed or a device that was named is not here, 2 an argument is wrong.`;

async function main(): Promise<void> {
  const { titles, only, threads, json, here } = readArguments();
  if (here) {
    await runColumnHere(titles[0]!, { only, threads }, (line) => console.log(JSON.stringify(line)));
    // At once, when all is said: a library may keep threads.
    process.stdout.write('', () => process.exit());
    return;
  }
  const columns: Column[] = [];
  for (const title of titles.length > 0 ? titles : COLUMNS) {
    if (process.stderr.isTTY) process.stderr.write(`${title} ...\n`);
    columns.push(await runColumn(title, { only, threads }));
  }
  console.log(json ? JSON.stringify(columns) : renderTable(columns));
  const missing = titles.length > 0 && columns.some((column) => 'missing' in column);
  const failed = columns.some((column) => failuresOf(column).length > 0);
  const ran = columns.some((column) => 'results' in column && column.results.length > 0);
  if (!ran && !missing) console.error(`No check ran${only === undefined ? '' : `: none has ${only} in its name`}.`);
  process.exitCode = failed || missing || !ran ? 1 : 0;
} // prettier-ignore

interface Arguments {
  titles: string[];
  only?: string;
  threads: number;
  json: boolean;
  here: boolean;
}

function readArguments(): Arguments {
  try {
    const { values, positionals } = parseArgs({
      allowPositionals: true,
      options: {
        only: { type: 'string' },
        threads: { type: 'string', default: '1' },
        json: { type: 'boolean', default: false },
        here: { type: 'boolean', default: false }, // one column, in this process
        help: { type: 'boolean', default: false },
      },
    });
    if (values.help) {
      console.log(USAGE);
      process.exit(0);
    }
    const titles = positionals.map((title) => {
      const { name, device } = parseTitle(title);
      return `${name}/${device}`;
    });
    const threads = Number(values.threads);
    if (!Number.isInteger(threads) || threads < 1)
      throw new RangeError(`--threads ${values.threads} is no number of threads`);
    return { titles, only: values.only, threads, json: values.json, here: values.here };
  } catch (error) {
    console.error(`${messageOf(error)}\n\n${USAGE}`);
    process.exit(2);
  }
}

await main();
