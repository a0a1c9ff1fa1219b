/** @file Every study in sweeps/ through the real command line, shortened: smaller networks and patches, a few updates. */
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { requirePython, sweep, temporaryFolder, writeImages } from './support.js';

const SWEEPS = fileURLToPath(new URL('../sweeps/', import.meta.url));
/** Images that some machines have beside the project; elsewhere small drawn ones stand in for them. */
const SHARED = fileURLToPath(new URL('../../shared/data/', import.meta.url));

const folder = temporaryFolder();
beforeAll(() => writeImages(path.join(folder, 'small'), 8, 64, 16));
afterAll(() => fs.rmSync(folder, { recursive: true, force: true }));

/** The engine is named, so that no other is tried first. */
const PLACE = ['engine=onnx', 'device=cpu'];
const SMALL = ['fixed.filters=2', 'disc_filters=2', 'disc_layers=1', 'blocks=1', 'seeds=1'];
const DRAWN = ['data.count=16', 'data.size=64'];
const SHARES = 'data.split={train: 0.7, validation: 0.15, test: 0.15}';
/** The four settings of the primary contrasts. */
const PAIRS = ['grid.0.patch=16', 'grid.1.patch=32', 'grid.2.patch=16', 'grid.3.patch=32', 'compare=[]'];
const updates = (count: number) => `budget.updates=${count}`;

/** Two folders of the shared data where they are there, else of small images: flags for a study of one's own folders. */
function folders(x: string, y: string, standIns: string[]): string[] {
  const there = fs.existsSync(path.join(SHARED, x)) && fs.existsSync(path.join(SHARED, y));
  const [ofX, ofY] = there
    ? [x, y].map((one) => path.join(SHARED, one))
    : ['x', 'y'].map((one) => path.join(folder, 'small', one));
  return [`data.x=${ofX}`, `data.y=${ofY}`, ...(there ? [] : standIns)];
}

/** What shortens each study, and how many trials are left. None leaves out what the study is about. */
const STUDIES: Record<string, { set: string[]; trials: number }> = {
  quick: { set: [...SMALL, ...DRAWN, 'grid.0.patch=16', 'grid.1.patch=32', updates(3)], trials: 2 },
  patch: { set: [...SMALL, ...DRAWN, 'grid.0.patch=16', 'grid.1.patch=32', updates(3)], trials: 2 },
  'patch-by-batch': {
    set: [
      ...SMALL,
      ...DRAWN,
      'grid.patch=16,32',
      'grid.batch=1,2',
      'include.0.patch=16',
      'include.1.patch=32',
      'compare=[]',
      updates(2),
    ],
    trials: 6,
  },
  weights: {
    set: [...SMALL, ...DRAWN, 'patch=16', 'batch=2', 'grid.lambda=5,10', 'grid.gamma=0,5', updates(2)],
    trials: 4,
  },
  paired: {
    set: [
      ...SMALL,
      ...DRAWN,
      'patch=16',
      'images=4',
      'grid.1.pairs=1,2,all',
      'grid.2.pairs=1,2,all',
      'compare=[]',
      updates(2),
    ],
    trials: 8,
  },
  'data-size': {
    set: [...SMALL, ...DRAWN, SHARES, 'patch=16', 'images=2,4', 'compare=[]', updates(2)],
    trials: 2,
  },
  seed: {
    set: [
      ...SMALL,
      ...DRAWN,
      SHARES,
      'images=4',
      'grid.0.patch=16',
      'grid.1.patch=32',
      'compare=[]',
      'budget.epochs=1',
    ],
    trials: 2,
  },
  generators: {
    set: [
      'filters=2',
      'disc_filters=2',
      'disc_layers=1',
      'seeds=1',
      ...DRAWN,
      'patch=32',
      'batch=2',
      updates(2),
    ],
    trials: 6,
  },
  xray: {
    set: [
      ...SMALL,
      ...folders('nih-cxr-1024/A', 'nih-cxr-1024/B', ["data.patient='^(\\d+)'"]),
      'grid.0.patch=16',
      'grid.1.patch=32',
      updates(2),
    ],
    trials: 2,
  },
  'ct-kernel': {
    set: [
      ...SMALL,
      ...folders('ct-kernel-philips-phantom/png16/A_soft_UB', 'ct-kernel-philips-phantom/png16/B_sharp_YA', [
        'data.range=[0, 65535]',
        "data.split={train: ['01..05'], validation: ['06'], test: ['07..08']}",
      ]),
      'patch=16,32',
      'batch=2',
      updates(2),
    ],
    trials: 4,
  },
  'patch-by-batch-xray': {
    set: [
      ...SMALL,
      ...folders('nih-cxr-1024/A', 'nih-cxr-1024/B', ["data.patient='^(\\d+)'"]),
      ...PAIRS,
      updates(2),
    ],
    trials: 4,
  },
  'patch-by-batch-ct': {
    set: [
      ...SMALL,
      ...folders('ct-kernel-philips-phantom/png16/A_soft_UB', 'ct-kernel-philips-phantom/png16/B_sharp_YA', [
        'data.range=[0, 65535]',
        "data.split={train: ['01..05'], validation: ['06'], test: ['07..08']}",
      ]),
      ...PAIRS,
      updates(2),
    ],
    trials: 4,
  },
  python: {
    set: [
      'seeds=1',
      'early_stop={method: median, metric: val/error, mode: min, min_trials: 6}',
      'fixed.pause=0',
      updates(40),
    ],
    trials: 6,
  },
  pytorch: { set: ['data.count=4', 'seeds=1', updates(40)], trials: 6 },
};

