/** @file The plotting library as the page carries it: compressed, since it is ten megabytes of text. */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { gzipSync } from 'node:zlib';
import { contentHash } from './policy.js';

export interface PackedScript {
  /** gzip, then base64. */
  packed: string;
  /** `sha256-…` of the unpacked text, by which the page's policy admits it. */
  hash: string;
}

let packed: PackedScript | undefined;

export function packedPlotly(): PackedScript {
  if (!packed) {
    const source = readFileSync(createRequire(import.meta.url).resolve('plotly.js-dist'));
    // A byte order mark would not survive the page's decoding, and the hash would be another.
    packed = { packed: gzipSync(source, { level: 9 }).toString('base64'), hash: contentHash(source) };
  }
  return packed;
}
