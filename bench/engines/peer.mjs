/** @file A process that computes updates when it is asked to: one line in, one line of JSON out. */
import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { createInterface } from 'node:readline';

/**
 * Starts it and waits until it has warmed up.
 * @returns `ready`: what it said then; `run(updates)`: `seconds` of each update, `processor` seconds of all, `peak` of its
 *   memory so far, bytes; `close()`
 */
export async function startPeer(name, [command, ...args], task, { folder, environment }) {
  const file = path.join(folder, 'task.json'); // read before it says that it is ready
  writeFileSync(file, JSON.stringify(task));
  const env = { ...process.env, ...environment };
  const child = spawn(command, [...args, file], { env, stdio: ['pipe', 'pipe', 'pipe'] });
  let complaint = '';
  child.stderr.on('data', (text) => (complaint = (complaint + text).slice(-4000)));
  const exited = new Promise((resolve) => {
    child.on('error', (error) => resolve(error.message));
    child.on('exit', (code, signal) => resolve(`exit code ${code ?? signal}`));
  });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const answer = async () => {
    for (;;) {
      const { value, done } = await lines.next();
      if (done) throw new Error(`${name}: ${await exited}\n${complaint.trim()}`);
      if (value.startsWith('{')) return JSON.parse(value); // whatever else a library prints
    }
  };
  child.stdin.on('error', () => {}); // it is gone: its answer says so
  return {
    name,
    ready: await answer(),
    run: (updates) => {
      child.stdin.write(`${updates}\n`);
      return answer();
    },
    close: async () => {
      child.stdin.end();
      await exited;
    },
  };
}
