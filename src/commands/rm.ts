/** @file `sweep rm SWEEP|TRIAL`: removes a sweep with its trials, or one trial. */
import type { ArgumentsCamelCase, Argv, CommandModule } from 'yargs';
import { bytes, count, list } from '../report/format.js';
import { listSweeps, listTrials } from '../runner/layout.js';
import {
  alone,
  mustNotRun,
  planSweepRemoval,
  planTrialRemoval,
  remove,
  type Removal,
} from '../runner/remove.js';
import { confirm, dryRunOption, yesOption } from './confirm.js';
import { jsonOption, resultsOption } from './options.js';
import { findTrial, KEY_SHOWN } from './trial/find.js';

interface RmArguments {
  what: string;
  results: string;
  yes: boolean;
  'dry-run': boolean;
  json: boolean;
}

export const rmCommand: CommandModule<object, RmArguments> = {
  command: 'rm <what>',
  describe: 'Remove a sweep with its trials, or one trial; asks, and says how much disk that frees',
  builder: (yargs: Argv) =>
    yargs
      .usage(
        '$0 rm <what>\n\nRemoves a sweep with its trials, or one trial, for good: files and rows. A trial that another sweep holds stays. A single trial that\n' +
          'a sweep holds is trained anew by the next sweep run. Refused while a runner works in the results folder.',
      )
      .positional('what', {
        type: 'string',
        demandOption: true,
        describe:
          "Name of a sweep; or a trial's key, the beginning of it, or what it is like: 'patch=64,seed=1'",
      })
      .options({ results: resultsOption, yes: yesOption, 'dry-run': dryRunOption, json: jsonOption })
      .example('$0 rm patch-size', 'a sweep and its trials')
      .example("$0 rm 'patch=64,seed=1'", 'one trial')
      .example('$0 rm patch-size --dry-run', 'only say what that frees'),
  handler: rm,
};

async function rm(args: ArgumentsCamelCase<RmArguments>): Promise<void> {
  const { results, what, json, dryRun } = args;
  const plan = () => planOf(results, what);
  if (dryRun) {
    const removal = plan();
    console.log(json ? JSON.stringify({ ...removal, removed: false }) : describe(removal).join('\n'));
    return;
  }
  await alone(results, async () => {
    const removal = plan();
    mustNotRun(results, removal.trials);
    if (!json) console.log(describe(removal).join('\n'));
    const agreed = args.yes || (await confirm('Remove it for good?'));
    if (agreed) remove(results, removal);
    if (json) console.log(JSON.stringify({ ...removal, removed: agreed }));
    else console.log(agreed ? `Removed; ${bytes(removal.bytes)} are free.` : 'Nothing was removed.');
    if (!agreed) process.exitCode = 3;
  });
}

/** A sweep of that name goes before a trial whose key begins so. */
function planOf(results: string, what: string): Removal {
  if (listSweeps(results).includes(what)) return planSweepRemoval(results, what);
  const alone = listTrials(results).filter((key) => key.startsWith(what.toLowerCase()));
  // One that no sweep holds any more is found by its folder.
  const orphan = alone.length === 1 ? planTrialRemoval(results, alone[0]!) : undefined;
  return orphan?.losing.length === 0 ? orphan : planTrialRemoval(results, findTrial(results, what).key);
}

function describe({ sweep, trials, kept, losing, bytes: freed }: Removal): string[] {
  const what =
    sweep === undefined ? `Trial ${trials[0]!}` : `Sweep ${sweep} with ${count(trials.length, 'trial')}`;
  const held =
    losing.length === 0 ? [] : [`${list(losing)} will lack it: the next sweep run trains it anew.`];
  const shown = kept.map(({ key, reason }) => `  ${key.slice(0, KEY_SHOWN)} stays: ${reason}`);
  return [`${what}: frees ${bytes(freed)}.`, ...held, ...shown];
}
