import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { chromium, type Browser, type Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { syntheticPicture, syntheticSweep, troubledSweep } from '../../test/fixtures/sweep-record.js';
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
    const page = await context.newPage();
    page.on('console', (message) => {
      if (['error', 'warning'].includes(message.type())) complaints.push(message.text());
    });
    page.on('pageerror', (error) => complaints.push(error.message));
    page.on('request', (request) => requests.push(request.url().slice(0, 100)));
    await page.goto(`file://${path.join(folder, name)}`);
    return page;
  }

  const drawn = (page: Page) => page.waitForSelector('body[data-drawn=yes]', { timeout: 60_000 });
  const axisTitle = (page: Page) => page.locator('.main-figures .xtitle').first().textContent();
  const fits = (page: Page) => page.evaluate('document.documentElement.scrollWidth <= window.innerWidth');

  test('draws every figure and asks for nothing', async () => {
    const page = await open('two.html', 1280);
    await drawn(page);
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

  test('switches the axis, the smoothing, the scale, the seeds and the settings', async () => {
    const page = await open('two.html', 1280);
    await drawn(page);
    const path = () => page.locator('.main-figures .js-line').last().getAttribute('d');
    const lines = () => page.locator('.main-figures .chart').first().locator('.js-line').count();
    expect(await axisTitle(page)).toBe('Pixels seen of each domain');
    await page.getByRole('radio', { name: 'updates' }).check();
    expect(await axisTitle(page)).toBe('Updates');
    await page.getByRole('radio', { name: 'time' }).check();
    expect(await axisTitle(page)).toBe('Time of training (minutes)');
    const smooth = await path();
    await page.getByRole('radio', { name: 'raw' }).check();
    const raw = await path();
    expect(raw).not.toBe(smooth);
    await page.getByRole('radio', { name: 'log' }).check();
    expect(await path()).not.toBe(raw);
    const before = await lines();
    await page.getByRole('checkbox', { name: 'single seeds' }).check();
    expect(await lines()).toBe(before + 6);
    await page.getByRole('checkbox', { name: '64×64, batch 16' }).uncheck();
    expect(await lines()).toBeLessThan(before + 6);
    expect(complaints).toEqual([]);
    await page.context().close();
  });

  test('the mean line is the mean of the seeds', async () => {
    const page = await open('two.html', 1280);
    await drawn(page);
    await page.getByRole('radio', { name: 'raw' }).check();
    const mean = await page.evaluate<number>(
      `document.querySelector('.chart[data-metric="loss/D"]').data.find((trace) => trace.name === '64×64, batch 16').y[100]`,
    );
    const seeds = syntheticSweep()
      .trials.slice(0, 3)
      .map((trial) => trial.series['loss/D']!.value[100]!);
    expect(mean).toBeCloseTo(seeds.reduce((sum, value) => sum + value, 0) / 3, 4);
    await page.context().close();
  });

  test('fits a phone, with failed trials and gaps', async () => {
    const page = await open('troubled.html', 390);
    await drawn(page);
    expect(await fits(page)).toBe(true);
    await page.getByRole('checkbox', { name: 'single seeds' }).check();
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

  test('stands without any trial', async () => {
    const page = await open('empty.html', 390);
    expect(await page.getByText('no trials yet').isVisible()).toBe(true);
    expect(await fits(page)).toBe(true);
    expect(complaints).toEqual([]);
    await page.context().close();
  });
});
