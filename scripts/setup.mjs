/**
 * @file Makes a clone ready: installs what is missing, compiles what has changed. Called by `npm run demo` and `npm test`.
 * Plain JavaScript on Node alone, since nothing is installed yet when it runs.
 */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const OLDEST_NODE = [20, 19];
const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
/** Holds the hash of the lock file that node_modules was installed from. */
const marker = path.join(root, 'node_modules', '.installed-from');

/** onnxruntime's install script would fetch CUDA libraries that nothing here asks for. */
const QUIET = { npm_config_onnxruntime_node_install: 'skip' };

checkNode();
const lock = createHash('sha256')
  .update(fs.readFileSync(path.join(root, 'package-lock.json')))
  .digest('hex');
if (fs.lstatSync(path.join(root, 'node_modules'), { throwIfNoEntry: false })?.isSymbolicLink()) {
  console.log('node_modules is a link: what it points to is used as it is, nothing is installed.');
} else if (!fs.existsSync(marker) || fs.readFileSync(marker, 'utf8') !== lock) {
  console.log(
    'Installing packages (SQLite is compiled where no ready-made build can be had: about two minutes) ...',
  );
  run('npm', ['ci', '--no-audit', '--no-fund', '--loglevel=error'], {
    ...process.env,
    ...headersAtHand(),
    ...QUIET,
  });
  fs.writeFileSync(marker, lock);
}
// What is packed holds nothing that a source no longer makes.
if (process.argv.includes('--clean')) fs.rmSync(path.join(root, 'dist'), { recursive: true, force: true });
console.log('Compiling ...');
run(process.execPath, [path.join('node_modules', 'typescript', 'bin', 'tsc'), '-p', 'tsconfig.json']);
fs.chmodSync(path.join(root, 'dist', 'cli.js'), 0o755);

function checkNode() {
  const [major, minor] = process.versions.node.split('.').map(Number);
  if (major > OLDEST_NODE[0] || (major === OLDEST_NODE[0] && minor >= OLDEST_NODE[1])) return;
  console.error(`CycleSweep needs Node ${OLDEST_NODE.join('.')} or newer; this is ${process.versions.node}.`);
  process.exit(1);
}

/** node-gyp would download Node's headers; where they came with Node it need not. */
function headersAtHand() {
  const prefix = path.dirname(path.dirname(process.execPath));
  const configured = process.env.npm_config_nodedir ?? process.env.npm_package_config_node_gyp_nodedir;
  if (configured || !fs.existsSync(path.join(prefix, 'include', 'node', 'node.h'))) return {};
  return { npm_config_nodedir: prefix, npm_package_config_node_gyp_nodedir: prefix };
}

function run(command, args, env = process.env) {
  const { status, error } = spawnSync(command, args, {
    cwd: root,
    env,
    stdio: 'inherit',
    shell: process.platform === 'win32',
  });
  if (error) console.error(`${command} could not be started: ${error.message}`);
  if (status !== 0) {
    console.error(`Set-up failed at: ${command} ${args.join(' ')}`);
    process.exit(1);
  }
}
