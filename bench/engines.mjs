/**
 * @file How fast the engines train against PyTorch, in one run: npm run bench:engines -- [options] [patch,batch,filters,blocks]...
 *
 *     --threads 1,2      numbers of threads
 *     --table            only the comparison with PyTorch, none of what comes after it
 *     --quick            only that, few updates of two cells, and PyTorch is not compiled, which takes minutes
 *     --install-torch    puts PyTorch into bench/.torch, by pip; BENCH_PYTHON names another Python that has it
 *
 * Ours is what a trial computes: the step of src/train/step.ts, with what `auto` chooses. PyTorch's is cyclegan_torch.py, from the
 * same weights and images, in the way that is the fastest for the cell. All in float32.
 */
import path from 'node:path';
import os from 'node:os';
import { setTimeout } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { listDevices } from '../dist/engines/choose.js';
import { mayHaveGpu } from '../dist/engines/devices.js';
import { availableCores } from '../dist/machine.js';
import { DEVICES_OF, ENGINES } from '../dist/protocol.js';
import { multiplyAddsOfUpdate, parametersOf } from './engines/cell.mjs';
import { close, finish, interleave, ours, product, theirs, work } from './engines/measure.mjs';
import { readProfiles } from './engines/profile.mjs';
import { findTorch, installTorch } from './engines/torch.mjs';
import { gb, goalLine, median, table } from './print.mjs';

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    table: { type: 'boolean', default: false },
    quick: { type: 'boolean', default: false },
    threads: { type: 'string', default: '1,2' },
    'install-torch': { type: 'boolean', default: false },
  },
});

const CELLS = ['64,16,16,3', '128,2,16,3', '64,4,64,9', '128,1,64,9'];
const QUICK_CELLS = ['64,16,16,3', '64,4,64,9'];
/** Cells of at most so many filters are small: on them alone are engines measured that are several times slower. */
const SMALL = 16;

/** Times PyTorch's speed by filters, on one core and on two. */
const SPEED_GOALS = { 16: [1.7, 1.5], 64: [2.3, 2.0] };
/** Times PyTorch's peak memory, usually and with `memory: low`. */
const [MEMORY_GOAL, MEMORY_LOW_GOAL] = [1.25, 1.0];
/** Two trials side by side, times one. */
const SIDE_BY_SIDE_GOAL = 1.9;

const ROUNDS = options.quick ? 3 : 7;
/** Rounds for what is no goal: to find PyTorch's fastest way, to see what `memory: low` costs. */
const FEW = 3;
/** A turn takes about so many seconds: long against the change of turns, short against what drifts on the machine. */
const TURN = options.quick ? 0.5 : 1.5;
/** Side of the matrices whose product is the machine's limit. */
const SIDE = 2048;
const OPS_SHOWN = 16;

/**
 * The C library gives large blocks back to the system, which fills their pages with zeros anew at every update. Told to keep them,
 * as onnxruntime's own allocator does, it made compiled PyTorch 16 % faster, eager PyTorch 7 %, in no more memory.
 */
const KEEPING = { MALLOC_MMAP_MAX_: '0', MALLOC_TRIM_THRESHOLD_: '8000000000' };
const AS_IT_COMES = { name: 'as it comes', compile: false, channels_last: false, environment: {} };
const WAYS = [
  { name: 'eager', compile: false, channels_last: false, environment: KEEPING },
  { name: 'eager, channels last', compile: false, channels_last: true, environment: KEEPING },
  { name: 'compiled', compile: true, channels_last: false, environment: KEEPING },
  { name: 'compiled, channels last', compile: true, channels_last: true, environment: KEEPING },
].filter(({ compile }) => !(compile && options.quick));

try {
  if (options['install-torch']) {
    installTorch();
    console.log(findTorch().missing ?? 'PyTorch is there. npm run bench:engines compares with it.');
  } else await main();
} catch (error) {
  console.error(`bench:engines could not run: ${error.message}`);
  process.exitCode = 1;
} finally {
  await finish();
}

