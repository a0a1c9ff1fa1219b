/**
 * @file The process of a probe: `node probe-process.js ENGINE DEVICE THREADS SECONDS`, or `node probe-process.js adapters`.
 * What it finds is one line of JSON; a native library that brings a process down brings down this one.
 */
import { performance } from 'node:perf_hooks';
import type { EngineName } from '../protocol.js';
import { EngineError, type Engine } from './engine.js';
import { openEngine } from './open.js';
import { CHECK_SIZE, PROBE_SIZES, probeProgram, probeValues, type ProbeSize } from './probe-program.js';
import { PROBE_MARK, type ProbeAnswer } from './probe.js';

/** A size is grown out of once a run takes longer, seconds. */
const LONG_RUN = 0.05;
/** Largest difference of a gradient from the reference, as a share of the largest gradient: TF32 is within it, a fault is not. */
const TOLERANCE = 0.02;

async function main([name = '', device = '', threads = '1', seconds = '0']: string[]): Promise<ProbeAnswer> {
  if (name === 'adapters') {
    const { chooseWebgpuAdapter, listWebgpuAdapters } = await import('./onnx/webgpu.js');
    const adapters = await listWebgpuAdapters();
    return { adapters: adapters.length > 0 ? adapters : [await chooseWebgpuAdapter(0)] }; // which says why there is none
  }
  const engine = await openEngine(name as EngineName, { device, threads: Number(threads) });
  const difference = await compare(engine);
  if (!(difference < TOLERANCE)) {
    throw new EngineError(`its gradients are wrong: they differ from the reference by ${difference.toPrecision(2)} of the largest`, 'fault'); // prettier-ignore
  }
  const gflops = Number(seconds) > 0 ? await measure(engine, Number(seconds)) : undefined;
  return { device: engine.device, versions: engine.versions, gflops };
}

/** How far the engine's gradients are from those of plain JavaScript, as a share of the largest. */
async function compare(engine: Engine): Promise<number> {
  const reference = await openEngine('cpu', { threads: 1 });
  const { bank: shapes } = probeProgram(CHECK_SIZE);
  const results: Float32Array[] = [];
  for (const each of [reference, engine]) {
    const { bank, run, dispose } = await prepare(each, CHECK_SIZE);
    await run();
    const held = await Promise.all(Object.keys(shapes).map((name) => bank.read(name)));
    results.push(Float32Array.from(held.flatMap((values) => [...values])));
    await dispose();
  }
  const before = Object.values(shapes).flatMap((shape) => [...probeValues(shape, 0.1)]);
  const [expected, found] = results as [Float32Array, Float32Array];
  const largest = (values: number[]) => values.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  // NaN must not get lost: Math.max keeps it.
  return largest([...found].map((value, at) => value - expected[at]!)) / largest([...expected].map((value, at) => value - before[at]!)); // prettier-ignore
}

/** Billions of operations a second, at the largest size that the engine takes in its stride. */
async function measure(engine: Engine, seconds: number): Promise<number> {
  const begun = performance.now();
  const elapsed = () => (performance.now() - begun) / 1000;
  let gflops = 0;
  for (const size of PROBE_SIZES) {
    const { run, flops, dispose } = await prepare(engine, size);
    await run(); // the first allocates, and on a GPU compiles
    const last = size === PROBE_SIZES.at(-1);
    let runs = 0;
    let spent = 0;
    do {
      const from = performance.now();
      await run();
      spent += (performance.now() - from) / 1000;
      runs++;
    } while (elapsed() < seconds && (last || spent / runs > LONG_RUN || runs < 3));
    gflops = Math.max(gflops, (runs * flops) / spent / 1e9);
    await dispose();
    if (spent / runs > LONG_RUN || elapsed() >= seconds) break;
  }
  return gflops;
}

async function prepare(engine: Engine, size: ProbeSize) {
  const { spec, bank: shapes, flops } = probeProgram(size);
  const bank = engine.createBank(shapes);
  for (const [name, shape] of Object.entries(shapes)) bank.write(name, probeValues(shape, 0.1));
  const program = await engine.compile(spec, bank);
  const x = probeValues(spec.inputs.x!);
  const y = x.map((value) => Math.tanh(2 * value));
  return {
    bank,
    flops,
    run: () => program.run(bank, { x, y }),
    dispose: async () => {
      await program.dispose();
      bank.dispose();
    },
  };
}

function failure(error: unknown): ProbeAnswer {
  const message = error instanceof Error ? error.message : String(error);
  return { error: message, kind: error instanceof EngineError ? error.kind : 'fault' };
}

const answer = await main(process.argv.slice(2)).catch(failure);
// Left at once: what a native library does on its way out is of no interest.
process.stdout.write(`\n${PROBE_MARK}${JSON.stringify(answer)}\n`, () => process.exit(0));
