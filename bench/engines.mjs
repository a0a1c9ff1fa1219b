/**
 * @file How fast the engines train, against PyTorch, in one run. After a build: node bench/engines.mjs [options] [cell]...
 *
 * A cell is patch,batch,filters,blocks. `--quick`: the two largest differences only, few updates, no compiled PyTorch, none of
 * what comes after the table. `--threads 1,2`. `--install-torch` puts PyTorch into bench/.torch (npm run bench:engines --
 * --install-torch); BENCH_PYTHON names another Python that has it. What is computed is a trial's own step, float32, and the
 * same update in PyTorch (cyclegan_torch.py). Processes take turns, so that only one computes at a time and what the machine
 * does meanwhile falls on all.
 */
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { probeEngines } from '../dist/engines/open.js';
import { discriminatorLayers, generatorLayers } from '../dist/geometry.js';
import { multiplyAddsOfUpdate, parametersOf, writeStart } from './engines/cell.mjs';
import { startPeer } from './engines/peer.mjs';
import { readProfiles } from './engines/profile.mjs';
import { findTorch, installTorch, SCRIPT } from './engines/torch.mjs';
import { gb, goalLine, median, table } from './print.mjs';

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    quick: { type: 'boolean', default: false },
    threads: { type: 'string', default: '1,2' },
    'install-torch': { type: 'boolean', default: false },
  },
});

const CELLS = ['64,16,16,3', '128,2,16,3', '64,4,64,9', '128,1,64,9'];
const QUICK_CELLS = ['64,16,16,3', '64,4,64,9'];
/** Cells of at most so many filters are small: on them alone are engines measured that are several times slower. */
const SMALL = 16;
/** Times PyTorch, by filters, on one core and on two. */
const SPEED_GOALS = { 16: [1.7, 1.5], 64: [2.3, 2.0] };
/** Times PyTorch's peak memory, and so with `memory: low`. */
const [MEMORY_GOAL, MEMORY_LOW_GOAL] = [1.25, 1.0];
/** Two trials side by side, times one. */
const SIDE_BY_SIDE_GOAL = 1.9;

const ROUNDS = options.quick ? 3 : 7;
/** A turn takes about this long, seconds: long against the change of turns, short against what drifts. */
const TURN = 1.5;
/** Pause between turns, ms: idle threads of a pool spin for a while before they sleep. */
const PAUSE = 100;
const OPS_SHOWN = 16;

/**
 * Ways to run PyTorch. The allocator of the C library gives large blocks back to the system and has their pages zeroed anew at
 * every update; told to keep them, as onnxruntime's own does, it makes PyTorch up to a sixth faster at no cost in memory.
 */
const KEEPING = { MALLOC_MMAP_MAX_: '0', MALLOC_TRIM_THRESHOLD_: '8000000000' };
const STOCK = { name: 'eager, stock malloc', compile: false, channels_last: false, env: {} };
const TORCH_WAYS = [
  { name: 'eager', compile: false, channels_last: false, env: KEEPING },
  { name: 'eager, channels last', compile: false, channels_last: true, env: KEEPING },
  ...(options.quick
    ? []
    : [
        { name: 'compiled', compile: true, channels_last: false, env: KEEPING },
        { name: 'compiled, channels last', compile: true, channels_last: true, env: KEEPING },
      ]),
];

const work = fs.mkdtempSync(path.join(os.tmpdir(), 'bench-engines-'));
const open = new Set();
try {
  await main();
} finally {
  for (const peer of open) await peer.close();
  fs.rmSync(work, { recursive: true, force: true });
}

