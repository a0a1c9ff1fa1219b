/** @file The version of this package, and the commit that it runs from. */
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('..', import.meta.url));

export function packageVersion(): string {
  return (JSON.parse(fs.readFileSync(path.join(ROOT, 'package.json'), 'utf8')) as { version: string })
    .version;
}

/**
 * The commit of the checkout that a program runs from, 40 digits, with `-dirty` where tracked files were changed since. Undefined
 * where it runs from no checkout, or git is not there or will not say.
 */
export function checkoutCommit(root = ROOT): string | undefined {
  // Installed below another repository, git would speak of that one.
  if (!fs.existsSync(path.join(root, '.git'))) return undefined;
  // Where git itself runs us, it names its own repository.
  const env = { ...process.env, GIT_DIR: undefined, GIT_WORK_TREE: undefined };
  const arguments_ = ['--no-optional-locks', 'describe', '--always', '--abbrev=40', '--exclude=*', '--dirty'];
  try {
    const said = execFileSync('git', arguments_, { cwd: root, env, timeout: 10_000, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }); // prettier-ignore
    return /^[0-9a-f]{40}(-dirty)?$/.exec(said.trim())?.[0];
  } catch {
    return undefined;
  }
}
