/** @file The last lines that a failed trial printed, as results may keep them: nothing that names a patient, a folder or a machine. */
import os from 'node:os';
import { stripVTControlCharacters } from 'node:util';
import { withoutPaths } from '../definition/redact.js';
import { withoutFileNames } from '../imaging/file-names.js';
import type { TrialData } from '../protocol.js';

/** What is kept: enough for the end of a stack. */
const LINES = 12;
const LENGTH = 240;

const FILE_NAME = /[^\s"'`,;:()[\]{}=/\\]+\.(?:dcm|dicom|ima|png|tiff?|nii(?:\.gz)?|jpe?g)\b/gi;
/** Unique identifiers of DICOM objects. */
const UID = /\b[0-2](?:\.\d+){4,}\b/g;
/** A person's name as DICOM writes it: family^given. */
const PERSON = /\p{L}[\p{L}'’-]+\^\p{L}[\p{L}'’^-]+/gu;
/** Patient, study and series, as a DICOM element or a dump of it gives them. */
const PATIENT_FIELD =
  /\b((?:Patient|Study|Series|Acquisition|Content|Referring|Institution|Accession|Performing)[A-Za-z'’ ]*?(?:Name|ID|Date|BirthDate|Birth Date|Time|Sex|Age|Number|Address|Physician|Comments))\b(["'’\])]*\s*[=:]\s*).*$/gi;

/** Null where it printed nothing. Paths, names of image files, DICOM identifiers and the machine's name are taken out. */
export function lastLines(output: string, data: TrialData | undefined): string | null {
  const text = stripVTControlCharacters(output.replaceAll('\r\n', '\n'));
  const lines = text
    .split('\n')
    // A progress bar writes over its line: what was seen last stands at the end.
    .map((line) => line.trimEnd().split('\r').at(-1)!)
    .filter((line) => line.trim() !== '')
    .slice(-LINES);
  if (lines.length === 0) return null;
  const hidden = data === undefined ? lines.join('\n') : withoutFileNames(lines.join('\n'), data);
  const machine = new RegExp(`\\b${os.hostname().replace(/[.*+?^${}()|[\]\\]/g, '\\$&')}\\b`, 'gi');
  return withoutPaths(hidden)
    .replace(FILE_NAME, '[file]')
    .replace(UID, '[identifier]')
    .replace(PERSON, '[name]')
    .replace(machine, '[machine]')
    .split('\n')
    .map((line) => line.replace(PATIENT_FIELD, '$1$2[left out]'))
    .map((line) => (line.length > LENGTH ? `${line.slice(0, LENGTH)}…` : line))
    .join('\n');
}
