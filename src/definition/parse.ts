/** @file Reads a sweep file as YAML, and tells what keeps it from being a mapping. */
import { LineCounter, isMap, isScalar, isSeq, parseDocument } from 'yaml';
import type { Problem } from './problem.js';
import { placeAt, placeOfNode, resolved } from './source.js';
import type { Source } from './source.js';
import { describeSyntaxErrors, findDangling, findTraps } from './syntax.js';

const ROOT = 'a mapping with at least name, data, grid and budget, e.g. "name: patch-size" as its first line';

/** Parses a sweep file. `fatal`: the problems leave nothing that could be checked further. */
export function parseSource(
  text: string,
  fileName: string,
): { source: Source; problems: Problem[]; fatal: boolean } {
  const lines = new LineCounter();
  const document = parseDocument(text, {
    lineCounter: lines,
    merge: true,
    stringKeys: true,
    prettyErrors: false,
    logLevel: 'error',
  });
  const source: Source = { fileName, text, document, lines, flags: new WeakMap() };

  const problems = describeSyntaxErrors(source);
  const fatal = document.errors.some((error) => error.code !== 'DUPLICATE_KEY');
  if (fatal) return { source, problems, fatal };

  const root = resolved(source, document.contents);
  if (root === null || root === undefined || (isScalar(root) && root.value === null)) {
    const message = text.trim() === '' ? 'the file is empty' : 'the file holds nothing but comments';
    problems.push({ place: placeAt(source, 0, 0), message, expected: ROOT });
    return { source, problems, fatal: true };
  }
  if (!isMap(root)) {
    const message = `the file is ${isSeq(root) ? 'a list' : 'a single value'}`;
    problems.push({ place: placeOfNode(source, root), message, expected: ROOT });
    return { source, problems, fatal: true };
  }
  const dangling = findDangling(source);
  problems.push(...dangling, ...findTraps(source));
  return { source, problems, fatal: dangling.length > 0 };
}

/** The plain value of the document; undefined where aliases multiply beyond reason. */
export function toPlain({ document }: Source): unknown {
  try {
    return document.toJS({ maxAliasCount: 1000 });
  } catch {
    return undefined;
  }
}
