/** @file `sweep gc [SWEEP]`: removes checkpoints by policy. */
import type { ArgumentsCamelCase, Argv, CommandModule } from 'yargs';
import { UserError } from '../errors.js';
import { bytes, count } from '../report/format.js';
import { CHECKPOINT_KINDS, collect, planCollection, TRIAL_GROUPS, type Collection } from '../runner/collect.js'; // prettier-ignore
import { listTrials } from '../runner/layout.js';
import { alone, mustNotRun } from '../runner/remove.js';
import { openExistingStore } from '../store/open.js';
import { readStoredTrials, selectSweep } from '../store/progress.js';
import { columns } from './columns.js';
import { confirm, dryRunOption, yesOption } from './confirm.js';
import { jsonOption, resultsOption } from './options.js';
import { KEY_SHOWN } from './trial/find.js';

interface GcArguments {
  sweep?: string;
  results: string;
  keep: string;
  of: string;
  yes: boolean;
  'dry-run': boolean;
  json: boolean;
}

export const gcCommand: CommandModule<object, GcArguments> = {
  command: 'gc [sweep]',
  describe: 'Remove checkpoints by policy; asks, and says how much disk that frees',
  builder: (yargs: Argv) =>
    yargs
      .usage(
        '$0 gc [sweep]\n\nRemoves checkpoints that the policy does not keep, and what kills left half written. Of a trial that is not finished the last one always\n' +
          'stays. A finished trial without checkpoints keeps its numbers and pictures, but translates nothing any more. Refused while a\nrunner works in the results folder.',
      )
      .positional('sweep', {
        type: 'string',
        describe: 'Name of a sweep; without it, all trials of the folder',
      })
      .options({
        keep: {
          type: 'string',
          default: 'last,best',
          requiresArg: true,
          describe: `Kinds that stay, of ${CHECKPOINT_KINDS.join(', ')} (those of checkpoints: {keep: ...}); or none`,
        },
        of: {
          type: 'string',
          default: TRIAL_GROUPS.join(','),
          requiresArg: true,
          describe: 'Trials that are looked at, by what became of them',
        },
        results: resultsOption,
        yes: yesOption,
        'dry-run': dryRunOption,
        json: jsonOption,
      })
      .example('$0 gc --dry-run', 'what would go')
      .example('$0 gc --keep none --of failed,early-stopped', 'all checkpoints of those')
      .example('$0 gc patch-size --keep best', 'of a sweep, only what translates best'),
  handler: gc,
};

/** Reads `a,b`; `none` is an empty list. */
function readList<T extends string>(option: string, text: string, known: readonly T[]): T[] {
  const words = text === 'none' ? [] : text.split(',').map((word) => word.trim());
  const wrong = words.find((word) => !(known as readonly string[]).includes(word));
  if (wrong === undefined) return words as T[];
  throw new UserError(`${option} ${text}: ${wrong} is none of ${known.join(', ')}.`);
}

async function gc(args: ArgumentsCamelCase<GcArguments>): Promise<void> {
  const { results, json, dryRun } = args;
  if (dryRun) {
    tell(plan(args), json, false);
    return;
  }
  await alone(results, async () => {
    const collections = plan(args);
    mustNotRun(results, collections.map(({ key }) => key)); // prettier-ignore
    if (!json) tell(collections, json, false);
    if (collections.length === 0 && !json) return;
    const agreed = args.yes || collections.length === 0 || (await confirm('Remove them for good?'));
    if (agreed) collect(results, collections);
    if (json) tell(collections, json, agreed);
    else console.log(agreed ? `Removed; ${bytes(total(collections))} are free.` : 'Nothing was removed.');
    if (!agreed) process.exitCode = 3;
  });
}

function plan({ results, sweep, keep, of }: ArgumentsCamelCase<GcArguments>): Collection[] {
  const policy = {
    keep: readList('--keep', keep, CHECKPOINT_KINDS),
    of: readList('--of', of, TRIAL_GROUPS),
  };
  const store = openExistingStore(results);
  try {
    const keys = sweep === undefined ? listTrials(results) : readStoredTrials(store, selectSweep(store, sweep).id).map(({ key }) => key); // prettier-ignore
    return planCollection(store, keys, policy);
  } finally {
    store.close();
  }
}

function total(collections: readonly Collection[]): number {
  return collections.reduce((sum, each) => sum + each.bytes, 0);
}

function tell(collections: readonly Collection[], json: boolean, removed: boolean): void {
  if (json) {
    console.log(JSON.stringify({ trials: collections, bytes: total(collections), removed }));
    return;
  }
  const rows = collections.map(({ key, group, remove, keep, bytes: freed }) => [
    ...[key.slice(0, KEY_SHOWN), group, `removes ${remove.join(', ')}`],
    ...[keep.length === 0 ? 'keeps none' : `keeps ${keep.join(', ')}`, `frees ${bytes(freed)}`],
  ]);
  const number = collections.reduce((sum, { remove }) => sum + remove.length, 0);
  const summary =
    number === 0
      ? 'There is nothing to remove: the policy keeps every checkpoint.'
      : `${count(number, 'checkpoint')} of ${count(collections.length, 'trial')}: frees ${bytes(total(collections))}.`;
  console.log([...columns(rows), summary].join('\n'));
}