async function main() {
  const cells = positionals.length > 0 ? positionals : options.quick ? QUICK_CELLS : CELLS;
  for (const cell of cells) parametersOf(cell); // a wrong one is told before anything is measured
  const cores = availableCores();
  const asked = options.threads.split(',').map(Number);
  const threads = asked.filter((each) => each <= cores);
  console.log(`${cores} x ${os.cpus()[0]?.model.trim()}, node ${process.version}`);
  if (threads.length < asked.length)
    console.log(`No figures with more threads than the ${cores} cores here.`);
  const torch = findTorch();
  console.log(torch.missing ?? `PyTorch ${torch.version}: ${torch.libraries}`);
  if (options.quick) console.log('Quick: PyTorch is not compiled, which makes it faster on some cells.');

  const results = [];
  for (const cell of cells) {
    let way; // found with the first number of threads, taken for the others
    for (const count of threads) {
      console.error(`${cell}, ${count} thread(s) ...`);
      const result = await compare(cell, count, torch, way);
      way = result.way;
      results.push(result);
    }
  }
  printComparison(results);
  const goals = results.flatMap(goalsOf);
  if (!options.quick && !options.table) {
    goals.push(...(await memoryLow(results)));
    if (cores > 1) goals.push(...(await sideBySide(cells.filter(isSmall))));
    await otherEngines(cells);
    for (const cell of cells) await profile(cell);
  }
  console.log('');
  for (const goal of goals) console.log(goal);
}

function isSmall(cell) {
  return parametersOf(cell).filters <= SMALL;
}

/** A cell within a goal's name. */
function named(cell) {
  return cell.replaceAll(',', '_');
}

/** Three significant digits, `-` for what was not measured. */
function figure(value) {
  return value === undefined || Number.isNaN(value) ? '-' : value.toPrecision(3);
}

function memory(bytes) {
  return bytes ? gb(bytes) : '-';
}

// ---- Against PyTorch

/** One cell with one number of threads. @param way the way to run PyTorch, where it was found before */
async function compare(cell, threads, torch, way) {
  const { batch } = parametersOf(cell);
  const tried = torch.missing || way ? [] : await tryWays(cell, threads, torch);
  const fastest = way ?? tried.toSorted((a, b) => a.fastest - b.fastest)[0]?.way;
  const peers = [await ours(cell, threads), await product(SIDE, threads)];
  if (fastest)
    for (const each of [fastest, AS_IT_COMES]) peers.push(await theirs(cell, threads, torch, each));
  const [own, limit, best, stock] = await interleave(peers, ROUNDS, TURN);
  await close(...peers);
  const processor = ({ processor, seconds }) => processor / seconds.length;
  return {
    cell,
    threads,
    tried,
    way: fastest,
    form: peers[0].ready.form,
    versions: peers[0].ready.versions,
    own: batch / median(own.seconds),
    best: best && batch / median(best.seconds),
    stock: stock && batch / median(stock.seconds),
    ratio: best && median(best.seconds) / median(own.seconds),
    processorRatio: best && processor(best) / processor(own),
    ownPeak: own.peak,
    torchPeak: best && Math.min(best.peak, stock.peak, ...tried.map(({ peak }) => peak)),
    disagreement: best && peers[0].ready.losses.map((losses, n) => apart(losses, peers[2].ready.losses[n])),
    limit: (2 * SIDE ** 3) / median(limit.seconds) / 1e9,
    direct: (2 * multiplyAddsOfUpdate(parametersOf(cell))) / median(own.seconds) / 1e9,
  };
}

/** For each way to run PyTorch that works here: the fastest of a few updates, the peak of memory. */
async function tryWays(cell, threads, torch) {
  const tried = [];
  for (const way of WAYS) {
    try {
      const peer = await theirs(cell, threads, torch, way);
      const [{ seconds, peak }] = await interleave([peer], FEW, TURN);
      await close(peer);
      tried.push({ way, fastest: Math.min(...seconds), peak });
    } catch (error) {
      console.log(`PyTorch, ${way.name}, does not work here: ${error.message.trim().split('\n').at(-1)}`);
    }
  }
  if (tried.length === 0) throw new Error('PyTorch is there, but the update runs in it in no way.');
  return tried;
}

