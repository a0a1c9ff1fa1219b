import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { chromium, type Browser, type Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { syntheticPicture, syntheticSweep, troubledSweep } from '../../test/fixtures/sweep-record.js';
import type { SweepRecord } from '../store/queries.js';
import { writeReport } from './build.js';

/** Where a browser is looked for, in order. */
const BROWSERS = [process.env.CHROMIUM, '/usr/bin/chromium', '/usr/bin/google-chrome'].filter(
  (file) => file !== undefined,
);
const executablePath = BROWSERS.find((file) => existsSync(file));
const ARGUMENTS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

// In continuous integration a missing browser is a failure, so there the tests run and say so.
const missing = executablePath === undefined && !process.env.CI;
if (missing)
  console.warn(`skipped: no browser at ${BROWSERS.join(', ')}; set CHROMIUM to run the tests of the page`);

/** One setting, thinned; one record in the middle far outside. */
function spikedSweep(): SweepRecord {
  const sweep = syntheticSweep({ cells: [{ patch: 64, batch: 16 }], seeds: [1] });
  const series = sweep.trials[0]!.series['loss/D']!;
  series.value = series.value.map(() => 0.2);
  series.low = series.value.map(() => 0.15);
  series.high = series.value.map((_, i) => (i === 100 ? 50 : 0.25));
  return sweep;
}

describe.skipIf(missing)('the page in a browser, from disk, offline', () => {
  let folder: string;
  let browser: Browser;
  const complaints: string[] = [];
  const requests: string[] = [];

  beforeAll(async () => {
    folder = mkdtempSync(path.join(tmpdir(), 'report-page-'));
    const options = { images: true, version: '0.1.0', readFile: syntheticPicture };
    writeReport([syntheticSweep()], { ...options, out: path.join(folder, 'two.html') });
    writeReport([troubledSweep()], { ...options, out: path.join(folder, 'troubled.html') });
    writeReport([spikedSweep()], { ...options, out: path.join(folder, 'spike.html') });
    writeReport([syntheticSweep(), syntheticSweep({ name: 'other', seeds: [1] })], {
      ...options,
      out: path.join(folder, 'several.html'),
    });
    const evil = '<b>"x"</b><img src=x onerror=document.title="broken">';
    writeReport([syntheticSweep({ name: evil, question: evil })], {
      ...options,
      out: path.join(folder, 'evil.html'),
    });
    writeReport([{ ...syntheticSweep(), trials: [] }], { ...options, out: path.join(folder, 'empty.html') });
    if (!executablePath) throw new Error(`no browser at ${BROWSERS.join(', ')}; set CHROMIUM to one`);
    browser = await chromium.launch({ executablePath, args: ARGUMENTS });
  });

  afterAll(async () => {
    await browser?.close();
    rmSync(folder, { recursive: true, force: true });
  });

  async function open(name: string, width: number): Promise<Page> {
    complaints.length = 0;
    requests.length = 0;
    const context = await browser.newContext({ viewport: { width, height: 900 }, offline: true });
    context.setDefaultTimeout(120_000); // for a machine with much else to do
    const page = await context.newPage();
    page.on('console', (message) => {
      if (['error', 'warning'].includes(message.type())) complaints.push(message.text());
    });
    page.on('pageerror', (error) => complaints.push(error.message));
    page.on('request', (request) => requests.push(request.url().slice(0, 100)));
    await page.goto(`file://${path.join(folder, name)}`);
    return page;
  }

  const axis = (page: Page) => page.getByRole('combobox', { name: 'Against' });
  const groupBy = (page: Page) => page.getByRole('combobox', { name: 'Group by' });
  /** Drawn, and with the curves in view: they are drawn anew as long as they are. */
  async function drawn(page: Page): Promise<void> {
    await page.waitForSelector('body[data-drawn=yes]');
    await page.locator('.controls').first().scrollIntoViewIfNeeded();
    await page.locator('.chart svg.main-svg').first().waitFor();
  }
  const axisTitle = (page: Page) => page.locator('.main-figures .xtitle').first().textContent();
  const fits = (page: Page) => page.evaluate('document.documentElement.scrollWidth <= window.innerWidth');

  /** Charts are drawn when they come into view. */
  async function scrollThrough(page: Page): Promise<void> {
    for (const chart of await page.locator('.chart').all()) {
      await chart.scrollIntoViewIfNeeded();
      await chart.locator('svg.main-svg').first().waitFor();
    }
  }

  test('draws every figure and asks for nothing', async () => {
    const page = await open('two.html', 1280);
    await drawn(page);
    await scrollThrough(page);
    const charts = await page.locator('.chart').count();
    expect(charts).toBe(12);
    expect(await page.locator('.chart svg.main-svg .scatterlayer .js-line').count()).toBeGreaterThanOrEqual(
      2 * charts,
    );
    expect(await fits(page)).toBe(true);
    expect(complaints).toEqual([]);
    expect(requests.filter((url) => !/^(file|data|blob):/.test(url))).toEqual([]);
    await page.context().close();
  });

  test('switches the axis, the grouping, the smoothing, the scales, the runs and the groups', async () => {
    const page = await open('two.html', 1280);
    await drawn(page);
    const first = page.locator('.main-figures .chart').first();
    const path = () => first.locator('.js-line').last().getAttribute('d');
    const lines = () => first.locator('.js-line').count();
    const labels = () => page.locator('.legend label').allTextContents();
    expect(await axisTitle(page)).toBe('Pixels seen of each domain');
    await axis(page).selectOption('updates');
    expect(await axisTitle(page)).toBe('Updates');
    await axis(page).selectOption('epochs');
    expect(await axisTitle(page)).toBe('Epochs');
    await axis(page).selectOption('wall time');
    expect(await axisTitle(page)).toMatch(/^Time since its start, pauses included/);
    await axis(page).selectOption('device time');
    expect(await axisTitle(page)).toMatch(/^Time on its device/);
    const smooth = await path();
    const before = await lines();
    await page.getByLabel('Smoothing').fill('0');
    expect(await path()).not.toBe(smooth);
    expect(await lines(), 'the faint line behind the smoothed is the line itself now').toBe(before - 2);
    const linear = await path();
    await page.getByRole('checkbox', { name: 'log y' }).check();
    const logy = await path();
    expect(logy).not.toBe(linear);
    await page.getByRole('checkbox', { name: 'log x' }).check();
    expect(await path()).not.toBe(logy);
    const means = await lines();
    await page.getByRole('checkbox', { name: 'single runs' }).check();
    expect(await lines()).toBe(means + 6);
    expect(await labels()).toEqual(['64×64, batch 16', '128×128, batch 2']);
    await page.getByRole('checkbox', { name: '64×64, batch 16' }).uncheck();
    expect(await lines()).toBeLessThan(means + 6);
    await groupBy(page).selectOption('Seed');
    expect(await labels()).toEqual(['seed 1', 'seed 2', 'seed 3']);
    await groupBy(page).selectOption('Patch');
    expect(await labels()).toEqual(['64×64', '128×128']);
    expect(complaints).toEqual([]);
    await page.context().close();
  });

  test('the mean line is the mean of the seeds, with the raw behind the smoothed', async () => {
    const page = await open('two.html', 1280);
    await drawn(page);
    const value = (which: string) =>
      page.evaluate<number>(
        `document.querySelector('.chart[data-metric="loss/D"]').data.find((trace) => ${which}).y[100]`,
      );
    const seeds = syntheticSweep()
      .trials.slice(0, 3)
      .map((trial) => trial.series['loss/D']!.value[100]!);
    const mean = seeds.reduce((sum, one) => sum + one, 0) / 3;
    expect(await value('trace.opacity === 0.4 && trace.x.length > 200')).toBeCloseTo(mean, 5);
    await page.getByLabel('Smoothing').fill('0');
    expect(await value("trace.name === '64×64, batch 16'")).toBeCloseTo(mean, 5);
    await page.context().close();
  });

  test('gives the numbers of a chart as a file, without asking the network', async () => {
    const page = await open('two.html', 1280);
    await drawn(page);
    const asked = page.waitForEvent('download');
    await page.getByRole('button', { name: 'Numbers of Discriminator loss as CSV' }).click();
    const download = await asked;
    expect(download.suggestedFilename()).toBe('loss-D.csv');
    const [head, ...rows] = readFileSync(await download.path(), 'utf8')
      .trim()
      .split('\n');
    expect(head).toBe(
      'metric,trial,seed,status,setting,patch,batch,update,epoch,pixels,wall_seconds,device_seconds,mean,lowest,highest',
    );
    const { trials } = syntheticSweep();
    expect(rows).toHaveLength(trials.reduce((sum, { series }) => sum + series['loss/D']!.step.length, 0));
    const [trial] = trials;
    expect(rows[0]).toContain(`${trial!.key.slice(0, 10)},1,done,"64×64, batch 16",64×64,batch 16,`);
    expect(Number(rows[0]!.split(',').at(-3))).toBeCloseTo(trial!.series['loss/D']!.value[0]!, 5);
    expect(complaints).toEqual([]);
    expect(requests.filter((url) => !/^(file|data|blob):/.test(url))).toEqual([]);
    await page.context().close();
  });

  test('a zoom outlives a change of the width and of the switches, and a double click undoes it', async () => {
    const page = await open('two.html', 1280);
    await drawn(page);
    const chart = page.locator('.chart').first();
    const range = () => page.evaluate<number[]>(`document.querySelector('.chart').layout.xaxis.range`);
    const whole = await range();
    const box = (await chart.locator('.nsewdrag').first().boundingBox())!;
    await page.mouse.move(box.x + box.width * 0.2, box.y + 40);
    await page.mouse.down();
    await page.mouse.move(box.x + box.width * 0.6, box.y + 41, { steps: 4 });
    await page.mouse.up();
    await expect.poll(range).not.toEqual(whole);
    const zoomed = await range();
    await page.setViewportSize({ width: 900, height: 700 });
    await page.getByRole('checkbox', { name: 'single runs' }).click();
    await expect.poll(() => page.evaluate(`document.querySelector('.chart').layout.width < 900`)).toBe(true);
    expect(await range()).toEqual(zoomed);
    // On a machine with much else to do its two clicks may come too far apart to be one.
    const undone = async () => {
      await chart.locator('.nsewdrag').first().dblclick();
      return range();
    };
    await expect.poll(undone, { interval: 1000 }).toEqual(whole);
    await page.context().close();
  });

  test('keeps a spike that thinning took out of the mean, and says how far it reaches', async () => {
    const page = await open('spike.html', 1280);
    await drawn(page);
    const figure = page.locator('.main-figures figure').first();
    expect(await figure.locator('.outside').textContent()).toBe(
      'Single records reach from 0.15 to 50, outside the chart.',
    );
    const top = () => page.evaluate<number>(`document.querySelector('.chart').layout.yaxis.range[1]`);
    expect(await top()).toBeLessThan(10);
    await page.getByRole('checkbox', { name: 'all extremes' }).check();
    expect(await top()).toBeGreaterThan(50);
    await page.context().close();
  });

  test('prints every chart, light, on A4, with none of the switches', async () => {
    const page = await open('two.html', 1280);
    await page.emulateMedia({ colorScheme: 'dark' });
    await drawn(page);
    const pdf = await page.pdf({ format: 'A4' });
    expect(pdf.length).toBeGreaterThan(50_000);
    // Every chart was drawn for the paper, also those that were never in view.
    expect(await page.locator('.chart svg.main-svg .scatterlayer').count()).toBe(12);
    await page.emulateMedia({ media: 'print' });
    expect(await groupBy(page).isVisible()).toBe(false);
    expect(await page.evaluate('getComputedStyle(document.body).backgroundColor')).toBe('rgb(255, 255, 255)');
    expect(complaints).toEqual([]);
    await page.context().close();
  });

  test('shows several sweeps, each with its own switches', async () => {
    const page = await open('several.html', 1280);
    await drawn(page);
    expect(await page.locator('h1').allTextContents()).toEqual(['patch-size', 'other']);
    const [first, second] = await axis(page).all();
    await second!.selectOption('updates');
    expect([await first!.inputValue(), await second!.inputValue()]).toEqual(['pixels', 'updates']);
    const ids = await page.evaluate<string[]>(`[...document.querySelectorAll('[id]')].map(({ id }) => id)`);
    expect(ids.filter((id, i) => ids.indexOf(id) !== i)).toEqual([]);
    expect(await fits(page)).toBe(true);
    expect(complaints).toEqual([]);
    await page.context().close();
  });

  test('fits a phone, with failed trials and gaps', async () => {
    const page = await open('troubled.html', 375);
    await drawn(page);
    await scrollThrough(page);
    expect(await fits(page)).toBe(true);
    await page.getByRole('checkbox', { name: 'single runs' }).check();
    expect(complaints).toEqual([]);
    await page.context().close();
  });

  test('shows markup in names as text', async () => {
    const page = await open('evil.html', 1280);
    await drawn(page);
    expect(await page.locator('h1').textContent()).toContain('<img src=x');
    expect(await page.title()).not.toBe('broken');
    expect(await page.locator('h1 img, h1 b').count()).toBe(0);
    expect(complaints).toEqual([]);
    await page.context().close();
  });

  test('draws each claim where its numbers say, and opens them by keyboard', async () => {
    const page = await open('two.html', 390);
    const claims = page.locator('.claim');
    expect(await claims.count()).toBe(3);
    for (const claim of await claims.all()) {
      const middle = async (part: string) => {
        const { x, width } = (await claim.locator(`.forest .${part}`).boundingBox())!;
        return x + width / 2;
      };
      const [effect, interval, zero] = [
        await middle('effect'),
        await middle('interval'),
        await middle('zero'),
      ];
      expect(effect).toBeCloseTo(interval, 0);
      // "higher" stands right of the line of no difference.
      expect(effect > zero).toBe((await claim.locator('.found').textContent())!.includes(' higher with '));
      expect(await claim.locator('.forest .seed').count()).toBe(3);
    }
    const details = claims.first().locator('details');
    await details.locator('summary').focus();
    await page.keyboard.press('Enter');
    expect(await details.getByText('One new pair of models').isVisible()).toBe(true);
    expect(await fits(page)).toBe(true);
    await page.context().close();
  });

  test('keeps headings in order', async () => {
    const page = await open('two.html', 1280);
    const levels = await page.evaluate<number[]>(
      `[...document.querySelectorAll('h1,h2,h3,h4')].map((heading) => Number(heading.tagName[1]))`,
    );
    expect(levels[0]).toBe(1);
    levels.slice(1).forEach((level, i) => expect(level - levels[i]!).toBeLessThanOrEqual(1));
    await page.context().close();
  });

  test('reckons which setting comes to a chosen quality, and gives the numbers of the figures', async () => {
    const page = await open('two.html', 1280);
    await drawn(page);
    const box = page.locator('[data-section=decision]');
    expect(await box.locator('.scatter svg').count()).toBe(2); // X→Y against memory and time
    expect(await box.locator('.scatter .seed').count()).toBe(2 * 6);
    const reached = () => box.locator('.reach tbody td:nth-child(2)').allTextContents();
    expect(await reached()).toEqual(['3 of 3', '3 of 3']);
    await box.getByLabel('Level').fill('99');
    expect(await reached()).toEqual(['0 of 3', '0 of 3']);
    expect(await box.locator('.reach .caption').textContent()).toContain('is 99 or more');
    await box.getByLabel('Measure').selectOption('val/ssim');
    expect(await reached()).toEqual(['3 of 3', '3 of 3']);
    const [file] = await Promise.all([
      page.waitForEvent('download'),
      box.getByRole('button', { name: 'Numbers of these figures as CSV' }).click(),
    ]);
    const lines = readFileSync(await file.path(), 'utf8')
      .trim()
      .split('\n');
    expect(lines[0]).toBe('setting,seed,exam/psnr,exam/psnr_yx,memory bytes,seconds,energy joules');
    expect(lines).toHaveLength(7);
    expect(complaints).toEqual([]);
    await page.context().close();
  });

  test('stands without any trial', async () => {
    const page = await open('empty.html', 375);
    expect(await page.getByText('no trials yet').isVisible()).toBe(true);
    expect(await fits(page)).toBe(true);
    expect(complaints).toEqual([]);
    await page.context().close();
  });
});
