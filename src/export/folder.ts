/** @file The folder of an export: written whole beside what is there, and put in its place when it is. */
import fs from 'node:fs';
import path from 'node:path';
import { messageOf, systemCode, UserError } from '../errors.js';
import { makeFolder } from '../files.js';

/** Says what an export is and which entries of the folder are its own. */
const CARD = 'export.json';

/** What an export's card holds. */
export interface Card {
  made_by: string;
  format: string;
  sweep: { name: string; question: string; varied: string[] };
}

/**
 * Writes an export by `write`, which is given an empty folder, and moves it into `folder`. What an earlier export left there is replaced;
 * other files in it stay. Nothing changes if `write` throws.
 * @throws UserError if the folder holds files and no export, or cannot be written
 */
export async function writeExport(
  folder: string,
  card: Card,
  write: (folder: string) => void | Promise<void>,
): Promise<void> {
  refuseForeign(folder);
  const unfinished = path.join(folder, `.export-${process.pid}`);
  try {
    makeFolder(folder);
    fs.mkdirSync(unfinished);
    await write(unfinished);
    clearExport(folder);
    const entries = fs.readdirSync(unfinished);
    writeCard(folder, card, entries);
    for (const entry of entries) fs.renameSync(path.join(unfinished, entry), path.join(folder, entry));
  } catch (error) {
    if (error instanceof UserError || systemCode(error) === undefined) throw error;
    throw new UserError(`The export ${folder} cannot be written: ${messageOf(error)}`, 2, { cause: error });
  } finally {
    fs.rmSync(unfinished, { recursive: true, force: true });
  }
}

/** Says what a folder holds. @param entries those of the export: the next one removes them and no others */
export function writeCard(folder: string, card: Card, entries: readonly string[]): void {
  fs.writeFileSync(path.join(folder, CARD), `${JSON.stringify({ ...card, entries }, null, 2)}\n`);
}

/** Removes an earlier export from a folder. @throws UserError if the folder holds anything else and no earlier export */
export function clearExport(folder: string): void {
  refuseForeign(folder);
  const card = path.join(folder, CARD);
  if (!fs.existsSync(card)) return;
  const { entries = [] } = JSON.parse(fs.readFileSync(card, 'utf8')) as { entries?: string[] };
  const own = entries.filter((name) => name === path.basename(name) && !name.startsWith('.'));
  for (const entry of own) fs.rmSync(path.join(folder, entry), { recursive: true, force: true });
}

function refuseForeign(folder: string): void {
  if (!fs.existsSync(folder) || fs.existsSync(path.join(folder, CARD))) return;
  if (!fs.statSync(folder).isDirectory())
    throw new UserError(`${folder} is a file. Name a folder with --out DIR.`);
  if (fs.readdirSync(folder).some((name) => !name.startsWith('.export-')))
    throw new UserError(
      `${folder} holds files that are no export of CycleSweep (there is no ${CARD}).\n` +
        'Name a new or empty folder with --out DIR; an earlier export is replaced.',
    );
}
