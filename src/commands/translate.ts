/** @file `sweep translate`: whole images by a trained generator, in files that say what they are. */
import fs from 'node:fs';
import path from 'node:path';
import { createInterface } from 'node:readline/promises';
import { gzipSync } from 'node:zlib';
import type { ArgumentsCamelCase, Argv, CommandModule } from 'yargs';
import { chooseEngine } from '../engines/choose.js';
import { openEngine } from '../engines/open.js';
import { UserError } from '../errors.js';
import { makeFolder } from '../files.js';
import type { Derivation } from '../imaging/dicom/derive.js';
import { listImages } from '../imaging/folder.js';
import { DataError, pixelsLike, type GreyImage, type Pixels } from '../imaging/image.js';
import { fromNetwork, toNetwork, type Range } from '../imaging/intensity.js';
import { encodeNifti } from '../imaging/nifti.js';
import { writeWhole } from '../imaging/png.js';
import { decodeImage } from '../imaging/read.js';
import { countSlices, isVolume, putSlice, readSlice, readVolume, type Axis } from '../imaging/volume.js';
import {
  describe,
  encodeTranslated,
  endingOf,
  formatOf,
  OUTPUT_FORMATS,
  type OutputFormat,
} from '../imaging/write.js';
import { availableCores } from '../machine.js';
import { ENGINES, type EngineName } from '../protocol.js';
import { openTranslator, type Translator, type Way } from '../train/translator.js';
import { packageVersion } from '../version.js';
import { jsonOption, resultsOption, trialArgument } from './options.js';
import { openBar, type Bar } from './bar.js';
import { generatorOptions, loadGenerator, type TrainedGenerator } from './trained.js';

interface TranslateArguments {
  trial: string;
  input: string;
  output: string;
  results: string;
  direction: 'x2y' | 'y2x';
  checkpoint?: string;
  format: 'same' | OutputFormat;
  range?: string;
  tile: string;
  engine: 'auto' | EngineName;
  device: string;
  'skip-bad': boolean;
  force: boolean;
  mark: boolean;
  'keep-identity': boolean;
  yes: boolean;
  json: boolean;
}

export const translateCommand: CommandModule<object, TranslateArguments> = {
  command: 'translate <trial> <input> <output>',
  describe: 'Translate whole images by a trained generator',
  builder: (yargs: Argv) =>
    yargs
      .usage(
        '$0 translate <trial> <input> <output>\n\nTranslates an image, or all images of a folder, from one style to the other by the generator of a trial. Sizes,\n' +
          'intensities and the format stay as they are. For training data and study, not for diagnosis.',
      )
      .positional('trial', trialArgument)
      .positional('input', {
        type: 'string',
        demandOption: true,
        describe: 'An image, or a folder of images',
      })
      .positional('output', {
        type: 'string',
        demandOption: true,
        describe: 'The file to write, or for a folder of images the folder to write into',
      })
      .option('results', resultsOption)
      .options(generatorOptions)
      .option('format', {
        choices: ['same', ...OUTPUT_FORMATS] as const,
        default: 'same' as const,
        describe: 'What to write; same: as the input, or as the ending of <output> says',
      })
      .option('range', {
        type: 'string',
        requiresArg: true,
        describe:
          'Values of the input that mean what the ends of the trained range meant, e.g. --range=-1024,3071 for CT in HU where HU + 1024 was trained on',
      })
      .option('tile', {
        type: 'string',
        default: 'auto',
        requiresArg: true,
        describe: 'whole image at once, strips of so many rows, or auto: whole where memory allows',
      })
      .option('engine', {
        choices: ['auto', ...ENGINES] as const,
        default: 'auto' as const,
        describe: 'What computes',
      }) // prettier-ignore
      .option('device', {
        type: 'string',
        default: 'auto',
        requiresArg: true,
        describe: 'Where: cpu, cuda:0, webgpu:0; auto takes the fastest that works',
      })
      .option('skip-bad', {
        type: 'boolean',
        default: false,
        describe: 'Go on where a file cannot be read, and list those files at the end',
      })
      .option('force', { type: 'boolean', default: false, describe: 'Write over files that are there' })
      .option('mark', {
        type: 'boolean',
        default: true,
        describe: 'Draw SYNTHETIC FOR RESEARCH into a corner of DICOM images; --no-mark leaves it out',
      })
      .option('keep-identity', {
        type: 'boolean',
        default: false,
        describe: 'Keep who was imaged in DICOM files, and name the source image; asks first',
      })
      .option('yes', { type: 'boolean', default: false, describe: 'Answer yes to what is asked' })
      .option('json', jsonOption)
      .example('$0 translate 3f2a data/soft out', 'all images of a folder, X to Y')
      .example('$0 translate 3f2a sharp.dcm soft.dcm --direction y2x', 'one image, Y to X')
      .example(
        '$0 translate 3f2a data/soft out --format png --checkpoint last',
        'as PNG, by the last checkpoint',
      )
      .epilogue('Exit code: 0 all translated, 1 some left out by --skip-bad, 2 an input or a flag is wrong.'),
  handler: translate,
};

