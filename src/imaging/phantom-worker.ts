/** @file A thread that draws a share of a phantom's pairs. */

import { parentPort, workerData } from 'node:worker_threads';
import { DataError } from './image.js';
import { drawShare, type PhantomMessage, type PhantomShare } from './phantom.js';

const tell = (message: PhantomMessage) => parentPort?.postMessage(message);

try {
  await drawShare(workerData as PhantomShare, tell);
} catch (error) {
  // A class does not survive the way between threads; the message does.
  if (!(error instanceof DataError)) throw error;
  tell({ failed: error.message });
}
