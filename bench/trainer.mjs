/**
 * @file What a trial costs beyond its updates: its speed against the bare step, its wait for data, its memory by micro-batch,
 * its time to the first update. After a build: node bench/trainer.mjs [--updates N] [--threads N] [--large]
 * `--large` also trains one update of the two largest shapes that are to fit: minutes each.
 */
import { execFileSync, spawn } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { performance } from 'node:perf_hooks';
import { clearInterval, setInterval } from 'node:timers';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { gb, goalLine, median, table } from './print.mjs';

const HERE = fileURLToPath(import.meta.url);
const dist = (file) => new URL(`../dist/${file}`, import.meta.url);
const { values: options } = parseArgs({
  options: {
    updates: { type: 'string', default: '200' },
    threads: { type: 'string', default: '1' },
    large: { type: 'boolean', default: false },
    bare: { type: 'string' }, // this file's own child: JSON of what to compute
  },
});

/** The demo's networks. */
const DEMO = { patch: 64, batch: 16, filters: 8, blocks: 3, disc_filters: 8 };
/** What memory is measured on. */
const CELL = { patch: 64, batch: 16, filters: 16, blocks: 3, disc_filters: 16 };
const LARGE = [
  { patch: 256, batch: 16, filters: 32, blocks: 9, disc_filters: 32, limit: 4e9, name: 'memory_256_16_32_9' },
  { patch: 1024, batch: 1, filters: 16, blocks: 9, disc_filters: 16, limit: 8e9, name: 'memory_1024_1_16_9' },
];
const IMAGES = 24;
const WARM_UP = 2; // the first updates allocate

if (options.bare !== undefined) await computeBare(JSON.parse(options.bare));
else await main();

async function main() {
  const work = fs.mkdtempSync(path.join(os.tmpdir(), 'bench-trainer-'));
  try {
    console.log(
      `${os.cpus().length} x ${os.cpus()[0]?.model.trim()}, ${options.threads} thread(s), node ${process.version}`,
    );
    const goals = [...(await speed(work)), ...memory(), ...(options.large ? large() : [])];
    for (const goal of goals) console.log(goal);
  } finally {
    fs.rmSync(work, { recursive: true, force: true });
  }
}

// ---- A whole trial against the bare step

async function speed(work) {
  const { resolveParameters } = await import(dist('definition/parameters.js'));
  const { NUMERICS_VERSION } = await import(dist('protocol.js'));
  const data = path.join(work, 'data');
  execFileSync(
    process.execPath,
    [fileURLToPath(dist('cli.js')), 'data', 'phantom', '--out', data, '--count', String(IMAGES)],
    {
      env: { ...process.env, CYCLESWEEP_CACHE: path.join(work, 'cache') },
    },
  );
  const folder = (domain) => fs.readdirSync(data).find((name) => name.toLowerCase() === domain);
  const updates = Number(options.updates);
  const config = {
    key: 'bench',
    seed: 1,
    numerics: NUMERICS_VERSION,
    parameters: resolveParameters(DEMO),
    budget: { updates },
    data: {
      x: path.join(data, folder('x')),
      y: path.join(data, folder('y')),
      pairing: 'by-name',
      range: 'auto',
      mask: 'auto',
      split: { train: 0.7, validation: 0.15, test: 0.15 },
    },
    dataFingerprint: '',
    engine: 'onnx',
    microBatch: 'auto',
  };

  // Bare, trial, bare: what drifts on the machine meanwhile falls on both.
  const bare = () =>
    bareRun({ parameters: DEMO, updates: Math.max(5, updates / 4), microBatch: 'auto' }).seconds;
  const before = bare();
  const trial = await runTrial(path.join(work, 'trial'), config);
  const step = median([...before, ...bare()]);
  const ratio = step / trial.update;
  console.log(
    `\nA trial, patch 64, batch 16, filters 8, blocks 3, ${updates} updates, ${IMAGES} images a domain`,
  );
  table([
    ['updates a second, bare step (median)', (1 / step).toFixed(3)],
    ['updates a second, data, events, checkpoints, validation on (mean)', (1 / trial.update).toFixed(3)],
    ['ratio', ratio.toFixed(3)],
    ['share of time that waits for data', trial.wait.toFixed(4)],
    ['seconds from start of process to start event', trial.started.toFixed(2)],
    ['seconds from start of process to first update', trial.first.toFixed(2)],
    ['peak memory, GB (predicted)', `${gb(trial.memory.peak)} (${gb(trial.memory.predicted ?? NaN)})`],
  ]);
  return [
    goalLine('trainer_speed', ratio, 'of_bare_step', '>=', 0.95),
    goalLine('data_wait', trial.wait, 'share', '<=', 0.02),
  ];
}

