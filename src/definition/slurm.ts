/** @file `resources: {slurm}` of a sweep file: what each trial asks of Slurm. */
import { z } from 'zod';

/** What `sweep run --executor slurm` asks for each trial; undefined: what the cluster gives. */
export interface SlurmSettings {
  partition?: string | undefined;
  account?: string | undefined;
  qos?: string | undefined;
  constraint?: string | undefined;
  /** In Slurm's own form, e.g. `4:00:00`. */
  time?: string | undefined;
  /** GPUs of one trial; auto: one where it computes on a GPU. */
  gpus: 'auto' | number;
  /** In place of `gpus`, e.g. `gpu:a100:1`. */
  gres?: string | undefined;
  cpus: 'auto' | number;
  /** Mebibytes; auto: from the prediction; off: what the partition gives. */
  memory: 'auto' | 'off' | number;
  /** More lines, without `#SBATCH`. */
  sbatch: string[];
  /** Shell lines that are run before a trial, e.g. `module load cuda`. */
  setup: string;
}

const TIME = 'a time of Slurm: minutes, 4:00:00, 2-12 or 2-12:00:00';
const MEMORY = 'auto, off, or an amount as Slurm counts, e.g. 16G or 800M';
const WORD = 'a word of Slurm without blanks, e.g. gpu';
const COUNT = 'auto or a whole number';
const LINE =
  'options of sbatch such as --exclusive or --mail-type=END; not array, job-name, comment, signal, output, error, open-mode, chdir or wrap, which the runner needs';
/** What the runner knows its jobs by, and the files that it reads. */
const OURS =
  /^(?:--(?:array|job-name|comment|signal|output|error|open-mode|chdir|wrap|parsable|test-only|wait)\b|-[aJoeDW]\b)/;

const word = z
  .string({ error: WORD })
  .regex(/^[^\s"']+$/, { error: WORD })
  .optional();
const count = (least: number) =>
  z.union([z.literal('auto'), z.int().min(least)], { error: `${COUNT} from ${least}` }).default('auto');

export const slurmSchema = z
  .strictObject(
    {
      partition: word.describe('Partition (queue).'),
      account: word.describe('Account that the time is charged to.'),
      qos: word.describe('Quality of service.'),
      constraint: word.describe('Features that a node must have, e.g. a100|h100.'),
      time: z
        .union([z.string(), z.int()], { error: TIME })
        .transform(String)
        .refine((text) => /^(\d+|\d+:\d+(:\d+)?|\d+-\d+(:\d+){0,2})$/.test(text), { error: TIME })
        .optional()
        .describe(
          'Time limit of one job. Before it ends a trial saves; it goes on where it was when Slurm starts it again.',
        ),
      gpus: count(0).describe(
        'GPUs of one trial; auto: one where the partition has GPUs and device is not cpu.',
      ),
      gres: word.describe('In place of gpus: the generic resources of one trial, e.g. gpu:a100:1.'),
      cpus: count(1).describe('Processor cores of one trial; auto: resources.threads, else 4.'),
      memory: z
        .union([z.enum(['auto', 'off']), z.string().regex(/^\d+(\.\d+)?[KMGT]?$/i)], { error: MEMORY })
        .default('auto')
        .transform((text) => (text === 'auto' || text === 'off' ? text : mebibytes(text)))
        .describe(
          'Memory of one trial; auto: what it is predicted to need, and more after it ran out; off: the partition’s.',
        ),
      sbatch: z
        .array(
          z
            .string({ error: LINE })
            .regex(/^-[^\n]*$/, { error: LINE })
            .refine((line) => !OURS.test(line), { error: LINE }),
          { error: LINE },
        )
        .default([])
        .describe('More options of sbatch, each a line of the script.'),
      setup: z.string().default('').describe('Shell lines before each trial, e.g. module load cuda/12.4.'),
    },
    { error: 'e.g. {partition: gpu, time: 4:00:00}' },
  )
  .optional()
  .describe('What each trial asks of Slurm, for sweep run --executor slurm.');

function mebibytes(text: string): number {
  const letter = /[KMGT]$/i.exec(text)?.[0].toUpperCase() ?? 'M';
  return Math.ceil(parseFloat(text) * 1024 ** ('KMGT'.indexOf(letter) - 1));
}

/** What a sweep file without `resources: {slurm}` asks for. */
export const SLURM_DEFAULTS: SlurmSettings = {
  gpus: 'auto',
  cpus: 'auto',
  memory: 'auto',
  sbatch: [],
  setup: '',
};
