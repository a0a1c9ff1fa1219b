import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { openPage } from './open-page.js';

let folder: string;

beforeEach(() => (folder = mkdtempSync(path.join(tmpdir(), 'open-'))));
afterEach(() => {
  vi.unstubAllEnvs();
  rmSync(folder, { recursive: true, force: true });
});

/** A desktop whose opener runs these lines. */
function desktop(lines: string) {
  const opener = path.join(folder, 'xdg-open');
  writeFileSync(opener, `#!/bin/sh\n${lines}\n`);
  chmodSync(opener, 0o755);
  vi.stubEnv('DISPLAY', ':0');
  vi.stubEnv('PATH', `${folder}:/usr/bin:/bin`);
}

describe.skipIf(process.platform !== 'linux')('opening a page', () => {
  test('hands the file to the desktop', async () => {
    desktop(`printf %s "$1" > ${folder}/opened`);
    expect(await openPage('/some where/report.html')).toBeNull();
    expect(readFileSync(path.join(folder, 'opened'), 'utf8')).toBe('/some where/report.html');
  });

  test('says what went wrong, and what to do', async () => {
    desktop('exit 3');
    expect(await openPage('/r.html')).toMatch(
      /^xdg-open could not open it \(.*3.*\)\. Open it by hand: \/r\.html$/,
    );
    vi.stubEnv('PATH', folder + '/none');
    expect(await openPage('/r.html')).toMatch(/^xdg-open could not open it/);
  });

  test('says so where there is no screen', async () => {
    for (const name of ['DISPLAY', 'WAYLAND_DISPLAY', 'BROWSER']) vi.stubEnv(name, '');
    expect(await openPage('/r.html')).toContain('there is no screen here');
  });
});
