/** @file Makes the report in a thread of its own, so that whoever waits for events is served meanwhile. */
import { parentPort, workerData } from 'node:worker_threads';
import { buildReport } from '../../report/build.js';
import { readStore } from '../../store/open.js';
import { readSweep } from '../../store/queries.js';
import { packageVersion } from '../../version.js';

export interface BuildJob {
  results: string;
  sweep: string;
  images: boolean;
}

const { results, sweep, images } = workerData as BuildJob;
const record = readStore(results, ({ db }) => readSweep({ results, db, close: () => undefined }, sweep));
parentPort!.postMessage(buildReport([record], { images, version: packageVersion() }));