async function main() {
  if (options['install-torch']) {
    installTorch();
    console.log(findTorch().missing ?? 'PyTorch is ready in bench/.torch.');
    return;
  }
  const torch = findTorch();
  const cells = positionals.length > 0 ? positionals : options.quick ? QUICK_CELLS : CELLS;
  for (const cell of cells) parametersOf(cell); // a wrong one is told before anything is measured
  const cores = os.availableParallelism();
  const threads = options.threads.split(',').map(Number);
  const within = threads.filter((each) => each <= cores);
  console.log(`${cores} x ${os.cpus()[0]?.model.trim()}, node ${process.version}`);
  console.log(torch.missing ?? `PyTorch ${torch.version}: ${torch.libraries}`);
  if (within.length < threads.length)
    console.log(`There are ${cores} cores here: no figures with more threads.`);

  const goals = [];
  const results = [];
  for (const cell of cells) {
    let way;
    for (const count of within) {
      const result = await compare(cell, count, torch, way);
      way = result.way;
      results.push(result);
    }
  }
  printComparison(results);
  if (torch.missing === undefined) goals.push(...results.flatMap(goalsOf));
  if (!options.quick) {
    goals.push(...(await memoryLow(cells, results)));
    if (cores > 1) goals.push(...(await sideBySide(cells)));
    await otherEngines(cells);
    await profiles(cells);
  }
  console.log('');
  for (const goal of goals) console.log(goal);
}

// ---- Peers

async function peer(name, command, task) {
  const started = await startPeer(name, command, task, work);
  open.add(started);
  return started;
}

async function close(...peers) {
  for (const each of peers) {
    await each.close();
    open.delete(each);
  }
}

/** A trial's step by one of our engines. */
function ours(cell, threads, more = {}) {
  const task = { engine: 'onnx', device: 'cpu', threads, parameters: parametersOf(cell), ...more };
  const name = [task.engine, task.device, cell, threads, ...Object.keys(more)].join(' ');
  return peer(name, [process.execPath, workerFile('step-worker.mjs')], task);
}

function torchPeer(cell, threads, torch, { name, compile, channels_last, env }) {
  const parameters = parametersOf(cell);
  const tensors = path.join(work, `${cell}.safetensors`);
  if (!fs.existsSync(tensors)) writeStart(parameters, tensors);
  const task = {
    parameters,
    tensors,
    threads,
    compile,
    channels_last,
    generator: generatorLayers(parameters),
    discriminator: discriminatorLayers(parameters),
  };
  const TORCHINDUCTOR_CACHE_DIR = path.join(work, 'inductor');
  return peer(`torch ${name} ${cell} ${threads}`, [torch.python, SCRIPT], {
    ...task,
    environment: { ...env, TORCHINDUCTOR_CACHE_DIR },
  });
}

function workerFile(name) {
  return fileURLToPath(new URL(`engines/${name}`, import.meta.url));
}

/** Lets the peers take turns. @returns for each: seconds of all its updates, peak of memory in bytes */
async function interleave(peers, rounds = ROUNDS) {
  const measured = peers.map(() => ({ seconds: [], peak: undefined }));
  for (let round = 0; round < rounds; round++) {
    for (const [index, each] of peers.entries()) {
      const all = measured[index];
      const updates = all.seconds.length === 0 ? 1 : Math.max(1, Math.round(TURN / median(all.seconds)));
      const { seconds, peak } = await each.run(updates);
      all.seconds.push(...seconds);
      all.peak = peak;
      await setTimeout(PAUSE);
    }
  }
  return measured;
}

// ---- Against PyTorch

/** One cell with one number of threads. @param way the way to run PyTorch that was the fastest here before */
async function compare(cell, threads, torch, way) {
  const parameters = parametersOf(cell);
  const { batch } = parameters;
  const tried = [];
  if (torch.missing === undefined && way === undefined) {
    for (const each of TORCH_WAYS) tried.push(...(await tryWay(cell, threads, torch, each)));
    if (tried.length === 0) throw new Error('PyTorch works, but not one way to run the update in it does');
    way = tried.toSorted((a, b) => a.fastest - b.fastest)[0].way;
  }
  const limit = await peer(
    `product ${cell} ${threads}`,
    [process.execPath, workerFile('matmul-worker.mjs')],
    { side: 2048, threads },
  );
  const our = await ours(cell, threads);
  const theirs = [];
  if (way) for (const each of [way, STOCK]) theirs.push(await torchPeer(cell, threads, torch, each));
  const peers = [our, limit, ...theirs];
  const [own, product, best, stock] = await interleave(peers);
  await close(...peers);
  const rate = (measured) => measured && batch / median(measured.seconds);
  return {
    cell,
    threads,
    way,
    tried,
    own: rate(own),
    best: rate(best),
    stock: rate(stock),
    ownPeak: own.peak,
    torchPeak: best && Math.min(best.peak, stock.peak, ...tried.map(({ peak }) => peak)),
    agreement: best && agreement(our.ready.losses, theirs[0].ready.losses),
    microBatch: our.ready.microBatch,
    versions: our.ready.versions,
    limit: (2 * limit.ready.multiplyAdds) / median(product.seconds) / 1e9,
    direct: (2 * multiplyAddsOfUpdate(parameters)) / median(own.seconds) / 1e9,
  };
}

