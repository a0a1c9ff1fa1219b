/**
 * @file Everything that only a machine with a GPU can show, by one command, into one file: npm run check:gpu
 * The gradient table, a short trial, an out-of-memory ladder, two trials on one GPU, and speeds, on every engine and GPU here.
 */
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { performance } from 'node:perf_hooks';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { execa } from 'execa';

const CHECKS_HERE = ['gradients', 'trial', 'two', 'speed', 'memory'];

const USAGE = `Checks every engine on every GPU of this machine and writes one file to look at. Takes some ten minutes a GPU.

Usage: npm run check:gpu -- [--on ENGINE/DEVICE ...] [--only CHECK ...] [--small] [--out FILE]

  --on ENGINE/DEVICE  check this alone, e.g. onnx/cuda:0; also what is no GPU: onnx/cpu, or a software adapter by its number
  --only CHECK        ${CHECKS_HERE.join(', ')}; all without
  --small             tiny sizes, and on the processor 600 MB of memory: to see that the checks themselves work
  --out FILE          what to write, results/check-gpu.md by default

Example: npm run check:gpu -- --on onnx/webgpu:0 --small
Exit code: 0 all is well, 1 something failed or there is no GPU to check, 2 an argument is wrong.`;

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const CLI = path.join(ROOT, 'dist', 'cli.js');
const CHECKS = path.join(ROOT, 'dist', 'checks', 'main.js');
/** Exit code of a trial that ran out of memory (DESIGN section 5). */
const OUT_OF_MEMORY = 71;
/** What a GPU's memory may differ by before and after, bytes: other programs live, too. */
const LEFT_BEHIND = 500e6;

const options = readOptions();
/** Sizes of the checks: what a study uses, or next to nothing. */
const SIZES = options.small
  ? {
      quick: ['data.count=3', 'data.size=128', 'budget.pixels=200k'],
      ladder: { patch: 64, filters: 32, blocks: 1 },
      limit: '600M',
      speeds: [{ patch: 32, batch: 2, filters: 4, blocks: 1 }],
      updates: 6,
      checks: ['--only', 'conv2d'],
    }
  : {
      quick: ['budget.pixels=400k'],
      ladder: { patch: 256, filters: 64, blocks: 9 },
      limit: undefined,
      speeds: [
        { patch: 64, batch: 16, filters: 16, blocks: 3 },
        { patch: 128, batch: 2, filters: 16, blocks: 3 },
        { patch: 64, batch: 4, filters: 64, blocks: 9, gpuOnly: true },
        { patch: 256, batch: 4, filters: 64, blocks: 9, gpuOnly: true },
      ],
      updates: 30,
      checks: [],
    };

const scratch = fs.mkdtempSync(path.join(os.tmpdir(), 'cyclesweep-check-'));
const page = [];
const failures = [];
let runs = 0;
let nvidiaGpus = [];
try {
  await main();
} finally {
  fs.rmSync(scratch, { recursive: true, force: true });
}

async function main() {
  page.push(`# GPU check, ${new Date().toISOString()}`);
  section('Machine');
  const doctor = JSON.parse((await node([CLI, 'doctor', '--json'])).stdout);
  const targets = chooseTargets(doctor);
  nvidiaGpus = doctor.gpus.found;
  const real = targets.filter(({ device, software }) => device !== 'cpu' && !software);
  if (real.length === 0) text('**No real GPU was checked.** What follows says nothing about one.');
  const { findingsInWords } = await import(new URL('../dist/commands/doctor-text.js', import.meta.url).href);
  code(findingsInWords(doctor, 100));
  const smi = await execa('nvidia-smi', { reject: false, stdin: 'ignore', timeout: 30_000 });
  if (smi.exitCode === 0) code(smi.stdout);
  if (targets.length === 0 && failures.length === 0)
    fail('there is no GPU here that an engine works on: see above');

  const wanted = (check) => targets.length > 0 && (options.only.length === 0 || options.only.includes(check));
  if (wanted('gradients')) await trying(() => gradientTable(targets));
  const each = async (name, check) => {
    for (const target of targets) if (wanted(name)) await trying(() => check(target));
  };
  await each('trial', shortTrial);
  await each('two', twoAtOnce);
  if (wanted('speed')) await trying(() => speedTable(targets, doctor));
  await each('memory', memoryLadder); // last: a driver may not survive it

  section('Result');
  text(failures.length === 0 ? 'All is well.' : `${failures.length} failed:`);
  for (const failure of failures) text(`- ${failure}`);
  save();
  console.log(
    `${failures.length === 0 ? 'All is well' : `${failures.length} failed`}. Look at ${options.out}`,
  );
  process.exitCode = failures.length === 0 ? 0 : 1;
}

