/** @file How a command ends when something is wrong: one clear message, an exit code, no stack trace. */
import { DefinitionError } from '../definition/problem.js';
import { isDiskFull } from '../disk.js';
import { messageOf, systemCode, UserError } from '../errors.js';
import { DataError } from '../imaging/image.js';

/** Exit codes of DESIGN section 8: 2 the input is wrong, 4 the store is damaged, 1 anything else. */
export function exitCodeOf(error: unknown): number {
  if (error instanceof UserError) return error.exitCode;
  if (isDamagedDatabase(error)) return 4;
  return error instanceof DefinitionError || error instanceof DataError ? 2 : 1;
}

/** The message for the terminal. A fault of ours shows its stack, so that it can be reported. */
export function explain(error: unknown): string {
  if (error instanceof UserError || error instanceof DefinitionError || error instanceof DataError) {
    return error.message;
  }
  if (isDamagedDatabase(error)) {
    return (
      `The database is damaged (${messageOf(error)}). What was measured is safe in the trials' own files:\n` +
      'sweep fsck says what is wrong, sweep fsck --rebuild makes the database anew from them.'
    );
  }
  if (isDiskFull(error)) {
    return (
      `The disk is full (${messageOf(error)}). Nothing that was measured is lost.\n` +
      'Make room and give the same command again: it goes on from there.'
    );
  }
  const detail = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return `This is a fault of CycleSweep, not of yours. Please report it with what follows.\n${detail}`;
}

/** SQLite often sees damage only when it comes to the page. */
function isDamagedDatabase(error: unknown): boolean {
  const cause = error instanceof Error && systemCode(error) === undefined ? error.cause : error;
  return /^SQLITE_(CORRUPT|NOTADB)/.test(systemCode(cause) ?? '');
}
