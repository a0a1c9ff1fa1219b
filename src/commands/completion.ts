/** @file `sweep completion SHELL`: what a shell runs to complete commands, options, sweep files, trials and parameters. */
import fs from 'node:fs';
import path from 'node:path';
import type { ArgumentsCamelCase, Argv, CommandModule } from 'yargs';
import { PARAMETER_NAMES } from '../definition/parameters.js';
import { UserError } from '../errors.js';
import { KEY_SHOWN, recordedSweeps } from './trial/find.js';

const SHELLS = ['bash', 'zsh', 'fish'] as const;
type Shell = (typeof SHELLS)[number];

interface CompletionArguments {
  shell?: Shell;
}

export const completionCommand: CommandModule<object, CompletionArguments> = {
  command: 'completion [shell]',
  describe: 'Print what makes a shell complete commands, sweep files and trials',
  builder: (yargs: Argv) =>
    yargs
      .usage(
        '$0 completion [shell]\n\nPrints a script for the shell to read at its start. It completes commands, options, sweep files,\n' +
          'names of sweeps, trials by the beginning of their key, and parameters after --only and --set.',
      )
      .positional('shell', { choices: SHELLS, describe: 'For which shell  [default: the one in use]' })
      .example('$0 completion bash >> ~/.bashrc', 'bash')
      .example('$0 completion zsh >> ~/.zshrc', 'zsh, after compinit')
      .example('$0 completion fish > ~/.config/fish/completions/sweep.fish', 'fish'),
  handler: completion,
};

function completion({ shell = shellInUse() }: ArgumentsCamelCase<CompletionArguments>): void {
  if (shell === undefined) {
    throw new UserError(`Which shell? sweep completion ${SHELLS.join(', sweep completion ')}.`);
  }
  console.log(SCRIPTS[shell]);
}

function shellInUse(): Shell | undefined {
  const name = path.basename(process.env.SHELL ?? '');
  return SHELLS.find((shell) => shell === name);
}

/** How the scripts ask for what may come next: `sweep --complete WORD ...`. Printed are lines of VALUE, a tab, DESCRIPTION. */
export const COMPLETE = '--complete';
const ASK = `sweep ${COMPLETE}`;

const SCRIPTS: Record<Shell, string> = {
  bash: `# sweep: completion for bash, made by: sweep completion bash
_sweep() {
  local cur words cword IFS=$'\\n'
  # Where bash-completion is there, it puts words together again that bash cut at : and =.
  if declare -F _get_comp_words_by_ref >/dev/null; then _get_comp_words_by_ref -n := cur words cword
  else cur="\${COMP_WORDS[COMP_CWORD]}"; words=("\${COMP_WORDS[@]}"); cword=$COMP_CWORD; fi
  COMPREPLY=($(compgen -W "$(${ASK} "\${words[@]:0:cword+1}" 2>/dev/null | cut -f1)" -- "$cur"))
  if [[ \${#COMPREPLY[@]} -eq 1 && "\${COMPREPLY[0]}" == *[=/] ]]; then compopt -o nospace 2>/dev/null; fi
}
complete -o default -F _sweep sweep`,
  zsh: `#compdef sweep
# sweep: completion for zsh, made by: sweep completion zsh
_sweep() {
  local -a found open
  # A colon parts value and description here, so that one in the value takes a backslash.
  found=("\${(@f)$(${ASK} "\${(@)words[1,CURRENT]}" 2>/dev/null | sed -e 's/:/\\\\:/g' -e 's/\\t/:/')}")
  # What goes on after = or / takes no space behind it.
  open=(\${(M)found:#*[=/]})
  found=(\${found:#*[=/]})
  _describe sweep found -- open -S '' || _files
}
if [[ "\${zsh_eval_context[-1]}" == loadautofunc ]]; then _sweep "$@"; else compdef _sweep sweep; fi`,
  fish: `# sweep: completion for fish, made by: sweep completion fish
complete -c sweep -a '(${ASK} (commandline -opc) (commandline -ct) 2>/dev/null)'`,
};

/** A word that may stand next, and what it is. */
interface Candidate {
  value: string;
  describe?: string;
}

const TAKE_A_FILE = ['run', 'plan'];
const TAKE_A_TRIAL = ['show', 'why', 'logs', 'exam', 'translate', 'diff', 'rm'];
const TAKE_A_SWEEP = ['report', 'status', 'top', 'watch', 'export', 'ls', 'rm', 'gc', 'stop', 'diff'];

