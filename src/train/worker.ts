/** @file The thread that trains. Turns what goes wrong into a message and an exit code. */
import { parentPort, workerData } from 'node:worker_threads';
import { isDiskFull } from '../disk.js';
import { EngineError } from '../engines/engine.js';
import { outOfMemory } from '../out-of-memory.js';
import { messageOf, UserError } from '../errors.js';
import { withoutFileNames } from '../imaging/file-names.js';
import { DataError } from '../imaging/image.js';
import { EXIT, type TrialConfig } from '../protocol.js';
import { openEvents, type Emit } from './events.js';
import { OutOfMemory, peakMemory } from './memory.js';
import { train, TrainingDiverged } from './train.js';

export interface WorkerTask {
  config: TrialConfig;
  trialDirectory: string;
  eventsFile: string;
  resume: string | undefined;
  threads: number;
  device: string | undefined;
  /** Whether messages go to a log, where no file may be named. */
  logged: boolean;
  /** Shared with the main thread: not 0 once the trial is asked to stop. */
  stop: Int32Array;
  /** Shared with the main thread: counts what has been computed. */
  progress: Int32Array;
  /** Shared with the main thread: not 0 once the trial has told its end. */
  ended: Int32Array;
}

export interface WorkerMessage {
  exitCode: number;
  error?: string;
}

async function run(task: WorkerTask): Promise<WorkerMessage> {
  const write = openEvents(task.eventsFile);
  const emit: Emit = (event) => {
    write(event);
    if (event.t === 'done' || event.t === 'stopped') Atomics.store(task.ended, 0, 1);
  };
  try {
    await train(task.config, {
      emit,
      stopRequested: () => Atomics.load(task.stop, 0) !== 0,
      progressed: () => void Atomics.add(task.progress, 0, 1),
      trialDirectory: task.trialDirectory,
      resume: task.resume,
      threads: task.threads,
      device: task.device,
    });
    return { exitCode: EXIT.done };
  } catch (error) {
    // The runner halves it for the next attempt.
    if (error instanceof OutOfMemory)
      emit({ t: 'memory', peak: peakMemory(), micro_batch: error.microBatch });
    return describe(error, task);
  }
}

function describe(error: unknown, { config, logged }: WorkerTask): WorkerMessage {
  if (error instanceof DataError) {
    const message = logged ? withoutFileNames(error.message, config.data) : error.message;
    return { exitCode: EXIT.dataWrong, error: message };
  }
  if (error instanceof UserError) return { exitCode: EXIT.deviceMissing, error: error.message };
  if (error instanceof TrainingDiverged) return { exitCode: EXIT.fault, error: error.message };
  if (error instanceof EngineError) {
    if (error.kind === 'out-of-memory') return { exitCode: EXIT.outOfMemory, error: error.message };
    if (error.kind === 'device') return { exitCode: EXIT.deviceMissing, error: error.message };
  }
  if (isDiskFull(error)) return { exitCode: EXIT.diskFull, error: messageOf(error) };
  const who = outOfMemory(error);
  if (who !== undefined) {
    const message = error instanceof Error ? error.message : String(error);
    return { exitCode: EXIT.outOfMemory, error: `Out of memory (${who}): ${message}` };
  }
  return {
    exitCode: EXIT.fault,
    error: error instanceof Error ? (error.stack ?? error.message) : String(error),
  };
}

parentPort?.postMessage(await run(workerData as WorkerTask));