/** One check that breaks must not take the others with it. */
async function trying(check) {
  try {
    await check();
  } catch (error) {
    fail(`a check broke: ${error.stack}`);
  }
  save();
}

function save() {
  fs.mkdirSync(path.dirname(options.out), { recursive: true });
  fs.writeFileSync(options.out, page.join('\n') + '\n');
}

/** What was asked for, or every engine that works on a real GPU: one GPU of each model, since its twins are no different. */
function chooseTargets({ engines }) {
  if (options.on.length > 0) {
    return options.on.flatMap(({ engine, device }) => {
      const found = engines.find((each) => each.name === engine && each.device === device);
      if (found?.works) return [{ engine, device, software: found.software }];
      fail(
        `${engine} on ${device} ${found === undefined ? 'is not here' : `does not work: ${found.reason}`}`,
      );
      return [];
    });
  }
  const gpus = engines.filter(
    ({ device, software }) => device !== 'cpu' && device.includes(':') && !software,
  );
  for (const { name, device, reason } of gpus.filter(({ works }) => !works)) {
    fail(`${name} on ${device} does not work: ${reason}`);
  }
  const first = gpus.filter(({ works, name, device, model }) => {
    const twins = gpus.filter((each) => each.name === name && each.model === model && each.device.split(':')[0] === device.split(':')[0]); // prettier-ignore
    return works && twins.find((each) => each.works).device === device;
  });
  return first.map(({ name, device, software }) => ({ engine: name, device, software }));
}

async function gradientTable(targets) {
  section('Gradients');
  text('Largest relative error against plain JavaScript.');
  const { exitCode, all } = await node([CHECKS, ...targets.map(titleOf), ...SIZES.checks]);
  code(all);
  if (exitCode !== 0) fail(`the gradient table ended with exit code ${exitCode}`);
}

async function shortTrial(target) {
  section(`A short trial: ${titleOf(target)}`);
  const file = path.join(ROOT, 'sweeps', 'quick.yaml');
  const set = ['seeds=1', ...SIZES.quick];
  const run = await sweep(target, { file, set });
  code(run.output);
  if (run.trials.length === 0 || run.trials.some(({ exitCode }) => exitCode !== 0)) fail(`a short trial on ${titleOf(target)} failed`); // prettier-ignore
  for (const { start, memory } of run.trials) {
    if (start === undefined) continue;
    text(
      `- ${start.engine} on ${start.device}, ${JSON.stringify(start.versions)}, peak of host memory ${gigabytes(memory)}`,
    );
    if (start.engine !== target.engine || start.device !== target.device) fail(`asked for ${titleOf(target)}, the trial ran on ${start.engine} on ${start.device}`); // prettier-ignore
  }
}

/**
 * Doubles the batch until memory does not do, from where a quarter of it is taken by prediction; then runs the last that did once
 * more: nothing of the failure may be left.
 */
