/**
 * @file What takes too long for every change: npm run verify [-- NAME ...]. Runs its parts one after another, all or those that are named.
 * Exits 1 if any of them fails.
 */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

/** By name: a script beside this one, and its arguments. */
const PARTS = {
  install: ['verify-install.mjs'],
  chaos: ['chaos/main.mjs', '--kills', '1000'],
  // The studies of docs/study.md on drawn data (those of the CT and the X-rays need folders of images), in results/study: about an
  // hour and a quarter on two cores. What is done there is not run again.
  study: ['study.mjs', 'run', 'patch-by-batch', 'data-size', 'paired', 'weights', 'seed'],
  // 1,000 trials on a Slurm of two virtual nodes: needs slurm-wlm and munge.
  slurm: ['../node_modules/vitest/vitest.mjs', 'run', '-c', 'test/slurm/vitest.config.ts', 'sweep', '-t', 'each on a GPU'], // prettier-ignore
};

const named = process.argv.slice(2);
const unknown = named.filter((name) => !(name in PARTS));
if (unknown.length > 0) {
  console.error(`No part ${unknown.join(', ')}. Parts: ${Object.keys(PARTS).join(', ')}`);
  process.exit(2);
}
const failed = (named.length > 0 ? named : Object.keys(PARTS)).filter((name) => {
  const [script, ...args] = PARTS[name];
  console.log(`# ${name}`);
  const file = fileURLToPath(new URL(script, import.meta.url));
  // What is missing is no reason to leave a part out; VERIFY has tests do in full what they else do in small.
  const env = { ...process.env, CI: 'true', VERIFY: 'true' };
  return spawnSync(process.execPath, [file, ...args], { stdio: 'inherit', env }).status !== 0;
});
console.log(failed.length === 0 ? 'All parts hold.' : `Failed: ${failed.join(', ')}`);
process.exit(failed.length === 0 ? 0 : 1);
