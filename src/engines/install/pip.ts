/** @file Fetches Python wheels by pip, or takes those that somebody has put into the cache folder by hand. */
import fs from 'node:fs';
import path from 'node:path';
import { execa } from 'execa';
import { cacheFolder } from '../../cache.js';
import { systemCode } from '../../errors.js';
import { InstallError } from './installer.js';
import { makeWhole } from './whole.js';

/**
 * The wheels to take: of this platform, for whatever Python. The C libraries inside are the same for all, so one version is
 * asked for by name and the user's own need not be one that TensorFlow supports.
 */
const PYTHON = ['--python-version', '3.11', '--implementation', 'cp', '--abi', 'cp311'];
const LINUX = ['manylinux_2_28', 'manylinux_2_27', 'manylinux2014'];

/** Where somebody without network here puts wheels; they are left there. */
export function handFedFolder(): string {
  return path.join(cacheFolder(), 'wheels');
}

/** Where what pip fetched waits until the install is done. */
function downloadFolder(): string {
  return path.join(cacheFolder(), 'downloads');
}

/**
 * Finds a wheel for each requirement, fetching what is missing by one call of pip.
 * @param requirements as pip takes them, e.g. `tensorflow-cpu==2.21.0`
 * @returns absolute files, in the order of the requirements
 * @throws InstallError saying what to fetch by hand, and where to put it, if pip cannot
 */
export async function fetchWheels(
  requirements: readonly string[],
  say: (line: string) => void,
): Promise<string[]> {
  const found = () => requirements.map((each) => findWheel(each));
  const missing = requirements.filter((_, index) => found()[index] === undefined);
  if (missing.length > 0) {
    say(`Fetching by pip: ${missing.join(', ')}`);
    await download(missing);
  }
  return found().map((file, index) => {
    if (file === undefined) throw new InstallError(`pip brought no wheel for ${requirements[index]}.`);
    return file;
  });
}

/** Removes fetched wheels that are no longer needed; those put there by hand stay. */
export function discardDownloads(files: readonly string[]): void {
  for (const file of files) if (path.dirname(file) === downloadFolder()) fs.rmSync(file, { force: true });
}

/** The newest wheel of a requirement that is on this disk. */
function findWheel(requirement: string): string | undefined {
  const { name, version } = parseRequirement(requirement);
  const start = version === undefined ? `${name}-` : `${name}-${version}-`;
  for (const folder of [handFedFolder(), downloadFolder()]) {
    const names = fs.existsSync(folder) ? fs.readdirSync(folder) : [];
    const fitting = names.filter(
      (each) => each.toLowerCase().startsWith(start) && each.endsWith(`_${machine()}.whl`),
    );
    const newest = fitting.sort((a, b) => a.localeCompare(b, 'en', { numeric: true })).at(-1);
    if (newest !== undefined) return path.join(folder, newest);
  }
  return undefined;
}

/** Name as wheels write it (PEP 427), and the version where exactly one will do. */
export function parseRequirement(requirement: string): { name: string; version?: string } {
  const [, name = '', version] = /^([\w.-]+?)(?:==([\w.]+))?(?:[<>!~= ].*)?$/.exec(requirement.trim()) ?? [];
  return { name: name.toLowerCase().replace(/[-_.]+/g, '_'), ...(version === undefined ? {} : { version }) };
}

function machine(): string {
  return process.arch === 'arm64' ? 'aarch64' : 'x86_64';
}

async function download(requirements: readonly string[]): Promise<void> {
  const arguments_ = pipArguments(requirements);
  const folder = path.join(downloadFolder(), 'fetched');
  // A file gets its place when pip is done with all of them.
  await makeWhole(folder, async (temporary) => {
    const reasons: string[] = [];
    for (const python of ['python3', 'python']) {
      const reason = await tryPip(python, [...arguments_, '--dest', temporary]);
      if (reason === undefined) {
        for (const name of fs.readdirSync(temporary))
          fs.renameSync(path.join(temporary, name), path.join(downloadFolder(), name));
        return;
      }
      reasons.push(reason);
      if (!reason.endsWith('not installed')) break;
    }
    throw new InstallError(`${reasons.join('; ')}\n${byHand(requirements)}`);
  });
  fs.rmSync(folder, { recursive: true, force: true });
}

function pipArguments(requirements: readonly string[]): string[] {
  const platforms = LINUX.flatMap((each) => ['--platform', `${each}_${machine()}`]);
  return ['download', '--no-deps', '--only-binary', ':all:', ...platforms, ...PYTHON, ...requirements];
}

/** @returns why it failed, or nothing */
async function tryPip(python: string, arguments_: readonly string[]): Promise<string | undefined> {
  const result = await execa(python, ['-m', 'pip', ...arguments_], {
    reject: false,
    stdin: 'ignore',
    stdout: 'inherit', // its progress
    stderr: 'pipe',
  });
  if (!result.failed) return undefined;
  if (systemCode(result.cause) === 'ENOENT') return `${python} is not installed`;
  if (/No module named pip\b/.test(result.stderr)) return `${python} is there, its pip is not installed`;
  const said = result.stderr.trim().split('\n').slice(-3).join('\n  ');
  return `${python} -m pip could not fetch it: ${said || result.shortMessage}`;
}

function byHand(requirements: readonly string[]): string {
  return [
    'Without pip or network here: fetch the wheels on another machine, from PyPI or by',
    `  python3 -m pip ${pipArguments(requirements.map((each) => (/[<>! ]/.test(each) ? `'${each}'` : each))).join(' ')}`,
    `put them into ${handFedFolder()} and run this command again.`,
  ].join('\n');
}
