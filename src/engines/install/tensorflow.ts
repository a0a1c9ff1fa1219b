/**
 * @file Installs TensorFlow for the tensorflow engine: its library out of TensorFlow's own Python wheel, and the Node binding
 * of @tensorflow/tfjs-node-gpu compiled against it. (The package's own installer brings TensorFlow 2.9 and CUDA 11.2.)
 *
 * The folder is laid out as Python lays out its packages, since the libraries look for each other along those paths:
 *
 *     tfjs_binding.node
 *     tensorflow/libtensorflow_cc.so.2, libtensorflow_framework.so.2
 *     nvidia/cublas/lib/libcublas.so.12 ...   (with a GPU)
 *     installed.json
 */
import fs from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { execa } from 'execa';
import { systemCode } from '../../errors.js';
import { bindingIn, findInstall, installFolder, manifestIn, NAPI, TENSORFLOW, type Manifest } from '../tensorflow/installed.js'; // prettier-ignore
import { packageFolder } from '../tensorflow/package.js';
import { InstallError, megabytes, type Installed, type InstallOptions } from './installer.js';
import { discardDownloads, fetchWheels } from './pip.js';
import { openWheel, type Wheel } from './wheel.js';
import { makeWhole } from './whole.js';

const LIBRARIES = ['libtensorflow_cc.so.2', 'libtensorflow_framework.so.2'];
const HEADERS = 'tensorflow/include/';

/** What of the CUDA wheels is used: libraries, the assembler, and the device library of the compiler. */
const CUDA_FILES = /^nvidia\/.*(\.so(\.[\d.]+)?|\/bin\/ptxas|\/libdevice\..*\.bc)$/;
/** Copies of libraries for others than us. */
const CUDA_UNUSED =
  /\.alt\.so|libnvblas|libnvvm|libcufftw|libcusolverMg|libcheckpoint|libnvperf|libpcsampling/;

/** @throws InstallError if something is missing that it needs */
export async function installTensorflow({ cpu, force, say }: InstallOptions): Promise<Installed> {
  const build = cpu ? 'cpu' : 'gpu';
  const folder = installFolder(build);
  if (!force && findInstall(build)) return { folder, already: true };
  checkPlatform();
  const sources = path.join(packageFolder(), 'binding');
  const compiler = await findCompiler();

  const [wheelFile = ''] = await fetchWheels([`tensorflow${cpu ? '-cpu' : ''}==${TENSORFLOW}`], say);
  const wheel = await openWheel(wheelFile);
  const wheelFiles = [wheelFile];
  await makeWhole(folder, async (temporary) => {
    say(`Unpacking ${LIBRARIES.join(', ')} ...`);
    for (const name of LIBRARIES)
      await wheel.extract(`tensorflow/${name}`, path.join(temporary, 'tensorflow', name));
    if (!cpu) {
      const cudaFiles = await fetchWheels(cudaRequirements(await metadataOf(wheel)), say);
      say("Unpacking NVIDIA's libraries ...");
      for (const each of cudaFiles) await extractCuda(each, temporary);
      wheelFiles.push(...cudaFiles);
    }
    say(`Compiling the binding with ${compiler} ...`);
    await compileBinding(compiler, sources, wheel, temporary);
    const wheels = wheelFiles.map((each) => path.basename(each));
    const manifest: Manifest = { build, wheels, bytes: sizeOf(temporary) };
    fs.writeFileSync(manifestIn(temporary), JSON.stringify(manifest, null, 2) + '\n');
    say(`Put together ${megabytes(manifest.bytes)} in ${folder}`);
  });
  wheel.close();
  discardDownloads(wheelFiles);
  return { folder, already: false };
}

function checkPlatform(): void {
  const platform = `${process.platform}-${process.arch}`;
  if (platform !== 'linux-x64') {
    throw new InstallError(
      `TensorFlow can be installed on linux-x64 only, this is ${platform}. The onnx engine works here: --engine onnx.`,
    );
  }
}

