/** @file The GPUs of this machine, as nvidia-smi tells them. */
import { execa } from 'execa';
import { messageOf, systemCode } from '../errors.js';

export interface Gpu {
  index: number;
  uuid: string;
  name: string;
  memoryBytes: number;
}

export interface GpuList {
  found: Gpu[];
  /** Why there are none, or what they are good for today. */
  reason: string;
}

const QUERY = ['--query-gpu=index,uuid,name,memory.total', '--format=csv,noheader,nounits'];

export async function listGpus(): Promise<GpuList> {
  try {
    const { stdout } = await execa('nvidia-smi', QUERY, { timeout: 20_000 });
    const found = stdout
      .split('\n')
      .filter((line) => line.trim() !== '')
      .map(parseGpu);
    const reason =
      found.length === 0 ? 'nvidia-smi lists no GPU' : 'no engine of this version trains on it yet';
    return { found, reason };
  } catch (error) {
    const missing = systemCode(error) === 'ENOENT' || messageOf(error).includes('ENOENT');
    const reason = missing
      ? 'nvidia-smi is not installed'
      : `nvidia-smi failed (${firstLine(messageOf(error))})`;
    return { found: [], reason };
  }
}

/** One line of nvidia-smi's CSV, e.g. `0, GPU-1a2b, NVIDIA H200, 143771` (MiB). */
function parseGpu(line: string): Gpu {
  const [index, uuid, name, memory] = line.split(',').map((part) => part.trim());
  return { index: Number(index), uuid: uuid ?? '', name: name ?? '', memoryBytes: Number(memory) * 2 ** 20 };
}

function firstLine(text: string): string {
  return text.split('\n')[0] ?? '';
}
