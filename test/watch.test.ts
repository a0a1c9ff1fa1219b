/** @file `sweep watch` beside a real sweep, in a real browser. */
import fs from 'node:fs';
import http from 'node:http';
import { afterAll, expect, test } from 'vitest';
import type { Browser, Frame, Page } from 'playwright-core';
import { openBrowser } from './browser.js';
import { toldSweep, type Told } from './told.js';

const folders: string[] = [];
let browser: Browser | undefined;
afterAll(async () => {
  await browser?.close();
  folders.forEach((folder) => fs.rmSync(folder, { recursive: true, force: true }));
});

/** For a machine with much else to do, in milliseconds. */
const PATIENCE = { timeout: 240_000 };

/** Starts it, and resolves with the link that it prints. */
async function watch(told: Told, ...flags: string[]) {
  const process_ = told.sweep('watch', ...flags);
  const url = await new Promise<string>((resolve, reject) => {
    let text = '';
    process_.stdout.on('data', (piece: Buffer) => {
      const link = /http:\S+(?=\n)/.exec((text += piece.toString()))?.[0];
      if (link !== undefined) resolve(link);
    });
    void process_.then(({ all }) => reject(new Error(String(all))));
  });
  return { process_, url };
}

function ask(
  url: string,
  options: http.RequestOptions = {},
): Promise<{ code: number; policy: string; text: string }> {
  return new Promise((resolve, reject) => {
    const request = http.request(url, options, (response) => {
      let text = '';
      response.on('data', (piece: Buffer) => (text += piece.toString()));
      response.on('end', () =>
        resolve({
          code: response.statusCode!,
          policy: String(response.headers['content-security-policy']),
          text,
        }),
      );
    });
    request.on('error', reject).end();
  });
}

const report = (page: Page): Frame => page.frames().find((frame) => frame.url().includes('report?') && !frame.isDetached())!; // prettier-ignore
const version = (page: Page) => page.locator('body').getAttribute('data-version');
/** How far below the top of what is seen the trials begin, and what the reader chose of them. */
const TRIALS = `(() => {
  const section = document.querySelector('[data-section=trials]');
  return {
    top: Math.round(section.getBoundingClientRect().top),
    filter: section.querySelector('[name=filter]').value,
    shown: [...section.querySelectorAll('table.trials tbody tr')].filter((row) => !row.hidden).length,
  };
})()`;
const ZOOM = `JSON.stringify(document.querySelector('.js-plotly-plot').layout.xaxis.range)`;

test('shows the report with the state of the sweep, and keeps both up to date under the hands of a reader', async ({
  skip,
}) => {
  browser = await openBrowser(skip);
  const told = toldSweep(['a', 'b', 'c']);
  folders.push(told.folder);
  const running = told.run();
  const { trials } = await told.untilStatus(({ counts }) => counts.running === 2, 'two trials run');
  const b = trials[1]!.key.slice(0, 8);
  const { process_, url } = await watch(told);
  expect(new URL(url).hostname).toBe('127.0.0.1');

  const page = await browser.newPage({ viewport: { width: 1100, height: 700 } });
  page.setDefaultTimeout(PATIENCE.timeout);
  const complaints: string[] = [];
  const requests: string[] = [];
  page.on(
    'console',
    (message) => ['error', 'warning'].includes(message.type()) && complaints.push(message.text()),
  );
  page.on('pageerror', ({ message }) => complaints.push(message));
  page.on('request', (request) => requests.push(request.url()));
  await page.goto(url);
  await page.waitForSelector('body[data-version]', PATIENCE);
  const header = page.locator('header');
  await expect.poll(() => header.textContent(), PATIENCE).toContain('0 of 3 done, 2 run, 1 waits');
  expect(await header.textContent()).toContain('name a seed 1');
  await page.getByText('Waiting (1)').click();

  // The reader filters the trials, zooms a curve, and looks at the table. Each is done on the version that is shown then.
  const reader = async <T>(act: (frame: Frame) => Promise<T>): Promise<T> => {
    for (let tries = 0; ; tries++) {
      try {
        return await act(report(page));
      } catch (error) {
        if (tries > 5 || !/detached|closed|destroyed/i.test(String(error))) throw error;
      }
    }
  };
  await reader((frame) => frame.locator('.chart').first().scrollIntoViewIfNeeded());
  await reader((frame) => frame.waitForSelector('.js-plotly-plot .main-svg'));
  await reader((frame) => frame.evaluate(`Plotly.relayout(document.querySelector('.js-plotly-plot'), { 'xaxis.range': [1, 3] })`)); // prettier-ignore
  await reader((frame) => frame.locator('[data-section=trials] [name=filter]').fill(b));
  await reader((frame) => frame.evaluate(`document.querySelector('[data-section=trials] h2').scrollIntoView({ behavior: 'instant' })`)); // prettier-ignore
  const before = await reader((frame) => frame.evaluate(TRIALS));
  expect(before).toMatchObject({ filter: b, shown: 1 });
  const shown = await version(page);

  told.let('a');
  await page.waitForSelector(`body:not([data-version="${shown}"])`, PATIENCE);
  await expect.poll(() => reader((frame) => frame.locator('[data-section=verdicts]').textContent()), PATIENCE).toContain('1 of 3'); // prettier-ignore
  await expect.poll(() => reader((frame) => frame.evaluate(TRIALS)), PATIENCE).toEqual(before);
  // Until a version has found its place it goes back to what was read, and a chart is drawn anew when it is seen.
  const zoom = (frame: Frame) => frame.locator('.chart').first().scrollIntoViewIfNeeded().then(() => frame.evaluate(ZOOM)); // prettier-ignore
  await expect.poll(() => reader(zoom), PATIENCE).toBe('[1,3]');
  await expect.poll(() => header.textContent(), PATIENCE).toContain('1 of 3 done');
  await expect.poll(() => page.frames().length, PATIENCE).toBe(2);

  told.let('go');
  expect((await running).exitCode).toBe(0);
  await expect.poll(() => header.textContent(), PATIENCE).toContain('3 of 3 done');
  // With nothing on its way that would be cut off.
  await expect.poll(() => reader((frame) => frame.locator('[data-section=verdicts]').textContent()), PATIENCE).toContain('3 of 3'); // prettier-ignore
  await expect.poll(() => page.frames().length, PATIENCE).toBe(2);
  process_.kill('SIGINT');
  expect((await process_).exitCode).toBe(0);
  await expect.poll(() => header.textContent(), PATIENCE).toContain('sweep watch has ended');
  expect(requests.filter((each) => !each.startsWith(url))).toEqual([]);
  // What a browser says when the server it listened to has gone.
  expect(complaints.filter((each) => !/ERR_(INCOMPLETE_CHUNKED|CONNECTION)/.test(each))).toEqual([]);
}, 900_000);

