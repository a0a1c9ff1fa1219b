/** @file Which machine this is, without its name. */
import { createHash } from 'node:crypto';
import os from 'node:os';

/** Hash of the machine's name: tells machines apart without naming them. */
export function hostHash(): string {
  return createHash('sha256').update(os.hostname()).digest('hex').slice(0, 8);
}
