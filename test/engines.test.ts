/** @file The table of gradient checks on every engine and device that is here, by the command that users run; printed at the end. */
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { COLUMNS } from '../src/checks/columns.js';
import { failuresOf, renderTable, type Column } from '../src/checks/table.js';

const MAIN = fileURLToPath(new URL('../dist/checks/main.js', import.meta.url));

/** What `.ci/run` installs: where it is missing there, that is a failure; elsewhere it is skipped, with the reason. */
const REQUIRED: readonly string[] = ['onnx/cpu', 'onnx/webgpu:0', 'tensorflow/cpu', 'wasm/cpu'];

/** A software Vulkan driver compiles shaders for minutes. */
const PATIENCE = 30 * 60_000;

describe('gradients equal those of the cpu engine', () => {
  let columns: Column[] = [];
  beforeAll(async () => {
    const { stdout, stderr } = await execa(process.execPath, [MAIN, '--json'], { reject: false });
    expect(stdout, stderr).not.toBe('');
    columns = JSON.parse(stdout) as Column[];
  }, PATIENCE);
  afterAll(() => console.log(renderTable(columns)));

  it.for(COLUMNS)('on %s', (title, { skip }) => {
    const column = columns.find((each) => each.title === title)!;
    if ('missing' in column) {
      const required = process.env['CI'] !== undefined && REQUIRED.includes(title);
      expect(required, `${title} must run in CI: ${column.missing}`).toBe(false);
      skip(column.missing);
      return;
    }
    expect(failuresOf(column)).toEqual([]);
    expect(column.results.length).toBeGreaterThan(0);
  });
});
