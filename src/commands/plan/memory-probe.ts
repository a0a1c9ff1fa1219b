/** @file Measures what a network holds in one update of one patch, in a process of its own. */
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import type { TrialConfig } from '../../protocol.js';
import type { MemoryProbe } from '../../train/memory-probe.js';
import type { Measured, MemoryFacts } from './memory.js';

const PROCESS = fileURLToPath(new URL('../../train/memory-probe.js', import.meta.url));
/** The largest networks take seconds for an update; what takes longer than this is left to the layers, milliseconds. */
const PATIENCE = 60_000;

/** Nothing where it did not come to an end: a prediction has another source. */
export async function probeMemory(trial: TrialConfig, facts: MemoryFacts): Promise<Measured[]> {
  const { engine, device, threads, imageBytes } = facts;
  const { parameters, winograd, memory, dataFingerprint } = trial;
  const config = JSON.stringify({ parameters, winograd, memory, engine });
  const { stdout, failed } = await execa(process.execPath, [PROCESS, config, String(threads)], {
    timeout: PATIENCE,
    forceKillAfterDelay: 1000,
    reject: false,
    stdin: 'ignore',
    stderr: 'ignore',
  });
  const line = stdout.split('\n').findLast((each) => each.startsWith('{"peak"'));
  if (failed || line === undefined) return [];
  const { peak, form } = JSON.parse(line) as MemoryProbe;
  return [
    {
      parameters: { ...parameters, batch: 1 },
      dataFingerprint,
      engine,
      device,
      form,
      microBatch: 1,
      peak: peak + imageBytes, // the probe reads none
      withoutExam: true,
    },
  ];
}
