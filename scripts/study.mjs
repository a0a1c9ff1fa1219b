/**
 * @file npm run study: writes the numbers of docs/study.md from the store of its studies; npm run study -- run [NAME ...] runs them with the
 * tool itself, one after another; -- pictures takes pictures out of their reports. The page says how to use it.
 */
import { spawn, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { takePictures } from './pictures.mjs';
import { blocksOf } from './study/blocks.mjs';
import { PICTURES, STUDIES } from './study/studies.mjs';
import { UserError } from '../dist/errors.js';
import { writeReport } from '../dist/report/build.js';
import { cellsOf } from '../dist/report/cells.js';
import { verdictsOf } from '../dist/report/verdicts.js';
import { openExistingStore } from '../dist/store/open.js';
import { readSweeps } from '../dist/store/queries.js';
import { packageVersion } from '../dist/version.js';

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
const cli = path.join(root, 'dist', 'cli.js');
const PAGE = path.join(root, 'docs', 'study.md');
const USAGE = `npm run study -- [write] [--results DIR] [--out FILE]     the numbers of docs/study.md, from the store
npm run study -- run [NAME ...] [--results DIR] [--set NAME=VALUE ...]     runs the studies: ${STUDIES.map(({ name }) => name).join(', ')}
npm run study -- pictures [--results DIR] [--out FILE]     pictures out of the reports, into study/ beside the page`;

try {
  process.exitCode = await main();
} catch (error) {
  const stray = String(error.code).startsWith('ERR_PARSE_ARGS');
  if (!(error instanceof UserError) && !stray) throw error;
  console.error(stray ? `${error.message}\n${USAGE}` : error.message);
  process.exitCode = error.exitCode ?? 2;
}

async function main() {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      results: { type: 'string', default: path.join('results', 'study') },
      out: { type: 'string', default: PAGE },
      set: { type: 'string', multiple: true, default: [] },
    },
  });
  const [command = 'write', ...names] = positionals;
  const commands = {
    run: () => run(names, values),
    write: () => write(values),
    pictures: () => pictures(values),
  };
  const unknown = names.filter((name) => !STUDIES.some((study) => study.name === name));
  if (!(command in commands) || unknown.length > 0 || (names.length > 0 && command !== 'run')) {
    throw new UserError(`Not understood: ${[command, ...names].join(' ')}. Expected\n${USAGE}`);
  }
  return commands[command]();
}

/** What the store holds of the studies. Primary claims are corrected for the number of all of them, those of the repetition by themselves. */
function gather(results) {
  const store = openExistingStore(results);
  let sweeps;
  try {
    sweeps = readSweeps(store, 'all');
  } finally {
    store.close();
  }
  const there = STUDIES.flatMap((study) => {
    const sweep = sweeps.find(({ name }) => name === study.name);
    return sweep === undefined ? [] : [{ ...study, sweep, cells: cellsOf(sweep), plan: planOf(results, study.name) }]; // prettier-ignore
  });
  const judged = (studies) => verdictsOf(studies.map(({ sweep }) => sweep));
  const all = [...judged(there.filter(({ repetition }) => !repetition)), ...judged(there.filter(({ repetition }) => repetition))]; // prettier-ignore
  return there.map((study) => ({ ...study, ...all.find(({ sweep }) => sweep === study.name), sweep: study.sweep })); // prettier-ignore
}

function planFile(results, name) {
  return path.join(results, 'plans', `${name}.json`);
}

/** What `sweep plan` said before the first run; undefined where nobody asked. */
function planOf(results, name) {
  const file = planFile(results, name);
  return fs.existsSync(file) ? JSON.parse(fs.readFileSync(file, 'utf8')) : undefined;
}

function write({ results, out }) {
  const studies = gather(results);
  let page = fs.readFileSync(fs.existsSync(out) ? out : PAGE, 'utf8');
  for (const [name, block] of Object.entries({ ...blocksOf(studies), pictures: picturesBlock(out) }))
    page = put(page, name, block);
  fs.writeFileSync(out, page);
  const names = studies.map(({ name }) => name);
  console.log(`${out}: ${names.length > 0 ? names.join(', ') : 'none of the studies is in this store'}`);
  return 0;
}

