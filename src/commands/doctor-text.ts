/** @file What `sweep doctor` found, for people: no line wider than the terminal. */
import { deviceName } from '../nvidia.js';
import type { EngineFinding, Findings } from './doctor.js';

const NARROWEST = 60;
const WIDEST = 100;

export function findingsInWords(findings: Findings, columns: number): string {
  const width = Math.min(WIDEST, Math.max(NARROWEST, columns));
  const { choice, engines } = findings;
  return [
    ...machine(findings, width),
    '',
    'GPUs',
    ...gpus(findings, width),
    '',
    'Engines (speed: an update of a generator, by direct convolutions)',
    ...table(engines, width),
    ...troubles(engines, width),
    '',
    ...wrap('A sweep takes', choice.reason, width),
  ].join('\n');
}

function machine({ machine: m }: Findings, width: number): string[] {
  const cores = m.cores < m.coresOfMachine ? `${m.cores} of ${m.coresOfMachine}` : `${m.cores}`;
  const memory = [`${gib(m.memoryBytes)}`, `${gib(m.freeMemoryBytes)} free`];
  if (m.memoryAllowedBytes !== null) memory.push(`${gib(m.memoryAllowedBytes)} allowed by the control group`);
  return [
    `CycleSweep ${m.cyclesweep}, Node ${m.node}, ${m.platform}`,
    ...wrap('  cores', `${cores}, ${m.cpu}`, width),
    ...wrap('  memory', memory.join(', '), width),
  ];
}

const CUDA = { 'libcuda.so': 'driver', 'libcudart.so': 'runtime', 'libcublas.so': 'cuBLAS', 'libcudnn.so': 'cuDNN' }; // prettier-ignore

function gpus(findings: Findings, width: number): string[] {
  const { gpus, driverCuda, libraries, vulkanDrivers } = findings;
  const lines = gpus.found.flatMap((gpu) => {
    const busy = gpu.busy === null ? [] : [`${Math.round(gpu.busy * 100)} % busy`];
    const facts = [
      gpu.name,
      gib(gpu.memoryBytes),
      ...(gpu.usedBytes === null ? [] : [`${gib(gpu.usedBytes)} in use`]),
      ...busy,
      `driver ${gpu.driver}`,
    ];
    return wrap(`  ${deviceName(gpu)}`, facts.join(', '), width);
  });
  if (gpus.found.length === 0) lines.push(...wrap('  NVIDIA', gpus.reason, width));
  const cuda = Object.entries(CUDA).flatMap(([name, what]) => libraries[name] ? [`${what} ${libraries[name]}`] : []); // prettier-ignore
  if (driverCuda !== null) cuda.unshift(`the driver serves CUDA ${driverCuda}`);
  lines.push(...wrap('  CUDA', cuda.join('; ') || 'no library of it where the loader looks', width));
  const drivers = vulkanDrivers.length > 0 ? vulkanDrivers.join(', ') : 'none';
  lines.push(...wrap('  Vulkan', `loader ${libraries['libvulkan.so'] ?? 'not found'}; drivers: ${drivers}`, width)); // prettier-ignore
  return lines;
}

function table(engines: readonly EngineFinding[], width: number): string[] {
  const rows = engines.map((each) => [
    each.works ? 'works' : 'no',
    each.name,
    each.device,
    each.gflops === null ? '' : `${speed(each.gflops)} GFLOP/s`,
    each.device === 'cpu' || each.model === '' ? version(each) : each.model,
  ]);
  const widths = [0, 1, 2, 3].map((at) => Math.max(...rows.map((row) => row[at]!.length)));
  return rows.map((row) => {
    const cells = row.map((cell, at) =>
      at === 3 ? cell.padStart(widths[3]!) : cell.padEnd(widths[at] ?? 0),
    );
    return `  ${cells.join('  ')}`.slice(0, width).trimEnd();
  });
}

/** What computes, the first of its versions; --json has all. tfjs is behind every engine. */
function version({ versions }: EngineFinding): string {
  const entries = Object.entries(versions);
  const [name, number] = entries.find(([name]) => name !== '@tensorflow/tfjs') ?? entries[0] ?? [];
  return name === undefined ? '' : `${name.replace('@tensorflow/', '')} ${number}`;
}

/** What ails several engines alike is said once. */
function troubles(engines: readonly EngineFinding[], width: number): string[] {
  const alike = new Map<string, { where: string[]; reason: string; mend: string }>();
  for (const { works, name, device, reason, mend } of engines) {
    if (works) continue;
    const trouble = alike.get(`${reason} ${mend}`) ?? { where: [], reason, mend };
    trouble.where.push(`${name} on ${device}`);
    alike.set(`${reason} ${mend}`, trouble);
  }
  return [...alike.values()].flatMap(({ where, reason, mend }) => [
    '',
    ...wrap(`  ${where.join(', ')}`, reason, width),
    ...wrap('    mend', mend, width),
  ]);
}

/** `label: text`, broken between words; what follows is indented below the label. */
function wrap(label: string, text: string, width: number): string[] {
  const indent = ' '.repeat(label.search(/\S/) + 2);
  const lines: string[] = [];
  let line = `${label}:`;
  for (const word of text.split(/\s+/)) {
    if (line.length + 1 + word.length > width && line.trim() !== '') {
      lines.push(line);
      line = `${indent}${word}`;
    } else line += ` ${word}`;
  }
  return [...lines, line];
}

function speed(gflops: number): string {
  return gflops >= 100 ? gflops.toFixed(0) : gflops.toPrecision(2);
}

function gib(bytes: number): string {
  return `${(bytes / 2 ** 30).toFixed(1)} GiB`;
}
