/** @file `sweep fsck`: checks that nothing measured is lost or stored twice; `--rebuild` makes the database anew. */
import fs from 'node:fs';
import path from 'node:path';
import type { ArgumentsCamelCase, Argv, CommandModule } from 'yargs';
import { UserError } from '../errors.js';
import { checkResults, type Check } from '../runner/fsck/check.js';
import type { Finding } from '../runner/fsck/finding.js';
import { rebuild } from '../runner/fsck/rebuild.js';
import { databasePath } from '../store/open.js';
import { isShared } from '../store/place.js';
import { jsonOption, resultsOption } from './options.js';

interface FsckArguments {
  results: string;
  rebuild: boolean;
  json: boolean;
}

/** Exit code of DESIGN section 8. */
const DAMAGED = 4;

export const fsckCommand: CommandModule<object, FsckArguments> = {
  command: 'fsck',
  describe: 'Check that nothing measured is lost or stored twice',
  builder: (yargs: Argv) =>
    yargs
      .usage(
        '$0 fsck\n\nCompares the database with the trials’ own files, and looks for checkpoints and samples that are gone, and for\n' +
          'processes that no runner holds. Changes nothing, also beside a running sweep. docs/crash-safety.md tells what is promised.',
      )
      .option('results', resultsOption)
      .option('rebuild', {
        type: 'boolean',
        default: false,
        describe: 'Make the database anew from the trials’ files; the old one is kept beside it',
      })
      .option('json', jsonOption)
      .example('$0 fsck', 'check ./results')
      .example('$0 fsck --rebuild', 'make results/sweep.db anew')
      .example('$0 fsck --json | jq .findings', 'for a program')
      .epilogue(
        'Exit code: 0 nothing is damaged, 2 a flag is wrong or a runner is in the way of --rebuild, 4 damaged.',
      ),
  handler: fsck,
};

async function fsck(args: ArgumentsCamelCase<FsckArguments>): Promise<void> {
  const { results, json } = args;
  if (!['sweep.db', 'trials', 'sweeps'].some((name) => fs.existsSync(path.join(results, name)))) {
    throw new UserError(`No results in ${results}. Name the folder with --results DIR.`);
  }
  const say = (message: string) => (json ? console.error(message) : console.log(message));
  if (args.rebuild) {
    const old = await rebuild(results, say);
    say(`Made ${databasePath(results)} anew.${old === undefined ? '' : ` The old one is ${old}`}`);
  }
  const check = checkResults(results);
  const damaged = check.findings.some(({ level }) => level === 'damaged');
  if (json) console.log(JSON.stringify({ results, damaged, ...check, runner: check.runner ?? null }));
  else {
    if (isShared(results)) say(`Machines share this folder. The database of this one: ${check.database}`);
    console.log(inWords(check));
  }
  process.exitCode = damaged ? DAMAGED : 0;
}

/** Findings of one kind beyond these are only counted. */
const SHOWN = 5;

function inWords({ findings, runner, trials, attempts, events, rows, unjudged }: Check): string {
  const lines: string[] = [];
  for (const level of ['damaged', 'unfinished', 'note'] as const) {
    for (const group of groupByCode(findings, level).values()) {
      for (const { where, what } of group.slice(0, SHOWN)) lines.push(`${level}: ${where}: ${what}`);
      if (group.length > SHOWN) lines.push(`${level}: and ${group.length - SHOWN} more of this kind (--json lists all)`); // prettier-ignore
      lines.push(`  what to do: ${group[0]!.mend}`);
    }
  }
  if (runner !== undefined) lines.push(`Runner ${runner} works here.`);
  if (unjudged.length > 0) lines.push(`Not judged: ${unjudged.join(', ')}.`);
  const looked = `${trials} trials, ${attempts} attempts, ${events} events, ${rows} rows`;
  const damaged = findings.filter(({ level }) => level === 'damaged').length;
  if (damaged === 0 && unjudged.includes('the database')) return lines.join('\n');
  lines.push(
    damaged === 0
      ? `${looked}: nothing is lost, nothing is stored twice.`
      : `${looked}: ${damaged} fault${damaged === 1 ? '' : 's'}.`,
  );
  return lines.join('\n');
}

function groupByCode(findings: readonly Finding[], level: Finding['level']): Map<string, Finding[]> {
  const groups = new Map<string, Finding[]>();
  for (const finding of findings.filter((each) => each.level === level)) {
    groups.set(finding.code, [...(groups.get(finding.code) ?? []), finding]);
  }
  return groups;
}
