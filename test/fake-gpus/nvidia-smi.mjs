/**
 * @file An nvidia-smi for machines without a GPU: prints what the real one would for the GPUs of a JSON file, FAKE_GPUS:
 *
 *     { "gpus": [{ "uuid", "name", "memory", "used", "busy", "temperature", "power", "gone", "mig": [{ "profile", "uuid", "memory", "used" }] }],
 *       "fail": "text", "hang": true }
 *
 * Memory in MiB. Without the file: eight idle GPUs of 80 GB. A process that "computes" writes `UUID MIB` to a file of its id's
 * name in the folder FAKE_GPU_PROCESSES; its memory counts while it lives. Forms as nvidia-smi 570 prints them.
 */
import fs from 'node:fs';
import path from 'node:path';
import { setInterval } from 'node:timers';

const { FAKE_GPUS = '', FAKE_GPU_PROCESSES = '' } = process.env;
const state = fs.existsSync(FAKE_GPUS) ? JSON.parse(fs.readFileSync(FAKE_GPUS, 'utf8')) : {};
const eight = Array.from({ length: 8 }, (_, at) => ({ uuid: `GPU-${String(at).repeat(8)}-fake` }));
const processes = listProcesses();
const gpus = (state.gpus ?? eight)
  .map((gpu, index) => ({
    index,
    name: 'NVIDIA A100-SXM4-80GB',
    memory: 81920,
    used: 4,
    busy: 0,
    temperature: 31,
    power: 61.5,
    mig: [],
    ...gpu,
  })) // prettier-ignore
  .filter(({ gone }) => !gone);

const words = process.argv.slice(2);
if (state.hang) setInterval(() => undefined, 1e6);
else if (state.fail !== undefined) {
  console.log(state.fail);
  process.exitCode = 9;
} else if (words.some((word) => word.startsWith('--query-gpu='))) {
  const fields = words.find((word) => word.startsWith('--query-gpu=')).slice('--query-gpu='.length);
  for (const gpu of gpus) console.log(fields.split(',').map((field) => valueOf(gpu, field)).join(', ')); // prettier-ignore
} else if (words.some((word) => word.startsWith('--query-compute-apps='))) {
  for (const { uuid, pid, used } of processes) {
    const gpu = gpus.find((each) => each.uuid === uuid || each.mig.some((part) => part.uuid === uuid));
    console.log(`${gpu?.uuid ?? uuid}, ${pid}, ${used}`);
  }
} else if (words.includes('-L')) {
  for (const { index, name, uuid, mig } of gpus) {
    console.log(`GPU ${index}: ${name} (UUID: ${uuid})`);
    mig.forEach((part, at) => console.log(`  MIG ${part.profile.padEnd(11)} Device ${String(at).padStart(2)}: (UUID: ${part.uuid})`)); // prettier-ignore
  }
} else if (words.includes('-x')) {
  const memory = (total, used) => `<fb_memory_usage><total>${total} MiB</total><used>${used} MiB</used></fb_memory_usage>`; // prettier-ignore
  console.log('<?xml version="1.0" ?>\n<nvidia_smi_log>');
  for (const gpu of gpus) {
    const parts = gpu.mig.map((part, at) => `<mig_device>\n<index>${at}</index>${memory(part.memory, (part.used ?? 0) + heldOf(part.uuid))}</mig_device>`); // prettier-ignore
    console.log(`<gpu id="0000000${gpu.index}:00:00.0">\n<mig_devices>${parts.join('\n') || 'None'}</mig_devices>`); // prettier-ignore
    console.log(`<uuid>${gpu.uuid}</uuid>${memory(gpu.memory, gpu.used + heldOf(gpu.uuid))}\n</gpu>`);
  }
  console.log('</nvidia_smi_log>');
} else console.log('| NVIDIA-SMI 570.86.15    Driver Version: 570.86.15    CUDA Version: 12.8  |');

function valueOf(gpu, field) {
  const cut = gpu.mig.length > 0;
  const value = {
    index: gpu.index,
    uuid: gpu.uuid,
    name: gpu.name,
    'memory.total': gpu.memory,
    'memory.used': gpu.used + heldOf(gpu.uuid),
    'utilization.gpu': cut ? null : gpu.busy,
    driver_version: '570.86.15',
    'temperature.gpu': gpu.temperature,
    'power.draw': gpu.power,
  }[field];
  return value ?? '[N/A]';
}

function heldOf(uuid) {
  return processes.filter((each) => each.uuid === uuid).reduce((sum, { used }) => sum + used, 0);
}

function listProcesses() {
  if (!fs.existsSync(FAKE_GPU_PROCESSES)) return [];
  return fs.readdirSync(FAKE_GPU_PROCESSES).flatMap((name) => {
    try {
      process.kill(Number(name), 0);
      const [uuid, used] = fs.readFileSync(path.join(FAKE_GPU_PROCESSES, name), 'utf8').split(' ');
      return [{ uuid, pid: Number(name), used: Number(used) }];
    } catch {
      return []; // it is gone
    }
  });
}