/** Share of pixels out of range, in percent, beyond which the range itself is in doubt. */
const SUSPICIOUS = 5;

/** A file to translate and where the result goes. */
interface Job {
  input: string;
  output: string;
  format: OutputFormat;
}

/** A file that cannot be used; the reason names it. */
interface Bad {
  input: string;
  reason: string;
}

interface Done {
  input: string;
  output: string;
  way: Way;
  /** Pixels of the input below and above the range, which are taken for its ends. */
  clipped: number;
  pixels: number;
  /** What was added to all values so that the format can hold them. */
  offset: number;
}

async function translate(args: ArgumentsCamelCase<TranslateArguments>): Promise<void> {
  const tile = readTile(args.tile);
  const trained = loadGenerator(args.results, args);
  const generator = args.range === undefined ? trained : { ...trained, range: readRange(args.range) };
  const bad: Bad[] = [];
  const jobs = await findJobs(args, args.skipBad ? (file) => bad.push(file) : undefined);
  refuseOverwriting(jobs, args.force);
  if (args.keepIdentity) await confirmIdentity(args.yes);

  const choice = await chooseEngine({ engine: args.engine, device: args.device });
  const engine = await openEngine(choice.engine, { threads: availableCores(), device: choice.devices[0]! });
  const { parameters } = generator.config;
  const translator = openTranslator(engine, { ...generator, parameters, tile });
  const say = args.json ? () => undefined : (line: string) => console.log(line);
  say(`Trial ${generator.key}, ${generator.direction}, ${inWords(generator)}; ${choice.reason}.`);

  const { key, direction, hash, range } = generator;
  const { mark, keepIdentity } = args;
  const how: Derivation = { direction, trial: key, model: hash, version: packageVersion(), range, mark, keepIdentity }; // prettier-ignore
  const bar = openBar(jobs.length, process.stderr);
  const done: Done[] = [];
  try {
    for (const job of jobs) {
      try {
        done.push(await translateFile(job, { generator, translator, how, bar }));
      } catch (error) {
        if (!(error instanceof DataError) || !args.skipBad) throw error;
        bad.push({ input: job.input, reason: error.message });
      }
      bar.next();
    }
  } finally {
    bar.close();
    await translator.dispose();
    await engine.dispose();
  }
  if (args.json) console.log(JSON.stringify(summary(generator, choice.reason, done, bad)));
  else for (const line of conclusion(generator, done, bad)) console.log(line);
  if (bad.length > 0) process.exitCode = 1;
}

function inWords({ checkpoint, step, hash }: TrainedGenerator): string {
  const which = { best: 'the best checkpoint, of', last: 'the last checkpoint, of', asked: '' }[checkpoint];
  return `${which} update ${step} (model ${hash})`.trim();
}

/** A generator at work, and what its results are to be. */
interface Work {
  generator: TrainedGenerator;
  translator: Translator;
  how: Derivation;
  bar: Bar;
}

/** @throws DataError naming the file */
async function translateFile(job: Job, { generator, translator, how, bar }: Work): Promise<Done> {
  const { range } = generator;
  const ways = new Set<Way>();
  let clipped = 0;
  const translateImage = async (image: GreyImage, within: Bar['within']): Promise<Pixels> => {
    const { width, height, data } = image;
    const { values, way } = await translator.translate(toNetwork(data, range), height, width, within);
    ways.add(way);
    clipped += countOutside(data, range);
    return fromNetwork(values, range, image);
  };
  const { input, output, format } = job;
  const { content, pixels, offset } =
    format === 'nifti'
      ? await volume(job, generator.config.data.axis ?? 'axial', how, translateImage, bar)
      : await single(input, format, how, translateImage, bar);
  makeFolder(path.dirname(path.resolve(output)));
  await writeWhole(output, content);
  return { input, output, way: ways.has('strips') ? 'strips' : 'whole', clipped, pixels, offset };
}

