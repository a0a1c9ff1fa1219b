/**
 * @file The trial process: `node dist/train/main.js config.json`, with a runner or by hand.
 *
 * Training runs in a worker thread, which a step may block for seconds; this thread stays free for signals, the
 * lifeline and the `alive` event. Errors become one message on standard error and an exit code (DESIGN section 5).
 */
import fs from 'node:fs';
import path from 'node:path';
import { SHARE_ENV, Worker } from 'node:worker_threads';
import { isDiskFull } from '../disk.js';
import { messageOf } from '../errors.js';
import { outOfMemory } from '../out-of-memory.js';
import { availableCores } from '../machine.js';
import { ENVIRONMENT, EXIT, type TrialConfig } from '../protocol.js';
import { openEvents } from './events.js';
import type { WorkerMessage, WorkerTask } from './worker.js';

/** How often the trial says that it lives, in milliseconds. */
const ALIVE_EVERY = 5000;
/** How long a step may take after a request to stop before it is abandoned, in milliseconds. */
const GRACE = 25_000;
/** The same where the runner is gone: ten seconds after it, nothing of it runs (DESIGN section 7). */
const ORPHAN_GRACE = 6000;

function main(): void {
  const configFile = process.argv[2];
  if (configFile === undefined || configFile === '--help') {
    console.error(
      'Runs one trial. Usage: node dist/train/main.js config.json\n' +
        'Example: node dist/train/main.js results/trials/KEY/config.json',
    );
    process.exit(configFile === undefined ? EXIT.configurationWrong : 0);
  }
  const config = readConfig(configFile);
  const env = process.env;
  const trialDirectory = path.resolve(env[ENVIRONMENT.trialDirectory] ?? path.dirname(configFile));
  const eventsFile = env[ENVIRONMENT.events] ?? nextEventsFile(trialDirectory);
  const emit = openEvents(eventsFile);
  const stop = new Int32Array(new SharedArrayBuffer(4));
  const progress = new Int32Array(new SharedArrayBuffer(4));
  const ended = new Int32Array(new SharedArrayBuffer(4));
  const task: WorkerTask = {
    config,
    trialDirectory,
    eventsFile,
    resume: env[ENVIRONMENT.resume] || undefined,
    threads: Number(env[ENVIRONMENT.threads]) || availableCores(),
    device: env[ENVIRONMENT.device] || undefined,
    logged: env[ENVIRONMENT.lifeline] === 'stdin',
    stop,
    progress,
    ended,
  };
  // Native libraries read the process's own environment; what a worker sets in a copy does not reach them.
  const worker = new Worker(new URL('./worker.js', import.meta.url), { workerData: task, env: SHARE_ENV });

  const alive = () => {
    // Its end is the last that a trial tells, however long its engine takes to close.
    if (Atomics.load(ended, 0) !== 0) return;
    try {
      emit({ t: 'alive', wall: Date.now() / 1000, progress: Atomics.load(progress, 0) });
    } catch (error) {
      if (!isDiskFull(error)) throw error;
      console.error(messageOf(error));
      process.exit(EXIT.diskFull);
    }
  };
  alive();
  setInterval(alive, ALIVE_EVERY);

  let deadline: NodeJS.Timeout | undefined;
  let granted = Infinity;
  /** The first to ask sets the time; who asks again can only shorten it. */
  const askToStop = (grace: number) => {
    if (grace >= granted) return;
    granted = grace;
    Atomics.store(stop, 0, 1);
    clearTimeout(deadline);
    deadline = setTimeout(() => {
      emit({ t: 'stopped', step: 0, reason: 'a step took longer than the grace time and was abandoned' });
      process.exit(EXIT.done);
    }, grace);
  };
  process.on('SIGTERM', () => askToStop(GRACE));
  process.on('SIGINT', () => askToStop(GRACE));
  if (env[ENVIRONMENT.lifeline] === 'stdin') {
    const orphaned = () => askToStop(ORPHAN_GRACE);
    process.stdin.on('error', orphaned).on('close', orphaned).on('end', orphaned).resume();
  }

  worker.on('message', (message: WorkerMessage) => {
    if (message.error !== undefined) console.error(message.error);
    process.exit(message.exitCode);
  });
  worker.on('error', (error) => {
    console.error(error);
    // The heap of the thread: what the engine itself lacks, it says by a message.
    process.exit(outOfMemory(error) === undefined ? EXIT.fault : EXIT.outOfMemory);
  });
  worker.on('exit', () => process.exit(EXIT.fault)); // without a message: a fault of ours
}

function readConfig(file: string): TrialConfig {
  try {
    return JSON.parse(fs.readFileSync(file, 'utf8')) as TrialConfig;
  } catch (error) {
    console.error(`${file} cannot be read: ${error instanceof Error ? error.message : String(error)}`);
    process.exit(EXIT.configurationWrong);
  }
}

/** By hand, every run is a new attempt: an events file is never written by two. */
function nextEventsFile(trialDirectory: string): string {
  const folder = path.join(trialDirectory, 'attempts');
  const taken = fs.existsSync(folder) ? fs.readdirSync(folder).map(Number).filter(Number.isInteger) : [];
  return path.join(folder, String(Math.max(0, ...taken) + 1), 'events.ndjson');
}

main();
