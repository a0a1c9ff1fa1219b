/** @file Where each value of a sweep file stands. */
import { isAlias, isMap, isNode, isScalar, isSeq } from 'yaml';
import type { Document, LineCounter, Node, Pair, YAMLMap } from 'yaml';
import type { Path } from './plain.js';
import type { Place } from './problem.js';

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
  if (!isScalar(pair.key)) return '';
  return typeof pair.key.value === 'symbol' ? '<<' : String(pair.key.value); // the parser's sign of a merge key
}

/** Where a node stands: in the file, or in the flag that it came from. */
export function placeOfNode(source: Source, node: Node): Place {
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