/** Between its two marks. */
function put(page, name, block) {
  const [from, to] = [`<!-- study: ${name} -->\n`, '<!-- /study -->'];
  const start = page.indexOf(from);
  const end = page.indexOf(to, start);
  if (start < 0 || end < 0)
    throw new UserError(`The page has no place for ${name}. Expected\n${from}${to}\nin it.`);
  return `${page.slice(0, start + from.length)}\n${block}\n\n${page.slice(end)}`;
}

/** Those that are there. */
function picturesBlock(out) {
  const shown = PICTURES.filter(({ file }) => fs.existsSync(pictureFile(out, file)));
  if (shown.length === 0) return 'No pictures have been taken.';
  return shown.map(({ file, says }) => `![${says}](study/${file})\n\n*${says}.*`).join('\n\n');
}

function pictureFile(out, file) {
  return path.join(path.dirname(out), 'study', file);
}

async function pictures({ results, out }) {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'cyclesweep-study-'));
  try {
    const studies = gather(results);
    // Those that are corrected together stand in one report, as they do in the page's tables.
    const reports = [false, true].map((repetition) => studies.filter((study) => Boolean(study.repetition) === repetition)); // prettier-ignore
    const wanted = reports.flatMap((report, at) => {
      const shown = PICTURES.filter(({ study }) => report.some(({ name }) => name === study));
      if (shown.length === 0) return [];
      const page = path.join(folder, `${at}.html`);
      writeReport(report.map(({ sweep }) => sweep), { out: page, images: true, version: packageVersion() }); // prettier-ignore
      const within = (study) => `#sweep-${report.findIndex((one) => one.name === study)}`;
      return shown.map(({ study, file, selector, before }) => ({
        page,
        file: pictureFile(out, file),
        selector: `${within(study)} ${selector}`,
        before: before && `${within(study)} ${before}`,
      }));
    });
    const taken = await takePictures(wanted);
    for (const file of taken) console.log(`${file}: ${Math.ceil(fs.statSync(file).size / 1000)} kB`);
    return 0;
  } finally {
    fs.rmSync(folder, { recursive: true, force: true });
  }
}

/** Says what a study will take, writes that down unless it is already, and runs it; what is done is not run again. */
async function run(names, { results, set }) {
  let worst = 0;
  for (const { name } of STUDIES.filter((study) => names.length === 0 || names.includes(study.name))) {
    const flags = [path.join('sweeps', `${name}.yaml`), '--results', results, ...set.flatMap((change) => ['--set', change])]; // prettier-ignore
    console.log(`# ${name}`);
    const planned = await sweep('plan', ...flags);
    if (planned > 2) return planned; // interrupted
    if (planned > 0) {
      // Mostly its folders of images, which not everybody has.
      console.error(`${name} is left out: see above.`);
      worst = 2;
      continue;
    }
    if (!fs.existsSync(planFile(results, name))) {
      const plan = spawnSync(process.execPath, [cli, 'plan', ...flags, '--json'], { encoding: 'utf8' });
      if (plan.status !== 0) {
        console.error(plan.stderr);
        return 2;
      }
      fs.mkdirSync(path.join(results, 'plans'), { recursive: true });
      fs.writeFileSync(planFile(results, name), plan.stdout);
    }
    const code = await sweep('run', ...flags);
    if (code > 1) return code;
    worst = Math.max(worst, code);
  }
  return worst;
}

/** Resolves to its exit code. Signals are for it: it saves and leaves, and is waited for. */
function sweep(...args) {
  const child = spawn(process.execPath, [cli, ...args], { stdio: 'inherit' });
  const passOn = (signal) => child.kill(signal);
  process.on('SIGTERM', passOn);
  // Ctrl-C reaches it by itself.
  const stay = () => undefined;
  process.on('SIGINT', stay);
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('exit', (code) => {
      process.off('SIGTERM', passOn).off('SIGINT', stay);
      resolve(code ?? 130);
    });
  });
}
