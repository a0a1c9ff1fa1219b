/**
 * @file npm run chaos -- --kills 1000 --seed 1: sweeps of cheap trials whose processes are killed, until so many kills are done.
 * Ends with `kills K rows N lost L doubled D repeated R orphans O`, and with exit code 1 unless the last four are 0.
 */
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { writePng } from '../../dist/imaging/png.js';
import { live } from './world.mjs';

const USAGE = `npm run chaos -- [options]

Runs sweeps of cheap trials, kills runners and trials at random instants, damages files, and judges what is left.

  --kills K      kills to deal (default 200)
  --seed N       seed of what happens and when (default 1)
  --at-once N    worlds side by side (default 2)
  --keep         keep the folders, also where nothing is wrong
  --sabotage X   break something on purpose: lose, double, repeat or orphan. The command must then fail.`;

/** Kills that one results folder lives through. */
const KILLS_A_WORLD = 25;

const options = readOptions();
const scratch = fs.realpathSync(fs.mkdtempSync(path.join(os.tmpdir(), 'cyclesweep-chaos-')));
const image = path.join(scratch, 'grey.png');
await writePng(image, { width: 16, height: 16, bits: 8, data: new Uint8Array(256).map((_, at) => at) });
const total = { kills: 0, rows: 0, lost: 0, doubled: 0, repeated: 0, orphans: 0 };
const disasters = {};
const begun = performance.now();
let worlds = 0;
let promised = 0;

await Promise.all(
  Array.from({ length: options.atOnce }, async () => {
    while (promised < options.kills) await oneWorld();
  }),
);
for (const [name, count] of Object.entries(disasters).sort()) console.log(`  ${name}: ${count}`);
console.log(`${worlds} results folders in ${((performance.now() - begun) / 1000).toFixed(0)} s`);
const bad = total.lost + total.doubled + total.repeated + total.orphans;
if (bad === 0 && !options.keep) fs.rmSync(scratch, { recursive: true, force: true });
else console.log(`What is left lies in ${scratch}`);
console.log(Object.entries(total).map(([name, count]) => `${name} ${count}`).join(' ')); // prettier-ignore
process.exit(bad === 0 ? 0 : 1);

async function oneWorld() {
  const wanted = Math.min(KILLS_A_WORLD, options.kills - promised);
  promised += wanted;
  const seed = options.seed * 1000 + ++worlds;
  const name = String(worlds);
  const folder = path.join(scratch, name);
  fs.mkdirSync(folder);
  const tally = await live({ folder, image, seed, kills: wanted, sabotage: options.sabotage });
  promised -= wanted - Math.min(wanted, tally.kills); // what this one did not get to, another does
  for (const key of Object.keys(total)) total[key] += tally[key];
  for (const [each, count] of Object.entries(tally.disasters)) disasters[each] = (disasters[each] ?? 0) + count; // prettier-ignore
  console.log(`world ${name} (seed ${seed}): ${tally.kills} kills, ${tally.rows} rows; ${total.kills} of ${options.kills} kills`); // prettier-ignore
  tally.problems.slice(0, 20).forEach((problem) => console.log(`  ${problem}`));
  if (tally.problems.length === 0 && !options.keep) fs.rmSync(folder, { recursive: true, force: true });
}

function readOptions() {
  try {
    const { values } = parseArgs({
      options: {
        kills: { type: 'string', default: '200' },
        seed: { type: 'string', default: '1' },
        'at-once': { type: 'string', default: '2' },
        keep: { type: 'boolean', default: false },
        sabotage: { type: 'string' },
        help: { type: 'boolean', default: false },
      },
    });
    if (values.help) {
      console.log(USAGE);
      process.exit(0);
    }
    const numbers = {
      kills: Number(values.kills),
      seed: Number(values.seed),
      atOnce: Number(values['at-once']),
    };
    if (!Object.values(numbers).every((number) => Number.isInteger(number) && number > 0))
      throw new TypeError('--kills, --seed and --at-once are whole numbers from 1');
    return { ...numbers, keep: values.keep, sabotage: values.sabotage };
  } catch (error) {
    console.error(`${error.message}\n\n${USAGE}`);
    process.exit(2);
  }
}
