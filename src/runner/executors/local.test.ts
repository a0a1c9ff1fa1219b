/** @file What a child process of the runner is granted. */
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { localExecutor } from './local.js';

const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'cyclesweep-local-'));
afterAll(() => fs.rmSync(folder, { recursive: true }));

/** Longer than the five seconds after which the library that starts it would kill it. */
const SAVES_FOR = 6000;

it('a trial that takes longer than five seconds to save has the whole grace', async () => {
  const ready = path.join(folder, 'ready');
  const program = `process.on('SIGTERM', () => setTimeout(() => process.exit(0), ${SAVES_FOR}));
    setInterval(() => {}, 1000);
    require('node:fs').writeFileSync(${JSON.stringify(ready)}, '');`;
  const running = localExecutor.start({
    key: 'a',
    attempt: 1,
    trialDirectory: folder,
    command: [process.execPath, '-e', program],
    eventsFile: path.join(folder, 'events.ndjson'),
    outputFile: path.join(folder, 'output.log'),
    resume: undefined,
    device: 'cpu',
    threads: 1,
    environment: {},
  });
  await expect.poll(() => fs.existsSync(ready), { timeout: 120_000 }).toBe(true);
  running.stop(60_000);
  expect(await running.exited).toMatchObject({ exitCode: 0, signal: null, asked: true });
});
