/**
 * @file The second lane: a thread that computes the other half of every update, on an engine and a bank of its own. In it all
 * names are exchanged (its G is this thread's F, its D_Y this thread's D_X), so that it runs the same programs.
 *
 * Two threads of one core each take 0.6 of one's time, where onnxruntime's two threads in one program take 0.75 with few
 * filters: its products and passes are too small to share out.
 */
import { Worker } from 'node:worker_threads';
import type { Bank, Engine } from '../engines/engine.js';
import { EngineError } from '../engines/engine.js';
import { bankShapes, exchanged, gradientName, momentNames, networkShapes } from './bank.js';
import {
  compileHalf,
  compileTransform,
  transformFilters,
  type Halves,
  type OverBatch,
  type Terms,
} from './half.js';
import type { TrialParameters } from '../protocol.js';
import { formOf } from './form.js';
import type { Form } from './winograd.js';

/** Numbers of tensors of a bank by name, in the engine's own order. */
export type Numbers = Record<string, Float32Array>;

export interface LaneTask {
  parameters: TrialParameters;
  micro: number;
  form: Form;
  threads: number;
}

/** What the lane does, in the order in which it is asked. Names are the lane's own. */
export interface LaneWork {
  /** Sets the accumulators to 0. */
  clear(): void;
  direction(feeds: Record<string, ArrayLike<number>>): Promise<OverBatch>;
  identity(feeds: Record<string, ArrayLike<number>>): Promise<OverBatch | undefined>;
  discriminator(feeds: Record<string, ArrayLike<number>>): Promise<OverBatch>;
  /** Adds to what the bank holds. */
  add(numbers: Numbers): void;
  update(scalars: Record<string, Float32Array>): Promise<{ generator: number; judge: number }>;
  /** Replaces what the bank holds. */
  put(numbers: Numbers): Promise<void>;
  take(names: readonly string[]): Numbers;
}

export interface LaneRequest {
  id: number;
  what: keyof LaneWork;
  argument: unknown;
}

export type LaneReply = { id: number } & (
  { result: unknown } | { error: string; kind?: EngineError['kind'] }
);

/** Shapes of the lane's bank: both generators, its own judge, and the moments of what it updates. */
export function laneShapes(parameters: TrialParameters, form: Form): ReturnType<typeof bankShapes> {
  const own = (name: string) => !/^D_X\//.test(name) && !/^F\/.*\.[mv]$/.test(name);
  return Object.fromEntries(Object.entries(bankShapes(parameters, form)).filter(([name]) => own(name)));
}

/**
 * This thread computes G on X and D_Y, the lane F on Y and D_X. Each holds both generators, since each passes both, and adds to
 * a gradient of each: those are exchanged before Adam's update, and the new weights after it.
 */
export async function onTwoLanes(
  engine: Engine,
  bank: Bank,
  terms: Terms,
  form: Form,
  check: () => void,
): Promise<Halves> {
  const { parameters, micro } = terms;
  const lane = openLane({ parameters, micro, form, threads: engine.threads });
  const half = await compileHalf(engine, bank, terms, { judge: 'D_Y', check });
  await transformFilters(engine, bank, parameters);
  const transform = await compileTransform(engine, bank, parameters);

  const names = (network: 'G' | 'F' | 'D_X') => Object.keys(networkShapes(parameters, network));
  const moments = (of: string[]) => of.flatMap((name) => Object.values(momentNames(name)));
  const [ofG, ofF] = [names('G'), names('F')];
  /** What the lane alone brings up to date beside F's weights. */
  const away = [...moments(ofF), ...names('D_X'), ...moments(names('D_X'))];
  await lane.ask('put', copies(bank, [...ofG, ...ofF, ...away]));

  return {
    generators: async (held, { X, Y, pair }) => {
      // The lane is asked for all before this thread begins, whose runs block it.
      const clear = lane.ask('clear');
      const theirs = [
        lane.ask('direction', { own: Y, other: X, pair }),
        lane.ask('identity', { image: X }),
      ] as const;
      const x = await half.direction(held, { own: X, other: Y, pair });
      const sameY = await half.identity(held, { image: Y });
      await clear;
      return { x, y: await theirs[0], sameX: await theirs[1], sameY };
    },
    discriminators: async (held, { X, Y, shown }) => {
      const theirs = lane.ask('discriminator', { real: X, shown: shown.fy });
      const gradient = lane.ask('take', ofG.map(gradientName).map(exchanged));
      const added = lane.ask('add', copies(held, ofF.map(gradientName)));
      const dy = await half.discriminator(held, { real: Y, shown: shown.gx });
      addTo(held, mirrored(await gradient));
      await added;
      return { dx: await theirs, dy };
    },
    update: async (held, scalars) => {
      const theirs = lane.ask('update', scalars);
      const weights = lane.ask('take', ofF.map(exchanged));
      const own = {
        generator: await half.update(held, 'generator', scalars),
        judge: await half.update(held, 'judge', scalars),
      };
      const put = lane.ask('put', copies(held, ofG));
      fill(held, mirrored(await weights));
      await transform?.run(held, {}, exchanged);
      await put;
      const other = await theirs;
      return { generators: own.generator + other.generator, discriminators: own.judge + other.judge };
    },
    settled: () => lane.settled(),
    gather: async (held) => fill(held, mirrored(await lane.ask('take', away.map(exchanged)))),
    dispose: async () => {
      await lane.close();
      await transform?.dispose();
      await half.dispose();
    },
  };
}

