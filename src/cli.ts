#!/usr/bin/env node
/** @file The command line: yargs, and nothing else. One file a command in src/commands/. */
import yargs, { type CommandModule } from 'yargs';
import { hideBin } from 'yargs/helpers';
import { COMPLETE, printCompletions } from './commands/completion.js';
import { exitCodeOf, explain } from './commands/failure.js';
import { isDiskFull } from './disk.js';
import { UserError } from './errors.js';
import { isShared } from './store/place.js';
import { packageVersion } from './version.js';

/** Loaded when it is named, since each needs much that others do not; all where none is named, to list them. */
const COMMANDS = {
  run: async () => (await import('./commands/run.js')).runCommand,
  plan: async () => (await import('./commands/plan.js')).planCommand,
  init: async () => (await import('./commands/init.js')).initCommand,
  status: async () => (await import('./commands/status.js')).statusCommand,
  top: async () => (await import('./commands/top.js')).topCommand,
  stop: async () => (await import('./commands/stop.js')).stopCommand,
  ls: async () => (await import('./commands/ls.js')).lsCommand,
  show: async () => (await import('./commands/show.js')).showCommand,
  logs: async () => (await import('./commands/logs.js')).logsCommand,
  why: async () => (await import('./commands/why.js')).whyCommand,
  diff: async () => (await import('./commands/diff.js')).diffCommand,
  report: async () => (await import('./commands/report.js')).reportCommand,
  watch: async () => (await import('./commands/watch.js')).watchCommand,
  translate: async () => (await import('./commands/translate.js')).translateCommand,
  exam: async () => (await import('./commands/exam.js')).examCommand,
  export: async () => (await import('./commands/export.js')).exportCommand,
  data: async () => (await import('./commands/data.js')).dataCommand,
  doctor: async () => (await import('./commands/doctor.js')).doctorCommand,
  engine: async () => (await import('./commands/engine.js')).engineCommand,
  sql: async () => (await import('./commands/sql.js')).sqlCommand,
  rm: async () => (await import('./commands/rm.js')).rmCommand,
  gc: async () => (await import('./commands/gc.js')).gcCommand,
  fsck: async () => (await import('./commands/fsck.js')).fsckCommand,
  completion: async () => (await import('./commands/completion.js')).completionCommand,
};

const EXAMPLES: [string, string][] = [
  ['sweep run sweeps/patch.yaml', 'train every trial that is missing'],
  ['sweep plan sweeps/patch.yaml', 'what that is, and how long it takes'],
  ["sweep why 'patch=64,seed=1'", 'why a trial ran where it did, or failed'],
  ['sweep report', 'write results/report.html'],
  ['sweep translate 3f2a data/soft out', 'translate whole images by a trained generator'],
  ['sweep doctor', 'which engines and GPUs work here'],
];

const parser = yargs(hideBin(process.argv))
  .scriptName('sweep')
  .usage(
    '$0 <command>\n\nSweeps of CycleGANs for medical images: run them, keep every number, read one report.',
  )
  .example(EXAMPLES)
  .command((await loadCommands(process.argv[2])) as CommandModule[])
  .middleware(async ({ results }) => {
    if (typeof results !== 'string' || !isShared(results)) return;
    // A database of this machine's own is brought up to date before any command reads it.
    (await import('./runner/projection.js')).bringUpToDate(results);
  })
  .demandCommand(1, 'Which command?')
  .strict()
  .recommendCommands()
  .version(packageVersion())
  .help()
  .alias({ help: 'h', version: 'v' })
  .wrap(process.argv[2] === COMPLETE ? null : Math.min(110, process.stdout.columns ?? 110))
  .exitProcess(false)
  .fail((message, error) => {
    // With a message it is yargs, or a command's check of its options, that refuses; without, what a command threw itself.
    throw message && !(error instanceof UserError) ? new yargsError(message) : error;
  });

class yargsError extends Error {}

function loadCommands(name = '') {
  const named = Object.entries(COMMANDS).filter(([known]) => known === name);
  const wanted = named.length > 0 ? named : Object.entries(COMMANDS);
  return Promise.all(wanted.map(([, load]) => load()));
}

// Whoever reads what is printed may leave (`sweep run … | head`), or have no room for it: what is being done goes on.
for (const stream of [process.stdout, process.stderr]) {
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE' && !isDiskFull(error)) throw error;
  });
}

try {
  const [first, ...words] = process.argv.slice(2);
  if (first === COMPLETE) await printCompletions(parser, words);
  else await parser.parseAsync();
} catch (error) {
  console.error(error instanceof yargsError ? `${error.message}\nSee sweep --help.` : explain(error));
  process.exitCode = error instanceof yargsError ? 2 : exitCodeOf(error);
}
