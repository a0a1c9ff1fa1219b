/**
 * @file npm run study: two of its studies, shortened, run with the tool itself; what the page then says is held against the database, from
 * which this test computes it by itself.
 */
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { query, temporaryFolder } from './support.js';

const SCRIPT = fileURLToPath(new URL('../scripts/study.mjs', import.meta.url));
const PAGE = fileURLToPath(new URL('../docs/study.md', import.meta.url));
/** Quantile 0.975 of Student's t, from a printed table, by seeds. */
const T = { 3: 4.302653, 8: 2.364624 };
const BLOCKS = [
  'answer',
  'claims',
  'exam',
  'losses',
  'health',
  'phantom',
  'unsettled',
  'cost',
  'plans',
  'pictures',
  'made',
];

const folder = temporaryFolder();
const at = (...parts: string[]) => path.join(folder, ...parts);
afterAll(() => fs.rmSync(folder, { recursive: true, force: true }));

/** As a user runs it, from the folder that holds sweeps/. */
function study(...args: string[]) {
  const env = { CYCLESWEEP_CACHE: at('cache'), CYCLESWEEP_STATE: at('state') };
  return execa(process.execPath, [SCRIPT, ...args], { cwd: folder, env, all: true, reject: false, stdin: 'ignore' }); // prettier-ignore
}

const REAL = `name: patch-by-batch
question: Is it the patch or the batch?
data: { phantom: radiograph, count: 8, size: 64 }
fixed: { filters: 2, blocks: 1, disc_filters: 2, disc_layers: 1 }
grid: { patch: [16, 32], batch: [1, 4] }
seeds: 3
budget: { updates: 2 }
exam: { critic: 2 }
engine: onnx
device: cpu
compare:
  - { claim: more, outcome: exam/psnr_body, contrast: patch-against-batch, expect: higher, primary: true }
  - claim: better
    outcome: exam/psnr_body
    contrast: { a: { patch: 16, batch: 4 }, b: { patch: 32, batch: 1 } }
    expect: higher
  - { claim: lower D, outcome: loss/D, contrast: { factor: patch }, expect: higher, primary: true }
`;

/** Eight seeds take seconds with a trainer that computes nothing; its first trial fails once and goes on. */
const FOREIGN = `name: seed
question: Is it so when it is done as it was done?
command: [${JSON.stringify(process.execPath)}, ../trainer.mjs, '{patch}', '{seed}']
data: { phantom: radiograph, count: 3, size: 16 }
grid: { patch: [64, 128] }
seeds: 8
budget: { updates: 20 }
compare:
  - { claim: lower D, outcome: loss/D, contrast: { factor: patch }, expect: higher, primary: true }
  - { claim: lower G, outcome: loss/G, contrast: { factor: patch }, expect: lower }
`;

const TRAINER = `import fs from 'node:fs';
import path from 'node:path';
const { SWEEP_EVENTS, SWEEP_TRIAL_DIR, SWEEP_ATTEMPT, SWEEP_RESUME } = process.env;
const [patch, seed] = process.argv.slice(2).map(Number);
const say = (event) => fs.appendFileSync(SWEEP_EVENTS, JSON.stringify(event) + '\\n');
const from = SWEEP_RESUME ? 10 : 0;
say({ t: 'start', engine: 'none', device: 'cpu', updates: 20, from, pid: process.pid });
for (let step = from + 1; step <= 20; step++) {
  const v = { 'loss/D': patch / 320 + ((seed * patch) % 7) / 100 + 1 / step, 'loss/G': patch / 64 + seed };
  say({ t: 'metric', step, wall: Date.now() / 1000, pixels: step * patch ** 2, v });
  if (step === 10) {
    fs.mkdirSync(path.join(SWEEP_TRIAL_DIR, 'checkpoints', 'step-10'), { recursive: true });
    say({ t: 'checkpoint', step, kind: 'last', path: 'checkpoints/step-10', bytes: 0 });
    if (seed === 1 && patch === 64 && SWEEP_ATTEMPT === '1') process.exit(75);
  }
}
say({ t: 'done', step: 20, reason: 'its budget is used up' });
`;

let page = '';
beforeAll(async () => {
  fs.mkdirSync(at('sweeps'));
  fs.writeFileSync(at('sweeps', 'patch-by-batch.yaml'), REAL);
  fs.writeFileSync(at('sweeps', 'seed.yaml'), FOREIGN);
  fs.writeFileSync(at('trainer.mjs'), TRAINER);
  const run = await study('run', 'patch-by-batch', 'seed', '--results', 'r');
  expect(run.exitCode, run.all).toBe(0);
  expect(run.all).toMatch(/Sweep patch-by-batch: 12 trials[^]*12 done, 0 failed, 0 left/);
  expect(run.all).toMatch(/Sweep seed: 16 trials[^]*16 done, 0 failed, 0 left/);
  const written = await study('--results', 'r', '--out', 'page.md');
  expect(written.exitCode, written.all).toBe(0);
  page = fs.readFileSync(at('page.md'), 'utf8');
});