/** The fastest of a few updates and the peak of memory; nothing where that way does not work here. */
async function tryWay(cell, threads, torch, way) {
  try {
    const started = await torchPeer(cell, threads, torch, way);
    const [{ seconds, peak }] = await interleave([started], 3);
    await close(started);
    return [{ way, fastest: Math.min(...seconds), peak }];
  } catch (error) {
    console.log(`PyTorch, ${way.name}, does not work here: ${error.message.split('\n').at(-1)}`);
    return [];
  }
}

/** The largest relative difference between the losses that both name. */
function agreement(own, theirs) {
  return Math.max(...Object.entries(theirs).map(([name, loss]) => Math.abs(own[name] / loss - 1)));
}

function printComparison(results) {
  const number = (value, digits = 3) => (value === undefined ? '-' : value.toPrecision(digits));
  console.log(
    `\nonnx on cpu (${JSON.stringify(results[0]?.versions)}) against PyTorch, patches/s of each domain, medians`,
  );
  table([
    [
      'cell',
      'threads',
      'ours',
      'PyTorch',
      'ratio',
      'way',
      'stock',
      'peak GB ours',
      'PyTorch',
      'ratio',
      'losses differ by',
    ],
    ...results.map((r) => [
      r.cell,
      r.threads,
      number(r.own),
      number(r.best),
      number(r.best && r.own / r.best),
      r.way?.name ?? '-',
      number(r.stock),
      r.ownPeak ? gb(r.ownPeak) : '-',
      r.torchPeak ? gb(r.torchPeak) : '-',
      number(r.torchPeak && r.ownPeak / r.torchPeak),
      r.agreement === undefined ? '-' : r.agreement.toExponential(1),
    ]),
  ]);
  console.log(
    'stock: PyTorch eager as it comes. Peak of PyTorch: the least of all ways that were tried. Losses: of the first update, the same weights and images.',
  );
  const tried = results.filter((r) => r.tried.length > 0);
  if (tried.length > 0) {
    console.log('\nWays to run PyTorch, fastest of a few updates in patches/s, and peak GB');
    table([
      ['cell', ...TORCH_WAYS.map(({ name }) => name)],
      ...tried.map((r) => [
        r.cell,
        ...TORCH_WAYS.map((way) => {
          const found = r.tried.find((each) => each.way === way);
          return found ? `${number(parametersOf(r.cell).batch / found.fastest)} (${gb(found.peak)})` : '-';
        }),
      ]),
    ]);
  }
  console.log(
    "\nThe machine's limit: a product of two 2048x2048 matrices in the same runtime, GFLOP/s, and the update, counted in its direct form",
  );
  table([
    ['cell', 'threads', 'limit', 'update', 'of the limit'],
    ...results.map((r) => [r.cell, r.threads, number(r.limit), number(r.direct), number(r.direct / r.limit)]),
  ]);
}

function goalsOf({ cell, threads, own, best, ownPeak, torchPeak }) {
  const name = cell.replaceAll(',', '_');
  const speed = SPEED_GOALS[parametersOf(cell).filters]?.[threads - 1];
  return [
    ...(speed ? [goalLine(`engines_${name}_on_${threads}`, own / best, 'of_pytorch', '>=', speed)] : []),
    ...(threads === 1 && torchPeak
      ? [goalLine(`memory_${name}`, ownPeak / torchPeak, 'of_pytorch', '<=', MEMORY_GOAL)]
      : []),
  ];
}

// ---- Memory, side by side, other engines, profiles

