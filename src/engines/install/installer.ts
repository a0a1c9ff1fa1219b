/** @file What the installer of an engine's native libraries is. They are fetched on demand, never by `npm i`. */

export interface InstallOptions {
  /** Leaves out what only a GPU needs. */
  cpu: boolean;
  /** Makes it anew where it is there already. */
  force: boolean;
  /** Told what is done, line by line. */
  say: (line: string) => void;
}

export interface Installed {
  /** Folder in the user's cache that holds it all. */
  folder: string;
  /** Whether it was there before. */
  already: boolean;
}

/** What hinders an install: what is missing, and what to do. */
export class InstallError extends Error {}

/** e.g. `853 MB`. */
export function megabytes(bytes: number): string {
  return `${Math.round(bytes / 1e6).toLocaleString('en')} MB`;
}
