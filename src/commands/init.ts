/** @file `sweep init`: writes a commented sweep file from the data folder that it is pointed at, or after three questions. */
import fs from 'node:fs';
import path from 'node:path';
import readline from 'node:readline/promises';
import type { ArgumentsCamelCase, Argv, CommandModule } from 'yargs';
import { readDefinition } from '../definition/read.js';
import { messageOf, systemCode, UserError } from '../errors.js';
import { listImages, type ImageFile } from '../imaging/folder.js';
import { DataError } from '../imaging/image.js';
import { pairByPosition } from '../imaging/pairs.js';
import { formatByEnding, readImage } from '../imaging/read.js';
import { splitImages } from '../imaging/split.js';
import { jsonOption } from './options.js';

interface InitArguments {
  folder?: string;
  x?: string;
  y?: string;
  phantom: boolean;
  compare: Comparison;
  out: string;
  name?: string;
  force: boolean;
  json: boolean;
}

export const initCommand: CommandModule<object, InitArguments> = {
  command: 'init [folder]',
  describe: 'Write a commented sweep file for a data folder',
  builder: (yargs: Argv) =>
    yargs
      .usage(
        '$0 init [folder]\n\nLooks at a folder that holds the two domains as folders of images, and writes a sweep file to start from.\n' +
          'In a terminal and without a folder it asks three questions.',
      )
      .positional('folder', { type: 'string', describe: 'Folder that holds a folder for each domain' })
      .option('x', {
        type: 'string',
        requiresArg: true,
        describe: 'Folder of domain X, instead of FOLDER’s first',
      })
      .option('y', {
        type: 'string',
        requiresArg: true,
        describe: 'Folder of domain Y, instead of FOLDER’s second',
      })
      .option('phantom', {
        type: 'boolean',
        default: false,
        describe: 'No folders: radiographs that the program draws itself',
      })
      .option('compare', {
        choices: Object.keys(COMPARISONS) as Comparison[],
        default: 'patch' as const,
        describe: 'What varies: patch and batch, the weights lambda and gamma, or the generators',
      })
      .option('out', {
        type: 'string',
        default: 'sweep.yaml',
        requiresArg: true,
        describe: 'The file to write',
      })
      .option('name', {
        type: 'string',
        requiresArg: true,
        describe: 'Name of the study  [default: of the file]',
      })
      .option('force', { type: 'boolean', default: false, describe: 'Write over a file that is there' })
      .option('json', jsonOption)
      .example('$0 init data/chest', 'data/chest/A and data/chest/B become sweep.yaml')
      .example('$0 init --phantom --compare weights', 'no data of your own')
      .example('$0 init --x data/soft --y data/sharp --out kernels.yaml', 'two folders anywhere'),
  handler: init,
};

async function init(args: ArgumentsCamelCase<InitArguments>): Promise<void> {
  const out = path.resolve(args.out);
  if (fs.existsSync(out) && !args.force) {
    throw new UserError(
      `${args.out} is there already; nothing was overwritten. Give another --out, or --force.`,
    );
  }
  const asked = isBare(args) ? await ask() : args;
  const found = asked.phantom ? undefined : await examine(...domains(asked));
  const name =
    args.name ??
    (path
      .basename(out, path.extname(out))
      .replace(/[^A-Za-z0-9_-]+/g, '-')
      .replace(/^[-_]+/, '') ||
      'sweep');
  const text = sweepText(name, path.dirname(out), found, COMPARISONS[asked.compare]);
  readDefinition(text, args.out); // what is written can be run
  try {
    fs.writeFileSync(out, text);
  } catch (error) {
    throw new UserError(`${args.out} cannot be written (${systemCode(error) ?? messageOf(error)}).`, 2, {
      cause: error,
    });
  }
  if (args.json) {
    const { x, y, images, side, pairs } = found ?? {};
    console.log(JSON.stringify({ file: out, x, y, images, side, pairs, phantom: found === undefined }));
  } else {
    console.log(
      `Wrote ${args.out}: ${foundInWords(found)}.\nWhat it runs and how long that takes: sweep plan ${args.out}\nRun it: sweep run ${args.out}`,
    );
  }
}

function foundInWords(found: Found | undefined): string {
  if (found === undefined) return 'phantom radiographs in the styles of two vendors';
  const { images, pairs, pairing } = found;
  return `${images[0]} images of X, ${images[1]} of Y, ${pairs === 0 ? 'unpaired' : `${pairs} pairs ${pairing.replace('-', ' ')}`}`;
}

