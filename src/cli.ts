#!/usr/bin/env node
/** @file The command line: yargs, and nothing else. One file a command in src/commands/. */
import yargs from 'yargs';
import { hideBin } from 'yargs/helpers';
import { dataCommand } from './commands/data.js';
import { doctorCommand } from './commands/doctor.js';
import { engineCommand } from './commands/engine.js';
import { fsckCommand } from './commands/fsck.js';
import { initCommand } from './commands/init.js';
import { planCommand } from './commands/plan.js';
import { reportCommand } from './commands/report.js';
import { runCommand } from './commands/run.js';
import { exitCodeOf, explain } from './commands/failure.js';
import { packageVersion } from './version.js';

const EXAMPLES: [string, string][] = [
  ['sweep run sweeps/patch.yaml', 'train every trial that is missing'],
  ['sweep plan sweeps/patch.yaml', 'what that is, and how long it takes'],
  ['sweep report', 'write results/report.html'],
  ['sweep doctor', 'which engines and GPUs work here'],
];

const parser = yargs(hideBin(process.argv))
  .scriptName('sweep')
  .usage(
    '$0 <command>\n\nSweeps of CycleGANs for medical images: run them, keep every number, read one report.',
  )
  .example(EXAMPLES)
  .command(runCommand)
  .command(planCommand)
  .command(initCommand)
  .command(reportCommand)
  .command(dataCommand)
  .command(doctorCommand)
  .command(engineCommand)
  .command(fsckCommand)
  .demandCommand(1, 'Which command?')
  .strict()
  .recommendCommands()
  .version(packageVersion())
  .help()
  .alias({ help: 'h', version: 'v' })
  .wrap(Math.min(110, process.stdout.columns ?? 110))
  .exitProcess(false)
  .fail((message, error) => {
    throw error ?? new yargsError(message);
  });

class yargsError extends Error {}

// Whoever reads what is printed may leave (`sweep run … | head`): what is being done goes on.
for (const stream of [process.stdout, process.stderr]) {
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
  });
}

try {
  await parser.parseAsync();
} catch (error) {
  console.error(error instanceof yargsError ? `${error.message}\nSee sweep --help.` : explain(error));
  process.exitCode = error instanceof yargsError ? 2 : exitCodeOf(error);
}
