/**
 * @file Images in and through: how fast DICOM and PNG files are read beside pydicom, GDCM and Pillow, and how fast and in how much
 * memory a whole image is translated at once and strip by strip. After a build: node bench/images.mjs [--quick] [--install-readers]
 * `--quick` translates 512 x 512 by a smaller generator: its figures are no goals. Each translation is a process of its own.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { resolveParameters } from '../dist/definition/parameters.js';
import { encodeDicom } from '../dist/imaging/dicom/encode.js';
import { encodePng } from '../dist/imaging/png.js';
import { availableCores } from '../dist/machine.js';
import { startPeer } from './engines/peer.mjs';
import { gb, goalLine, median, table } from './print.mjs';

const here = (file) => fileURLToPath(new URL(file, import.meta.url));
const READERS = here('.readers');
const PYTHON = `${READERS}/${process.platform === 'win32' ? 'Scripts/python.exe' : 'bin/python'}`;
const PACKAGES = ['pydicom==3.0.2', 'python-gdcm==3.2.6', 'numpy', 'pillow'];
const [FILES, SIDE] = [8, 512];
const quick = process.argv.includes('--quick');
const rounds = quick ? 3 : 7;

if (process.argv.includes('--install-readers')) installReaders();
const folder = mkdtempSync(path.join(os.tmpdir(), 'bench-images-'));
const goals = [];
try {
  console.log(
    `${os.cpus().length} x ${os.cpus()[0]?.model.trim()}, ${availableCores()} threads, node ${process.version}`,
  );
  await decoding();
  await translating();
} finally {
  rmSync(folder, { recursive: true, force: true });
}
for (const line of goals) console.log(line);

function installReaders() {
  const base = process.platform === 'win32' ? 'python' : 'python3';
  for (const [command, ...args] of [
    [base, '-m', 'venv', READERS],
    [PYTHON, '-m', 'pip', 'install', ...PACKAGES],
  ]) {
    if (spawnSync(command, args, { stdio: 'inherit' }).status !== 0)
      throw new Error(`${command} ${args.join(' ')} failed`);
  }
}

// ---- Reading

async function decoding() {
  const { dicom, png } = writeFiles();
  const python = process.env.BENCH_PYTHON ?? PYTHON;
  const there = spawnSync(python, ['-c', 'import pydicom, gdcm, numpy, PIL']).status === 0;
  const theirs = (reader) => (there ? [[reader, [python, here('images/decode.py')], { reader }]] : []);
  const ours = ['CycleSweep', [process.execPath, here('images/decode-worker.mjs')], {}];
  const rows = [['files', 'reader', 'images/s', 'of pydicom']];
  for (const [kind, files, peers] of [
    [
      `DICOM, explicit little endian, ${SIDE} x ${SIDE}, 12 of 16 bits`,
      dicom,
      [ours, ...theirs('pydicom'), ...theirs('gdcm')],
    ],
    [`PNG, ${SIDE} x ${SIDE}, 16 bits`, png, [ours, ...theirs('pillow')]],
  ]) {
    const measured = await takeTurns(peers, files);
    const yardstick = measured.find(({ name }) => name === 'pydicom')?.rate;
    for (const { name, version, rate } of measured) {
      rows.push([
        kind,
        `${name} ${version}`,
        rate.toFixed(0),
        yardstick === undefined ? '-' : (rate / yardstick).toFixed(2),
      ]);
    }
    if (yardstick !== undefined)
      goals.push(goalLine('decode_dicom', measured[0].rate / yardstick, 'of_pydicom', '>=', 0.7));
  }
  table(rows);
  if (!there) console.log('pydicom, GDCM and Pillow are not there: npm run bench:images -- --install-readers installs them, or BENCH_PYTHON names a Python that has them.'); // prettier-ignore
}

/** All read the same files, in turn, and must find the same values. */
async function takeTurns(peers, files) {
  const open = [];
  try {
    for (const [name, command, more] of peers) {
      open.push(await startPeer(name, command, { files, ...more }, { folder }));
    }
    const sums = open.map(({ name, ready }) => `${name} ${ready.sum}`);
    if (new Set(open.map(({ ready }) => ready.sum)).size > 1)
      throw new Error(`readers differ: ${sums.join(', ')}`);
    const seconds = open.map(() => []);
    for (let round = 0; round <= rounds; round++) {
      for (const [index, peer] of open.entries()) {
        const { seconds: each } = await peer.run(round === 0 ? 1 : 5);
        if (round > 0) seconds[index].push(each / (5 * files.length));
      }
    }
    return open.map(({ name, ready }, index) => ({
      name,
      version: ready.version,
      rate: 1 / median(seconds[index]),
    }));
  } finally {
    for (const peer of open) await peer.close();
  }
}

