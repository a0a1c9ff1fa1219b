/** @file The thread of the second lane: see lane.ts. */
import { parentPort, workerData } from 'node:worker_threads';
import { EngineError } from '../engines/engine.js';
import { openEngine } from '../engines/open.js';
import { messageOf } from '../errors.js';
import { exchanged, gradientName } from './bank.js';
import { compileHalf, compileTransform } from './half.js';
import {
  addTo,
  buffersOf,
  fill,
  laneShapes,
  memoryOf,
  type LaneReply,
  type LaneRequest,
  type LaneTask,
  type LaneWork,
  type Numbers,
} from './lane.js';

async function open({ parameters, micro, form, threads }: LaneTask): Promise<LaneWork> {
  const engine = await openEngine('onnx', { threads });
  const bank = engine.createBank(laneShapes(parameters, form));
  const terms = { parameters, micro, smooth: {}, recompute: form.memory === 'low', held: bank.shapes };
  const half = await compileHalf(engine, bank, terms, { judge: 'D_Y', check: () => undefined });
  const transform = await compileTransform(engine, bank, parameters);
  const accumulators = Object.keys(bank.shapes).filter((name) => name.endsWith(gradientName('')));
  return {
    clear: () => bank.clear(accumulators),
    direction: (feeds) => half.direction(bank, feeds),
    identity: (feeds) => half.identity(bank, feeds),
    discriminator: (feeds) => half.discriminator(bank, feeds),
    add: (numbers) => addTo(bank, numbers),
    update: async (scalars) => ({
      generator: await half.update(bank, 'generator', scalars),
      judge: await half.update(bank, 'judge', scalars),
    }),
    put: async (numbers) => {
      fill(bank, numbers);
      const put = (network: string) => Object.keys(numbers).some((name) => name.startsWith(network));
      if (put('G/')) await transform?.run(bank, {});
      if (put('F/')) await transform?.run(bank, {}, exchanged);
    },
    take: (names) => Object.fromEntries(names.map((name) => [name, memoryOf(bank, name).slice()])),
  };
}

const work = open(workerData as LaneTask);
work.catch(() => undefined); // told by the first request
let turn: Promise<void> = Promise.resolve();

parentPort?.on('message', ({ id, what, argument }: LaneRequest) => {
  turn = turn.then(() => answer(id, what, argument));
});

async function answer(id: number, what: keyof LaneWork, argument: unknown): Promise<void> {
  const reply = (message: LaneReply, handedOver: ArrayBuffer[] = []) =>
    parentPort?.postMessage(message, handedOver);
  try {
    const lane = await work;
    const result = await (lane[what] as (argument: unknown) => unknown)(argument);
    reply({ id, result }, what === 'take' ? buffersOf(result as Numbers) : []);
  } catch (error) {
    reply({ id, error: messageOf(error), ...(error instanceof EngineError ? { kind: error.kind } : {}) });
  }
}
