/** @file Tries an engine on a device in a process of its own (src/train/probe-process.ts): what crashes or hangs there harms nobody here. */
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import { messageOf } from '../errors.js';
import { deviceEnvironment, type EngineName } from '../protocol.js';
import type { EngineError } from './engine.js';
import type { WebgpuAdapter } from './onnx/webgpu.js';

export interface Probe {
  engine: EngineName;
  /** `cpu`, `cuda:0`, `webgpu:0`. */
  device: string;
  works: boolean;
  /** Why it does not work, in one line; empty where it does. */
  reason: string;
  /** Speed in billions of operations a second; undefined where it was not measured. */
  gflops?: number;
  versions: Record<string, string>;
}

/** What the process of a probe says on its last line. */
export type ProbeAnswer =
  | { device: string; versions: Record<string, string>; gflops: number | undefined }
  | { adapters: WebgpuAdapter[] }
  | { error: string; kind: EngineError['kind'] };

/** Marks the line that holds the answer: native libraries print what they like. */
export const PROBE_MARK = 'probe-answer ';

const PROCESS = fileURLToPath(new URL('../train/probe-process.js', import.meta.url));
/** To open an engine, compile its first program and check it, milliseconds: a GPU's first shaders take their time. */
const PATIENCE = { cpu: 60_000, gpu: 120_000 };

export interface ProbeOptions {
  threads: number;
  /** How long to measure the speed; 0: only whether it works. */
  seconds: number;
  /** What CUDA knows the device by. */
  id?: string | undefined;
}

/** Never throws: what goes wrong is the reason. */
export async function probeEngine(
  engine: EngineName,
  device: string,
  { threads, seconds, id }: ProbeOptions,
): Promise<Probe> {
  const patience = (device === 'cpu' ? PATIENCE.cpu : PATIENCE.gpu) + 2000 * seconds;
  const answer = await ask([engine, device, String(threads), String(seconds)], patience, deviceEnvironment(device, id)); // prettier-ignore
  if ('error' in answer || !('versions' in answer)) {
    const reason =
      'error' in answer
        ? oneLine(answer.error, `${engine} on ${device}: `)
        : 'its process gave another answer than asked for';
    return { engine, device, works: false, reason, versions: {} };
  }
  const { versions, gflops } = answer;
  return { engine, device, works: true, reason: '', versions, ...(gflops === undefined ? {} : { gflops }) };
}

/** The adapters that onnxruntime's WebGPU sees here, software ones as well. Never throws. */
export async function probeAdapters(): Promise<{ found: WebgpuAdapter[]; reason: string }> {
  const answer = await ask(['adapters'], PATIENCE.cpu, {});
  if ('adapters' in answer) return { found: answer.adapters, reason: '' };
  return { found: [], reason: 'error' in answer ? oneLine(answer.error) : 'no answer' };
}

async function ask(words: string[], timeout: number, env: Record<string, string>): Promise<ProbeAnswer> {
  const failed = (error: string): ProbeAnswer => ({ error, kind: 'fault' });
  try {
    const result = await execa(process.execPath, [PROCESS, ...words], {
      env,
      timeout,
      forceKillAfterDelay: 2000,
      reject: false,
      stdin: 'ignore',
    });
    const line = result.stdout.split('\n').findLast((each) => each.startsWith(PROBE_MARK));
    if (line !== undefined) return JSON.parse(line.slice(PROBE_MARK.length)) as ProbeAnswer;
    if (result.timedOut) return failed(`it did not answer within ${timeout / 1000} seconds`);
    if (result.signal !== undefined) return failed(`it brought its process down (${result.signal})`);
    const words_ = result.stderr.trim().split('\n').at(-1);
    return failed(`its process ended with code ${result.exitCode}${words_ ? `: ${words_}` : ''}`);
  } catch (error) {
    return failed(messageOf(error));
  }
}

/** Native libraries put whole stories into an error; the first line that says something is enough, without who says it. */
function oneLine(text: string, prefix = ''): string {
  const lines = text.split('\n').map((line) => line.trim());
  const line = lines.find((each) => each !== '') ?? 'without a word';
  return line.startsWith(prefix) ? line.slice(prefix.length) : line;
}