/** Runs a trial process to its end; what its events say. Times in seconds. */
async function runTrial(directory, config) {
  fs.mkdirSync(directory, { recursive: true });
  fs.writeFileSync(path.join(directory, 'config.json'), JSON.stringify(config));
  const file = path.join(directory, 'attempts', '1', 'events.ndjson');
  const begun = Date.now() / 1000;
  const child = spawn(
    process.execPath,
    [fileURLToPath(dist('train/main.js')), path.join(directory, 'config.json')],
    {
      env: { ...process.env, SWEEP_TRIAL_DIR: directory, SWEEP_EVENTS: file, SWEEP_THREADS: options.threads },
      stdio: ['ignore', 'inherit', 'inherit'],
    },
  );
  let started;
  const watch = setInterval(() => {
    if (
      started === undefined &&
      fs.existsSync(file) &&
      fs.readFileSync(file, 'utf8').includes('"t":"start"')
    ) {
      started = Date.now() / 1000 - begun;
    }
  }, 20);
  const code = await new Promise((resolve) => child.on('exit', resolve));
  clearInterval(watch);
  if (code !== 0) throw new Error(`the trial ended with exit code ${code}`);
  const events = fs
    .readFileSync(file, 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));
  const metrics = events.filter(({ t }) => t === 'metric');
  const [first, last] = [metrics[Math.min(WARM_UP, metrics.length - 2)], metrics.at(-1)];
  return {
    update: (last.wall - first.wall) / (last.step - first.step),
    wait: median(metrics.slice(WARM_UP).map(({ v }) => v['data/wait_share'] ?? 0)),
    started: started ?? NaN,
    first: metrics[0].wall - begun,
    memory: events.findLast(({ t }) => t === 'memory'),
  };
}

// ---- Memory

function memory() {
  const micros = [16, 8, 4, 2, 1];
  const runs = micros.map((microBatch) => ({
    microBatch,
    ...bareRun({ parameters: CELL, updates: 3, microBatch }),
  }));
  console.log('\nPeak memory by micro-batch: patch 64, batch 16, filters 16, blocks 3, a fresh process each');
  table([
    ['micro-batch', 'peak GB', 'of it the step', 'predicted GB', 'update s (median)'],
    ...runs.map((run) => [
      run.microBatch,
      gb(run.peak),
      gb(run.peak - run.base),
      gb(run.predicted),
      median(run.seconds).toFixed(2),
    ]),
  ]);
  const [whole, one] = [runs[0], runs.at(-1)];
  const off = Math.max(...runs.map(({ peak, predicted }) => Math.max(peak / predicted, predicted / peak)));
  // Proportional would be 1/16; weights, images and the compiled programs do not shrink.
  return [
    goalLine(
      'memory_micro_1_of_16',
      (one.peak - one.base) / (whole.peak - whole.base),
      'of_micro_16',
      '<=',
      0.25,
    ),
    goalLine('memory_prediction', off, 'times_off', '<=', 1.2),
  ];
}

function large() {
  console.log('\nOne update of large shapes');
  return LARGE.map(({ name, limit, ...parameters }) => {
    const run = bareRun({ parameters, updates: 1, microBatch: 'auto', limit });
    table([
      [
        'patch, batch, filters, blocks',
        `${parameters.patch}, ${parameters.batch}, ${parameters.filters}, ${parameters.blocks}`,
      ],
      ['micro-batch', run.chosen],
      ['peak GB (predicted)', `${gb(run.peak)} (${gb(run.predicted)})`],
      ['update s', run.seconds[0].toFixed(1)],
    ]);
    return goalLine(name, run.peak / 1e9, 'GB', '<=', limit / 1e9);
  });
}

// ---- The bare step, in a process of its own

function bareRun(task) {
  const { limit, ...rest } = task;
  const env = { ...process.env, ...(limit === undefined ? {} : { SWEEP_MEMORY_LIMIT: String(limit) }) };
  const output = execFileSync(
    process.execPath,
    [HERE, '--threads', options.threads, '--bare', JSON.stringify(rest)],
    { env },
  );
  return JSON.parse(output.toString().trimEnd().split('\n').at(-1));
}

async function computeBare({ parameters: given, updates, microBatch }) {
  const { openEngine } = await import(dist('engines/open.js'));
  const { resolveParameters } = await import(dist('definition/parameters.js'));
  const { bankShapes, initialBank } = await import(dist('train/bank.js'));
  const { compileStep } = await import(dist('train/step.js'));
  const { openInForm } = await import(dist('train/lane.js'));
  const parameters = resolveParameters(given);
  let state = 7;
  const noise = () => (state = (Math.imul(state, 1103515245) + 12345) | 0) / 2 ** 31;
  const { engine, form } = await openInForm({ parameters }, Number(options.threads), (threads) =>
    openEngine('onnx', { threads }),
  );
  const bank = engine.createBank(bankShapes(parameters, form));
  for (const [name, values] of Object.entries(initialBank(parameters, noise))) bank.write(name, values);
  const step = await compileStep(engine, bank, parameters, { microBatch, form });
  const base = process.memoryUsage.rss(); // all but what the updates themselves need
  const { batch, patch } = parameters;
  const images = () => Float32Array.from({ length: batch * patch * patch }, noise);
  const [X, Y] = [images(), images()];
  const seconds = [];
  const warmUp = updates > 1 ? WARM_UP : 0;
  for (let update = 1; update <= warmUp + updates; update++) {
    const begun = performance.now();
    await step.run(bank, { X, Y, update });
    if (update > warmUp) seconds.push((performance.now() - begun) / 1000);
  }
  const { peak, predicted, micro_batch: chosen } = step.memory();
  console.log(JSON.stringify({ seconds, base, peak, predicted, chosen }));
}
