/** @file Appends a trial's events: one JSON object a line, one system call a line, so that a crash tears at most the last. */
import fs from 'node:fs';
import path from 'node:path';
import type { TrialEvent } from '../protocol.js';

export type Emit = (event: TrialEvent) => void;

/** Opens an events file for appending. Several threads of the trial may hold one each. */
export function openEvents(file: string): Emit {
  fs.mkdirSync(path.dirname(file), { recursive: true });
  const descriptor = fs.openSync(file, 'a');
  return (event) => {
    const line = Buffer.from(JSON.stringify(event) + '\n');
    const written = fs.writeSync(descriptor, line);
    if (written < line.length) {
      throw Object.assign(new Error('The events file took only half a line: the disk is full.'), { code: 'ENOSPC' }); // prettier-ignore
    }
  };
}
