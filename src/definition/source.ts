/** @file A sweep file as YAML: its syntax in words, and where each of its values stands. */
import { LineCounter, isAlias, isMap, isNode, isScalar, isSeq, parseDocument, visit } from 'yaml';
import type { Document, Node, Pair, YAMLError, YAMLMap } from 'yaml';
import { nearest } from './nearest.js';
import type { Place, Problem } from './problem.js';

export type Path = readonly (string | number)[];

/** A `--set` flag that put a node into the document; `start` and `length` say which part of its text the node is. */
export interface FlagPart {
  flag: string;
  start: number;
  length: number;
  order: number;
}

export interface Source {
  fileName: string;
  text: string;
  document: Document.Parsed;
  lines: LineCounter;
  /** Nodes that came from the command line. */
  flags: WeakMap<Node, FlagPart>;
}

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

  const problems = document.errors.map((error) => syntaxProblem(source, error));
  const fatal = document.errors.some((error) => error.code !== 'DUPLICATE_KEY');
  if (fatal) return { source, problems: onePerLine(problems), fatal };

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

const ROOT = 'a mapping with at least name, data, grid and budget, e.g. "name: patch-size" as its first line';

/** The plain value of the document; undefined where aliases multiply beyond reason. */
export function toPlain({ document }: Source): unknown {
  try {
    return document.toJS({ maxAliasCount: 1000 });
  } catch {
    return undefined;
  }
}

/** The node at a path, through aliases and merge keys; undefined if there is none. */
export function nodeAt(source: Source, path: Path): Node | undefined {
  let node = resolved(source, source.document.contents);
  for (const segment of path) {
    node = resolved(source, step(source, node, segment));
    if (node === undefined || node === null) return undefined;
  }
  return node ?? undefined;
}

/** Where the value at a path stands; where there is none, the nearest value around it. */
export function placeOfValue(source: Source, path: Path): Place {
  for (let length = path.length; length > 0; length--) {
    const node = nodeAt(source, path.slice(0, length));
    if (node === undefined) continue;
    if (isScalar(node) && node.value === null && node.source === '') break; // nothing is written: point at the key
    if (length === path.length) return placeOfNode(source, node);
    return placeOfKey(source, path.slice(0, length));
  }
  return path.length === 0 ? placeAt(source, 0, 0) : placeOfKey(source, path);
}

/** Where the key at the end of a path stands; where there is none, that of the mapping around it. */
export function placeOfKey(source: Source, path: Path): Place {
  for (let length = path.length; length > 0; length--) {
    const parent = nodeAt(source, path.slice(0, length - 1));
    const last = path[length - 1]!;
    if (isMap(parent)) {
      const key = findPair(source, parent, last)?.key;
      if (isNode(key)) return placeOfNode(source, key);
    } else if (isSeq(parent)) {
      const item = parent.items[last as number];
      if (isNode(item)) return placeOfNode(source, item);
    }
  }
  const first = source.document.contents;
  return isMap(first) && isNode(first.items[0]?.key)
    ? placeOfNode(source, first.items[0].key)
    : placeAt(source, 0, 0);
}

/** A stretch of the file as a place; what goes on beyond the line is not pointed at. */
export function placeAt({ fileName, text, lines }: Source, start: number, end: number): Place {
  const { line, col } = text === '' ? { line: 1, col: 1 } : lines.linePos(Math.min(start, text.length));
  const from = start - (col - 1);
  const source = /^[^\r\n]*/.exec(text.slice(from))![0];
  const length = Math.max(1, Math.min(end, from + source.trimEnd().length) - start);
  return { label: `${fileName}:${line}:${col}`, source, line, start: col - 1, length, order: start };
}

/** The value that an alias stands for; other nodes as they are. */
export function resolved(source: Source, node: unknown): Node | undefined | null {
  if (isAlias(node)) return node.resolve(source.document);
  return isNode(node) ? node : undefined;
}

/** The pair of a mapping with a key, its own or one that `<<` merges in. */
export function findPair(source: Source, map: YAMLMap, key: string | number): Pair | undefined {
  const own = map.items.find((pair) => keyText(pair) === String(key));
  if (own !== undefined) return own;
  for (const pair of map.items) {
    if (keyText(pair) !== '<<') continue;
    const merged = resolved(source, pair.value);
    for (const from of isSeq(merged) ? merged.items : [merged]) {
      const other = resolved(source, from);
      const found = isMap(other) ? findPair(source, other, key) : undefined;
      if (found !== undefined) return found;
    }
  }
  return undefined;
}

function step(source: Source, node: unknown, segment: string | number): unknown {
  if (isMap(node)) return findPair(source, node, segment)?.value;
  return isSeq(node) ? node.items[segment as number] : undefined;
}

function keyText(pair: Pair): string {
  return isScalar(pair.key) ? String(isMergeSymbol(pair.key.value) ? '<<' : pair.key.value) : '';
}

function isMergeSymbol(value: unknown): boolean {
  return typeof value === 'symbol';
}

function placeOfNode(source: Source, node: Node): Place {
  const part = source.flags.get(node);
  if (part !== undefined) {
    const label = `--set ${part.flag}`;
    return {
      label,
      source: label,
      start: '--set '.length + part.start,
      length: part.length,
      order: part.order,
    };
  }
  const [start, end] = node.range ?? [0, 0];
  return placeAt(source, start, end);
}

