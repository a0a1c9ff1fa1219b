/** @file `sweep why TRIAL`: what the runner decided about one trial, and on what grounds. */
import type { ArgumentsCamelCase, Argv, CommandModule } from 'yargs';
import { jsonOption, resultsOption, trialArgument } from './options.js';
import { findTrial } from './trial/find.js';
import { readStory } from './trial/read.js';
import { tellWhy, whatNext } from './trial/words.js';

interface WhyArguments {
  trial: string;
  results: string;
  json: boolean;
}

export const whyCommand: CommandModule<object, WhyArguments> = {
  command: 'why <trial>',
  describe: 'Tell why a trial ran where it did, waited, was tried again or stopped',
  builder: (yargs: Argv) =>
    yargs
      .usage('$0 why <trial>\n\nWhat the runner decided about one trial, in order, in plain words.')
      .positional('trial', trialArgument)
      .options({ results: resultsOption, json: jsonOption })
      .example('$0 why 3fa1', 'the trial whose key begins so')
      .example("$0 why 'patch=256,seed=1' --json", 'the entries of its journal, for a program'),
  handler: why,
};

function why({ trial, results, json }: ArgumentsCamelCase<WhyArguments>): void {
  const { key, label, sweep } = findTrial(results, trial);
  const story = readStory(results, key);
  const next = whatNext(story.status, story.attempts.at(-1));
  if (json)
    console.log(JSON.stringify({ key, label, sweep, status: story.status, next, journal: story.journal }));
  else console.log([`Trial ${key}: ${label}`, ...tellWhy(story)].join('\n'));
}