test('keeps the report that is read where a newer one cannot be loaded, and shows the next', async ({
  skip,
}) => {
  browser ??= await openBrowser(skip);
  const told = toldSweep(['a', 'b']);
  folders.push(told.folder);
  const running = told.run();
  await told.untilStatus(({ counts }) => counts.running === 2, 'two trials run');
  const { process_, url } = await watch(told);
  const page = await browser.newPage();
  page.setDefaultTimeout(PATIENCE.timeout);
  await page.goto(url);
  await page.waitForSelector('body[data-version]');

  let failed = 0;
  await page.route(/report\?\d+$/, (route) => (failed++ === 0 ? route.abort() : route.continue()));
  told.let('a');
  await expect.poll(() => failed, PATIENCE).toBeGreaterThan(0);
  expect(await page.locator('iframe:not(.next)').count()).toBe(1);
  told.let('go');
  expect((await running).exitCode).toBe(0);
  await expect.poll(() => report(page).locator('[data-section=verdicts]').textContent(), PATIENCE).toContain('2 of 2'); // prettier-ignore
  await expect.poll(() => page.locator('iframe').count(), PATIENCE).toBe(1);
  await page.close();
  process_.kill('SIGINT');
  expect((await process_).exitCode).toBe(0);
}, 900_000);

test('serves nobody but who has the link, by this machine’s own name', async () => {
  const told = toldSweep(['a']);
  folders.push(told.folder);
  told.let('go');
  expect((await told.run()).exitCode).toBe(0);
  const { process_, url } = await watch(told);
  const { port, pathname } = new URL(url);
  const own = await ask(url);
  expect(own.code).toBe(200);
  expect(own.policy).toContain("connect-src 'self'");
  expect(own.policy).toContain("default-src 'none'");
  expect((await ask(url, { headers: { Host: `localhost:${port}` } })).code).toBe(200);
  for (const [path_, options] of [
    ['/', {}],
    [`/${'0'.repeat(32)}/`, {}],
    [`/${'0'.repeat(32)}/events`, {}],
    [pathname, { headers: { Host: `evil.example:${port}` } }],
    [pathname, { headers: { Host: '127.0.0.1:1' } }],
  ] as const) {
    const refused = await ask(`http://127.0.0.1:${port}${path_}`, options);
    expect([path_, refused.code, refused.text]).toEqual([path_, 403, expect.not.stringContaining('told')]);
  }
  expect((await ask(url, { method: 'POST' })).code).toBe(405);
  expect((await ask(`${url}nothing`)).code).toBe(404);
  const taken = await told.sweep('watch', '--port', port);
  expect([taken.exitCode, taken.all]).toEqual([2, expect.stringContaining(`Port ${port} cannot be used`)]);
  process_.kill('SIGTERM');
  expect((await process_).exitCode).toBe(0);
});