/** Aliases of nothing. */
function findDangling(source: Source): Problem[] {
  const anchors: string[] = [];
  const problems: Problem[] = [];
  visit(source.document, {
    Value(_, node) {
      if (node.anchor !== undefined) anchors.push(node.anchor);
    },
    Alias(_, node) {
      if (node.resolve(source.document) !== undefined) return;
      const meant = nearest(node.source, anchors);
      problems.push({
        place: placeOfNode(source, node),
        message: `no anchor &${node.source} stands before this alias`,
        expected:
          anchors.length === 0
            ? 'an anchor (&name) further up'
            : `one of ${anchors.map((a) => `*${a}`).join(', ')}`,
        hints: meant === undefined ? [] : [`did you mean '*${meant}'?`],
      });
    },
  });
  return problems;
}

/** Values that YAML reads otherwise than the eye does. */
function findTraps(source: Source): Problem[] {
  const problems: Problem[] = [];
  visit(source.document, {
    Scalar(role, node) {
      if (role === 'key' || typeof node.value !== 'number') return;
      if (node.source === undefined || !/^[-+]?0\d+$/.test(node.source)) return;
      problems.push({
        place: placeOfNode(source, node),
        message: `${node.source} starts with a zero`,
        expected: `${node.value} for the number, '${node.source}' in quotes for the text`,
        hints: [
          'YAML 1.2 reads the digits as a decimal number, YAML 1.1 as an octal number or as text: it is not left to chance here',
        ],
      });
    },
  });
  return problems;
}

function syntaxProblem(source: Source, { code, pos, message }: YAMLError): Problem {
  const place = placeAt(source, pos[0], pos[1]);
  const line = place.source;
  if (/^ *\t/.test(line) && SYNTAX_OF_INDENTATION.has(code)) {
    const tab = place.order - place.start + line.indexOf('\t');
    return {
      place: placeAt(source, tab, tab + 1),
      message: 'a tab stands where the line is indented',
      expected: 'spaces: YAML allows no tabs there',
    };
  }
  const unclosed = /must (?:be sufficiently indented and )?end with an? (.)|Missing closing (['"])/.exec(
    message,
  );
  if (unclosed !== null) {
    return {
      place: atText(source, pos[0]),
      message: `a ${unclosed[1] ?? unclosed[2]} is missing here or further up`,
      expected: 'brackets, braces and quotes in pairs',
    };
  }
  switch (code) {
    case 'DUPLICATE_KEY': {
      const key = /^[^:,}\s]+/.exec(source.text.slice(pos[0]))?.[0] ?? '';
      return {
        place: placeAt(source, pos[0], pos[0] + key.length),
        message: `the key ${key} stands twice in one mapping`,
        expected: 'every key once; a list takes several values: [64, 128]',
      };
    }
    case 'MULTIPLE_DOCS':
      return {
        place,
        message: 'a second document starts here',
        expected: 'one study a file: put the second into a file of its own and take the --- away',
      };
    case 'BAD_ALIAS':
      return { place, message, expected: 'the name of an anchor (&name) that stands further up' };
    case 'MULTILINE_IMPLICIT_KEY':
    case 'BLOCK_AS_IMPLICIT_KEY':
      return {
        place,
        message: 'this line and the next do not fit together',
        expected:
          '"key: value" with the indentation of its neighbours, one key a line or {a: 1, b: 2} in braces',
      };
    case 'NON_STRING_KEY':
      return {
        place,
        message: 'a list or a mapping stands where a key should',
        expected: 'a name: key: value',
      };
    case 'BAD_INDENT':
      return {
        place,
        message: 'the indentation fits no line above',
        expected: 'as many spaces as the other keys of the same mapping have',
      };
    case 'MISSING_CHAR':
      return {
        place,
        message: lowerFirst(message),
        expected: 'brackets, braces, quotes and colons in pairs and places',
      };
    default:
      return { place, message: `this is not YAML: ${lowerFirst(message)}` };
  }
}

/** The place at an offset, or the last written one before it: the end of a file shows nothing. */
function atText(source: Source, offset: number): Place {
  const rest = source.text.slice(offset);
  if (rest.trim() !== '') return placeAt(source, offset, offset + 1);
  const end = source.text.trimEnd().length;
  return placeAt(source, end - 1, end);
}

const SYNTAX_OF_INDENTATION = new Set([
  'TAB_AS_INDENT',
  'BAD_INDENT',
  'UNEXPECTED_TOKEN',
  'MISSING_CHAR',
  'BLOCK_AS_IMPLICIT_KEY',
  'MULTILINE_IMPLICIT_KEY',
]);

/** One slip of the pen makes the parser stumble several times on a line: the first is the one to tell. */
function onePerLine(problems: Problem[]): Problem[] {
  const lines = new Set<number | undefined>();
  return problems.filter(({ place }) => !lines.has(place.line) && lines.add(place.line));
}

function lowerFirst(text: string): string {
  return text.charAt(0).toLowerCase() + text.slice(1);
}

/** Whether a key of a mapping was typed with its value grown on: `{patch:64}`. */
export function isGlued(key: string): boolean {
  return /^\w+:\S/.test(key);
}