async function memoryLadder(target) {
  section(`Out of memory: ${titleOf(target)}`);
  const { patch, filters, blocks } = SIZES.ladder;
  text(
    `Patch ${patch}, filters ${filters}, blocks ${blocks}; each batch at once, two updates, a process of its own.\n`,
  );
  text('GPU memory: the most that nvidia-smi showed beyond what was in use before.\n');
  text('| batch | exit code | seconds | GPU memory | predicted | what it said |\n|---|---|---|---|---|---|');
  const { deviceMemory } = await import(new URL('../dist/train/memory.js', import.meta.url).href);
  const before = await gpuMemory(target);
  const gpu = nvidiaGpus.find(({ index }) => index === nvidiaIndex(target));
  const step = async (batch) => {
    const begun = performance.now();
    const settings = { patch, filters, blocks, batch };
    const { result: run, most } = await watchingGpuMemory(target, () =>
      sweep(target, { yaml: sweepFile({ settings: [settings], updates: 2, microBatch: batch }) }),
    );
    const { exitCode, said, parameters } = run.trials[0] ?? { exitCode: undefined, said: run.output };
    const seconds = ((performance.now() - begun) / 1000).toFixed(0);
    const held = most === undefined ? '' : gigabytes(most - before);
    const predicted =
      held === '' || parameters === undefined ? '' : gigabytes(deviceMemory(parameters, batch));
    text(`| ${batch} | ${exitCode} | ${seconds} | ${held} | ${predicted} | ${exitCode === 0 ? 'done' : said.replaceAll('|', '/')} |`); // prettier-ignore
    return { exitCode, said, parameters };
  };
  let last;
  for (let batch = 1; batch <= 4096; batch *= 2) {
    const { exitCode, said, parameters } = await step(batch);
    if (exitCode === 0) {
      last = batch;
      while (before !== undefined && deviceMemory(parameters, 4 * batch) < gpu.memoryBytes / 2) batch *= 2;
      continue;
    }
    if (exitCode !== OUT_OF_MEMORY) return fail(`${titleOf(target)}: batch ${batch} ended with exit code ${exitCode}, expected were 0 or ${OUT_OF_MEMORY}`); // prettier-ignore
    if (!/out of memory/i.test(said))
      fail(`${titleOf(target)}: exit code ${OUT_OF_MEMORY} without a message that says so`);
    if (last === undefined) return fail(`${titleOf(target)}: not even batch 1 fits`);
    const again = await step(last);
    if (again.exitCode !== 0) fail(`${titleOf(target)}: batch ${last} works, but not after a failure`);
    const after = await gpuMemory(target);
    if (before === undefined || after === undefined) return;
    text(`\nGPU memory in use before ${gigabytes(before)}, after ${gigabytes(after)}.`);
    if (after - before > LEFT_BEHIND)
      fail(`${titleOf(target)}: ${gigabytes(after - before)} of GPU memory were left behind`);
    return;
  }
  fail(`${titleOf(target)}: batch 4096 still fits; the ladder found no end`);
}

async function twoAtOnce(target) {
  section(`Two trials at once: ${titleOf(target)}`);
  const settings = SIZES.speeds[0];
  const alone = await sweep(target, { yaml: sweepFile({ settings: [settings], updates: SIZES.updates }) });
  const both = await sweep(target, { yaml: sweepFile({ settings: [settings], updates: SIZES.updates, seeds: 2, trials: 2 }) }); // prettier-ignore
  code(both.output);
  const done = ({ trials }, count) =>
    trials.length === count && trials.every(({ exitCode }) => exitCode === 0);
  if (!done(both, 2)) return fail(`two trials at once on ${titleOf(target)} failed`);
  if (!done(alone, 1)) {
    code(alone.output);
    return fail(`one trial alone on ${titleOf(target)} failed`);
  }
  const [one, two] = [rate(alone.trials), rate(both.trials)];
  text(`One alone: ${one.toFixed(2)} updates/s. Two: ${two.toFixed(2)} updates/s together, ${(two / one).toFixed(2)} times one.`); // prettier-ignore
}

