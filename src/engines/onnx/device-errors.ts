/**
 * @file Errors of the GPU that onnxruntime-node only logs.
 *
 * Where Dawn cannot get a buffer, onnxruntime's WebGPU provider writes a line to standard error and goes on; what a run gives
 * then is whatever lay in memory. So that no training goes on with that, the trial reads its own log: under a runner standard
 * error is a file. By hand, where it is a terminal or a pipe, the line is there for people to see.
 */
import fs from 'node:fs';

/** @returns a function that gives what was logged since it was called last, if that is an error of the GPU */
export function watchDeviceErrors(): () => string | undefined {
  const before = logSize();
  if (before === undefined) return () => undefined;
  let seen = before;
  return () => {
    const size = logSize() ?? seen;
    if (size <= seen) return undefined;
    const text = readLog(seen, size);
    seen = size;
    return DEVICE_ERROR.exec(text)?.[1]?.trim();
  };
}

/** E.g. `WebGPU device error(3): vkAllocateMemory failed with VK_ERROR_OUT_OF_DEVICE_MEMORY`. */
const DEVICE_ERROR = /WebGPU device error\(\d+\): (.*)/;

const STANDARD_ERROR = 2;

/** Length of the log in bytes; undefined where it is no file. */
function logSize(): number | undefined {
  try {
    const stat = fs.fstatSync(STANDARD_ERROR);
    return stat.isFile() ? stat.size : undefined;
  } catch {
    return undefined;
  }
}

function readLog(from: number, to: number): string {
  // The descriptor is open for writing only; this opens the same file anew.
  let log: number;
  try {
    log = fs.openSync(`/proc/self/fd/${STANDARD_ERROR}`, 'r');
  } catch {
    return ''; // no such thing on this system
  }
  try {
    const text = Buffer.alloc(to - from);
    return text.toString('utf8', 0, fs.readSync(log, text, 0, text.length, from));
  } finally {
    fs.closeSync(log);
  }
}
