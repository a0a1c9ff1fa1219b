/** @file PyTorch for the benchmark: where it is, how it is installed into a folder of the benchmark's own. */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const FOLDER = fileURLToPath(new URL('../.torch', import.meta.url));
const PYTHON = `${FOLDER}/${process.platform === 'win32' ? 'Scripts/python.exe' : 'bin/python'}`;
export const SCRIPT = fileURLToPath(new URL('../cyclegan_torch.py', import.meta.url));

/** @throws Error if Python or pip fails; they say why themselves */
export function installTorch() {
  const base = process.platform === 'win32' ? 'python' : 'python3';
  for (const [command, ...args] of [
    [base, '-m', 'venv', FOLDER],
    [PYTHON, '-m', 'pip', 'install', 'torch'],
  ]) {
    const { status, error } = spawnSync(command, args, { stdio: 'inherit' });
    if (status !== 0)
      throw new Error(`${command} ${args.join(' ')} failed${error ? `: ${error.message}` : ''}`);
  }
}

/**
 * The interpreter named by BENCH_PYTHON, or that of bench/.torch.
 * @returns `python` and what its PyTorch was built with, or `missing`: why there is none
 */
export function findTorch() {
  const named = process.env.BENCH_PYTHON;
  const python = named ?? PYTHON;
  const hint =
    'npm run bench:engines -- --install-torch installs it, or BENCH_PYTHON names a Python that has it';
  if (named === undefined && !existsSync(python)) return { missing: `PyTorch is not installed: ${hint}.` };
  const { status, stdout, stderr, error } = spawnSync(python, [SCRIPT], { encoding: 'utf8' });
  if (status !== 0) {
    const why = error?.message ?? stderr.trim().split('\n').at(-1);
    return { missing: `PyTorch does not work (${why}): ${hint}.` };
  }
  const { version, configuration } = JSON.parse(stdout.trim().split('\n').at(-1));
  return { python, version, libraries: librariesIn(configuration) };
}

/** e.g. `oneDNN 3.13.3, MKL 2024.2, OpenMP 4.5, AVX512`. */
function librariesIn(configuration) {
  const found = [
    ['oneDNN', /MKL-DNN v([\d.]+)/],
    ['MKL', /Math Kernel Library Version ([\d.]+)/],
    ['OpenMP', /OpenMP ([\d.]+)\)?\s*$/m],
    ['BLAS', /BLAS_INFO=(\w+)/],
    ['CPU capability', /CPU capability usage: (\S+)/],
  ].map(([name, pattern]) => [name, pattern.exec(configuration)?.[1]]);
  return found.map(([name, version]) => `${name} ${version ?? 'none'}`).join(', ');
}
