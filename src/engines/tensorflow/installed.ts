/** @file Where TensorFlow's library and our build of its Node binding are, once `sweep engine install tensorflow` has run. */
import fs from 'node:fs';
import path from 'node:path';
import { cacheFolder } from '../../cache.js';

/** Version of TensorFlow: its wheel's and its library's. */
export const TENSORFLOW = '2.21.0';
/** Version of the package whose JavaScript and whose binding's source are used. */
export const TFJS_NODE = '4.22.0';
/** Node's stable binary interface that the binding is built for: one build serves all versions of Node. */
export const NAPI = 8;

/** Raised by hand when it is put together in another way, so that what is there already is not taken for it. */
const REVISION = 2;

/** With or without kernels for NVIDIA GPUs. */
export type Build = 'cpu' | 'gpu';

/** Written last: what is in the folder, and how it came there. */
export interface Manifest {
  build: Build;
  /** Names of the wheels that it was taken from. */
  wheels: string[];
  bytes: number;
}

export interface Install {
  folder: string;
  /** The binding, to be loaded by Node. It finds the libraries beside it by itself. */
  binding: string;
  manifest: Manifest;
}

/** Absolute; it need not be there. One folder for each combination that cannot share files. */
export function installFolder(build: Build): string {
  const platform = `${process.platform}-${process.arch}`;
  return path.join(
    cacheFolder(),
    'engines',
    `tensorflow-${TENSORFLOW}-${build}-${platform}-napi${NAPI}-tfjs-${TFJS_NODE}-r${REVISION}`,
  );
}

export function bindingIn(folder: string): string {
  return path.join(folder, 'tfjs_binding.node');
}

export function manifestIn(folder: string): string {
  return path.join(folder, 'installed.json');
}

export function findInstall(build: Build): Install | undefined {
  const folder = installFolder(build);
  try {
    const manifest = JSON.parse(fs.readFileSync(manifestIn(folder), 'utf8')) as Manifest;
    return { folder, binding: bindingIn(folder), manifest };
  } catch {
    return undefined;
  }
}
