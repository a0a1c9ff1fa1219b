/** @file Asks before something is removed. */
import { createInterface } from 'node:readline/promises';
import { UserError } from '../errors.js';

export const yesOption = { type: 'boolean', default: false, describe: 'Do not ask', alias: 'y' } as const;

export const dryRunOption = {
  type: 'boolean',
  default: false,
  describe: 'Say what would be removed and what that frees; remove nothing',
} as const;

/**
 * Whether the user agrees.
 * @throws UserError where nobody can be asked
 */
export async function confirm(question: string): Promise<boolean> {
  if (process.stdin.isTTY !== true)
    throw new UserError('Nobody can be asked here: --yes removes it, --dry-run only says what would go.');
  const asked = createInterface({ input: process.stdin, output: process.stderr });
  try {
    return /^y(es)?$/i.test((await asked.question(`${question} [y/N] `)).trim());
  } finally {
    asked.close();
  }
}
