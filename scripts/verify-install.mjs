/**
 * @file npm run verify install: packs the package, installs it globally as a user would, on Node 20, 22 and 24, each with a home of its own,
 * and runs `sweep` from an empty folder: a sweep of the phantom, and its report. The Nodes come from npm, with their headers.
 */
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const VERSIONS = process.argv.length > 2 ? process.argv.slice(2) : ['20', '22', '24'];
const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'cyclesweep-install-'));
let failed = false;
try {
  const [packed] = JSON.parse(
    run('npm', ['pack', '--json', '--ignore-scripts', '--pack-destination', folder], { cwd: root }),
  );
  console.log(
    `${packed.filename}: ${(packed.size / 1e6).toFixed(2)} MB packed, ${packed.files.length} files`,
  );
  for (const version of VERSIONS) failed = !check(version, path.join(folder, packed.filename)) || failed;
} finally {
  fs.rmSync(folder, { recursive: true, force: true });
}
process.exit(failed ? 1 : 0);

function check(version, tarball) {
  const home = path.join(folder, `node${version}`);
  const [nodes, prefix, empty] = ['nodes', 'global', 'empty'].map((name) => path.join(home, name));
  for (const each of [nodes, prefix, empty]) fs.mkdirSync(each, { recursive: true });
  try {
    const name = `node-${process.platform}-${process.arch}`;
    run('npm', ['install', '--no-audit', '--no-fund', '--prefix', nodes, `${name}@${version}`], {
      cwd: home,
    });
    const node = path.join(nodes, 'node_modules', name);
    const env = {
      ...process.env,
      PATH: [path.join(prefix, 'bin'), path.join(node, 'bin'), process.env.PATH].join(':'),
      HOME: home,
      npm_config_prefix: prefix,
      npm_config_registry:
        process.env.npm_config_registry ?? run('npm', ['config', 'get', 'registry']).trim(),
      // Where SQLite is compiled: with the headers that came along.
      npm_config_nodedir: node,
    };
    const began = performance.now();
    run(
      'npm',
      ['install', '--global', '--no-audit', '--no-fund', '--onnxruntime-node-install=skip', tarball],
      { cwd: empty, env },
    );
    const took = Math.round((performance.now() - began) / 1000);
    const real = run('node', ['--version'], { cwd: empty, env }).trim();
    run('sweep', ['init', '--phantom', '--out', 'first.yaml'], { cwd: empty, env });
    const short = [
      'data.size=256',
      'data.count=6',
      'budget.updates=2',
      'filters=2',
      'seeds=1',
      'grid.patch=64',
    ];
    run('sweep', ['run', 'first.yaml', ...short.flatMap((change) => ['--set', change])], { cwd: empty, env });
    run('sweep', ['report'], { cwd: empty, env });
    const { size } = fs.statSync(path.join(empty, 'results', 'report.html'));
    console.log(
      `Node ${real}: installed in ${took} s; init, run and report in an empty folder: ${(size / 1e6).toFixed(1)} MB of report`,
    );
    return true;
  } catch (error) {
    console.log(`Node ${version}: ${error.message}\n${error.stdout ?? ''}${error.stderr ?? ''}`);
    return false;
  }
}

function run(program, args, { cwd = root, env = process.env } = {}) {
  return execFileSync(program, args, { cwd, env, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
}