/** A block of the page, without its marks. */
function block(name: string, text = page): string {
  const [, found] = new RegExp(`<!-- study: ${name} -->\\n([^]*?)<!-- /study -->`).exec(text) ?? [];
  expect(found, name).toBeDefined();
  return found!;
}

/** Cells of the rows of all tables of a block, those of the heads among them. */
function rows(name: string): string[][] {
  const lines = block(name).split('\n').filter((line) => line.startsWith('| ')); // prettier-ignore
  return lines.map((line) => line.slice(2, -2).split(' | '));
}

function rowOf(name: string, ...beginning: string[]): string[] {
  const found = rows(name).filter((row) => beginning.every((text) => row.some((cell) => cell === text)));
  expect(found, beginning.join()).toHaveLength(1);
  return found[0]!;
}

/** Numbers of a cell as they are printed, e.g. of `−0.05 to +0.29` or `31.20 (30.85)`. */
const numbers = (cell: string) =>
  [...cell.replaceAll('−', '-').matchAll(/[-+]?\d[\d.]*/g)].map(([text]) => text);

/** No further apart than by rounding: half a unit of the last place that is printed. */
function expectRounded(printed: string | undefined, exact: number): void {
  const [, decimals = ''] = printed!.split('.');
  const apart = Math.abs(Number(printed) - exact);
  expect(apart, `${printed} for ${exact}`).toBeLessThanOrEqual(0.5 * 10 ** -decimals.length + 1e-9);
}

const mean = (values: number[]) => values.reduce((sum, one) => sum + one, 0) / values.length;

/** Mean of differences and the ends of its 95 % interval. */
function paired(differences: number[]): [number, number, number] {
  const n = differences.length as keyof typeof T;
  const centre = mean(differences);
  const variance = differences.reduce((sum, one) => sum + (one - centre) ** 2, 0) / (n - 1);
  const half = T[n] * Math.sqrt(variance / n);
  return [centre, centre - half, centre + half];
}

/** Outcomes of a study's trials by patch, batch and seed, out of the database by SQL alone. */
function outcomes(
  sweep: string,
  value: string,
): (patch: number, batch: number | null, seed: number) => number {
  const found = query(
    at('r'),
    `select json_extract(trials.parameters, '$.patch') as patch, json_extract(trials.parameters, '$.batch') as batch, seed, ${value} as value
     from trials join sweep_trials on sweep_trials.trial = trials.id join sweeps on sweeps.id = sweep_trials.sweep where sweeps.name = '${sweep}'`,
  );
  return (...wanted) =>
    Number(found.find((row) => [row.patch, row.batch, row.seed].join() === wanted.join())!.value);
}

const exam = (name: string) =>
  `(select json_extract("values", '$."${name}"') from exams where exams.trial = trials.id and split = 'test')`;
/** The last tenth of so many updates. */
const last = (name: string, updates: number) =>
  `(select avg(value) from metrics join metric_names on metric_names.id = metrics.name where metrics.trial = trials.id and metric_names.name = '${name}' and step > ${0.9 * updates})`;

const SEEDS = [1, 2, 3];

/** What a row of claims says: effect and interval. */
const said = (row: string[]) => [...numbers(row[5]!).slice(0, 1), ...numbers(row[6]!)];