/** Smooth structure with noise, as images have. */
function writeFiles() {
  const names = Array.from({ length: FILES }, (_, index) => index);
  const pixels = names.map((index) =>
    Uint16Array.from({ length: SIDE * SIDE }, (_, i) => {
      const wave = Math.sin(i / 900 + index) * Math.cos((i % SIDE) / 40);
      return Math.round(2048 + 1800 * wave + 100 * Math.sin(i * 12.9898 * (i % 7)));
    }),
  );
  const write = (name, content) => {
    const file = path.join(folder, name);
    writeFileSync(file, content);
    return file;
  };
  return {
    dicom: pixels.map((data, index) => write(`${index}.dcm`, encodeDicom(slice(data, index)))),
    png: pixels.map((data, index) =>
      write(`${index}.png`, encodePng({ width: SIDE, height: SIDE, bits: 16, data })),
    ),
  };
}

function slice(data, index) {
  const of = (vr, value) => ({ vr, value });
  return new Map([
    ['00080016', of('UI', '1.2.840.10008.5.1.4.1.1.2')],
    ['00080018', of('UI', `2.25.${index + 1}`)],
    ['00080060', of('CS', 'CT')],
    ['00280002', of('US', 1)],
    ['00280004', of('CS', 'MONOCHROME2')],
    ['00280010', of('US', SIDE)],
    ['00280011', of('US', SIDE)],
    ['00280100', of('US', 16)],
    ['00280101', of('US', 12)],
    ['00280102', of('US', 11)],
    ['00280103', of('US', 0)],
    ['00281052', of('DS', '-1024')],
    ['00281053', of('DS', '1')],
    ['7fe00010', of('OW', new Uint8Array(data.buffer))],
  ]);
}

// ---- Translating

async function translating() {
  const side = quick ? 512 : 1024;
  const parameters = resolveParameters(quick ? { filters: 16, blocks: 6 } : { filters: 64, blocks: 9 });
  const out = (tile) => path.join(folder, `${tile}.raw`);
  const peers = [];
  try {
    for (const tile of ['whole', 64]) {
      const task = { parameters, side, tile, threads: availableCores(), out: out(tile) };
      const command = [process.execPath, here('images/translate-worker.mjs')];
      peers.push(await startPeer(String(tile), command, task, { folder }));
    }
    const seconds = peers.map(() => []);
    const last = [];
    for (let round = 0; round < (quick ? 3 : 5); round++) {
      for (const [index, peer] of peers.entries()) {
        last[index] = await peer.run(1);
        if (round > 0) seconds[index].push(last[index].seconds);
      }
    }
    const [whole, strips] = last.map((each, index) => ({ ...each, seconds: median(seconds[index]) }));
    const { filters, blocks } = parameters;
    console.log(`\nResNet ${blocks}/${filters} on ${side} x ${side} pixels`);
    const row = (name, { seconds, peak }) => [name, (60 / seconds).toFixed(2), gb(peak), (seconds / whole.seconds).toFixed(2), (peak / whole.peak).toFixed(2)]; // prettier-ignore
    table([
      ['way', 'images/min', 'peak GB', 'time of whole', 'memory of whole'],
      row('whole', whole),
      row('strips of 64 rows', strips),
    ]);
    const apart = largestDifference(out('whole'), out(64)) / 2; // of the range, which is 2 in [-1, 1]
    console.log(`largest difference: ${apart.toExponential(1)} of the range`);
    if (quick) return;
    goals.push(goalLine('tiled_difference', apart, 'of_range', '<=', 1e-4));
    goals.push(goalLine('tiled_time', strips.seconds / whole.seconds, 'of_whole', '<=', 1.5));
    goals.push(goalLine('tiled_memory', strips.peak / whole.peak, 'of_whole', '<=', 0.4));
  } finally {
    for (const peer of peers) await peer.close();
  }
}

function largestDifference(one, two) {
  const [a, b] = [one, two].map((file) => new Float32Array(Uint8Array.from(readFileSync(file)).buffer));
  return a.reduce((most, value, i) => Math.max(most, Math.abs(value - b[i])), 0);
}
