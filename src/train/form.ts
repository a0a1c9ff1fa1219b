/** @file The form in which a trial is computed: a rule of its parameters, engine and threads, so that the same seed gives the same numbers. */
import type { TrialConfig } from '../protocol.js';
import { secondLaneIsCheap } from './memory.js';
import { trunkFitsTiles, type Form } from './winograd.js';

/**
 * The form that a trial takes. Winograd's was faster than the direct one at every size that `npm run bench:forms` measures
 * on the onnx engine on a CPU; GPUs have their own, and eager engines are slower with it.
 * The two directions are computed side by side where there are threads for it and a second lane's copies of the weights are a
 * small part of what is in memory.
 */
export function formOf(
  { parameters, winograd = 'auto', memory = 'auto' }: Pick<TrialConfig, 'parameters' | 'winograd' | 'memory'>,
  { name, device, threads }: { name: string; device: string; threads: number },
): Form {
  const fits = parameters.generator === 'resnet' && trunkFitsTiles(parameters.patch, parameters.patch);
  const ours = name === 'onnx' && device === 'cpu';
  const form: Form = {
    winograd: winograd === 'auto' && fits && ours,
    memory: parameters.generator === 'resnet' ? memory : 'auto',
    lanes: 1,
  };
  const two = ours && threads >= 2 && memory === 'auto' && secondLaneIsCheap(parameters, form);
  return { ...form, lanes: two ? 2 : 1 };
}

/** For the record, e.g. `winograd, recomputed`. */
export function describeForm({ winograd, memory, lanes }: Form): string {
  return `${winograd ? 'winograd' : 'direct'}${memory === 'low' ? ', recomputed' : ''}${lanes === 2 ? ', two lanes' : ''}`;
}