describe('claims', () => {
  test('have the mean paired difference and its t interval', () => {
    const d = outcomes('patch-by-batch', last('loss/D', 2));
    const row = rowOf('claims', 'phantom (patch-by-batch)', 'Discriminator loss');
    const expected = paired(SEEDS.map((seed) => (d(32, 1, seed) + d(32, 4, seed) - d(16, 1, seed) - d(16, 4, seed)) / 2)); // prettier-ignore
    said(row).forEach((one, i) => expectRounded(one, expected[i]!));
    expect(row.slice(2, 5)).toEqual(['patch 32 against patch 16, main effect', 'Discriminator loss', 'estimate (n = 3)']); // prettier-ignore
    expect([row[8], row[10]]).toEqual(['3', 'primary']);
    expect(row[9]).toMatch(/^\d\.\d{3}$|^below 0\.001$/);
  });

  test('of patch against batch are gains per doubling, and pairs are plain differences', () => {
    const psnr = outcomes('patch-by-batch', exam('exam/psnr_body'));
    const against = SEEDS.map((seed) => {
      const [a, b, c, d] = [psnr(16, 1, seed), psnr(16, 4, seed), psnr(32, 1, seed), psnr(32, 4, seed)];
      return (c + d - a - b) / 2 / 2 - (b + d - a - c) / 2 / 2;
    });
    const row = rowOf('claims', 'patch 16 → 32 against batch 1 → 4, per doubling');
    said(row).forEach((one, i) => expectRounded(one, paired(against)[i]!));
    expect(row[5]).toMatch(/ dB$/);
    const pair = rowOf('claims', 'patch 32, batch 1 against patch 16, batch 4');
    const expected = paired(SEEDS.map((seed) => psnr(32, 1, seed) - psnr(16, 4, seed)));
    said(pair).forEach((one, i) => expectRounded(one, expected[i]!));
    expect([pair[9], pair[10]]).toEqual(['—', 'exploratory']);
  });

  test('of the repetition are reproduced or not', () => {
    const d = outcomes('seed', last('loss/D', 20));
    const eight = [1, 2, 3, 4, 5, 6, 7, 8];
    const expected = paired(eight.map((seed) => d(128, null, seed) - d(64, null, seed)));
    const row = rowOf('claims', 'phantom (seed)', 'Discriminator loss');
    said(row).forEach((one, i) => expectRounded(one, expected[i]!));
    expect([row[4], row[8]]).toEqual(['reproduced', '8']);
    expect(rowOf('claims', 'phantom (seed)', 'Generator loss')[4]).toBe('not reproduced');
  });

  test('are answered at the top, by data set, and what was not run is named', () => {
    const answer = rows('answer');
    expect(answer[0]).toEqual(['Claim', 'phantom', 'CT kernel phantom', 'chest X-rays', 'as it was first done (phantom)']); // prettier-ignore
    expect(answer[2]!.slice(1)).toEqual(['estimate (n = 3) (1.1)', '—', '—', 'reproduced (1.2)']);
    expect(answer[3]!.slice(1)).toEqual(['—', '—', '—', 'not reproduced (2.1); exploratory']);
    const missing =
      'Not in this store: patch-by-batch-ct, patch-by-batch-xray, data-size, paired and weights.';
    expect(block('answer')).toContain(missing);
  });

  test('that are not settled say how many seeds it would take', () => {
    const d = outcomes('patch-by-batch', exam('exam/psnr_body'));
    const differences = SEEDS.map((seed) => d(32, 1, seed) - d(16, 4, seed));
    const spread = Math.sqrt(differences.reduce((sum, one) => sum + (one - mean(differences)) ** 2, 0) / 2);
    const row = rowOf('unsettled', 'patch 32, batch 1 against patch 16, batch 4');
    expectRounded(numbers(row[7]!)[0], spread);
    for (const seeds of row.slice(8)) expect(seeds).toMatch(/^\d+$|^over 1000$/);
  });
});

test('the exam has means over seeds, the worst seed, and what needs no network', () => {
  const psnr = outcomes('patch-by-batch', exam('exam/psnr_body'));
  const plain = outcomes('patch-by-batch', exam('exam/psnr_body_untranslated'));
  const critic = outcomes('patch-by-batch', exam('exam/critic_yx'));
  const table = rows('exam');
  expect(table[0]!.slice(0, 4)).toEqual(['Setting', 'Seeds', 'PSNR, inside the body (dB), X→Y', 'PSNR, inside the body (dB), Y→X']); // prettier-ignore
  expect(table.slice(2, 5).map(([head]) => head)).toEqual(['Untranslated', 'Histogram matching', 'Linear filter']); // prettier-ignore
  expectRounded(numbers(rowOf('exam', 'Untranslated')[2]!)[0], plain(16, 1, 1));
  const row = rowOf('exam', '32×32, batch 4');
  const values = SEEDS.map((seed) => psnr(32, 4, seed));
  const [average, worst] = numbers(row[2]!);
  expectRounded(average, mean(values));
  expectRounded(worst, Math.min(...values));
  const told = SEEDS.map((seed) => critic(32, 4, seed));
  expect(table[0]!.at(-1)).toBe('Accuracy of a fresh critic, Y→X');
  const [accuracy, mostTold] = numbers(row.at(-1)!);
  expectRounded(accuracy, mean(told));
  expectRounded(mostTold, Math.max(...told));
});

