/** @file `sweep engine install NAME`: fetches and builds what an engine needs beyond its packages. */
import type { ArgumentsCamelCase, Argv, CommandModule } from 'yargs';
import { EngineError } from '../engines/engine.js';
import { InstallError, type Installed, type InstallOptions } from '../engines/install/installer.js';
import { installTensorflow } from '../engines/install/tensorflow.js';

/** What can be installed. */
const INSTALLERS: Record<string, (options: InstallOptions) => Promise<Installed>> = {
  tensorflow: installTensorflow,
};

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
      .example('$0 engine install tensorflow', 'TensorFlow with CUDA, for NVIDIA GPUs')
      .example('$0 engine install tensorflow --cpu', 'TensorFlow for the CPU'),
  handler: install,
};

async function install({ name, cpu, force }: ArgumentsCamelCase<InstallArguments>): Promise<void> {
  const say = (line: string) => console.log(line);
  try {
    const installer = INSTALLERS[name];
    if (!installer) throw new InstallError(`There is nothing to install for ${name}.`);
    const { folder, already } = await installer({ cpu, force, say });
    say(already ? `Already there: ${folder}` : `Installed: ${folder}`);
  } catch (error) {
    if (!(error instanceof InstallError) && !(error instanceof EngineError)) throw error;
    console.error(error.message);
    process.exitCode = 1;
  }
}
