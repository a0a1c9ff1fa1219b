/** @file Pictures of pages, by Chromium (CHROMIUM names another than /usr/bin/chromium). */
import fs from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';

const VIEW = { width: 1200, height: 1500 };

/** Around an element, and of one at most: a page that shows the picture is to be read, too. */
const MARGIN = 6;
const MOST_HEIGHT = 1000;

/**
 * Of each page what a reader first sees of it, or the element that `selector` names, down to the one that `before` names, or to MOST_HEIGHT. A page without that element gets no picture. Returns the files that were written.
 */
export async function takePictures(wanted) {
  const { chromium } = await import('playwright-core');
  const browser = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    args: ['--no-sandbox'],
  });
  const written = [];
  for (const { page, file, selector, before } of wanted) {
    const tab = await browser.newPage({ viewport: VIEW });
    await tab.goto(pathToFileURL(page).href);
    const clip = selector === undefined ? { x: 0, y: 0, ...VIEW } : await placeOf(tab, selector, before);
    if (clip !== null) {
      fs.mkdirSync(path.dirname(file), { recursive: true });
      await tab.screenshot({ path: file, fullPage: true, clip });
      written.push(file);
    }
    await tab.close();
  }
  await browser.close();
  return written;
}

/** Where on its page an element lies; null where there is none. It is shown first, for figures that are drawn when they are looked at. */
async function placeOf(tab, selector, before) {
  const element = tab.locator(selector).first();
  if ((await element.count()) === 0) return null;
  await element.scrollIntoViewIfNeeded();
  const { x, y, width, height } = await element.boundingBox();
  const scrolled = await tab.evaluate('window.scrollY');
  const end = before === undefined ? Infinity : (await tab.locator(before).first().boundingBox()).y - y;
  return {
    x: x - MARGIN,
    y: y + scrolled - MARGIN,
    width: width + 2 * MARGIN,
    height: Math.min(height + 2 * MARGIN, end, MOST_HEIGHT),
  };
}