test('what failed and went on is counted, and what was predicted stays as it was', async () => {
  // Done, attempts stopped, lost, resumed, failed; trials failed.
  const counts = (name: string) => { const row = rowOf('plans', name); return [row[1], ...row.slice(6)]; }; // prettier-ignore
  expect(counts('patch-by-batch')).toEqual(['12 of 12', '0', '0', '0', '0', '0']);
  expect(counts('seed')).toEqual(['16 of 16', '0', '0', '1', '1', '0']);
  for (const time of rowOf('plans', 'patch-by-batch').slice(2, 6)) expect(time).toMatch(/^\d+ (s|min)/);

  const file = at('r', 'plans', 'seed.json');
  const before = fs.readFileSync(file, 'utf8');
  expect(JSON.parse(before)).toMatchObject({ count: 16, left: { trialSeconds: null } });
  const again = await study('run', 'seed', '--results', 'r');
  expect([again.exitCode, again.all]).toEqual([0, expect.stringContaining('16 done, 0 failed, 0 left')]);
  expect(fs.readFileSync(file, 'utf8')).toBe(before);
});

test('a study whose folders of images are not there is left out, and the others go on', async () => {
  const absent = REAL.replace('patch-by-batch', 'patch-by-batch-xray').replace(/^data: .*$/m, 'data: { x: no/A, y: no/B, pairing: by-name }'); // prettier-ignore
  fs.writeFileSync(at('sweeps', 'patch-by-batch-xray.yaml'), absent);
  const run = await study('run', 'patch-by-batch-xray', 'seed', '--results', 'r');
  expect(run.exitCode).toBe(2);
  expect(run.all).toMatch(/no\/A[^]*patch-by-batch-xray is left out[^]*16 done, 0 failed, 0 left/);
  expect(fs.existsSync(at('r', 'plans', 'patch-by-batch-xray.json'))).toBe(false);
});

test('the cost at full size is the arithmetic of its layers', () => {
  // Multiply-adds a pixel of the generator, as docs/networks.md has them; six passes of it and six of the discriminator,
  // forward and back, two operations each.
  const [, trial] = /: ([\d.]+) PFLOP a trial/.exec(block('cost'))!;
  const generators = 160 * 500 * 128 ** 2 * 743.6e3 * 6 * 3 * 2;
  expect((Number(trial) * 1e15) / generators).toBeGreaterThan(1);
  expect((Number(trial) * 1e15) / generators).toBeLessThan(1.15);
  const [rate, one, all] = rows('cost')[2]!.map((cell) => Number(numbers(cell)[0])) as [
    number,
    number,
    number,
  ];
  expect(one).toBeCloseTo((Number(trial) * 1e3) / rate / 3600, -1);
  expect(all / ((48 * Number(trial) * 1e3) / rate / 3600)).toBeCloseTo(1, 2);
});

test('the same store gives the same page, byte for byte, and nothing outside of the blocks changes', async () => {
  expect((await study('--results', 'r', '--out', 'page.md')).exitCode).toBe(0);
  expect(fs.readFileSync(at('page.md'), 'utf8')).toBe(page);
  const prose = (text: string) => text.replace(/(<!-- study: \w+ -->\n)[^]*?(<!-- \/study -->)/g, '$1$2');
  expect(prose(page)).toBe(prose(fs.readFileSync(PAGE, 'utf8')));
});

test('the page of the project has every block, once, as the command writes it', () => {
  const text = fs.readFileSync(PAGE, 'utf8');
  expect([...text.matchAll(/<!-- study: (\w+) -->/g)].map(([, name]) => name)).toEqual(BLOCKS);
  expect(text.match(/<!-- \/study -->/g)).toHaveLength(BLOCKS.length);
  // Its tables have the heads that the command gives them: neither was changed without the other.
  for (const name of ['answer', 'claims', 'plans', 'made']) {
    const heads = (of: string) => [...block(name, of).matchAll(/^(\|.*\|)\n\|(?: -+:? \|)+$/gm)].map(([, head]) => head); // prettier-ignore
    expect(new Set(heads(page))).toEqual(new Set(heads(text)));
  }
});

test('what is not understood, and a store that is not there, are said in a sentence', async () => {
  const wrong = await study('run', 'patch');
  expect([wrong.exitCode, wrong.all]).toEqual([2, expect.stringContaining('Not understood: run patch. Expected')]); // prettier-ignore
  const none = await study('--results', 'nowhere', '--out', 'page.md');
  expect(none.exitCode).toBe(2);
  expect(none.all).not.toMatch(/^ +at /m);
  fs.writeFileSync(at('other.md'), 'no marks');
  const unmarked = await study('--results', 'r', '--out', 'other.md');
  expect([unmarked.exitCode, unmarked.all]).toEqual([2, expect.stringContaining('<!-- study: answer -->')]);
});