async function findCompiler(): Promise<string> {
  for (const name of [process.env['CXX'], 'c++', 'g++', 'clang++']) {
    if (!name) continue;
    const { failed, cause } = await execa(name, ['--version'], { reject: false, stdin: 'ignore' });
    if (!failed || systemCode(cause) !== 'ENOENT') return name;
  }
  throw new InstallError(
    'A C++ compiler is needed to build the binding, and none is here (c++, g++, clang++, or the one that CXX names).\n' +
      'Install one, e.g. `apt-get install g++` or `dnf install gcc-c++`, and run this command again.',
  );
}

async function compileBinding(
  compiler: string,
  sources: string,
  wheel: Wheel,
  folder: string,
): Promise<void> {
  const headers = path.join(folder, 'include');
  // Of Node only its stable binary interface, whose headers are a package: no version of Node needs headers installed.
  const nodeHeaders = path.join(path.dirname(createRequire(import.meta.url).resolve('node-api-headers')), 'include'); // prettier-ignore
  await extractHeaders(wheel, sources, headers);
  const { failed, stderr, shortMessage } = await execa(
    compiler,
    [
      ...['-std=c++17', '-O2', '-fPIC', '-shared', `-DNAPI_VERSION=${NAPI}`],
      ...['-I', nodeHeaders, '-I', headers],
      ...['tfjs_backend.cc', 'tfjs_binding.cc'].map((each) => path.join(sources, each)),
      ...['-L', path.join(folder, 'tensorflow'), ...LIBRARIES.map((each) => `-l:${each}`)],
      '-Wl,-rpath,$ORIGIN/tensorflow',
      '-Wl,-z,nodelete', // Node unloads what a thread has loaded when it ends; TensorFlow's own threads would be in it
      ...['-o', bindingIn(folder)],
    ],
    { reject: false, stdin: 'ignore' },
  );
  fs.rmSync(headers, { recursive: true });
  if (failed) {
    const said = stderr.trim().split('\n').slice(0, 10).join('\n  ');
    throw new InstallError(`${compiler} could not compile the binding:\n  ${said || shortMessage}`);
  }
}

/** Of the 11,000 headers of the wheel, those that the binding includes, directly or not. */
async function extractHeaders(wheel: Wheel, sources: string, target: string): Promise<void> {
  const taken = new Set<string>();
  const follow = async (text: string, folder: string): Promise<void> => {
    for (const [, included = ''] of text.matchAll(/^\s*#\s*include\s*["<]([^">]+)[">]/gm)) {
      for (const name of [included, path.posix.join(folder, included)]) {
        const inWheel = HEADERS + name;
        if (taken.has(name) || !wheel.names.has(inWheel)) continue;
        taken.add(name);
        await wheel.extract(inWheel, path.join(target, name));
        await follow(await wheel.text(inWheel), path.posix.dirname(name));
      }
    }
  };
  for (const name of fs.readdirSync(sources))
    await follow(fs.readFileSync(path.join(sources, name), 'utf8'), '');
}

function metadataOf(wheel: Wheel): Promise<string> {
  const name = [...wheel.names].find((each) => /^[^/]+\.dist-info\/METADATA$/.test(each));
  if (name === undefined) throw new InstallError('The wheel of TensorFlow names no requirements.');
  return wheel.text(name);
}

/** What a wheel's METADATA requires for its extra `and-cuda`, as pip takes it: `nvidia-cublas-cu12<13.0,>=12.5.3.2`. */
export function cudaRequirements(metadata: string): string[] {
  return [...metadata.matchAll(/^Requires-Dist: *([^;\n]+?) *; *extra *== *["']and-cuda["'] *$/gm)].map(
    ([, requirement = '']) => requirement.replace(/[() ]/g, ''),
  );
}

async function extractCuda(file: string, folder: string): Promise<void> {
  const wheel = await openWheel(file);
  for (const name of wheel.names) {
    if (!CUDA_FILES.test(name) || CUDA_UNUSED.test(name)) continue;
    await wheel.extract(name, path.join(folder, name));
    if (name.endsWith('/ptxas')) fs.chmodSync(path.join(folder, name), 0o755);
  }
  wheel.close();
}

function sizeOf(folder: string): number {
  return fs
    .readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((each) => each.isFile())
    .reduce((sum, each) => sum + fs.statSync(path.join(each.parentPath, each.name)).size, 0);
}