describe('the studies', () => {
  test('are all tried here', () => {
    const files = fs.readdirSync(SWEEPS).filter((name) => name.endsWith('.yaml'));
    expect(Object.keys(STUDIES).sort()).toEqual(files.map((name) => path.basename(name, '.yaml')).sort());
  });

  test('open with their question and with their cost on two cores and on one GPU', () => {
    for (const name of Object.keys(STUDIES)) {
      const text = fs.readFileSync(path.join(SWEEPS, `${name}.yaml`), 'utf8');
      const [, , question] = text.split('\n');
      expect(question).toMatch(/^# .*\?$/);
      expect(text).toContain(`question: ${question!.slice(2)}`);
      expect(text).toMatch(/^# Cost: \d+ trials/m);
      expect(text.replace(/\n# /g, ' ')).toMatch(/Two cores: .*One GPU: /i);
    }
  });

  // Shortened they have other settings than their claims name; whole, the claims are resolved, and nothing is drawn.
  test.for(['patch-by-batch', 'data-size', 'paired', 'weights', 'seed'])(
    '%s is planned whole, with its claims and as many trials as it says',
    async (name) => {
      const file = path.join(SWEEPS, `${name}.yaml`);
      const own = path.join(folder, `plan-${name}`);
      fs.mkdirSync(own);
      const flags = PLACE.flatMap((flag) => ['--set', flag]);
      const { exitCode, stdout, stderr } = await sweep(own, 'plan', file, ...flags, '--json');
      expect(exitCode, stderr).toBe(0);
      const [, trials] = /^# Cost: (\d+) trials/m.exec(fs.readFileSync(file, 'utf8'))!;
      expect(JSON.parse(stdout)).toMatchObject({ count: Number(trials) });
      expect(fs.existsSync(path.join(own, 'cache'))).toBe(false);
    },
  );

  test.for(Object.entries(STUDIES))('%s runs, shortened', async ([name, { set, trials }], { skip }) => {
    const foreign = name === 'pytorch' || name === 'python';
    if (foreign) requirePython(skip);
    const file = path.join(SWEEPS, `${name}.yaml`);
    const place = foreign ? [] : PLACE;
    const flags = [...place, ...set].flatMap((flag) => ['--set', flag]);
    const results = path.join(folder, `results-${name}`);
    const plan = await sweep(folder, 'plan', file, ...flags, '--results', results, '--json');
    expect(JSON.parse(plan.stdout)).toMatchObject({ count: trials });

    const run = await sweep(folder, 'run', file, ...flags, '--results', results);
    expect(run.all).toContain(`${trials} done, 0 failed, 0 left`);
    expect(run.exitCode).toBe(0);
    expect((await sweep(folder, 'report', '--results', results)).exitCode).toBe(0);
  });
});