async function speedTable(targets, doctor) {
  section('Speed');
  const cpu = { engine: 'onnx', device: 'cpu', software: false };
  const compared = targets.some(({ device }) => device === 'cpu') ? targets : [...targets, cpu];
  text('Patches of each domain a second, in trials as a user runs them (median over the updates), and GFLOP/s of the probe of sweep doctor.\n'); // prettier-ignore
  text(
    `| patch, batch, filters, blocks | ${compared.map(titleOf).join(' | ')} |\n|---|${compared.map(() => '---').join('|')}|`,
  );
  const probed = compared.map(({ engine, device }) => doctor.engines.find((each) => each.name === engine && each.device === device)?.gflops); // prettier-ignore
  for (const { gpuOnly = false, ...settings } of SIZES.speeds) {
    const cells = [];
    for (const target of compared) {
      if (gpuOnly && target.device === 'cpu') {
        cells.push(''); // minutes
        continue;
      }
      const run = await sweep(target, {
        yaml: sweepFile({ settings: [settings], updates: gpuOnly ? 10 : SIZES.updates }),
      });
      if (run.trials[0]?.exitCode !== 0)
        fail(`${titleOf(target)} did not do ${Object.values(settings).join(', ')}`);
      cells.push(
        run.trials[0]?.exitCode === 0 ? (rate(run.trials) * settings.batch).toPrecision(3) : 'failed',
      );
    }
    const { patch, batch, filters, blocks } = settings;
    text(`| ${patch}, ${batch}, ${filters}, ${blocks} | ${cells.join(' | ')} |`);
  }
  text(`| GFLOP/s | ${probed.map((gflops) => gflops?.toPrecision(3) ?? '').join(' | ')} |`);
}

/** A sweep of the settings; images are drawn, as large as they must be. */
function sweepFile({ settings, updates, seeds = 1, trials = 1, microBatch = 'auto' }) {
  const size = Math.max(64, ...settings.map(({ patch }) => patch));
  return JSON.stringify({
    name: 'check-gpu',
    question: 'Does it train?',
    data: { phantom: 'radiograph', count: 3, size },
    grid: settings,
    seeds,
    budget: { updates },
    resources: { trials, trials_per_gpu: trials, micro_batch: microBatch },
    retry: { limit: 0 },
  });
}

/** Runs a sweep as a user would, in a results folder of its own, and reads what its trials left. */
async function sweep({ engine, device, software }, { yaml, file, set = [] }) {
  const results = path.join(scratch, `run-${++runs}`);
  fs.mkdirSync(results);
  if (yaml !== undefined) fs.writeFileSync((file = path.join(results, 'sweep.yaml')), yaml);
  const onHost = device === 'cpu' || software;
  const limit = SIZES.limit !== undefined && onHost ? ['--memory-limit', SIZES.limit] : [];
  const what =
    yaml === undefined ? [path.basename(file), ...set] : Object.entries(JSON.parse(yaml).grid[0]).flat();
  console.log(`  ${titleOf({ engine, device })}: ${what.join(' ')}`);
  const flags = ['--engine', engine, '--device', device, '--results', results, ...limit];
  const { all } = await node([CLI, 'run', file, ...flags, ...set.flatMap((each) => ['--set', each])]);
  const folder = path.join(results, 'trials');
  const keys = fs.existsSync(folder) ? fs.readdirSync(folder) : [];
  return {
    output: all.replaceAll(scratch, ''),
    trials: keys.map((key) => readTrial(path.join(folder, key))),
  };
}

function readTrial(folder) {
  const lines = (name) => {
    const file = path.join(folder, name);
    return fs.existsSync(file)
      ? fs
          .readFileSync(file, 'utf8')
          .split('\n')
          .filter((line) => line !== '')
      : [];
  };
  const events = lines('attempts/1/events.ndjson').map((line) => JSON.parse(line));
  const end = lines('runner.ndjson').map((line) => JSON.parse(line)).find(({ t }) => t === 'end'); // prettier-ignore
  const walls = events.filter(({ t }) => t === 'metric').map(({ wall }) => wall);
  const intervals = walls.slice(1).map((wall, at) => wall - walls[at]).sort((a, b) => a - b); // prettier-ignore
  return {
    parameters: JSON.parse(lines('config.json').join('\n')).parameters,
    exitCode: end?.exitCode ?? end?.signal,
    // Dawn warns of what is no fault.
    said: lines('attempts/1/output.log').findLast((line) => !line.startsWith('Warning: ')) ?? '',
    start: events.find(({ t }) => t === 'start'),
    memory: Math.max(0, ...events.filter(({ t }) => t === 'memory').map(({ peak }) => peak)),
    /** Updates a second: by the median time between two, so that the first, which compiles, does not count. */
    rate: 1 / (intervals[Math.floor(intervals.length / 2)] ?? NaN),
  };
}