/** Whether nobody said which data, and somebody is there to ask. */
function isBare({ folder, x, y, phantom, json }: InitArguments): boolean {
  const said = folder !== undefined || x !== undefined || y !== undefined || phantom;
  return !said && !json && process.stdin.isTTY === true && process.stdout.isTTY === true;
}

type Answers = Pick<InitArguments, 'folder' | 'x' | 'y' | 'phantom' | 'compare'>;

/** Three questions. An answer that cannot be is told, and asked for again. */
async function ask(): Promise<Answers> {
  const terminal = readline.createInterface({ input: process.stdin, output: process.stdout });
  // The end of what can be read, or Ctrl-C: nothing was written, and nothing is.
  const left = new Promise<never>((_, reject) => {
    terminal.once('close', () => reject(new UserError('Nothing was written.')));
  });
  left.catch(() => undefined);
  const question = async (text: string, check: (answer: string) => string | undefined) => {
    for (;;) {
      const answer = (await Promise.race([terminal.question(text), left])).trim();
      const wrong = check(answer);
      if (wrong === undefined) return answer;
      console.log(wrong);
    }
  };
  const isFolder = (answer: string) =>
    fs.statSync(answer, { throwIfNoEntry: false })?.isDirectory() === true
      ? undefined
      : `${answer === '' ? 'Nothing' : answer} is not a folder.`;
  const none = 'Enter alone: radiographs that the program draws itself';
  try {
    const x = await question(`1. Folder of the images in style X, or of both styles (${none}): `, (answer) =>
      answer === '' ? undefined : isFolder(answer),
    );
    const y =
      x === '' || holdsDomains(x)
        ? undefined
        : await question('2. Folder of the images in style Y: ', isFolder);
    const kinds = Object.keys(COMPARISONS) as Comparison[];
    const kind = await question(
      `${y === undefined ? 2 : 3}. What to compare, ${kinds.join(', ')} (Enter alone: ${kinds[0]}): `,
      (answer) => (answer === '' || answer in COMPARISONS ? undefined : `Expected ${kinds.join(', ')}.`),
    );
    const compare = (kind || 'patch') as Comparison;
    if (x === '') return { phantom: true, compare };
    return y === undefined ? { folder: x, phantom: false, compare } : { x, y, phantom: false, compare };
  } finally {
    terminal.close();
  }
}

/** Whether a folder holds two folders of images. */
function holdsDomains(folder: string): boolean {
  return imageFolders(folder).length === 2;
}

/** Names of the folders within that hold images. */
function imageFolders(folder: string): string[] {
  const below = fs.readdirSync(folder, { withFileTypes: true });
  return below
    .filter((entry) => entry.isDirectory() && !entry.name.startsWith('.'))
    .map(({ name }) => name)
    .filter((name) => holdsImages(path.join(folder, name)))
    .sort();
}

/** Names of domains that come first, where a folder holds exactly such two. */
const FIRST = /^(x|a|.*[^a-z](x|a)|train_?a|source|low|soft)$/i;

/** @throws UserError if it is not clear which two folders are meant */
function domains({ folder, x, y }: Answers): [string, string] {
  if (x !== undefined && y !== undefined) return [path.resolve(x), path.resolve(y)];
  if (x !== undefined || y !== undefined)
    throw new UserError('--x and --y go together: a folder for each domain.');
  if (folder === undefined) {
    throw new UserError(
      'Which data? sweep init FOLDER, sweep init --x FOLDER --y FOLDER, or sweep init --phantom. See sweep init --help.',
    );
  }
  let names: string[];
  try {
    names = imageFolders(folder);
  } catch (error) {
    throw new UserError(
      `${folder}: not a folder that can be read (${systemCode(error) ?? messageOf(error)}).`,
    );
  }
  if (names.length !== 2) {
    const what =
      names.length === 0
        ? 'no folder with images'
        : `${names.length} folders with images: ${names.join(', ')}`;
    throw new UserError(
      `${folder} holds ${what}; two were expected, one a domain. Name them: --x FOLDER --y FOLDER.`,
    );
  }
  if (FIRST.test(names[1]!) && !FIRST.test(names[0]!)) names.reverse();
  return [path.resolve(folder, names[0]!), path.resolve(folder, names[1]!)];
}

/** By its endings, or by files without one, as DICOM has them; at any depth. */
function holdsImages(folder: string): boolean {
  const names = fs.readdirSync(folder, { recursive: true, encoding: 'utf8' });
  return names.some((name) => {
    const visible = !path.basename(name).startsWith('.');
    return (
      visible && (formatByEnding(name) !== undefined || path.extname(name) === '' || /\.\d+$/.test(name))
    );
  });
}

