/** @file Where an update spends its time, op by op, from the profiles that onnxruntime writes. */
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';

/**
 * Reads the profiles of all programs of a step. The first update, which allocates, is left out.
 * @param updates how many were taken
 * @returns `ops`: [name, seconds of an update, calls], largest first; `seconds`: of all ops
 */
export function readProfiles(folder, prefix, updates) {
  const byOp = new Map();
  const files = readdirSync(folder).filter((name) => name.startsWith(prefix) && name.endsWith('.json'));
  for (const file of files) {
    const events = JSON.parse(readFileSync(path.join(folder, file), 'utf8'));
    const runs = events.filter(({ cat, name }) => cat === 'Session' && name === 'model_run');
    const from = runs.map(({ ts }) => ts).sort((a, b) => a - b)[runs.length / updates] ?? 0;
    for (const { cat, name, ts, dur, args } of events) {
      if (cat !== 'Node' || !name.endsWith('_kernel_time') || ts < from) continue;
      const [seconds, calls] = byOp.get(args.op_name) ?? [0, 0];
      byOp.set(args.op_name, [seconds + dur / 1e6, calls + 1]);
    }
  }
  const counted = updates - 1;
  const ops = [...byOp].map(([name, [seconds, calls]]) => [name, seconds / counted, calls / counted]);
  ops.sort((a, b) => b[1] - a[1]);
  return { ops, seconds: ops.reduce((sum, [, seconds]) => sum + seconds, 0) };
}
