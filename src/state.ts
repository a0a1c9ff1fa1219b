/** @file The folder for what all runs of a user on this machine must agree on: which devices are in use. */
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';

/** `CYCLESWEEP_STATE`, or `cyclesweep` in the user's state folder. Absolute; it need not be there. */
export function stateFolder(): string {
  const { CYCLESWEEP_STATE, XDG_STATE_HOME } = process.env;
  return resolve(
    CYCLESWEEP_STATE || join(XDG_STATE_HOME || join(homedir(), '.local', 'state'), 'cyclesweep'),
  );
}
