/** @file A sweep file as results may keep it: without the names in a split's lists, which can be patients. */

const PARTS = 'train|validation|test';

/** Lists under train, validation and test, in brackets or a line an item, lose their items; all else stays as written. */
export function withoutNames(source: string): string {
  const inBrackets = new RegExp(`((?:^|[\\s{,])(?:${PARTS})["']?\\s*:\\s*)\\[[^\\]]*\\]`, 'gm');
  const byLine = new RegExp(
    `^(\\s*)((?:${PARTS})\\s*:)[^\\S\\n]*(?:#.*)?\\n(?:[^\\S\\n]*(?:-.*|#.*)?\\n)*[^\\S\\n]*-.*$`,
    'gm',
  );
  return source.replace(inBrackets, '$1[names left out]').replace(byLine, '$1$2 [names left out]');
}
