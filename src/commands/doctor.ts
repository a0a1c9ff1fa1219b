/** @file `sweep doctor`: what works on this machine, what does not, and why. */
import os from 'node:os';
import type { ArgumentsCamelCase, Argv, CommandModule } from 'yargs';
import { chooseEngine, probeEngines } from '../engines/open.js';
import { listGpus } from '../nvidia.js';
import { packageVersion } from '../version.js';
import { jsonOption } from './options.js';

interface DoctorArguments {
  json: boolean;
}

export const doctorCommand: CommandModule<object, DoctorArguments> = {
  command: 'doctor',
  describe: 'Say which engines and GPUs work here, and why the others do not',
  builder: (yargs: Argv) =>
    yargs
      .usage('$0 doctor\n\nChecks this machine: cores, memory, engines, GPUs.')
      .option('json', jsonOption)
      .example('$0 doctor', 'a table to read')
      .example('$0 doctor --json', 'the same for a program'),
  handler: examine,
};

async function examine({ json }: ArgumentsCamelCase<DoctorArguments>): Promise<void> {
  const engines = await probeEngines();
  const gpus = await listGpus();
  const choice = await chooseEngine('auto');
  const machine = {
    cyclesweep: packageVersion(),
    node: process.version,
    platform: `${os.platform()}-${os.arch()}`,
    cpu: os.cpus()[0]?.model.trim() ?? 'unknown',
    cores: os.availableParallelism(),
    memoryBytes: os.totalmem(),
    freeMemoryBytes: os.freemem(),
  };
  if (json) {
    console.log(JSON.stringify({ machine, engines, gpus, choice }, null, 2));
    return;
  }
  const gib = (bytes: number) => `${(bytes / 2 ** 30).toFixed(1)} GiB`;
  console.log(
    [
      `CycleSweep ${machine.cyclesweep}, Node ${machine.node}, ${machine.platform}`,
      `${machine.cores} cores (${machine.cpu}), ${gib(machine.memoryBytes)} memory, ${gib(machine.freeMemoryBytes)} free`,
      '',
      'Engines',
      ...engines.map(({ name, device, works, reason }) => {
        return `  ${works ? 'works ' : 'no    '}  ${name.padEnd(11)} ${device.padEnd(7)} ${reason}`;
      }),
      '',
      'GPUs',
      ...(gpus.found.length === 0
        ? [`  none: ${gpus.reason}`]
        : gpus.found.map((gpu) => `  ${gpu.index}  ${gpu.name}, ${gib(gpu.memoryBytes)}; ${gpus.reason}`)),
      '',
      `A sweep takes: ${choice.name} (${choice.reason})`,
    ].join('\n'),
  );
}
