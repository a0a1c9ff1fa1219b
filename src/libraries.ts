/** @file Shared libraries that the loader of this machine finds, for people to read: what decides is whether an engine opens. */
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { execa } from 'execa';

/** Absolute files of all libraries that can be found by name alone: LD_LIBRARY_PATH, then what `ldconfig` has listed. */
export async function findLibraries(environment: NodeJS.ProcessEnv = process.env): Promise<string[]> {
  if (os.platform() !== 'linux') return [];
  const given = (environment.LD_LIBRARY_PATH ?? '').split(':').filter((folder) => folder !== '');
  const listed = await ldconfig(environment);
  return [...given.flatMap((folder) => list(folder).map((name) => path.join(folder, name))), ...listed];
}

/** The file of a library such as `libcudnn.so`, the highest version first; undefined where there is none. */
export function newest(files: readonly string[], name: string): string | undefined {
  const version = (file: string) => path.basename(file).slice(name.length + 1);
  return files
    .filter((file) => path.basename(file) === name || path.basename(file).startsWith(`${name}.`))
    .sort((a, b) => version(b).localeCompare(version(a), 'en', { numeric: true }))[0];
}

/** Names of the Vulkan drivers whose manifests are where the loader looks, e.g. `lvp`, `radeon`, `nvidia`. */
export function vulkanDrivers(environment: NodeJS.ProcessEnv = process.env): string[] {
  const named = environment.VK_DRIVER_FILES ?? environment.VK_ICD_FILENAMES;
  const home = environment.HOME ?? os.homedir();
  const manifests =
    named?.split(':') ??
    [
      environment.XDG_CONFIG_HOME ?? path.join(home, '.config'),
      ...(environment.XDG_CONFIG_DIRS ?? '/etc/xdg').split(':'),
      '/etc',
      environment.XDG_DATA_HOME ?? path.join(home, '.local', 'share'),
      ...(environment.XDG_DATA_DIRS ?? '/usr/local/share:/usr/share').split(':'),
    ].flatMap((folder) => list(path.join(folder, 'vulkan', 'icd.d')));
  const names = manifests.filter((file) => file.endsWith('.json')).map((file) => path.basename(file));
  return [...new Set(names.map((name) => name.replace(/[_.-]?icd.*$|\.json$/, '')))].sort();
}

async function ldconfig(environment: NodeJS.ProcessEnv): Promise<string[]> {
  for (const command of ['ldconfig', '/sbin/ldconfig']) {
    const { failed, stdout } = await execa(command, ['-p'], {
      reject: false,
      stdin: 'ignore',
      timeout: 10_000,
      env: environment,
    });
    if (!failed) return stdout.split('\n').flatMap((line) => line.split(' => ')[1]?.trim() ?? []);
  }
  return [];
}

function list(folder: string): string[] {
  try {
    return fs.readdirSync(folder);
  } catch {
    return []; // it is not there
  }
}
