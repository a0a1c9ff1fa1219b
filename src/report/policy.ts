/** @file What the page may do: run its own two scripts, known by their hash, and nothing over the network. */
import { createHash } from 'node:crypto';

export function contentHash(content: string | Uint8Array): string {
  return `sha256-${createHash('sha256').update(content).digest('base64')}`;
}

/** A Content-Security-Policy. Styles are inline: the plotting library sets them on its elements. */
export function contentPolicy(scriptHashes: readonly string[]): string {
  return [
    "default-src 'none'",
    `script-src ${scriptHashes.map((hash) => `'${hash}'`).join(' ')}`,
    "style-src 'unsafe-inline'",
    'img-src data: blob:',
    "base-uri 'none'",
    "form-action 'none'",
  ].join('; ');
}

/** JSON that can stand inside a script element: no `<`, so no end tag and no comment; no line separators of JavaScript's. */
export function scriptJson(value: unknown): string {
  return JSON.stringify(value).replace(
    /[<>&\u2028\u2029]/g,
    (letter) => `\\u${letter.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}
