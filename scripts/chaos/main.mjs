/**
 * @file npm run chaos -- --kills 1000 --seed 1: sweeps of cheap trials whose processes are killed, until so many kills are done.
 * Ends with `kills K rows N lost L doubled D repeated R orphans O`, and with exit code 1 unless the last four are 0.
 */
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { execa } from 'execa';
import { writePng } from '../../dist/imaging/png.js';
import { live } from './world.mjs';

const USAGE = `npm run chaos -- [options]

Runs sweeps of cheap trials, kills runners and trials at random instants, damages files, and judges what is left.

  --kills K      kills to deal (default 200)
  --seed N       seed of what happens and when (default 1)
  --at-once N    worlds side by side (default 2)
  --full-disk    only worlds whose disk is full now and then; else they are every fourth
  --keep         keep the folders, also where nothing is wrong
  --sabotage X   break something on purpose: lose, double, repeat or orphan. The command must then fail.`;

/** Kills that one results folder lives through. */
const KILLS_A_WORLD = 25;

/** Every so many worlds one lives on a file system of this size, which is full now and then. */
const SMALL_EVERY = 4;
const SMALL_SIZE = '256m';
const KILLS_A_SMALL_WORLD = 8;
/** Of so many worlds the first two share the GPUs of one machine. */
const SHARING_EVERY = 4;

const options = readOptions();
if (!fs.existsSync('/proc/self/environ')) {
  console.error('npm run chaos finds processes through /proc: it runs on Linux alone.');
  process.exit(2);
}
const scratch = fs.realpathSync(fs.mkdtempSync(path.join(os.tmpdir(), 'cyclesweep-chaos-')));
const machine = path.join(scratch, 'machine');
fs.mkdirSync(machine);
const image = path.join(scratch, 'grey.png');
await writePng(image, { width: 16, height: 16, bits: 8, data: new Uint8Array(256).map((_, at) => at) });
const total = { kills: 0, rows: 0, lost: 0, doubled: 0, repeated: 0, orphans: 0 };
const disasters = {};
const canMakeFileSystem = spawnSync('unshare', ['-Urm', 'sh', '-c', 'mount -t tmpfs -o size=1m tmpfs /mnt']).status === 0; // prettier-ignore
if (!canMakeFileSystem && options.small === undefined) console.log('No small file system can be mounted here (unshare -Urm): a full disk is left out.'); // prettier-ignore
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
  const number = ++worlds;
  const small =
    options.small === undefined && (options.fullDisk || number % SMALL_EVERY === 0) && canMakeFileSystem;
  const wanted = Math.min(small ? KILLS_A_SMALL_WORLD : KILLS_A_WORLD, options.kills - promised);
  promised += wanted;
  const seed = options.seed * 1000 + number;
  const tally = await (small ? onSmallFileSystem(seed, wanted) : onThisOne(seed, wanted, String(number)));
  promised -= wanted - Math.min(wanted, tally.kills); // what this one did not get to, another does
  for (const key of Object.keys(total)) total[key] += tally[key];
  for (const [each, count] of Object.entries(tally.disasters)) disasters[each] = (disasters[each] ?? 0) + count; // prettier-ignore
  console.log(`world ${number} (seed ${seed}${small ? ', small disk' : ''}): ${tally.kills} kills, ${tally.rows} rows; ${total.kills} of ${options.kills} kills`); // prettier-ignore
  tally.problems.slice(0, 20).forEach((problem) => console.log(`  ${problem}`));
}

async function onThisOne(seed, kills, name) {
  const shares = options.small === undefined && [1, 2].includes(Number(name) % SHARING_EVERY);
  const folder = path.join(options.small ?? scratch, name);
  const record = path.join(scratch, `${name}-record`);
  fs.mkdirSync(folder);
  const tally = await live({ folder, record, image, seed, kills, small: options.small !== undefined, machine: shares ? machine : undefined, sabotage: options.sabotage }); // prettier-ignore
  if (tally.problems.length === 0 && !options.keep) [folder, record].forEach((each) => fs.rmSync(each, { recursive: true, force: true })); // prettier-ignore
  return tally;
}

/** The same in a name space of its own, where a small file system can be mounted without being root. */
async function onSmallFileSystem(seed, kills) {
  const mount = fs.mkdtempSync(path.join(scratch, 'small-'));
  const mounted = `mount -t tmpfs -o size=${SMALL_SIZE} tmpfs "$0" && exec "$@"`;
  const again = [process.execPath, fileURLToPath(import.meta.url), '--small', mount, '--kills', String(kills), '--seed', String(seed), '--at-once', '1']; // prettier-ignore
  const { stdout, stderr } = await execa('unshare', ['-Urm', 'sh', '-c', mounted, mount, ...again], { reject: false }); // prettier-ignore
  const line = stdout.trimEnd().split('\n').at(-1) ?? '';
  const words = line.split(' ');
  const tally = { ...Object.fromEntries(Object.keys(total).map((key) => [key, Number(words[words.indexOf(key) + 1])])), problems: [], disasters: {} }; // prettier-ignore
  for (const [, name, count] of stdout.matchAll(/^ {2}(\w+): (\d+)$/gm))
    tally.disasters[name] = Number(count);
  if (!Number.isFinite(tally.orphans)) return { ...tally, kills: 0, rows: 0, lost: 1, doubled: 0, repeated: 0, orphans: 0, problems: [`${stdout}${stderr}`] }; // prettier-ignore
  if (tally.lost + tally.doubled + tally.repeated + tally.orphans > 0) tally.problems.push(stdout);
  return tally;
}

function readOptions() {
  try {
    const { values } = parseArgs({
      options: {
        kills: { type: 'string', default: '200' },
        seed: { type: 'string', default: '1' },
        'at-once': { type: 'string', default: '2' },
        keep: { type: 'boolean', default: false },
        'full-disk': { type: 'boolean', default: false },
        sabotage: { type: 'string' },
        small: { type: 'string' }, // a small file system: how this command calls itself
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
    return {
      ...numbers,
      keep: values.keep,
      fullDisk: values['full-disk'],
      sabotage: values.sabotage,
      small: values.small,
    };
  } catch (error) {
    console.error(`${error.message}\n\n${USAGE}`);
    process.exit(2);
  }
}
