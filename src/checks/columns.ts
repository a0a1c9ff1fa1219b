/**
 * @file A column of the table: all checks on one engine and device, in a process of its own, as a trial is one. So a driver
 * that crashes costs its own column, and each device finds the environment that it needs.
 */
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import { openEngine } from '../engines/open.js';
import { messageOf } from '../errors.js';
import { deviceEnvironment, ENGINES, type EngineName } from '../protocol.js';
import type { Check } from './check.js';
import { gradientChecks, runChecks, type CheckResult } from './run.js';
import type { Column, RanColumn } from './table.js';

/** What may be there, fastest first; `cpu` is what all are compared with. */
export const COLUMNS = [
  'onnx/cuda:0',
  'onnx/webgpu:0',
  'onnx/cpu',
  'tensorflow/cuda:0',
  'tensorflow/cpu',
  'wasm/cpu',
] as const;

export interface ColumnOptions {
  /** Threads that one run may use; 1 by default. */
  threads?: number;
  /** Only checks whose group or name holds this text, in whatever case. */
  only?: string;
}

const MAIN = fileURLToPath(new URL('./main.js', import.meta.url));

/** Runs all checks on one engine and device, e.g. `onnx/cpu`, in a process of its own. */
export async function runColumn(title: string, { threads = 1, only }: ColumnOptions = {}): Promise<Column> {
  const begun = performance.now();
  const filter = only === undefined ? [] : ['--only', only];
  const child = await execa(process.execPath, [MAIN, '--here', '--threads', String(threads), ...filter, title], {
    env: deviceEnvironment(parseTitle(title).device),
    reject: false,
    stdin: 'ignore',
    maxBuffer: 1e9,
  }); // prettier-ignore
  const lines = child.stdout.split('\n').flatMap(parse);
  const end = lines.find((line) => 'end' in line);
  if (end !== undefined) return end.end;
  // It died: what it said until then counts, and how it died.
  const results = lines.flatMap((line) => ('result' in line ? [line.result] : []));
  const said = child.stderr.trim().split('\n').slice(-5).join(' ');
  const how = child.signal === undefined ? `exit code ${child.exitCode}` : child.signal;
  const seconds = (performance.now() - begun) / 1000;
  return { title, versions: {}, seconds, results, broken: `its process ended by ${how}: ${said}` };
}

/** What a column's process writes, a line each: results as they come, and the whole at the end. */
type Line = { result: CheckResult } | { end: Column };

function parse(line: string): Line[] {
  try {
    return line.startsWith('{') ? [JSON.parse(line) as Line] : [];
  } catch {
    return []; // not ours: some library's word
  }
}

/** The column itself, in this process; `main.ts --here` calls it. */
export async function runColumnHere(
  title: string,
  { threads = 1, only }: ColumnOptions,
  say: (line: Line) => void,
): Promise<void> {
  const { name, device } = parseTitle(title);
  const begun = performance.now();
  let engine;
  try {
    engine = await openEngine(name, { threads, device });
  } catch (error) {
    say({ end: { title, missing: messageOf(error) } });
    return;
  }
  const reference = await openEngine('cpu', { threads: 1 });
  const onResult = (result: CheckResult): void => say({ result });
  const results = await runChecks(engine, { reference, checks: chosen(only), onResult });
  await engine.dispose();
  const seconds = (performance.now() - begun) / 1000;
  const column: RanColumn = { title, versions: engine.versions, seconds, results };
  say({ end: column });
}

export function chosen(only = ''): readonly Check[] {
  const wanted = only.toLowerCase();
  return gradientChecks().filter(({ group, name }) => `${group}: ${name}`.toLowerCase().includes(wanted));
}

/** `onnx/webgpu` is its first adapter. @throws RangeError if it names no engine */
export function parseTitle(title: string): { name: EngineName; device: string } {
  const [engine, device = 'cpu', ...rest] = title.split('/');
  const name = ENGINES.find((each) => each === engine);
  if (name === undefined || rest.length > 0) {
    throw new RangeError(
      `${title} is no engine and device: expected one such as ${COLUMNS.join(', ')} (engines: ${ENGINES.join(', ')})`,
    );
  }
  return { name, device: device === 'webgpu' || device === 'cuda' ? `${device}:0` : device };
}
