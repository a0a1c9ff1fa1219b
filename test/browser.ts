/** @file A real browser for the tests of what is served. */
import fs from 'node:fs';
import { chromium, type Browser } from 'playwright-core';

/** Where one is looked for, in order. */
const BROWSERS = [process.env.CHROMIUM, '/usr/bin/chromium', '/usr/bin/google-chrome'].filter((file) => file !== undefined); // prettier-ignore

/** Leaves a test out where there is no browser; in CI it fails then. */
export async function openBrowser(skip: (note: string) => void): Promise<Browser> {
  const executablePath = BROWSERS.find((file) => fs.existsSync(file));
  const where = `no browser at ${BROWSERS.join(', ')}; set CHROMIUM to one`;
  if (executablePath === undefined && process.env.CI) throw new Error(where);
  if (executablePath === undefined) skip(where);
  return chromium.launch({ executablePath: executablePath!, args: ['--no-sandbox', '--disable-gpu', '--disable-background-networking'] }); // prettier-ignore
}
