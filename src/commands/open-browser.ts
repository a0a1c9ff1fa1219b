/** @file Opens an address or a file in the user's browser. */
import { spawn } from 'node:child_process';

const OPENERS: Partial<Record<NodeJS.Platform, [string, ...string[]]>> = {
  darwin: ['open'],
  win32: ['rundll32', 'url.dll,FileProtocolHandler'],
};

/** Says so where there is no browser; nothing else depends on it. */
export function openInBrowser(url: string): void {
  const [command, ...args] = OPENERS[process.platform] ?? ['xdg-open'];
  const child = spawn(command, [...args, url], { detached: true, stdio: 'ignore' });
  const say = () => console.error('No browser could be opened here: open the link yourself.');
  child.once('error', say);
  child.once('exit', (code) => {
    if (code !== 0 && code !== null) say();
  });
  child.unref();
}
