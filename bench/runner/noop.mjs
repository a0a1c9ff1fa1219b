/** @file A trial that does nothing: it says that it is done, and leaves. BENCH_TIMES collects when it began and ended. */
import fs from 'node:fs';
import { performance } from 'node:perf_hooks';

fs.appendFileSync(process.env.SWEEP_EVENTS, '{"t":"done","step":1,"reason":"nothing to do"}\n');
if (process.env.BENCH_TIMES) {
  const { timeOrigin } = performance;
  fs.appendFileSync(process.env.BENCH_TIMES, `${timeOrigin} ${timeOrigin + performance.now()}\n`);
}