/**
 * Opens an engine for what a trial computes: where that is on two lanes, each has an engine with its share of the threads.
 * @param open opens it with this many threads
 */
export async function openInForm(
  config: Parameters<typeof formOf>[0],
  threads: number,
  open: (threads: number) => Promise<Engine>,
): Promise<{ engine: Engine; form: Form }> {
  const whole = await open(threads);
  const form = formOf(config, whole);
  if (form.lanes === 1) return { engine: whole, form };
  await whole.dispose();
  return { engine: await open(Math.floor(threads / form.lanes)), form };
}

/** Copies under the names that the lane has for them. */
function copies(bank: Bank, names: readonly string[]): Numbers {
  return mirrored(Object.fromEntries(names.map((name) => [name, memoryOf(bank, name).slice()])));
}

function mirrored(numbers: Numbers): Numbers {
  return Object.fromEntries(Object.entries(numbers).map(([name, values]) => [exchanged(name), values]));
}

/** The memory of a tensor of a bank in the host's memory. */
export function memoryOf(bank: Bank, name: string): Float32Array {
  if (bank.memory === undefined)
    throw new TypeError('two lanes need an engine that computes in the host’s memory');
  return bank.memory(name);
}

export function fill(bank: Bank, numbers: Numbers): void {
  for (const [name, values] of Object.entries(numbers)) memoryOf(bank, name).set(values);
}

export function addTo(bank: Bank, numbers: Numbers): void {
  for (const [name, values] of Object.entries(numbers)) {
    const sum = memoryOf(bank, name);
    for (let at = 0; at < sum.length; at++) sum[at] = sum[at]! + values[at]!;
  }
}

// ---- Talking with the thread

interface Lane {
  ask<W extends keyof LaneWork>(
    what: W,
    ...argument: Parameters<LaneWork[W]>
  ): Promise<Awaited<ReturnType<LaneWork[W]>>>;
  /** When nothing is computed any more: a process that exits while native code runs in a thread of it is aborted. */
  settled(): Promise<void>;
  close(): Promise<void>;
}

function openLane(task: LaneTask): Lane {
  const worker = new Worker(new URL('./lane-worker.js', import.meta.url), { workerData: task });
  const open = new Map<number, { resolve: (result: never) => void; reject: (error: Error) => void }>();
  let [asked, answered]: [number, number] = [0, 0];
  let failed: Error | undefined;
  let idle: () => void = () => undefined;
  const fail = (error: Error) => {
    failed ??= error;
    for (const { reject } of open.values()) reject(error);
    open.clear();
  };
  worker.on('message', (reply: LaneReply) => {
    if (++answered === asked) idle();
    const waiting = open.get(reply.id);
    open.delete(reply.id);
    if ('result' in reply) waiting?.resolve(reply.result as never);
    else fail(new EngineError(`second lane: ${reply.error}`, reply.kind ?? 'fault'));
  });
  worker.on('error', fail);
  worker.on('exit', () => {
    answered = asked;
    idle();
    fail(new EngineError('the second lane has ended', 'fault'));
  });
  return {
    ask: (what, ...[argument]) => {
      if (failed !== undefined) return Promise.reject(failed);
      const id = asked++;
      const answer = new Promise<never>((resolve, reject) => open.set(id, { resolve, reject }));
      // What fails is told by whoever awaits it first; the others' failure is the same.
      answer.catch(() => undefined);
      const request: LaneRequest = { id, what, argument };
      worker.postMessage(request, what === 'put' || what === 'add' ? buffersOf(argument as Numbers) : []);
      return answer;
    },
    settled: () => (answered === asked ? Promise.resolve() : new Promise((resolve) => (idle = resolve))),
    close: async () => {
      fail(new EngineError('the second lane was closed', 'fault'));
      await worker.terminate();
    },
  };
}

/** To hand over with a message, not to be copied. */
export function buffersOf(numbers: Numbers): ArrayBuffer[] {
  return Object.values(numbers).map(({ buffer }) => buffer as ArrayBuffer);
}