type TranslateImage = (image: GreyImage, within: Bar['within']) => Promise<Pixels>;
interface Translated {
  content: Uint8Array;
  pixels: number;
  offset: number;
}

async function single(
  input: string,
  format: OutputFormat,
  how: Derivation,
  translateImage: TranslateImage,
  bar: Bar,
): Promise<Translated> {
  const content = await readWhole(input);
  const image = await decodeImage(content, input);
  const translated = { ...image, data: await translateImage(image, bar.within) };
  try {
    return { ...encodeTranslated(format, translated, content, how), pixels: image.data.length };
  } catch (error) {
    if (!(error instanceof DataError)) throw error;
    throw new DataError(`${input}: ${error.message}`, { cause: error });
  }
}

/** Slice by slice along the axis that was trained on; geometry and kind of values stay. */
async function volume(
  { input, output }: Job,
  axis: Axis,
  how: Derivation,
  translateImage: TranslateImage,
  bar: Bar,
): Promise<Translated> {
  const whole = await readVolume(input);
  const count = await countSlices(input, axis);
  let out: Pixels | undefined;
  for (let index = 0; index < count; index++) {
    const image = await readSlice(input, { axis, index });
    out ??= pixelsLike(image.data, whole.values.length);
    const slice = await translateImage(image, (share) => bar.within((index + share) / count));
    putSlice(whole, { axis, index }, slice, out);
  }
  const content = encodeNifti(whole, out!, describe(how));
  const packed = output.toLowerCase().endsWith('.gz') ? gzipSync(content) : content;
  return { content: packed, pixels: whole.values.length, offset: 0 };
}

async function readWhole(file: string): Promise<Uint8Array> {
  try {
    return await fs.promises.readFile(file);
  } catch (error) {
    throw new DataError(`${file}: cannot be read.`, { cause: error });
  }
}

function countOutside(values: ArrayLike<number>, [lo, hi]: Range): number {
  let count = 0;
  for (let i = 0; i < values.length; i++) if (values[i]! < lo || values[i]! > hi) count++;
  return count;
}

// ---- Which files

/** @param refuse told of files that cannot be used; without it the first is an error @throws DataError, UserError */
async function findJobs(
  { input, output, format }: ArgumentsCamelCase<TranslateArguments>,
  refuse: ((file: Bad) => void) | undefined,
): Promise<Job[]> {
  const stat = fs.statSync(input, { throwIfNoEntry: false });
  if (stat === undefined) throw new UserError(`${input}: there is no such file or folder.`);
  if (!stat.isDirectory()) {
    const into = isFolder(output) ? path.join(output, path.basename(input)) : output;
    return [jobOf(input, into, format, isFolder(output))];
  }
  if (fs.statSync(output, { throwIfNoEntry: false })?.isFile())
    throw new UserError(`${output}: is a file; the images of a folder are written into a folder.`);
  const { sources, warnings } = await listImages(
    input,
    refuse && { refuse: ({ name, reason }) => refuse({ input: path.join(input, name), reason }) },
  );
  for (const warning of warnings) console.error(warning);
  return sources.map((file) => jobOf(file.path, path.join(output, file.name), format, true));
}

function isFolder(name: string): boolean {
  return name.endsWith('/') || fs.statSync(name, { throwIfNoEntry: false })?.isDirectory() === true;
}

/** @param adapt give the output the ending of what is written; else it says what to write */
function jobOf(input: string, output: string, wanted: 'same' | OutputFormat, adapt: boolean): Job {
  const ofVolume = isVolume(input);
  const own = ofVolume ? 'nifti' : (formatOf(input) ?? 'dicom'); // DICOM files often have no ending, or a number for one
  const asked = adapt ? undefined : formatOf(output);
  if (wanted !== 'same' && asked !== undefined && asked !== wanted)
    throw new UserError(`${output}: has the ending of ${asked}, but --format is ${wanted}.`);
  const format = wanted === 'same' ? (asked ?? own) : wanted;
  if (ofVolume !== (format === 'nifti'))
    throw new UserError(
      ofVolume
        ? `${input}: is a volume, which is written as NIfTI (.nii, .nii.gz), not as ${format}.`
        : `${input}: is one image; NIfTI is written for volumes only. Write ${OUTPUT_FORMATS.filter((one) => one !== 'nifti').join(', ')}.`,
    );
  if (!adapt || formatOf(output) === format || (format === own && !ofVolume))
    return { input, output, format };
  const stem = output.replace(/\.(png|tiff?|dcm|dicom|ima|nii(\.gz)?|mha)$/i, '');
  return { input, output: stem + endingOf(format), format };
}

