/** @file What trials are called where they are runs, and how their exams are told there. */
import type { StoredExam, StoredSweep, StoredTrial } from '../store/stream.js';

/** e.g. `patch 64 batch 16 seed 1`. Each may be a folder's name. */
export function runNames({ varied, trials }: StoredSweep): Map<StoredTrial, string> {
  const names = trials.map(({ parameters, seed }) =>
    [...varied.map((name) => `${name} ${parameters[name] ?? '-'}`), `seed ${seed}`]
      .join(' ')
      .replace(/[^\p{L}\p{N} .,+=_-]+/gu, '_')
      .slice(0, 100),
  );
  const counts = new Map<string, number>();
  for (const name of names) counts.set(name, (counts.get(name) ?? 0) + 1);
  return new Map(
    trials.map((trial, at) => {
      const name = names[at]!;
      return [trial, counts.get(name) === 1 ? name : `${name} ${trial.key}`];
    }),
  );
}

/** The scores of each image in the last test exam: a series for each score, with the image's number in the place of the step. */
export function scoresByImage(
  exams: readonly StoredExam[],
): { tag: string; index: number; value: number | null }[] {
  const images = exams.findLast(({ split }) => split === 'test')?.images ?? [];
  return images.flatMap(({ index, domain = 'x', v }) =>
    Object.entries(v).map(([name, value]) => {
      const score = name.replace(/^exam\//, '');
      return { tag: `exam by image/${score}${domain === 'x' ? '' : ` domain ${domain}`}`, index, value };
    }),
  );
}
