/** @file Texts as results may keep them: without the names in a split's lists, which can be patients, and without folders. */

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

/** A text of the user's or a trial's with absolute paths taken out: a report must not tell folders (they can name people). */
export function withoutPaths(text: string): string {
  return replacePaths(text, () => '[path left out]');
}

/** The same with a word of the caller's for each path. */
export function replacePaths(text: string, wordFor: (path: string) => string): string {
  return text
    .replace(/file:\/\/[^\s"'`,;)\]}]+/g, wordFor)
    .replace(
      /(^|[\s"'`([{,=:])((?:~|[A-Za-z]:)?(?:\/(?!\/)|\\{1,2})[^\s"'`,;)\]}/\\]+[/\\][^\s"'`,;)\]}]*)/gm,
      (_, before: string, path: string) => `${before}${wordFor(path)}`,
    );
}
