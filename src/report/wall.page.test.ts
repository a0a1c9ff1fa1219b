/** @file The image wall, the table of trials, their difference and the grid in a real browser. */
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { chromium, type Browser, type Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { syntheticPicture, syntheticSweep, troubledSweep } from '../../test/fixtures/sweep-record.js';
import { writeReport } from './build.js';

const BROWSERS = [process.env.CHROMIUM, '/usr/bin/chromium', '/usr/bin/google-chrome'].filter(
  (file) => file !== undefined,
);
const executablePath = BROWSERS.find((file) => existsSync(file));
// In continuous integration a missing browser is a failure, so there the tests run and say so.
const missing = executablePath === undefined && !process.env.CI;

const CELLS = [64, 128].flatMap((patch) => [2, 16].flatMap((batch) => [5, 10].map((lambda) => ({ patch, batch, lambda })))); // prettier-ignore

describe.skipIf(missing)('in a browser, from disk, offline', () => {
  let folder: string;
  let browser: Browser;
  let page: Page;
  const complaints: string[] = [];

  beforeAll(async () => {
    folder = mkdtempSync(path.join(tmpdir(), 'report-wall-'));
    const options = { images: true, version: '0.1.0', readFile: syntheticPicture };
    const sweep = syntheticSweep({ cells: CELLS, varied: ['patch', 'batch', 'lambda'], seeds: [1, 2] });
    writeReport([sweep], { ...options, out: path.join(folder, 'grid.html') });
    writeReport([troubledSweep()], { ...options, out: path.join(folder, 'troubled.html') });
    if (!executablePath) throw new Error(`no browser at ${BROWSERS.join(', ')}; set CHROMIUM to one`);
    browser = await chromium.launch({ executablePath, args: ['--no-sandbox', '--disable-gpu'] });
  });
  afterAll(async () => {
    await browser?.close();
    rmSync(folder, { recursive: true, force: true });
  });
  /** Tests leave the page as they found it. */
  const onePage = () =>
    beforeAll(async () => {
      complaints.length = 0;
      page = await open('grid.html');
    });

  async function open(name: string, javaScriptEnabled = true): Promise<Page> {
    const [old] = browser.contexts();
    await old?.close();
    const context = await browser.newContext({
      viewport: { width: 1280, height: 900 },
      offline: true,
      javaScriptEnabled,
    });
    context.setDefaultTimeout(120_000); // for a machine with much else to do
    const opened = await context.newPage();
    opened.on('console', (message) => {
      if (['error', 'warning'].includes(message.type())) complaints.push(message.text());
    });
    opened.on('pageerror', (error) => complaints.push(error.message));
    await opened.goto(`file://${path.join(folder, name)}`);
    if (javaScriptEnabled) await opened.waitForSelector('body[data-drawn=yes]');
    return opened;
  }

  const evaluate = <T>(code: string) => page.evaluate<T>(code);

  describe('the image wall', () => {
    onePage();
    const tiles = () => page.locator('.wall .tile');
    const transforms = () =>
      evaluate<string[]>(
        `[...new Set([...document.querySelectorAll('.wall .tile > *')].map((one) => getComputedStyle(one).transform))]`,
      );

    test('shows X, G(X), F(G(X)), Y and a difference of one seed of each setting', async () => {
      await page.locator('.wall').scrollIntoViewIfNeeded();
      expect(await page.locator('.wall thead th').allTextContents()).toEqual(['Trialat about 100 %', 'X', 'G(X)', 'F(G(X))', 'Y', 'differenceG(X) − X, ±16\u202f448']); // prettier-ignore
      expect(await tiles().count()).toBe(8 * 5);
      await page.getByRole('checkbox', { name: 'all seeds' }).check();
      expect(await tiles().count()).toBe(16 * 5);
      await page.getByRole('checkbox', { name: 'all seeds' }).uncheck();
      await page.locator('.wall canvas').first().waitFor();
      const difference = await evaluate<number>(
        `(() => { const c = document.querySelector('.wall canvas'); return Math.max(...c.getContext('2d').getImageData(0, 0, c.width, c.height).data.filter((_, i) => i % 4 < 3)); })()`,
      );
      expect(difference).toBeGreaterThan(50);
      expect(complaints).toEqual([]);
    });

    test('zooms and moves all pictures together, by buttons, keys, wheel and mouse', async () => {
      await page.locator('.wall').scrollIntoViewIfNeeded();
      await tiles().first().locator('img').waitFor();
      const whole = await transforms();
      expect(whole).toHaveLength(1);
      await page.getByRole('button', { name: 'Zoom in' }).click();
      const zoomed = await transforms();
      expect(zoomed).toHaveLength(1);
      expect(zoomed).not.toEqual(whole);
      await page.locator('.wall').focus();
      await page.keyboard.press('+');
      await page.keyboard.press('ArrowRight');
      const moved = await transforms();
      expect(moved).toHaveLength(1);
      expect(moved).not.toEqual(zoomed);
      const box = (await tiles().nth(6).boundingBox())!;
      await page.mouse.move(box.x + 40, box.y + 40);
      await page.mouse.down();
      await page.mouse.move(box.x + 80, box.y + 60, { steps: 3 });
      await page.mouse.up();
      const dragged = await transforms();
      expect(dragged).toHaveLength(1);
      expect(dragged).not.toEqual(moved);
      await page.keyboard.down('Control');
      await page.mouse.wheel(0, -200);
      await page.keyboard.up('Control');
      await expect.poll(transforms).not.toEqual(dragged);
      await page.locator('.wall').focus();
      await page.keyboard.press('0');
      expect(await transforms()).toEqual(whole);
      expect(complaints).toEqual([]);
    });

    test('shows other steps by its slider', async () => {
      await page.locator('.wall').scrollIntoViewIfNeeded();
      const translated = tiles().nth(1).locator('img');
      const end = await translated.getAttribute('src');
      const slider = page.getByRole('slider', { name: 'Step' });
      await slider.focus();
      await page.keyboard.press('Home');
      expect(await slider.getAttribute('aria-valuetext')).toBe('about 20 % of the budget');
      await expect.poll(() => translated.getAttribute('src')).not.toBe(end);
      expect(await translated.getAttribute('alt')).toMatch(/G\(X\).*update \d+$/);
      await page.keyboard.press('End');
      await expect.poll(() => translated.getAttribute('src')).toBe(end);
    });

    test('has one window for all pictures and a scale of its own for differences', async () => {
      const slope = () => page.locator('.wall-filter feFuncR').getAttribute('slope');
      const before = await slope();
      await page.getByRole('slider', { name: 'Window' }).fill('50');
      expect(Number(await slope())).toBeCloseTo(255 / 50);
      await page.getByRole('button', { name: 'fit to X and Y' }).click();
      await expect.poll(slope).toBe(before);
      await page.locator('.wall canvas').first().waitFor();
      const picture = () => evaluate<string>(`document.querySelector('.wall canvas').toDataURL()`);
      const wide = await picture();
      await page.getByRole('slider', { name: 'Scale' }).fill('8');
      await expect.poll(picture).not.toBe(wide);
      expect(await page.locator('[name=minus]').textContent()).toMatch(/^−/);
    });

    test('lays settings against seeds', async () => {
      await page.getByRole('radio', { name: 'settings × seeds' }).check();
      expect(await page.locator('.wall thead th').allTextContents()).toEqual(['Settingat about 100 %', 'seed 1', 'seed 2']); // prettier-ignore
      expect(await page.locator('.wall tbody tr').count()).toBe(8);
      expect(await tiles().count()).toBe(16);
      await page.getByRole('radio', { name: 'side by side' }).check();
    });

    test('shows the last step without scripts', async () => {
      page = await open('grid.html', false);
      expect(await page.locator('.wall tbody tr').count()).toBe(16);
      expect(await page.locator('.wall img').count()).toBe(2 + 16 * 2);
      expect(await page.locator('.wall-controls').isVisible()).toBe(false);
    });
  });

  describe('the table of trials', () => {
    onePage();
    const column = (n: number) => page.locator(`table.trials tbody tr:not([hidden]) td:nth-of-type(${n})`).allTextContents(); // prettier-ignore
    const heading = (name: string) => page.locator('table.trials thead tr').first().locator('th', { hasText: name }); // prettier-ignore

    test('sorts by a column, up, down and back, by mouse and keyboard', async () => {
      const original = await column(1);
      const updates = heading('Updates done');
      await updates.getByRole('button').click();
      expect(await updates.getAttribute('aria-sort')).toBe('ascending');
      const index = await updates.evaluate((cell: unknown) => (cell as { cellIndex: number }).cellIndex);
      const numbers = (await column(index)).map((text) => Number(text.replace(/\s/g, '')));
      expect(numbers).toEqual([...numbers].sort((a, b) => a - b));
      await updates.getByRole('button').focus();
      await page.keyboard.press('Enter');
      expect(await updates.getAttribute('aria-sort')).toBe('descending');
      expect((await column(index)).map((text) => Number(text.replace(/\s/g, '')))).toEqual(numbers.reverse());
      await page.keyboard.press('Enter');
      expect(await updates.getAttribute('aria-sort')).toBeNull();
      expect(await column(1)).toEqual(original);
    });

    test('filters by words and by column, and the lines of the grid with it', async () => {
      const search = page.getByRole('searchbox', { name: 'Filter', exact: true });
      await search.fill('128×128');
      expect(new Set(await column(1))).toEqual(new Set(['128×128']));
      expect(await page.locator('.trials-tools [role=status]').textContent()).toBe('8 of 16 trials');
      expect(await page.locator('.parallel polyline.off').count()).toBe(8);
      await search.fill('');
      await page.getByRole('checkbox', { name: 'filter by column' }).check();
      await page.getByRole('searchbox', { name: 'Filter Batch' }).fill('>=16');
      expect(new Set(await column(2))).toEqual(new Set(['16']));
      await page.getByRole('searchbox', { name: 'Filter Lambda' }).fill('<6');
      expect(await page.locator('table.trials tbody tr:not([hidden])').count()).toBe(4);
      await page.getByRole('checkbox', { name: 'filter by column' }).uncheck();
      expect(await page.locator('table.trials tbody tr:not([hidden])').count()).toBe(16);
    });

    test('shows what does not differ when asked', async () => {
      expect(await heading('Generator').count()).toBe(1); // its loss
      await page.getByRole('checkbox', { name: 'also what does not differ' }).check();
      expect(await page.locator('table.trials th[data-id=generator]').count()).toBe(1);
      const last = page.locator('table.trials tbody tr').first().locator('td.added');
      expect(await last.allTextContents()).toContain('resnet');
      await page.getByRole('checkbox', { name: 'also what does not differ' }).uncheck();
      expect(await page.locator('table.trials .added').count()).toBe(0);
    });

    test('is given as CSV, all quantities of all trials', async () => {
      const [download] = await Promise.all([
        page.waitForEvent('download'),
        page.locator('.trials-tools').getByRole('button', { name: 'Download CSV' }).click(),
      ]);
      const chunks: Buffer[] = [];
      for await (const chunk of await download.createReadStream()) chunks.push(chunk as Buffer);
      const [head, ...rows] = Buffer.concat(chunks).toString().trimEnd().split('\n').map((line) => line.split(',')); // prettier-ignore
      expect(rows).toHaveLength(16);
      expect(head).toEqual(expect.arrayContaining(['trial', 'patch', 'generator', 'loss/D', 'exam/psnr']));
      const sweep = syntheticSweep({ cells: CELLS, varied: ['patch', 'batch', 'lambda'], seeds: [1, 2] });
      expect(Number(rows[0]![head!.indexOf('exam/psnr')])).toBeCloseTo(sweep.trials[0]!.exam!.values['exam/psnr']!, 3); // prettier-ignore
    });

    test('tells the difference of any two trials', async () => {
      const part = page.locator('.two-trials');
      const row = (name: string) => part.locator('tbody tr', { has: page.getByRole('rowheader', { name, exact: true }) }); // prettier-ignore
      await part.getByLabel('First').selectOption({ index: 0 });
      await part.getByLabel('Second').selectOption({ index: 14 });
      expect(await row('Patch').locator('td').allTextContents()).toEqual(['64', '128', '+64', '']);
      const sweep = syntheticSweep({ cells: CELLS, varied: ['patch', 'batch', 'lambda'], seeds: [1, 2] });
      const psnr = [0, 14].map((at) => sweep.trials[at]!.exam!.values['exam/psnr']!);
      const told = await row('PSNR, whole image (dB)').locator('td').nth(2).textContent();
      expect(Number(told!.replace('−', '-'))).toBeCloseTo(psnr[1]! - psnr[0]!, 3);
      expect(await row('Generator').count()).toBe(0);
      await part.getByRole('checkbox', { name: 'also what is the same' }).check();
      expect(await row('Generator').locator('td').first().textContent()).toBe('resnet');
      expect(complaints).toEqual([]);
    });

    test('lines of the grid are kept by a range on an axis, and coloured by another outcome', async () => {
      const off = () => page.locator('.parallel polyline.off').count();
      const grip = page.locator('.parallel .axis .grip').first();
      await grip.scrollIntoViewIfNeeded();
      const box = (await grip.boundingBox())!;
      await page.mouse.move(box.x + box.width / 2, box.y + 2);
      await page.mouse.down();
      await page.mouse.move(box.x + box.width / 2, box.y + box.height / 2, { steps: 4 });
      await page.mouse.up();
      expect(await off()).toBe(8);
      await page.mouse.click(box.x + box.width / 2, box.y + box.height - 8);
      expect(await off()).toBe(0);
      const strokes = () =>
        evaluate<string[]>(
          `[...document.querySelectorAll('.parallel polyline')].map((line) => line.getAttribute('stroke'))`,
        );
      const before = await strokes();
      await page.getByLabel('Colour by').selectOption({ index: 2 });
      const after = await strokes();
      expect(after).not.toEqual(before);
      expect(new Set(after).size).toBeGreaterThan(4);
      expect(complaints).toEqual([]);
    });

    test('is a plain table without scripts', async () => {
      page = await open('grid.html', false);
      expect(await page.locator('table.trials tbody tr').count()).toBe(16);
      expect(await page.locator('.trials-tools').isVisible()).toBe(false);
      expect(await page.locator('.two-trials').isVisible()).toBe(false);
    });
  });

  test('a failure has its class, its reason and the last lines of its log', async () => {
    page = await open('troubled.html');
    const section = page.locator('section[data-section=failures]');
    expect(await section.textContent()).toContain('One trial failed and is in no mean.');
    expect(await section.locator('summary').textContent()).toContain('64×64, batch 16, seed 2');
    expect(await section.locator('details').textContent()).toContain('out of memory');
    expect(await section.locator('pre').textContent()).toBe('step 90\nRuntimeError: out of memory');
    expect(complaints).toEqual([]);
  });
});