function rate(trials) {
  return trials.reduce((sum, trial) => sum + trial.rate, 0);
}

/** Bytes in use on the NVIDIA GPU; undefined for other devices. */
async function gpuMemory(target) {
  const { stdout } = (await askMemory(target)) ?? {};
  return mebibytes(stdout)[0];
}

/** Does the work, and says the most memory that was in use on the NVIDIA GPU meanwhile. */
async function watchingGpuMemory(target, work) {
  const watch = askMemory(target, ['-lms', '100']);
  let result;
  try {
    result = await work();
  } finally {
    watch?.kill();
  }
  const { stdout } = (await watch) ?? {};
  const seen = mebibytes(stdout);
  return { result, most: seen.length === 0 ? undefined : Math.max(...seen) };
}

/** WebGPU counts adapters and not NVIDIA's GPUs: what it uses is known where there is one of each. */
function nvidiaIndex({ device }) {
  const [kind, index] = device.split(':');
  if (kind === 'cuda') return Number(index);
  return kind === 'webgpu' && nvidiaGpus.length === 1 ? nvidiaGpus[0].index : undefined;
}

function askMemory(target, flags = []) {
  const index = nvidiaIndex(target);
  if (index === undefined) return undefined;
  const query = ['--query-gpu=memory.used', '--format=csv,noheader,nounits'];
  return execa('nvidia-smi', ['-i', String(index), ...query, ...flags], { reject: false, stdin: 'ignore' }); // prettier-ignore
}

function mebibytes(output = '') {
  return [...output.matchAll(/^\d+$/gm)].map(([number]) => Number(number) * 2 ** 20);
}

function node(words) {
  return execa(process.execPath, words, { cwd: scratch, reject: false, all: true, stdin: 'ignore' });
}

function titleOf({ engine, device }) {
  return `${engine}/${device}`;
}

function section(title) {
  page.push('', `## ${title}`, '');
  console.log(`\n${title}`);
}

/** Saved at once: what hangs a driver is to be seen afterwards. */
function text(line) {
  page.push(line);
  save();
}

function code(output) {
  page.push('```', output.trim(), '```', '');
}

function fail(what) {
  failures.push(what);
  page.push(`**FAILED**: ${what}`);
  console.log(`FAILED: ${what}`);
}

function gigabytes(bytes) {
  return `${(bytes / 1e9).toFixed(2)} GB`;
}

function readOptions() {
  try {
    const { values } = parseArgs({
      options: {
        on: { type: 'string', multiple: true, default: [] },
        only: { type: 'string', multiple: true, default: [] },
        small: { type: 'boolean', default: false },
        out: { type: 'string', default: path.join('results', 'check-gpu.md') },
        help: { type: 'boolean', default: false },
      },
    });
    if (values.help) {
      console.log(USAGE);
      process.exit(0);
    }
    const on = values.on.map((title) => {
      const [engine, device] = title.split('/');
      if (!engine || !device) throw new TypeError(`--on ${title}: expected ENGINE/DEVICE, e.g. onnx/cuda:0`);
      return { engine, device };
    });
    for (const check of values.only) {
      if (!CHECKS_HERE.includes(check))
        throw new TypeError(`--only ${check}: expected one of ${CHECKS_HERE.join(', ')}`);
    }
    return { on, only: values.only, small: values.small, out: path.resolve(values.out) };
  } catch (error) {
    console.error(`${error.message}\n\n${USAGE}`);
    process.exit(2);
  }
}
