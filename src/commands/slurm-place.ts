/** @file What trials are computed with on a cluster, whose nodes this machine cannot look at. */
import { parseDevice } from '../engines/devices.js';
import { SLURM_DEFAULTS } from '../definition/slurm.js';
import type { Definition } from '../definition/schema.js';
import { openSlurm } from '../runner/executors/slurm/client.js';
import type { Placement } from '../runner/run-sweep.js';

/**
 * The sweep file's engine, else onnx, which is the fastest as a rule: all trials on the same, so that their numbers can be compared. On
 * GPUs where the sweep file says so, or where trials are given some; with `auto`, where the partition has them.
 * @throws UserError if there is no Slurm here
 */
export async function placeOnSlurm({ trainer, engine, device, resources }: Definition): Promise<Placement> {
  const { gpus, gres, partition } = resources.slurm ?? SLURM_DEFAULTS;
  const client = await openSlurm();
  let kind = device === 'auto' ? undefined : parseDevice(device)?.kind;
  if (kind === undefined) {
    const given = gpus === 'auto' ? gres !== undefined || (await client.hasGpus(partition)) : gpus > 0;
    kind = given ? 'cuda' : 'cpu';
  }
  const chosen = trainer === 'cyclegan' ? (engine === 'auto' ? 'onnx' : engine) : null;
  const what = chosen === null ? 'the sweep’s command' : chosen;
  const why = device === 'auto' ? (kind === 'cpu' ? ', without GPUs' : ', the GPUs of Slurm') : '';
  return { engine: chosen, devices: [kind], reason: `${what} on ${kind}${why}` };
}
