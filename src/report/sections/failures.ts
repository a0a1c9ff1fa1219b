/** @file What went wrong: attempts that failed, of which class, why, and what they printed last. */
import type { AttemptRecord, TrialRecord } from '../../store/queries.js';
import { capital, count, duration, integer, withoutPaths } from '../format.js';
import type { Section } from '../section.js';
import { statusText, trialLabel } from '../summary.js';

/** Trials whose last lines are shown, at most: with a thousand failures the first tell what the others do. */
const MOST = 30;

export const failures: Section = {
  name: 'failures',
  title: 'Failures',
  view: ({ sweep, cells }) => {
    const failed = sweep.trials.filter(({ attempts }) => attempts.some(hasFailed));
    if (failed.length === 0) return null;
    const lost = failed.filter(({ status }) => status === 'failed');
    // What failed for good first, and of each class some.
    const order = [...lost, ...failed.filter((trial) => !lost.includes(trial))];
    const shown = order.slice(0, MOST);
    return {
      summary: summaryOf(failed, lost),
      classes: classesOf(failed),
      trials: shown.map((trial, at) => ({
        label: trialLabel(trial, cells),
        key: trial.key.slice(0, 10),
        end: trial.status === 'done' ? 'made good: done in the end' : statusText(trial),
        open: at === 0,
        attempts: trial.attempts.filter(hasFailed).map((attempt) => ({
          title: `Attempt ${attempt.attempt} of ${trial.attempts.length}`,
          class: inWords(attempt),
          why: whyOf(attempt),
          lines: attempt.lastLines ?? '',
        })),
      })),
      leftOut:
        order.length > MOST ? `${count(order.length - MOST, 'more trial')} that failed, not shown here.` : '',
    };
  },
};

function hasFailed({ outcome }: AttemptRecord): boolean {
  return outcome === 'failed' || outcome === 'lost';
}

function summaryOf(failed: readonly TrialRecord[], lost: readonly TrialRecord[]): string {
  const good = failed.filter(({ status }) => status === 'done').length;
  const open = failed.length - lost.length - good;
  const words = [
    lost.length > 0
      ? `${count(lost.length, 'trial')} failed and ${lost.length === 1 ? 'is' : 'are'} in no mean`
      : '',
    good > 0 ? `${count(good, 'trial')} failed at first and ${good === 1 ? 'was' : 'were'} done by a later attempt` : '', // prettier-ignore
    open > 0 ? `${count(open, 'trial')} may still be done by a later attempt` : '',
  ].filter(Boolean);
  return `${capital(words.join('; '))}.`;
}

/** e.g. `out of memory`. */
function inWords({ class: failure, outcome }: AttemptRecord): string {
  return failure?.replaceAll('-', ' ') ?? (outcome === 'lost' ? 'lost with its runner' : 'unknown');
}

/** Attempts by class, the most frequent first. */
function classesOf(trials: readonly TrialRecord[]): { name: string; attempts: string }[] {
  const counts = new Map<string, number>();
  for (const attempt of trials.flatMap(({ attempts }) => attempts.filter(hasFailed))) {
    counts.set(inWords(attempt), (counts.get(inWords(attempt)) ?? 0) + 1);
  }
  return [...counts]
    .sort(([a, n], [b, m]) => m - n || (a < b ? -1 : 1))
    .map(([name, n]) => ({ name, attempts: count(n, 'attempt') }));
}

function whyOf({ reason, exitCode, seconds, from }: AttemptRecord): string {
  const said = reason === null ? 'no reason is known' : withoutPaths(reason);
  const code = exitCode === null || said.includes('exit code') ? '' : `, exit code ${exitCode}`;
  const ran = seconds === null ? '' : `, after ${duration(seconds)}`;
  const went = from > 0 ? `, from update ${integer(from)}` : '';
  return `${capital(said)}${code}${ran}${went}.`;
}
