/** @file `sweep engine install NAME`: fetches and builds what an engine needs beyond its packages, and checks it. */
import fs from 'node:fs';
import path from 'node:path';
import type { ArgumentsCamelCase, Argv, CommandModule } from 'yargs';
import { failuresOf, type RanColumn } from '../checks/table.js';
import { EngineError } from '../engines/engine.js';
import { InstallError, type InstallOptions, type Installed } from '../engines/install/installer.js';
import { installCuda } from '../engines/install/cuda.js';
import { installTensorflow } from '../engines/install/tensorflow.js';

interface Installer {
  install: (options: InstallOptions) => Promise<Installed>;
  /** Engine and device to check afterwards: the first of these that is here. */
  columns: (options: InstallOptions) => string[];
}

/** What can be installed. */
const INSTALLERS: Record<string, Installer> = {
  cuda: { install: installCuda, columns: () => ['onnx/cuda:0'] },
  tensorflow: {
    install: installTensorflow,
    columns: ({ cpu }) => (cpu ? ['tensorflow/cpu'] : ['tensorflow/cuda:0', 'tensorflow/cpu']),
  },
};

/** In an installed folder: what was checked, and on what. */
const CHECKED = 'checked.json';

interface InstallArguments {
  name: string;
  cpu: boolean;
  force: boolean;
}

export const engineCommand: CommandModule = {
  command: 'engine',
  describe: 'Install what an engine needs beyond its packages',
  builder: (yargs: Argv) => yargs.command(installCommand).demandCommand(1, 'Which command?'),
  handler: () => undefined,
};

const installCommand: CommandModule<object, InstallArguments> = {
  command: 'install <name>',
  describe: 'Fetch and build an engine’s native libraries, and check its gradients',
  builder: (yargs: Argv) =>
    yargs
      .usage(
        '$0 engine install <name>\n\nFetches what the engine needs by pip, builds it into the user’s cache folder, and checks it.\n' +
          'Where it is there already, nothing is fetched. Needs python3 with pip, a C++ compiler and network, on linux-x64.',
      )
      .positional('name', {
        type: 'string',
        choices: Object.keys(INSTALLERS),
        demandOption: true,
        describe: 'The engine',
      })
      .option('cpu', {
        type: 'boolean',
        default: false,
        describe: 'Leave out what only an NVIDIA GPU needs (0.9 instead of 5 GB on the disk)',
      })
      .option('force', {
        type: 'boolean',
        default: false,
        describe: 'Make it anew where it is there already',
      })
      .example('$0 engine install cuda', 'The onnx engine on NVIDIA GPUs')
      .example('$0 engine install tensorflow', 'TensorFlow with CUDA, for NVIDIA GPUs')
      .example('$0 engine install tensorflow --cpu', 'TensorFlow for the CPU')
      .epilogue('Exit code: 0 it is there and its gradients are right, 1 it is not, 2 a flag is wrong.'),
  handler: install,
};

async function install({ name, cpu, force }: ArgumentsCamelCase<InstallArguments>): Promise<void> {
  const options: InstallOptions = { cpu, force, say: (line) => console.log(line) };
  try {
    const installer = INSTALLERS[name];
    if (!installer) throw new InstallError(`There is nothing to install for ${name}.`);
    const { folder, already } = await installer.install(options);
    if (already) options.say(`Already there: ${folder}`);
    if (fs.existsSync(path.join(folder, CHECKED))) return;
    await check(folder, installer.columns(options), options.say);
  } catch (error) {
    if (!(error instanceof InstallError) && !(error instanceof EngineError)) throw error;
    console.error(error.message);
    process.exitCode = 1;
  }
}

/** Runs the table of gradient checks, in a process of its own. What computes wrongly is removed again. */
async function check(folder: string, titles: string[], say: (line: string) => void): Promise<void> {
  say('Comparing its values and gradients with those of the cpu engine ...');
  const { runColumn } = await import('../checks/columns.js'); // brings all of tfjs
  const reasons: string[] = [];
  for (const title of titles) {
    const column = await runColumn(title);
    if ('missing' in column) {
      reasons.push(`${title}: ${column.missing}`);
      continue;
    }
    for (const reason of reasons) say(`Not checked on ${reason}`);
    judge(folder, column);
    const { results, versions } = column;
    fs.writeFileSync(path.join(folder, CHECKED), JSON.stringify({ title, checks: results.length, versions }) + '\n'); // prettier-ignore
    say(`${title}: all ${results.length} checks passed in ${Math.round(column.seconds)} s.`);
    return;
  }
  throw new InstallError(`It was installed, but it does not work here.\n${reasons.join('\n')}`);
}

function judge(folder: string, column: RanColumn): void {
  const failures = failuresOf(column);
  if (failures.length === 0) return;
  fs.rmSync(folder, { recursive: true, force: true });
  const shown = failures.slice(0, 10).map((each) => `  ${each}`);
  throw new InstallError([`${column.title} fails its checks, so it was removed again:`, ...shown].join('\n'));
}