/** Recomputing instead of keeping: what it saves and costs. */
async function memoryLow(cells, results) {
  const rows = [];
  const goals = [];
  for (const cell of cells) {
    const result = results.find((each) => each.cell === cell && each.threads === 1);
    if (!result) continue;
    const peers = [await ours(cell, 1), await ours(cell, 1, { memory: 'low' })];
    const [usual, low] = await interleave(peers, 3);
    await close(...peers);
    const speed = median(usual.seconds) / median(low.seconds);
    rows.push([cell, usual.peak ? gb(usual.peak) : '-', low.peak ? gb(low.peak) : '-', speed.toPrecision(3)]);
    if (result.torchPeak && low.peak) {
      const name = `memory_low_${cell.replaceAll(',', '_')}`;
      goals.push(goalLine(name, low.peak / result.torchPeak, 'of_pytorch', '<=', MEMORY_LOW_GOAL));
    }
  }
  console.log('\nmemory: low, one thread');
  table([['cell', 'peak GB usual', 'peak GB low', 'speed of the usual'], ...rows]);
  return goals;
}

/** Two processes of one thread each at the same time against one alone. */
async function sideBySide(cells) {
  const rows = [];
  const goals = [];
  for (const cell of cells.filter(isSmall)) {
    const { batch } = parametersOf(cell);
    const [first, second] = [await ours(cell, 1), await ours(cell, 1, { second: true })];
    const [{ seconds }] = await interleave([first], 2);
    const updates = Math.max(2, Math.round((2 * TURN) / median(seconds)));
    const [alone, together] = [[], []];
    for (let round = 0; round < ROUNDS; round++) {
      alone.push(batch / median((await first.run(updates)).seconds));
      await setTimeout(PAUSE);
      const both = await Promise.all([first.run(updates), second.run(updates)]);
      together.push(both.reduce((sum, each) => sum + batch / median(each.seconds), 0));
      await setTimeout(PAUSE);
    }
    await close(first, second);
    const ratio = median(together) / median(alone);
    rows.push([cell, median(alone).toPrecision(3), median(together).toPrecision(3), ratio.toPrecision(3)]);
    const name = `side_by_side_${cell.replaceAll(',', '_')}`;
    goals.push(goalLine(name, ratio, 'of_one', '>=', SIDE_BY_SIDE_GOAL));
  }
  if (rows.length > 0) {
    console.log('\nTwo trials of one thread each side by side on two cores, patches/s');
    table([['cell', 'one', 'two together', 'ratio'], ...rows]);
  }
  return goals;
}

function isSmall(cell) {
  return parametersOf(cell).filters <= SMALL;
}

/** Every other engine and device that works here, on the small cells, one thread where it has threads. */
async function otherEngines(cells) {
  const others = (await probeEngines()).filter(({ name, device }) => !(name === 'onnx' && device === 'cpu'));
  const rows = [];
  for (const { name, device, works, reason } of others) {
    if (name === 'cpu') continue; // the reference for tests: minutes an update
    if (!works) {
      rows.push([name, device, '-', '-', '-', reason]);
      continue;
    }
    for (const cell of cells.filter(isSmall)) {
      try {
        const started = await ours(cell, 1, { engine: name, device });
        const { seconds, peak } = await started.run(3);
        await close(started);
        const rate = parametersOf(cell).batch / median(seconds);
        rows.push([name, device, cell, rate.toPrecision(3), peak ? gb(peak) : '-', '']);
      } catch (error) {
        rows.push([name, device, cell, '-', '-', error.message.split('\n').at(-1)]);
      }
    }
  }
  console.log('\nOther engines, one thread on a cpu');
  table([['engine', 'device', 'cell', 'patches/s', 'peak GB', ''], ...rows]);
}

async function profiles(cells) {
  for (const cell of cells) {
    const prefix = `profile-${cell}`;
    const started = await ours(cell, 1, { profile: path.join(work, prefix) });
    const { seconds } = await started.run(2);
    await close(started);
    const { ops, seconds: all } = readProfiles(work, prefix, 4); // two to warm up
    console.log(
      `\nOp by op: ${cell}, one thread, ${all.toFixed(3)} of ${median(seconds).toFixed(3)} s of an update`,
    );
    table([
      ['op', 'ms', 'share', 'calls'],
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
}
