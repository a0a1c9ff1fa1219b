/** @file `sweep show TRIAL`: what one trial is, and every attempt at it. */
import type { ArgumentsCamelCase, Argv, CommandModule } from 'yargs';
import { bytes, decimal, duration } from '../report/format.js';
import type { ParameterValue } from '../protocol.js';
import { jsonOption, resultsOption, trialArgument } from './options.js';
import { findTrial, type FoundTrial } from './trial/find.js';
import { readStory, type AttemptStory, type TrialStory } from './trial/read.js';
import { clock, whatNext } from './trial/words.js';

interface ShowArguments {
  trial: string;
  results: string;
  json: boolean;
}

export const showCommand: CommandModule<object, ShowArguments> = {
  command: 'show <trial>',
  describe: 'Show one trial: parameters, attempts, memory, checkpoints, last metrics',
  builder: (yargs: Argv) =>
    yargs
      .usage('$0 show <trial>\n\nWhat one trial is, and every attempt at it. Also while it runs.')
      .positional('trial', trialArgument)
      .options({ results: resultsOption, json: jsonOption })
      .example('$0 show 3fa1', 'the trial whose key begins so')
      .example("$0 show 'patch=64,batch=16,seed=1'", 'the one of the latest sweep that is like this'),
  handler: show,
};

function show({ trial, results, json }: ArgumentsCamelCase<ShowArguments>): void {
  const found = findTrial(results, trial);
  const { status, attempts, journal } = readStory(results, found.key);
  if (json) console.log(JSON.stringify({ ...found, status, attempts }));
  else console.log(describe(found, { status, attempts, journal }));
}

function describe(trial: FoundTrial, { status, attempts }: TrialStory): string {
  const last = attempts.at(-1);
  const [budget] = Object.entries<number>(trial.budget);
  const updates = attempts.findLast((one) => one.updates !== null)?.updates;
  const way = last === undefined ? '' : `, ${last.step}${updates == null ? '' : ` of ${updates}`} updates`;
  return [
    `Trial ${trial.key}`,
    ...rows([
      ['sweep', trial.sweep],
      ['differs in', trial.label],
      ['parameters', Object.entries(trial.parameters).map(assignment).join(', ')],
      ['seed', String(trial.seed)],
      ['budget', budget === undefined ? '' : `${budget[0]} ${budget[1]}`],
      ['status', `${status}${way}`],
      ['next', whatNext(status, last)],
    ]),
    ...attempts.flatMap((attempt, at) => ['', ...describeAttempt(attempt, attempts[at - 1])]),
  ].join('\n');
}

function describeAttempt(attempt: AttemptStory, before: AttemptStory | undefined): string[] {
  const { started, ended, engine, device, threads, engineReason, memory, checkpoints } = attempt;
  const took = started !== null && ended !== null ? `, ran ${duration(ended - started)}` : '';
  const why = attempt.class === null ? '' : ` (${attempt.class})`;
  const code = attempt.signal ?? (attempt.exitCode === null ? '' : `exit code ${attempt.exitCode}`);
  const had = before?.memory.microBatch ?? null;
  const less = had !== null && memory.microBatch !== null && memory.microBatch < had;
  const held = [
    memory.peak === null ? '' : `peak ${bytes(memory.peak)}`,
    memory.predicted === null ? '' : `predicted ${bytes(memory.predicted)}`,
    memory.microBatch === null ? '' : `micro-batch ${memory.microBatch}`,
    less ? `(${had} before, for which there was not enough)` : '',
  ];
  return [
    `Attempt ${attempt.attempt}: ${attempt.outcome}${why}`,
    ...rows([
      ['reason', attempt.reason ?? ''],
      ['ended with', code],
      ['started', `${clock(started)}${took}`],
      [
        'computed',
        `${engine ?? 'not known yet'} on ${device ?? '-'}, ${threads ?? '-'} thread${threads === 1 ? '' : 's'}`,
      ],
      ['why there', engineReason ?? ''],
      ['updates', `${attempt.from} to ${attempt.step}`],
      [
        'memory',
        held
          .filter((part) => part !== '')
          .join(', ')
          .replace(', (', ' ('),
      ],
      [
        'saved',
        checkpoints.map(({ step, kind, bytes: size }) => `${step} (${kind}, ${bytes(size)})`).join(', '),
      ],
      [
        'metrics',
        Object.entries(attempt.metrics)
          .map(([name, value]) => `${name} ${decimal(value)}`)
          .join(', '),
      ],
      ...attempt.messages.map(({ step, code: name, message }): [string, string] => [name, `update ${step ?? '-'}: ${message}`]), // prettier-ignore
    ]),
  ];
}

/** Names and values in columns; what is empty is left out. */
function rows(entries: [string, string][]): string[] {
  const width = Math.max(...entries.map(([name]) => name.length));
  return entries.flatMap(([name, value]) => (value === '' ? [] : [`  ${name.padEnd(width)}  ${value}`]));
}

function assignment([name, value]: [string, ParameterValue]): string {
  return `${name} ${value}`;
}
