/** @file The commit of a checkout, on a repository made for the test. */
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { checkoutCommit, packageVersion } from './version.js';

let root: string;
beforeAll(() => (root = fs.mkdtempSync(path.join(os.tmpdir(), 'checkout-'))));
afterAll(() => fs.rmSync(root, { recursive: true }));

const git = (...words: string[]) =>
  execFileSync('git', ['-c', 'user.name=a', '-c', 'user.email=a@b.c', ...words], {
    cwd: root,
    encoding: 'utf8',
  }).trim();

it('is that of the checkout itself, and tells changes to tracked files', () => {
  expect(checkoutCommit(root)).toBeUndefined(); // no checkout
  git('init', '-q');
  expect(checkoutCommit(root)).toBeUndefined(); // no commit
  fs.writeFileSync(path.join(root, 'file'), 'one');
  git('add', 'file');
  git('commit', '-q', '-m', 'one');
  git('tag', 'v1');
  const commit = git('rev-parse', 'HEAD');
  expect(checkoutCommit(root)).toBe(commit);
  fs.writeFileSync(path.join(root, 'untracked'), 'results');
  expect(checkoutCommit(root)).toBe(commit);
  fs.writeFileSync(path.join(root, 'file'), 'other');
  expect(checkoutCommit(root)).toBe(`${commit}-dirty`);
  // A package below it is not of it.
  fs.mkdirSync(path.join(root, 'node_modules', 'ours'), { recursive: true });
  expect(checkoutCommit(path.join(root, 'node_modules', 'ours'))).toBeUndefined();
});

it('stands beside a version', () => expect(packageVersion()).toMatch(/^\d+\.\d+\.\d+/));
