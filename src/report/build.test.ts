import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { gunzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { syntheticPicture, syntheticSweep, troubledSweep } from '../../test/fixtures/sweep-record.js';
import type { TrialParameters } from '../protocol.js';
import { buildReport, writeReport } from './build.js';
import { cellsOf, changingTogether, stylesOf } from './cells.js';
import { decimal, duration, signed, withoutPaths } from './format.js';
import { withNumberedPaths } from './numbered-paths.js';
import { contentHash, scriptJson } from './policy.js';
import { examView } from './sections/exam.js';
import { figuresOf } from './figures/curves.js';
import type { Grouping } from './figures/groups.js';
import { leftOut } from './tables.js';

const options = { images: false, version: '0.1.0', readFile: syntheticPicture };
/** Text as a reader sees it. */
const unescaped = (html: string) =>
  html
    .replace(/&#x([0-9A-F]+);/gi, (_, code: string) => String.fromCharCode(parseInt(code, 16)))
    .replace(/&quot;/g, '"');

/** 32-bit floats from base64. */
const unpacked = (text: string) => {
  const bytes = Buffer.from(text, 'base64');
  return Array.from({ length: bytes.length / 4 }, (_, i) => bytes.readFloatLE(i * 4));
};
const withoutScripts = (html: string) => html.replace(/<script[\s\S]*?<\/script>/g, '');

describe('the page', () => {
  test('is the same, byte for byte, when made again', () => {
    const page = buildReport([syntheticSweep()], { ...options, images: true });
    expect(buildReport([syntheticSweep()], { ...options, images: true })).toBe(page);
  });

  test('stays below 6 MB without pictures, with sixteen settings of five seeds too', () => {
    expect(buildReport([syntheticSweep()], options).length).toBeLessThan(3e6);
    const cells = [64, 128, 192, 256].flatMap((patch) => [1, 2, 4, 8].map((batch) => ({ patch, batch })));
    expect(buildReport([syntheticSweep({ cells, seeds: [1, 2, 3, 4, 5] })], options).length).toBeLessThan(
      6e6,
    );
  });

  test('names no resource outside itself', () => {
    const page = buildReport([syntheticSweep()], { ...options, images: true });
    expect(page).not.toMatch(/https?:\/\//);
    expect(/<link|<iframe|<object|<embed|<base/i.test(page)).toBe(false);
    expect(/<style>([\s\S]*?)<\/style>/.exec(page)![1]).not.toMatch(/@import|url\(/i);
    expect(
      [...page.matchAll(/\ssrc="([^"]*)"/g)].every(([, source]) =>
        source!.startsWith('data:image/png;base64,'),
      ),
    ).toBe(true);
  });

  test('lets run only its own two scripts, known by their hash', () => {
    const page = buildReport([syntheticSweep()], options);
    const policy = unescaped(/Content-Security-Policy" content="([^"]*)"/.exec(page)![1]!);
    expect(policy).toContain("default-src 'none'");
    expect(/script-src [^;]*/.exec(policy)![0]).not.toContain('unsafe');
    const script = /<script>([\s\S]*?)<\/script>/.exec(page)![1]!;
    const library = /id="plotly">([^<]*)</.exec(page)![1]!;
    expect(policy).toContain(contentHash(script));
    expect(policy).toContain(contentHash(gunzipSync(Buffer.from(library, 'base64'))));
  });

  test('shows what users wrote as text, never as markup', () => {
    const evil = '</script><script>alert(1)</script><!--<img src=x onerror=alert(2)>\u2028" onload="x';
    const sweep = syntheticSweep({ name: evil, question: evil });
    sweep.source = evil;
    const [first] = sweep.trials;
    first!.status = 'failed';
    first!.reason = evil;
    first!.messages = [{ type: 'warning', step: 1, code: evil, text: evil }];
    first!.series[evil] = first!.series['loss/D']!;
    first!.samples[0]!.name = evil;
    (first!.parameters as unknown as Record<string, unknown>).generator = evil;
    const page = buildReport([{ ...sweep, varied: ['generator'] }], { ...options, images: true });
    expect(page).not.toContain('<script>alert');
    expect(page).not.toContain('<img src=x');
    expect(page).not.toContain('<!--');
    expect(page).not.toContain('" onload="');
    expect(page.match(/<script/g)).toHaveLength(3);
    expect(page.match(/<\/script/g)).toHaveLength(3);
    const data = /id="data">([^<]*)</.exec(page)![1]!;
    expect(data).not.toContain('\u2028');
    expect(
      (JSON.parse(data) as [{ curves: { groupings: Grouping[] } }])[0].curves.groupings[0]!.groups[0]!.label,
    ).toContain(evil);
  });

  test('tells no folder', () => {
    const sweep = troubledSweep();
    sweep.source = 'data: { x: /data/patients/A, y: "C:\\scans\\B", pairing: by-name }\n';
    const page = buildReport([sweep], { ...options, images: true });
    expect(page).not.toMatch(/\/home\/|\/data\/patients|scans|\/samples\//);
  });

  test('tells no folder that a parameter names; settings that only it tells apart, and a claim on them, stay', () => {
    const sweep = syntheticSweep();
    sweep.varied = ['start' as keyof TrialParameters];
    const startOf = (patch: number) => `/home/anna/weights${patch === 64 ? '' : '-more'}`;
    sweep.trials.forEach((trial) =>
      Object.assign(trial.parameters, { start: startOf(trial.parameters.patch) }),
    );
    sweep.source = `command: [trainer]\ncompare: [{claim: More is better, outcome: loss/D, expect: higher, contrast: {a: {start: ${startOf(64)}}, b: {start: "${startOf(128)}"}}}]
# weights in ${startOf(64)}/Smith_John and ${startOf(64)}-followup, my${startOf(64)}
`;
    const page = buildReport([sweep], { ...options, images: true });
    expect(page.match(/.{80}(Smith_John|-followup).{20}/gs) ?? []).toEqual([]);
    expect(page.match(/.{80}[^y]\/home\/.{20}/gs) ?? []).toEqual([]);
    const sentence = /<p>Discriminator loss[^<]*/.exec(page)?.[0];
    expect(sentence).toMatch(/higher with start \(path 2 left out\) than with start \(path 1 left out\)/);
  });

  test('knows a path that the sweep file writes with its backslashes doubled', () => {
    const sweep = syntheticSweep();
    sweep.trials.forEach((trial) => Object.assign(trial.parameters, { start: 'C:\\scans\\B' }));
    sweep.source = String.raw`start: "C:\\scans\\B"`;
    expect(withNumberedPaths([sweep])[0]!.source).toBe('start: "(path 1 left out)"');
  });

  test('leaves pictures out when asked to', () => {
    expect(buildReport([syntheticSweep()], options)).not.toContain('data:image');
    expect(
      buildReport([syntheticSweep()], { ...options, images: true }).match(/<img src="data:/g),
    ).toHaveLength(14); // x and y once, G(x) and F(G(x)) of six trials
  });

  test('says so where a picture is gone', () => {
    const readFile = () => {
      throw new Error('ENOENT');
    };
    expect(buildReport([syntheticSweep()], { ...options, images: true, readFile })).toContain('not found');
  });

  test('is written whole, and leaves nothing else behind', () => {
    const folder = mkdtempSync(path.join(tmpdir(), 'report-'));
    try {
      const out = path.join(folder, 'report.html');
      const size = writeReport([syntheticSweep()], { ...options, out });
      expect(readFileSync(out)).toHaveLength(size);
      expect(readdirSync(folder)).toEqual(['report.html']);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});

describe('what it says', () => {
  test('opens with claims, each with its effect, interval, seeds and kind of verdict', () => {
    const page = unescaped(buildReport([syntheticSweep()], options));
    expect(page).toMatch(
      /Discriminator loss over the last tenth of the budget is 0\.\d+ higher with patch 128, batch 2 than with patch 64, batch 16 \(95\u00a0% interval \+0\.\d+ to \+0\.\d+, three seeds\)\./,
    );
    expect(page).toContain('<span class="sign" aria-hidden="true">~</span> estimate, no verdict');
    expect(page).toContain('Three seeds: an estimate; a verdict needs eight.');
    expect(page).toContain('The sweep file names no claims');
    expect(page).toContain('Patch and batch change together: their effects cannot be told apart.');
    expect(page).toContain('grid: {patch: [64, 128], batch: [2, 16]}');
    expect(page).toContain('With three seeds these are estimates and no verdict');
    expect(page).toContain('6 of 6 trials are done');
    expect(page).toContain('not for diagnosis');
  });

  test('puts the claims that the sweep was made for first', () => {
    const sweep = syntheticSweep();
    sweep.source += `compare:
  - { claim: One, outcome: loss/D, contrast: { factor: patch }, expect: higher }
  - { claim: Two, outcome: exam/psnr, contrast: { factor: patch }, expect: higher, primary: true }
`;
    const page = buildReport([sweep], options);
    expect(
      [...page.matchAll(/<span class="mark">(\w+)<\/span><\/p>\s*<h3>(\w+)/g)].map((found) => found.slice(1)),
    ).toEqual([
      ['primary', 'Two'],
      ['exploratory', 'One'],
    ]);
    expect(page).not.toContain('The sweep file names no claims');
  });

  test('names trials that are in no mean, and why', () => {
    const sweep = troubledSweep();
    expect(leftOut(sweep, cellsOf(sweep))).toEqual([
      expect.stringMatching(
        /^64×64, batch 16, seed 2: failed after .* updates\. Out of memory: .*\[path left out\]$/,
      ),
      '128×128, batch 2, seed 3: not started',
    ]);
    expect(buildReport([sweep], options)).toContain('2 trials are in no mean');
  });

  test('marks in every figure where a trial went on with a smaller micro-batch', () => {
    const sweep = syntheticSweep();
    const [trial] = sweep.trials;
    const { attempts } = trial!;
    const [done] = attempts;
    const before = { ...done!, outcome: 'failed', class: 'out-of-memory', microBatch: 16 } as const;
    trial!.attempts = [before, { ...done!, attempt: 2, from: 100, microBatch: 8 }];
    const page = unescaped(buildReport([sweep], options));
    expect(page).toContain('where a trial went on after a stop (dotted) or with another micro-batch (dashed');
    expect(page).toContain('64×64, batch 16, seed 1: from update 100, micro-batch 16 to 8');
    expect(page).toMatch(/"seams":\[\{"updates":100,"pixels":6553600,"wall":\d/);
    expect(unescaped(buildReport([syntheticSweep()], options))).not.toContain('another micro-batch');
  });

  test('says plainly where the untranslated image is better', () => {
    const { verdicts } = examView(cellsOf(syntheticSweep()))!;
    expect(verdicts).toEqual([
      '64×64, batch 16; 128×128, batch 2: the untranslated image scores better than the model in SSIM, whole image (X→Y). By that measure doing nothing is the better translation.',
    ]);
  });

  test('draws no band from one seed, and says so', () => {
    const page = unescaped(buildReport([syntheticSweep({ seeds: [7] })], options));
    expect(page).toContain('there is no band');
    expect(page).toContain('One seed a setting: a difference may be nothing but chance.');
  });

  test('has a use without any finished trial, and without any trial', () => {
    const sweep = syntheticSweep();
    for (const trial of sweep.trials) {
      Object.assign(trial, {
        status: 'failed',
        reason: 'no images in domain X',
        series: {},
        head: {},
        tail: {},
        missing: {},
        facts: null,
        exams: [],
        exam: null,
        updates: null,
        samples: [],
        step: 0,
      });
    }
    const failed = buildReport([sweep], options);
    expect(failed).toContain('0 of 6 trials are done');
    expect(failed).toContain('No images in domain X');
    expect(withoutScripts(failed)).not.toMatch(/NaN|Infinity/);
    const empty = buildReport([{ ...sweep, trials: [] }], options);
    expect(empty).toContain('no trials yet');
    expect(withoutScripts(empty)).not.toMatch(/NaN|Infinity/);
  });

  test('has gaps, not crashes, for values that are no number', () => {
    const sweep = troubledSweep();
    const { data } = figuresOf(sweep, cellsOf(sweep));
    const panel = (metric: string) => data.panels.find((one) => one.metric === metric)!;
    const numbers = unpacked(panel('loss/D').values);
    const [first] = sweep.trials;
    const own = numbers.slice(0, first!.series['loss/D']!.step.length);
    expect(own.filter(Number.isNaN)).toHaveLength(12);
    expect(panel('grad/G').curves.map(({ trial }) => trial)).toEqual([0]);
  });
});

describe('cells', () => {
  test('hold the trials that differ in nothing but their seed', () => {
    const cells = cellsOf(syntheticSweep());
    expect(cells.map((cell) => [cell.label, cell.trials.map((trial) => trial.seed)])).toEqual([
      ['64×64, batch 16', [1, 2, 3]],
      ['128×128, batch 2', [1, 2, 3]],
    ]);
  });

  test('of one patch size share a colour and differ in dash', () => {
    const [a, b, c, d] = stylesOf(['64', '64', '128', '128']);
    expect([a!.light === b!.light, c!.light === d!.light, a!.light === c!.light]).toEqual([
      true,
      true,
      false,
    ]);
    expect([a!.dash === b!.dash, a!.dash === c!.dash]).toEqual([false, true]);
  });

  test.each([2, 8, 16, 40])('%d of them look each in its own way', (n) => {
    const styles = stylesOf(Array<null>(n).fill(null));
    expect(new Set(styles.map((style) => style.light + style.dash)).size).toBe(n);
  });

  test('tell which parameters change together', () => {
    expect(changingTogether(syntheticSweep())).toEqual([['patch', 'batch']]);
    const cells = [64, 128].flatMap((patch) => [2, 16].map((batch) => ({ patch, batch })));
    expect(changingTogether(syntheticSweep({ cells }))).toEqual([]);
    // Four against each other still do; four drawn at random do not, though no two trials share a value.
    const of = (batches: number[]) => [32, 64, 128, 256].map((patch, i) => ({ patch, batch: batches[i]! }));
    expect(changingTogether(syntheticSweep({ cells: of([16, 8, 4, 2]) }))).toEqual([['patch', 'batch']]);
    expect(changingTogether(syntheticSweep({ cells: of([8, 2, 16, 4]) }))).toEqual([]);
  });
});

describe('words and numbers', () => {
  test.each([
    [0.21345, '0.213'],
    [-0.021, '\u22120.0210'],
    [12345.6, '12\u202f346'],
    [NaN, '—'],
    [0, '0'],
  ])('%d is printed as %s', (value, text) => expect(decimal(value)).toBe(text));

  test('differences carry a sign, times a unit', () => {
    expect([signed(0.1), signed(-0.1), signed(0.00001)]).toEqual(['+0.100', '\u22120.100', '0.000']);
    expect([duration(5), duration(125), duration(7260)]).toEqual(['5 s', '2 min 5 s', '2 h 1 min']);
  });

  test('absolute paths go, everything else stays', () => {
    expect(withoutPaths('no such file: /a/b/c.png, see D_Y(G(X)) / 2')).toBe(
      'no such file: [path left out], see D_Y(G(X)) / 2',
    );
    expect(withoutPaths("x: '~/scans/one'")).toBe("x: '[path left out]'");
    expect(withoutPaths('x: data/styleX # and/or 1/2')).toBe('x: data/styleX # and/or 1/2');
    expect(withoutPaths("patient: '^(\\d+)_'")).toBe("patient: '^(\\d+)_'");
  });

  test('JSON in a script element holds nothing that could end it', () => {
    const text = '</script><!-- &\u2028\u2029';
    expect(scriptJson(text)).not.toMatch(/[<>&\u2028\u2029]/);
    expect(JSON.parse(scriptJson(text))).toBe(text);
  });
});
