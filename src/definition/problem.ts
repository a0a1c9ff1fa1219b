/** @file How a mistake in a sweep file is told to the person who made it. */
import { UserError } from '../errors.js';

/** A stretch of text to point at: in the sweep file or in a `--set` flag. */
export interface Place {
  /** What the message starts with: `FILE:LINE:COLUMN`, or `--set NAME=VALUE`. */
  label: string;
  /** The line that holds the place. */
  source: string;
  /** Number of that line, from 1; absent for a flag. */
  line?: number;
  /** First character pointed at, from 0, and how many. */
  start: number;
  length: number;
  /** Order among the messages. */
  order: number;
}

export interface Problem {
  place: Place;
  message: string;
  /** Ends the sentence "expected: …". */
  expected?: string;
  /** Further lines: a suggestion, the reason behind a trap. */
  hints?: string[];
  /** Whatever else is wrong in this place follows from this. */
  settles?: boolean;
}

/** The sweep file or a flag is wrong. The message holds every problem at once. */
export class DefinitionError extends UserError {
  constructor(readonly problems: Problem[]) {
    super(problems.map(formatProblem).join('\n\n'));
    this.name = 'DefinitionError';
  }
}

/** `FILE:LINE:COLUMN: what is wrong`, the line, a caret under the place, what was expected. */
export function formatProblem({ place, message, expected, hints = [] }: Problem): string {
  const margin = place.line === undefined ? '  ' : `  ${place.line} | `;
  const pad = [...place.source.slice(0, place.start)].map((c) => (c === '\t' ? '\t' : ' ')).join('');
  const lines = [`${place.label}: ${message}`];
  if (place.source.trim() !== '') {
    lines.push(
      margin + place.source,
      `${margin.replace(/[^|]/g, ' ')}${pad}${'^'.repeat(Math.max(1, place.length))}`,
    );
  }
  if (expected !== undefined) lines.push(`  expected: ${expected}`);
  return [...lines, ...hints.map((hint) => `  ${hint}`)].join('\n');
}