/** The largest relative difference of the losses that both name. */
function apart(own, others) {
  return Math.max(...Object.entries(others).map(([name, loss]) => Math.abs(own[name] / loss - 1)));
}

function printComparison(results) {
  const versions = JSON.stringify(results[0]?.versions);
  console.log(
    `\nThe onnx engine on the cpu (${versions}) and PyTorch, patches of each domain a second, medians`,
  );
  table([
    [
      ...['patch,batch,filters,blocks', 'threads', 'ours', 'form', 'PyTorch', 'way', 'as it comes', 'ratio'],
      ...['by processor time', 'peak GB', 'PyTorch', 'ratio', 'losses differ by', 'after an update'],
    ],
    ...results.map((r) => [
      ...[r.cell, r.threads, figure(r.own), r.form, figure(r.best), r.way?.name ?? '-', figure(r.stock)],
      figure(r.ratio),
      r.threads === 1 ? figure(r.processorRatio) : '-', // waiting threads spin
      ...[memory(r.ownPeak), memory(r.torchPeak), figure(r.ownPeak / r.torchPeak)],
      ...[0, 1].map((update) => r.disagreement?.[update].toExponential(1) ?? '-'),
    ]),
  ]);
  console.log(
    'PyTorch: in its fastest way; as it comes: eager, with the allocator as it is. Its peak: the least of all ways tried.',
  );
  const tried = results.filter((r) => r.tried.length > 0);
  if (tried.length > 0) {
    console.log('\nWays to run PyTorch: patches a second, by the fastest of a few updates (peak GB)');
    table([
      ['', ...WAYS.map(({ name }) => name)],
      ...tried.map((r) => [
        r.cell,
        ...WAYS.map((way) => {
          const found = r.tried.find((each) => each.way === way);
          return found
            ? `${figure(parametersOf(r.cell).batch / found.fastest)} (${memory(found.peak)})`
            : '-';
        }),
      ]),
    ]);
  }
  console.log(
    `\nThe machine's limit: a product of two ${SIDE} x ${SIDE} matrices in the same runtime, GFLOP/s; the update, every convolution counted in its direct form`,
  );
  table([
    ['', 'threads', 'limit', 'update', 'of the limit'],
    ...results.map((r) => [
      ...[r.cell, r.threads, figure(r.limit), figure(r.direct), figure(r.direct / r.limit)],
    ]),
  ]);
}

function goalsOf({ cell, threads, ratio, ownPeak, torchPeak }) {
  if (ratio === undefined) return [];
  const speed = SPEED_GOALS[parametersOf(cell).filters]?.[threads - 1];
  const of = `${named(cell)}_threads_${threads}`;
  return [
    ...(speed ? [goalLine(`engines_${of}`, ratio, 'of_pytorch', '>=', speed)] : []),
    ...(torchPeak ? [goalLine(`memory_${of}`, ownPeak / torchPeak, 'of_pytorch', '<=', MEMORY_GOAL)] : []),
  ];
}

// ---- Memory, two trials, other engines, ops

/** What computing again instead of keeping saves and costs. */
async function memoryLow(results) {
  const rows = [];
  const goals = [];
  for (const { cell, torchPeak } of results.filter(({ threads }) => threads === 1)) {
    const peers = [await ours(cell, 1), await ours(cell, 1, { memory: 'low' })];
    const [usual, low] = await interleave(peers, FEW, TURN);
    await close(...peers);
    const speed = median(usual.seconds) / median(low.seconds);
    rows.push([cell, memory(usual.peak), memory(low.peak), memory(torchPeak), figure(speed)]);
    if (torchPeak) {
      goals.push(
        goalLine(`memory_low_${named(cell)}`, low.peak / torchPeak, 'of_pytorch', '<=', MEMORY_LOW_GOAL),
      );
    }
  }
  console.log('\nmemory: low, one thread');
  table([['', 'peak GB', 'low', 'PyTorch', 'speed of the usual'], ...rows]);
  return goals;
}

