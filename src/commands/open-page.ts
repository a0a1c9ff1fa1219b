/** @file Opens a file in the program that the user's desktop has for it. */
import { execa } from 'execa';
import { messageOf } from '../errors.js';

/** After so long the program runs, whether or not what started it has ended. */
const LONG_ENOUGH_MS = 5000;

/** Null when it was opened, else why not, for its reader. */
export async function openPage(file: string): Promise<string | null> {
  const { DISPLAY, WAYLAND_DISPLAY, BROWSER } = process.env;
  const desktop = process.platform === 'darwin' || process.platform === 'win32';
  if (!desktop && !DISPLAY && !WAYLAND_DISPLAY && !BROWSER)
    return 'there is no screen here (neither DISPLAY nor WAYLAND_DISPLAY is set). Copy it to a machine that has one, and open it there';
  const [program, ...words] =
    process.platform === 'win32'
      ? ['cmd', '/c', 'start', '']
      : [process.platform === 'darwin' ? 'open' : 'xdg-open'];
  const opener = execa(program, [...words, file], { detached: true, stdio: 'ignore', cleanup: false });
  let timer: NodeJS.Timeout | undefined;
  const running = new Promise<null>((resolve) => (timer = setTimeout(() => resolve(null), LONG_ENOUGH_MS)));
  try {
    await Promise.race([opener, running]);
    opener.unref();
    return null;
  } catch (error) {
    return `${program} could not open it (${messageOf(error).split('\n')[0]!.replace(` ${file}`, '')}). Open it by hand: ${file}`;
  } finally {
    clearTimeout(timer);
  }
}
