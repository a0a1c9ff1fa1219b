/**
 * @file Installs onnxruntime's CUDA provider for the onnx engine: its two libraries out of the Python wheel `onnxruntime-gpu` of
 * the same version, beside a copy of onnxruntime-node, and NVIDIA's libraries out of NVIDIA's own wheels.
 */
import fs from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { CUDA_LIBRARIES, cudaFolder, cudaInstalled, cudaManifestIn, onnxruntimeVersion, type CudaManifest } from '../onnx/cuda.js'; // prettier-ignore
import { InstallError, megabytes, type Installed, type InstallOptions } from './installer.js';
import { discardDownloads, fetchWheels } from './pip.js';
import { openWheel, type Wheel } from './wheel.js';
import { makeWhole } from './whole.js';

const PROVIDERS = ['libonnxruntime_providers_shared.so', 'libonnxruntime_providers_cuda.so'];
/** Where onnxruntime-node keeps its libraries. */
const BIN = path.join('bin', 'napi-v6', 'linux', 'x64');

/** Extras of the wheel whose requirements are NVIDIA's libraries. */
const EXTRAS = ['cuda', 'cudnn'];
/** Named there for operators that nothing here uses. */
const UNUSED = /^nvidia-cufft\b/;
/** What cuDNN's own wheel requires. */
const CUBLAS = 'nvidia-cublas';
/** The libraries of those wheels, but for wrappers that others use. */
const LIBRARIES = /^nvidia\/.*\/(lib[^/]+\.so(\.\d+)+)$/;
const WRAPPERS = /libnvblas|\.alt\.so/;

/** @throws InstallError if something is missing that it needs */
export async function installCuda({ cpu, force, say }: InstallOptions): Promise<Installed> {
  if (cpu)
    throw new InstallError('cuda is for NVIDIA GPUs alone; on the CPU the onnx engine needs no install.');
  const folder = cudaFolder();
  if (!force && cudaInstalled()) return { folder, already: true };
  checkPlatform();

  const [wheelFile = ''] = await fetchWheels([`onnxruntime-gpu==${onnxruntimeVersion()}`], say);
  const wheel = await openWheel(wheelFile);
  const nvidia = await fetchWheels(nvidiaRequirements(await metadataOf(wheel)), say);
  await makeWhole(folder, async (temporary) => {
    copyPackages(temporary);
    say(`Unpacking ${PROVIDERS.join(', ')} ...`);
    const beside = path.join(temporary, 'node_modules', 'onnxruntime-node', BIN);
    for (const name of PROVIDERS) await wheel.extract(`onnxruntime/capi/${name}`, path.join(beside, name));
    say("Unpacking NVIDIA's libraries ...");
    for (const file of nvidia) await extractLibraries(file, path.join(temporary, 'lib'));
    checkComplete(path.join(temporary, 'lib'));
    const wheels = [wheelFile, ...nvidia].map((each) => path.basename(each));
    const manifest: CudaManifest = { wheels, bytes: sizeOf(temporary) };
    fs.writeFileSync(cudaManifestIn(temporary), JSON.stringify(manifest, null, 2) + '\n');
    say(`Put together ${megabytes(manifest.bytes)} in ${folder}`);
  });
  wheel.close();
  discardDownloads([wheelFile, ...nvidia]);
  return { folder, already: false };
}

function checkPlatform(): void {
  const platform = `${process.platform}-${process.arch}`;
  if (platform === 'linux-x64') return;
  throw new InstallError(
    `onnxruntime's CUDA provider can be installed on linux-x64 only, this is ${platform}. Any GPU works by --device webgpu.`,
  );
}

/** The wheel's METADATA names, for its extras `cuda` and `cudnn`, what pip would install: `nvidia-cudnn-cu13~=9.0`. */
export function nvidiaRequirements(metadata: string): string[] {
  const named = [...metadata.matchAll(/^Requires-Dist: *([^;]+?) *; *extra *== *["']([\w-]+)["'] *$/gm)]
    .filter(([, , extra = '']) => EXTRAS.includes(extra))
    .map(([, requirement = '']) => requirement.replace(/[() ]/g, ''))
    .filter((requirement) => !UNUSED.test(requirement));
  if (named.length === 0)
    throw new InstallError('The wheel of onnxruntime-gpu names no libraries of NVIDIA.');
  return [...new Set([...named, CUBLAS])];
}

async function metadataOf(wheel: Wheel): Promise<string> {
  const name = [...wheel.names].find((each) => /^[^/]+\.dist-info\/METADATA$/.test(each));
  if (name === undefined) throw new InstallError('The wheel of onnxruntime-gpu has no metadata.');
  return wheel.text(name);
}

/** The two packages as npm installed them, for this platform alone. */
function copyPackages(target: string): void {
  const require = createRequire(import.meta.url);
  const node = path.dirname(require.resolve('onnxruntime-node/package.json'));
  const common = folderOf(
    createRequire(path.join(node, 'package.json')).resolve('onnxruntime-common'),
    'onnxruntime-common',
  );
  const to = (...parts: string[]): string => path.join(target, 'node_modules', ...parts);
  for (const part of ['package.json', 'dist', BIN]) {
    fs.cpSync(path.join(node, part), to('onnxruntime-node', part), { recursive: true, dereference: true });
  }
  for (const part of ['package.json', path.join('dist', 'cjs')]) {
    fs.cpSync(path.join(common, part), to('onnxruntime-common', part), {
      recursive: true,
      dereference: true,
    });
  }
}

/** The package's folder, from a file somewhere inside. */
function folderOf(file: string, name: string): string {
  const folder = path.dirname(file);
  return path.basename(folder) === name ? folder : folderOf(folder, name);
}

async function extractLibraries(file: string, folder: string): Promise<void> {
  const wheel = await openWheel(file);
  for (const inside of wheel.names) {
    const [, name] = LIBRARIES.exec(inside) ?? [];
    if (name !== undefined && !WRAPPERS.test(name)) await wheel.extract(inside, path.join(folder, name));
  }
  wheel.close();
}

function checkComplete(folder: string): void {
  const missing = CUDA_LIBRARIES.filter((name) => !fs.existsSync(path.join(folder, name)));
  if (missing.length === 0) return;
  throw new InstallError(
    `NVIDIA's wheels of today hold no ${missing.join(', ')}, which onnxruntime ${onnxruntimeVersion()} is built for.`,
  );
}

function sizeOf(folder: string): number {
  return fs
    .readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((each) => each.isFile())
    .reduce((sum, each) => sum + fs.statSync(path.join(each.parentPath, each.name)).size, 0);
}