interface Found {
  x: string;
  y: string;
  images: [number, number];
  /** Smallest side of the images that were looked at, pixels. */
  side: number;
  bits: number;
  /** Whether values are Hounsfield units, which have a range of their own. */
  hounsfield: boolean;
  /** Least and largest value of the images that were looked at. */
  least: number;
  largest: number;
  pairs: number;
  pairing: 'by-name' | 'by-position';
  /** Regular expression that takes the patient from a name, where names look like that. */
  patient?: string;
  /** Whether the files say themselves whose they are. */
  headers: boolean;
  /** Whether there are enough patients for the default split. */
  splits: boolean;
}

/** Images of each domain that are opened: enough to tell what they are. */
const LOOKED_AT = 5;

/** @throws DataError if a folder holds no image that can be read */
async function examine(x: string, y: string): Promise<Found> {
  const [listX, listY] = [(await listImages(x)).files, (await listImages(y)).files];
  let [side, bits, least, largest, hounsfield] = [Infinity, 0, Infinity, -Infinity, false];
  for (const files of [listX, listY]) {
    for (const file of evenly(files, LOOKED_AT)) {
      const image = await readImage(file);
      side = Math.min(side, image.width, image.height);
      bits = Math.max(bits, image.bits);
      hounsfield ||= image.unit === 'HU';
      for (const value of image.data) {
        if (value < least) least = value;
        if (value > largest) largest = value;
      }
    }
  }
  const stems = new Set(listY.map(({ stem }) => stem));
  const byName = listX.filter(({ stem }) => stems.has(stem)).length;
  const byPosition = pairsByPosition(listX, listY);
  const patient = patientPattern([...listX, ...listY]);
  let splits = true;
  try {
    splitImages(listX, listY, { train: 0.7, validation: 0.15, test: 0.15 }, { patient });
  } catch (error) {
    if (!(error instanceof DataError)) throw error;
    splits = false;
  }
  return {
    x,
    y,
    images: [listX.length, listY.length],
    side,
    bits,
    hounsfield,
    least,
    largest,
    pairs: byPosition || byName,
    pairing: byPosition > 0 ? 'by-position' : 'by-name',
    headers: listX[0]?.patient !== undefined,
    splits,
    ...(patient === undefined ? {} : { patient }),
  };
}

function pairsByPosition(x: ImageFile[], y: ImageFile[]): number {
  try {
    return pairByPosition(x, y).pairs.length;
  } catch (error) {
    if (error instanceof DataError) return 0;
    throw error;
  }
}

/** `00000376_006.png`: digits, then a sign, then more: what stands first is the patient, if it stands more than once. */
function patientPattern(files: ImageFile[]): string | undefined {
  const patients = files.map(({ name }) => /^(\d+)[_-]/.exec(path.basename(name))?.[1]);
  if (patients.some((one) => one === undefined)) return undefined;
  return new Set(patients).size < files.length ? '^(\\d+)[_-]' : undefined;
}

function evenly<T>(items: T[], count: number): T[] {
  const step = Math.max(1, items.length / count);
  return Array.from({ length: Math.min(count, items.length) }, (_, at) => items[Math.floor(at * step)]!);
}

/** What a sweep file compares: a question, and what of it varies, from the smaller and the larger patch that fit. */
interface Compared {
  question: string;
  body: (small: number, large: number, fixed: string) => string;
}

type Comparison = 'patch' | 'weights' | 'generators';

const COMPARISONS: Record<Comparison, Compared> = {
  patch: {
    question: 'Does a larger patch matter more than a larger batch?',
    body: (small, large, fixed) => `fixed: { ${fixed}, blocks: 3 }

# What varies: a mapping is crossed. A list holds parameters that go together: [{ patch: 64, batch: 16 }, ...]
grid:
  patch: [${[...new Set([small, large])].join(', ')}]
  batch: [2, 8]
`,
  },
  weights: {
    question: 'How much should the cycle and the identity loss weigh?',
    body: (_small, large, fixed) => `fixed: { ${fixed}, blocks: 3, patch: ${large}, batch: 2 }

# What varies: every lambda with every gamma. Networks see intensities in [-1, 1].
grid:
  lambda: [5, 10]
  gamma: [0, 5]
`,
  },
  generators: {
    question: 'Which generator?',
    body: (_small, large, fixed) => `fixed: { ${fixed}, patch: ${large}, batch: 2 }

# What varies: parameters that go together.
grid:
  - { generator: resnet, blocks: 3 }
  - { generator: unet, blocks: ${Math.max(1, Math.min(5, Math.log2(large & -large)))} }
`,
  },
};

