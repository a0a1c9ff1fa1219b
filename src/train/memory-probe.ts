/**
 * @file The process of a memory probe: `node memory-probe.js CONFIG THREADS`, where CONFIG is a trial's as JSON. Trains the trial's
 * networks for one update of one patch on noise, and prints what that held at its peak, as one line of JSON.
 */
import { openEngine } from '../engines/open.js';
import type { EngineName, TrialConfig } from '../protocol.js';
import { bankShapes, initialBank } from './bank.js';
import { describeForm } from './form.js';
import { openInForm } from './lane.js';
import { peakMemory } from './memory.js';
import { compileStep } from './step.js';

/** What a probe prints. */
export interface MemoryProbe {
  /** Bytes. */
  peak: number;
  form: string;
}

const [json = '', threads = '1'] = process.argv.slice(2);
const config = JSON.parse(json) as TrialConfig & { engine: EngineName };
const parameters = { ...config.parameters, batch: 1 };
const open = (threads: number) => openEngine(config.engine, { threads, device: 'cpu' });
const { engine, form } = await openInForm(config, Number(threads), open);
const bank = engine.createBank(bankShapes(parameters, form));
let state = 7;
const noise = () => (state = (Math.imul(state, 1103515245) + 12345) | 0) / 2 ** 31;
for (const [name, values] of Object.entries(initialBank(parameters, noise))) bank.write(name, values);
const step = await compileStep(engine, bank, parameters, { microBatch: 1, form });
const images = () => Float32Array.from({ length: parameters.patch ** 2 }, noise);
await step.run(bank, { X: images(), Y: images(), update: 1 });
const probe: MemoryProbe = { peak: peakMemory(), form: describeForm(form) };
// Left at once: what a native library does on its way out is of no interest.
process.stdout.write(`\n${JSON.stringify(probe)}\n`, () => process.exit(0));
