/** @file `sweep exam`: a finished trial's generators on other held-out images. */
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import type { ArgumentsCamelCase, Argv, CommandModule } from 'yargs';
import { chooseEngine } from '../engines/choose.js';
import { openEngine } from '../engines/open.js';
import { UserError } from '../errors.js';
import { fingerprintFolder, listDomains } from '../imaging/folder.js';
import { DataError } from '../imaging/image.js';
import { availableCores } from '../machine.js';
import { EXAM_VARIANTS, examScore, metricOf, type ExamVariant } from '../metrics.js';
import type { MetricValues, TrialConfig, TrialData } from '../protocol.js';
import { trialDirectory, writeFileWhole } from '../runner/layout.js';
import { loadHeldOut, loadTrialImages, type TrialImages } from '../train/data.js';
import { examineWeights } from '../train/exam/afterwards.js';
import { jsonOption, resultsOption, trialArgument } from './options.js';
import { generatorOptions, loadGenerator } from './trained.js';

interface ExamArguments {
  trial: string;
  data: string;
  results: string;
  checkpoint?: string;
  pairing: 'auto' | 'by-name' | 'by-position' | 'none';
  full: boolean;
  json: boolean;
}

export const examCommand: CommandModule<object, ExamArguments> = {
  command: 'exam <trial>',
  describe: 'Examine a finished trial on other images',
  builder: (yargs: Argv) =>
    yargs
      .usage(
        '$0 exam <trial> --data DIR\n\nTranslates all images of DIR/X and DIR/Y by a trial’s generators and scores them as the trial’s own exam does\n' +
          '(docs/exam.md). The scores are printed and kept beside the trial; no report and no verdict reads them.',
      )
      .positional('trial', trialArgument)
      .option('data', {
        type: 'string',
        demandOption: true,
        requiresArg: true,
        describe: 'Folder that holds X and Y (or x and y), which no trial has seen',
      })
      .option('results', resultsOption)
      .option('checkpoint', generatorOptions.checkpoint)
      .option('pairing', {
        choices: ['auto', 'by-name', 'by-position', 'none'] as const,
        default: 'auto' as const,
        describe: 'Which images are partners; auto: by name where names are in both, else none',
      })
      .option('full', {
        type: 'boolean',
        default: false,
        describe: 'Cycle, identity, labels and nodules of all images, and distances of style also with pairs',
      })
      .option('json', jsonOption)
      .example('$0 exam 3f2a --data data/other', 'data/other/X and data/other/Y')
      .example('$0 exam 3f2a --data data/other --checkpoint last --json', 'one JSON object, for a program'),
  handler: exam,
};

async function exam(args: ArgumentsCamelCase<ExamArguments>): Promise<void> {
  const G = loadGenerator(args.results, { ...args, direction: 'x2y' });
  const F = loadGenerator(args.results, { ...args, direction: 'y2x' });
  const trial = G.config;
  const data = await dataIn(args, trial.data);
  const heldOut = await loadHeldOut(data, trial.parameters.patch);
  const tell = (message: string) => void (args.json || console.error(message));
  const training = await trainingOf(trial);
  if (training === undefined)
    tell('The trial’s own training data is not there: no histogram matching and no linear filter.');

  const { engine: name, devices } = await chooseEngine({ engine: 'auto', device: 'auto' });
  const engine = await openEngine(name, { threads: availableCores(), device: devices[0]! });
  const extent = args.full ? 'full' : 'core';
  tell(`Examining ${heldOut.test.x.length} images of X and ${heldOut.test.y.length} of Y with ${name}.`);
  const { v, images } = await examineWeights(
    { ...trial, data, dataFingerprint: '', exam: { at: [1], extent } },
    { ...G.weights, ...F.weights },
    { ...heldOut, range: G.range, training, trainedOn: trial.data },
    engine,
  );
  await engine.dispose();

  const hash = createHash('sha256');
  for (const folder of await listDomains(data)) hash.update(await fingerprintFolder(folder));
  const fingerprint = hash.digest('hex');
  const result = {
    trial: G.key,
    step: G.step,
    checkpoint: G.checkpoint,
    data: fingerprint,
    pairing: data.pairing,
    extent,
    v,
    images,
  };
  const file = path.join(
    trialDirectory(args.results, G.key),
    'exams',
    `step-${G.step}-${fingerprint.slice(0, 12)}-${extent}.json`,
  );
  writeFileWhole(file, `${JSON.stringify(result)}\n`);
  if (args.json) console.log(JSON.stringify({ ...result, file }));
  else console.log(`${tableOf(v)}\nKept in ${path.relative('.', file)}`);
}

/** The trial's data with other folders, all of whose images are held out. */
async function dataIn({ data: folder, pairing }: ExamArguments, own: TrialData): Promise<TrialData> {
  const [x, y] = ['X', 'Y'].map((domain) => {
    const found = [domain, domain.toLowerCase()].map((name) => path.resolve(folder, name)).find((each) => fs.existsSync(each)); // prettier-ignore
    if (found === undefined)
      throw new UserError(`${folder}: holds no folder ${domain}. Expected are two folders, ${path.join(folder, 'X')} and ${path.join(folder, 'Y')}.`); // prettier-ignore
    return found;
  }) as [string, string];
  const data: TrialData = { ...own, x, y, pairing: 'none' };
  delete data.skip;
  if (pairing !== 'auto') return { ...data, pairing };
  const [ofX, ofY] = await listDomains(data);
  const stems = new Set(ofX.files.map(({ stem }) => stem));
  return ofY.files.some(({ stem }) => stems.has(stem)) ? { ...data, pairing: 'by-name' } : data;
}

/** What the trial was trained on, for the baselines; undefined where it is not there any more. */
async function trainingOf(trial: TrialConfig): Promise<TrialImages['training'] | undefined> {
  try {
    return (await loadTrialImages(trial)).training;
  } catch (error) {
    if (error instanceof DataError) return undefined;
    throw error;
  }
}

/** A table for each direction: a line a score, a column for the model, its tiles, and each baseline. */
function tableOf(v: MetricValues): string {
  const variants = ['model', ...(Object.keys(EXAM_VARIANTS) as ExamVariant[])] as const;
  return (['x2y', 'y2x'] as const)
    .map((direction) => {
      const rows = new Map<string, Map<string, number>>();
      for (const [name, value] of Object.entries(v)) {
        const score = examScore(name);
        if (score?.direction !== direction) continue;
        const row = rows.get(score.metric) ?? new Map<string, number>();
        rows.set(score.metric, row.set(score.variant ?? 'model', value));
      }
      const used = variants.filter((variant) => [...rows.values()].some((row) => row.has(variant)));
      const lines = [
        [direction === 'x2y' ? 'G: X→Y' : 'F: Y→X', ...used],
        ...[...rows].map(([metric, row]) => [
          labelOf(metric),
          ...used.map((variant) => shown(row.get(variant))),
        ]),
      ];
      const widths = lines[0]!.map((_, column) => Math.max(...lines.map((line) => line[column]!.length)));
      const text = (line: string[]) =>
        line.map((cell, i) => (i === 0 ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!))).join('  ');
      return lines.map(text).join('\n');
    })
    .join('\n\n');
}

function labelOf(metric: string): string {
  const known = metricOf(metric);
  if (!known) return metric;
  return known.unit ? `${known.label} (${known.unit})` : known.label;
}

function shown(value: number | undefined): string {
  if (value === undefined) return '–';
  return Number.isInteger(value) ? String(value) : String(Number(value.toPrecision(4)));
}
