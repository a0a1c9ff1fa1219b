/** @file `sweep watch`: the report in a browser, kept up to date while the sweep runs. */
import fs from 'node:fs';
import { Worker } from 'node:worker_threads';
import type { ArgumentsCamelCase, Argv, CommandModule } from 'yargs';
import { messageOf } from '../errors.js';
import { readStatus } from '../runner/read-status.js';
import type { SweepStatus } from '../runner/status.js';
import { databasePath } from '../store/open.js';
import { resultsOption, sweepArgument } from './options.js';
import { statusTables } from './status/lines.js';
import type { BuildJob } from './watch/build-worker.js';
import { openPage } from './open-page.js';
import { serve } from './watch/server.js';

interface WatchArguments {
  sweep?: string;
  results: string;
  port: number;
  open: boolean;
  images: boolean;
}

/** How often is looked where the sweep stands, in milliseconds. */
const LOOK_EVERY = 1000;
/** A report is made no more often than this, and no more than a fifth of the time, in milliseconds. */
const REPORT_EVERY = 4000;
const REST = 4;

export const watchCommand: CommandModule<object, WatchArguments> = {
  command: 'watch [sweep]',
  describe: 'Show the report in a browser, kept up to date while the sweep runs',
  builder: (yargs: Argv) =>
    yargs
      .usage(
        '$0 watch [sweep]\n\nServes the report on this machine alone, with progress, queue and devices above it, and keeps it up to date; what its reader chose,\n' +
          'zoomed and scrolled to stays. Only the link that is printed is served. Ctrl-C ends it, and stops no sweep.',
      )
      .positional('sweep', sweepArgument)
      .options({
        port: {
          type: 'number',
          default: 0,
          requiresArg: true,
          describe: 'Port on 127.0.0.1; 0: one that is free',
        },
        open: { type: 'boolean', default: false, describe: 'Open the link in the browser' },
        images: {
          type: 'boolean',
          default: true,
          describe: 'Show sample images; --no-images leaves them out',
        },
        results: resultsOption,
      })
      .check(({ port }) => {
        if (Number.isInteger(port) && port >= 0 && port < 65_536) return true;
        throw new Error('--port takes a number from 0 to 65535.');
      })
      .example('$0 watch --open', 'the sweep that was run last, in the browser')
      .example('$0 watch patch-size --port 8800', 'for ssh -L 8800:127.0.0.1:8800 from elsewhere')
      .epilogue(
        'From another machine: forward the port by ssh and open the same link there. It is never served to the network.',
      ),
  handler: watch,
};

async function watch(args: ArgumentsCamelCase<WatchArguments>): Promise<void> {
  const { results, images } = args;
  let status = readStatus(results, args.sweep);
  const { sweep } = status;
  let report: { text: string; version: number } | undefined;
  const server = await serve(args.port, {
    status: () => JSON.stringify(viewOf(status)),
    version: () => report?.version,
    report: () => report?.text,
  });
  console.log(`Sweep ${sweep} is shown at\n${server.url}\nCtrl-C ends this, and stops no sweep.`);
  const closed = args.open ? await openPage(server.url) : null;
  if (closed !== null) console.error(closed);

  let complained = '';
  const complain = (message: string) => {
    if (message !== complained) console.error(message);
    complained = message;
  };
  const ended = new AbortController();
  const state = { building: false, notBefore: 0, made: '' };
  const build = async () => {
    const seen = stateOf(results);
    if (state.building || seen === state.made || performance.now() < state.notBefore) return;
    if (report !== undefined && server.listeners() === 0) return;
    state.building = true;
    const begun = performance.now();
    try {
      const text = await buildApart({ results, sweep, images }, ended.signal);
      state.made = seen;
      if (text === report?.text) return;
      report = { text, version: (report?.version ?? 0) + 1 };
      server.send('report', String(report.version));
    } catch (error) {
      if (!ended.signal.aborted) complain(`The report cannot be made now: ${messageOf(error)}`);
    } finally {
      const took = performance.now() - begun;
      state.notBefore = performance.now() + Math.max(REPORT_EVERY, REST * took);
      state.building = false;
    }
  };
  let told = '';
  const look = () => {
    void build();
    if (server.listeners() === 0) return;
    try {
      status = readStatus(results, sweep);
      const view = JSON.stringify(viewOf(status));
      if (view !== told) server.send('status', view);
      told = view;
    } catch (error) {
      complain(messageOf(error)); // e.g. while the database is made anew
    }
  };
  look();
  const timer = setInterval(look, LOOK_EVERY);
  await new Promise<void>((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => resolve());
  });
  clearInterval(timer);
  ended.abort();
  await server.close();
}

/** What the page shows above the report: no more than it can, and nothing that names a file. */
function viewOf(status: SweepStatus) {
  return { title: status.sweep, share: status.share, ...statusTables(status) };
}

/** Changes with all that is stored; of a database that is not there, nothing does. */
function stateOf(results: string): string {
  const file = databasePath(results);
  return [file, `${file}-wal`]
    .map((name) => {
      const stats = fs.statSync(name, { throwIfNoEntry: false, bigint: true });
      return stats === undefined ? '' : `${stats.ino} ${stats.size} ${stats.mtimeNs}`;
    })
    .join();
}

function buildApart(job: BuildJob, signal: AbortSignal): Promise<string> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(new URL('./watch/build-worker.js', import.meta.url), { workerData: job });
    signal.addEventListener('abort', () => void worker.terminate(), { once: true });
    worker.once('message', (text: string) => resolve(text));
    worker.once('error', reject);
    worker.once('exit', () => reject(new Error('its thread ended without it')));
  });
}
