/**
 * @file npm run gallery [-- --quick] [-- --pictures]: finished reports of three studies, from the data that the program draws, into gallery/.
 * `--quick` trains for a moment only, to see that all three can be made; `--pictures` puts a picture of the top of each page into docs/gallery/,
 * where the README shows them (needs Chromium). What is done already is not trained again.
 */
import { spawnSync } from 'node:child_process';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { takePictures } from './pictures.mjs';

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
const cli = path.join(root, 'dist', 'cli.js');
const [quick, pictures] = ['--quick', '--pictures'].map((flag) => process.argv.includes(flag));
const results = path.join(root, 'gallery', quick ? 'quick-results' : 'results');

/** Studies of sweeps/, each made short enough that all three take a quarter of an hour on two cores. */
const STUDIES = [
  { sweep: 'patch', changes: [] },
  { sweep: 'weights', changes: ['seeds=2', 'budget.pixels=1M', 'grid.lambda=2.5,10', 'grid.gamma=0,5'] },
  { sweep: 'generators', changes: ['seeds=2', 'budget.pixels=1M'] },
];
const QUICK = ['seeds=2', 'budget.updates=4', 'filters=2', 'data.size=256', 'data.count=8'];

const pages = STUDIES.map(({ sweep, changes }) => {
  const set = (quick ? QUICK : changes).flatMap((change) => ['--set', change]);
  command('run', path.join('sweeps', `${sweep}.yaml`), '--results', results, ...set);
  const page = path.join(root, 'gallery', `${quick ? 'quick-' : ''}${sweep}.html`);
  command('report', '--results', results, '--out', page);
  return { sweep, page };
});
if (pictures) {
  const file = (sweep) => path.join(root, 'docs', 'gallery', `${sweep}.png`);
  await takePictures(pages.map(({ sweep, page }) => ({ page, file: file(sweep) })));
}

function command(...args) {
  console.log(`# sweep ${args.map((arg) => path.relative('', arg) || arg).join(' ')}`);
  const { status } = spawnSync(process.execPath, [cli, ...args], {
    cwd: root,
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  if (status !== 0) process.exit(1);
}