/** @throws UserError if an output is an input, stands twice, or is there already */
function refuseOverwriting(jobs: readonly Job[], force: boolean): void {
  const real = (file: string): string => (fs.existsSync(file) ? fs.realpathSync(file) : path.resolve(file));
  const inputs = new Set(jobs.map(({ input }) => real(input)));
  const outputs = new Map<string, string>();
  for (const { input, output } of jobs) {
    const place = real(output);
    if (inputs.has(place))
      throw new UserError(
        `${output}: is an input. Inputs are never written over, also not with --force; give another place.`,
      );
    const other = outputs.get(place);
    if (other !== undefined)
      throw new UserError(
        `${other} and ${input} would both be written to ${output}. Translate them one by one.`,
      );
    outputs.set(place, input);
  }
  const there = jobs.filter(({ output }) => fs.existsSync(output));
  if (there.length === 0 || force) return;
  const more = there.length > 1 ? ` and ${there.length - 1} more are there already` : ' is there already';
  throw new UserError(`${there[0]!.output}${more}. --force writes over them.`);
}

function readTile(text: string): 'auto' | 'whole' | number {
  if (text === 'auto' || text === 'whole') return text;
  const rows = Number(text);
  if (Number.isInteger(rows) && rows >= 1) return rows;
  throw new UserError(
    `--tile ${text}: expected auto, whole, or the rows of a strip as a whole number, e.g. 64.`,
  );
}

function readRange(text: string): Range {
  const [lo, hi, ...more] = text.split(',').map(Number);
  if (lo !== undefined && hi !== undefined && more.length === 0 && lo < hi) return [lo, hi];
  throw new UserError(`--range ${text}: expected two numbers, the lower one first, e.g. --range=-1024,3071.`);
}

/** @throws UserError unless somebody says yes */
async function confirmIdentity(yes: boolean): Promise<void> {
  if (yes) return;
  const what =
    '--keep-identity writes names, ids and dates of patients into the translated DICOM files and points to the images that they were made from.';
  if (!process.stdin.isTTY)
    throw new UserError(`${what} There is nobody to ask here: add --yes if that is meant.`);
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  const answer = await terminal.question(`${what}\nKeep identity? [y/N] `);
  terminal.close();
  if (!/^y(es)?$/i.test(answer.trim())) throw new UserError('Nothing was written.');
}

// ---- What is told

function conclusion(
  { range: [lo, hi] }: TrainedGenerator,
  done: readonly Done[],
  bad: readonly Bad[],
): string[] {
  const clipped = done.filter((each) => each.clipped > 0);
  const strips = done.filter(({ way }) => way === 'strips').length;
  const how = strips === 0 ? '' : strips === done.length ? ', strip by strip' : `, ${strips} of them strip by strip`; // prettier-ignore
  const lines = [`${done.length} ${done.length === 1 ? 'image' : 'images'} translated${how}.`];
  if (clipped.length > 0) {
    const pixels = clipped.reduce((sum, each) => sum + each.clipped, 0);
    const share = (100 * pixels) / done.reduce((sum, each) => sum + each.pixels, 0);
    lines.push(
      `Values outside of ${lo} to ${hi}, the range that was trained on, were taken for its ends: ${pixels} pixels ` +
        `(${share.toPrecision(2)} %) in ${clipped.length} ${clipped.length === 1 ? 'image' : 'images'}.`,
    );
    if (share > SUSPICIOUS)
      lines.push(
        'That is much: if values mean something else here than where it was trained, say what with --range.',
      );
  }
  const offsets = new Set(done.map(({ offset }) => offset).filter((offset) => offset !== 0));
  if (offsets.size > 0)
    lines.push(`Values below 0 do not fit the format: ${[...offsets].join(' or ')} was added to all.`);
  for (const { reason } of bad) lines.push(`Left out: ${reason}`);
  return lines;
}

function summary(
  { key, direction, step, hash, range }: TrainedGenerator,
  engine: string,
  done: readonly Done[],
  bad: readonly Bad[],
): object {
  return { trial: key, direction, step, model: hash, range, engine, images: done, bad };
}