/**
 * What may stand where the last word is, beyond the commands and options that yargs knows.
 * @param words as typed, the program's name first
 * @returns undefined where yargs knows better
 */
export function candidates(words: readonly string[]): Candidate[] | undefined {
  const [, command = '', ...rest] = words;
  const current = words.at(-1) ?? '';
  const before = words.at(-2) ?? '';
  if (words.length < 3) return undefined;
  if (before === '--only' || before === '--set') {
    return [...PARAMETER_NAMES, 'seeds', ...(before === '--set' ? BUDGETS : [])].map((name) => ({ value: `${name}=` })); // prettier-ignore
  }
  if (current.startsWith('-') || before.startsWith('--')) return undefined;
  if (TAKE_A_FILE.includes(command)) return sweepFiles(current);
  const results = path.resolve(rest[rest.indexOf('--results') + 1 || rest.length] ?? 'results');
  const found = [
    ...(TAKE_A_SWEEP.includes(command) ? sweeps(results) : []),
    ...(TAKE_A_TRIAL.includes(command) || (command === 'export' && rest[0] === 'model')
      ? trials(results)
      : []),
  ];
  return found.length > 0 ? found : undefined;
}

const BUDGETS = ['budget.pixels', 'budget.updates', 'budget.epochs', 'budget.minutes'];

/** YAML files of the folder that is being typed, and folders, which hold more. */
function sweepFiles(current: string): Candidate[] {
  const folder = current.slice(0, current.lastIndexOf('/') + 1);
  const typed = entriesOf(folder).flatMap(({ name, isFolder }) => {
    if (isFolder) return name.startsWith('.') ? [] : [{ value: `${folder}${name}/` }];
    return /\.ya?ml$/.test(name) ? [{ value: `${folder}${name}` }] : [];
  });
  if (folder !== '') return typed;
  const studies = entriesOf('sweeps/').filter(({ name }) => /\.ya?ml$/.test(name));
  return [...typed, ...studies.map(({ name }) => ({ value: `sweeps/${name}` }))];
}

function entriesOf(folder: string): { name: string; isFolder: boolean }[] {
  try {
    return fs
      .readdirSync(folder === '' ? '.' : folder, { withFileTypes: true })
      .map((entry) => ({ name: entry.name, isFolder: entry.isDirectory() }));
  } catch {
    return [];
  }
}

function sweeps(results: string): Candidate[] {
  return recordedSweeps(results).map(({ name, trials }) => ({
    value: name,
    describe: `${trials.length} trials`,
  }));
}

function trials(results: string): Candidate[] {
  return recordedSweeps(results).flatMap((sweep) =>
    sweep.trials.map(({ key, label }) => ({ value: key.slice(0, KEY_SHOWN), describe: `${sweep.name}: ${label}` })),
  ); // prettier-ignore
}

/** Prints what may stand where the last of the words is. */
export async function printCompletions(yargs: Argv, words: readonly string[]): Promise<void> {
  const found = candidates(words) ?? (await known(yargs, words));
  for (const { value, describe } of found)
    console.log(describe === undefined ? value : `${value}\t${describe}`);
}

/** Commands and options, with what the help says of them. */
async function known(yargs: Argv, words: readonly string[]): Promise<Candidate[]> {
  const before = words.slice(1, -1).filter((word) => !word.startsWith('-'));
  const help = await new Promise<string>((resolve) => {
    void yargs.parse([...before, '--help'], {}, (_error, _argv, output) => resolve(output));
  });
  const shape = words.at(-1)?.startsWith('-') ? OPTION : commandAfter(before);
  const found = new Map<string, Candidate>();
  for (const line of help.split('\n')) {
    const { value, describe } = shape.exec(line)?.groups ?? {};
    // Examples name commands again, further down.
    if (value !== undefined && !found.has(value)) found.set(value, { value, describe });
  }
  return [...found.values()];
}

/** `  -h, --help  Show help  [boolean]` */
const OPTION = /^\s+(?:-\w, )?(?<value>--[\w-]+)\s+(?<describe>.*?)\s*(?:\s\[.*\])?$/;

/** `  sweep data inspect <x> <y>  Look at …` after `sweep data`. */
function commandAfter(before: readonly string[]): RegExp {
  return new RegExp(
    `^\\s+${['sweep', ...before].join(' ')} (?<value>\\w+)(?: [[<]\\S+)*\\s\\s+(?<describe>.*)$`,
  );
}