/** Two processes of one thread each at the same time, against one alone. */
async function sideBySide(cells) {
  const rows = [];
  const goals = [];
  for (const cell of cells) {
    const { batch } = parametersOf(cell);
    const [first, second] = [await ours(cell, 1), await ours(cell, 1)];
    const [{ seconds }] = await interleave([first], FEW, TURN);
    const updates = Math.max(2, Math.round((2 * TURN) / median(seconds)));
    const [alone, together] = [[], []];
    for (let round = 0; round < ROUNDS; round++) {
      alone.push(batch / median((await first.run(updates)).seconds));
      await setTimeout(100);
      const both = await Promise.all([first.run(updates), second.run(updates)]);
      together.push(both.reduce((sum, each) => sum + batch / median(each.seconds), 0));
      await setTimeout(100);
    }
    await close(first, second);
    const ratio = median(together) / median(alone);
    rows.push([cell, figure(median(alone)), figure(median(together)), figure(ratio)]);
    goals.push(goalLine(`side_by_side_${named(cell)}`, ratio, 'of_one', '>=', SIDE_BY_SIDE_GOAL));
  }
  if (rows.length > 0) {
    console.log('\nTwo trials of one thread each side by side on two cores, patches a second');
    table([['', 'one', 'two together', 'ratio'], ...rows]);
  }
  return goals;
}

/** Every other engine on every device that is here: one thread; on a cpu, where they are slower, the small cells alone. */
async function otherEngines(cells) {
  const rows = [];
  for (const engine of ENGINES) {
    for (const kind of DEVICES_OF[engine]) {
      if (kind === 'cpu' && ['onnx', 'cpu'].includes(engine)) continue; // measured above; minutes an update
      rows.push(...(await otherEngine(engine, kind, kind === 'cpu' ? cells.filter(isSmall) : cells)));
    }
  }
  console.log('\nOther engines, one thread, patches a second');
  table([['engine', 'device', '', 'patches/s', 'peak GB', ''], ...rows]);
}

async function otherEngine(engine, kind, cells) {
  const asked = kind !== 'webgpu' || mayHaveGpu();
  const { found, reason } = asked ? await listDevices(kind) : { found: [], reason: 'no GPU here' };
  const real = found.filter(({ software }) => !software);
  if (real.length === 0) {
    return [[engine, kind, '-', '-', '-', reason || 'only software']];
  }
  const rows = [];
  for (const { name: device } of real) {
    for (const cell of cells) {
      try {
        const peer = await ours(cell, 1, { engine, device });
        const { seconds, peak } = await peer.run(FEW);
        await close(peer);
        rows.push([
          engine,
          device,
          cell,
          figure(parametersOf(cell).batch / median(seconds)),
          memory(peak),
          '',
        ]);
      } catch (error) {
        const why =
          error.message.split('\n').find((line) => /Error: /.test(line)) ?? error.message.split('\n')[0];
        rows.push([engine, device, cell, '-', '-', why.replace(/^.*?Error: /, '')]);
      }
    }
  }
  return rows;
}

/** Where an update spends its time. */
async function profile(cell) {
  const prefix = `profile-${cell}`;
  const peer = await ours(cell, 1, { profile: path.join(work, prefix) });
  const { seconds } = await peer.run(2);
  await close(peer);
  const { ops, seconds: all } = readProfiles(work, prefix, 4); // two to warm up
  console.log(
    `\nOp by op: ${cell}, one thread: ${figure(all)} of the ${figure(median(seconds))} s of an update`,
  );
  table([
    ['', 'ms', 'share', 'calls'],
    ...ops
      .slice(0, OPS_SHOWN)
      .map(([op, own, calls]) => [
        op,
        (1e3 * own).toFixed(1),
        `${((100 * own) / all).toFixed(1)} %`,
        Math.round(calls),
      ]),
  ]);
}