/** Side below which three strided layers of a discriminator leave nothing of a patch. */
const LEAST_PATCH = 24;

/** @param found undefined: the phantom */
function sweepText(name: string, folder: string, found: Found | undefined, compared: Compared): string {
  const schema = path.relative(folder, SCHEMA).split(path.sep).join('/');
  const side = found?.side ?? 1024;
  // Two patches that fit, the larger at most half of the side.
  const large =
    [256, 128, 64, 32].find((patch) => patch <= side / 2) ?? 16 * Math.max(1, Math.floor(side / 16));
  const small = Math.max(16, large / 2);
  return `# yaml-language-server: $schema=${schema.startsWith('.') ? schema : `./${schema}`}
#
# Written by sweep init. What it would run and how long that takes: sweep plan THIS_FILE. Everything that can stand
# here: docs/sweep-files.md.
name: ${name}
question: ${compared.question}

${found === undefined ? PHANTOM : dataText(folder, found)}
# The same in every trial. A small network, to see that all works; the paper's is filters 64, blocks 9.
${compared.body(small, large, `filters: 8${small < LEAST_PATCH ? ', disc_layers: 1' : ''}`)}
seeds: 3 # with one, a difference cannot be told from chance; a verdict takes eight
budget: { pixels: 4M } # of each domain, the same for every trial; or updates, epochs, minutes
`;
}

const PHANTOM = `# Radiographs that the program draws, the same anatomy in the styles of two vendors; or { x: FOLDER, y: FOLDER }.
data: { phantom: radiograph, count: 24, size: 1024 }
`;

function dataText(folder: string, found: Found): string {
  const { x, y, images, side, bits, hounsfield, least, largest, pairs, pairing, patient, headers, splits } =
    found;
  const relative = (to: string) => quoted(path.relative(folder, to).split(path.sep).join('/') || '.');
  const range = rangeLines(bits, hounsfield, least, largest);
  return `# ${images[0]} images of X and ${images[1]} of Y, ${bits} bits, ${side} pixels and more a side. Paths start from this file.
data:
  x: ${relative(x)}
  y: ${relative(y)}
${
  pairs > 0
    ? `  pairing: ${pairing} # ${pairs} ${pairing === 'by-name' ? 'files have the same name' : 'images lie at the same place'} in both: scores compare them; training is unpaired unless 'paired' is above 0\n`
    : '  pairing: none # no file has the same name in both; by-name, by-position (DICOM), or an index file (CSV, JSON) tells which show the same\n'
}${
    patient === undefined
      ? headers
        ? "  # patient: '(.+)' # without, the files say themselves whose they are; this takes each for a patient of its own\n"
        : "  # patient: '^(\\d+)_' # takes the patient from a file name, so that a patient's images stay in one part of the split\n"
      : `  patient: '${patient}' # a patient's images stay in one part of the split\n`
  }${range}${
    splits
      ? '  # split: { train: 0.7, validation: 0.15, test: 0.15 } # shares, or lists of names\n'
      : '  # There are too few images or patients for the default split: list names instead.\n  # split: { train: [NAME], validation: [NAME], test: [NAME] }\n'
  }`;
}

/** The line that gives the range, or says what it is without. */
function rangeLines(bits: number, hounsfield: boolean, least: number, largest: number): string {
  if (hounsfield)
    return '  # range: [-1024, 3071] # Hounsfield units that -1 and 1 stand for, which is also what a CT gets without\n';
  if (bits === 16 && least >= 0 && largest <= 4095) {
    return `  range: [0, 4095] # no value above ${largest} was seen: 12 bits stored in 16\n`;
  }
  if (bits === 32 || least < 0) {
    return `  range: percentiles # of all training images, ${least} to ${largest} was seen; or the intensities that -1 and 1 stand for\n`;
  }
  return '  # range: [0, 4095] # the intensities that -1 and 1 stand for; without, the full range of the bit depth\n';
}

/** The schema beside the studies of this program. */
const SCHEMA = path.resolve(import.meta.dirname, '../../sweeps/sweep.schema.json');

/** A text as YAML takes it. */
function quoted(text: string): string {
  return /^[\w./-]+$/.test(text) && !/^[-.]?[\d.]+$/.test(text) ? text : `'${text.replaceAll("'", "''")}'`;
}
