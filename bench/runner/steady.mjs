/** @file A trial that writes ten points a second until it is told to stop. */
import fs from 'node:fs';
import { setInterval } from 'node:timers';

const say = (event) => fs.appendFileSync(process.env.SWEEP_EVENTS, JSON.stringify(event) + '\n');
let step = 0;
process.on('SIGTERM', () => {
  say({ t: 'stopped', step, reason: 'asked to' });
  process.exit(0);
});
setInterval(() => {
  step++;
  say({ t: 'metric', step, wall: Date.now() / 1000, pixels: 4096 * step, v: { 'loss/D': 1 / step } });
}, 100);
