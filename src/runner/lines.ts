/** @file Reads files that others append to, by whole lines, piece by piece. */
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import { systemCode } from '../errors.js';

/** Bytes that are read at once: an event is a few hundred. */
const PIECE = 64 * 1024;
/** A longer line is no event: it is left out, so that a line without end takes no memory. Bytes. */
const LONGEST_LINE = 8 * 1024 * 1024;
/** Bytes at the start of a file by which it is known again. */
const HEAD = 256;
const NEWLINE = 0x0a;

/** Where a reader of a file has got to, as it is stored. */
export interface Position {
  /** Bytes that have been read as whole lines. */
  offset: number;
  /** Hash of the file's first bytes, which tells another file under the same name; empty before any line. */
  head: string;
}

/** What became of a followed file other than being appended to. */
export type FileChange = 'shortened' | 'replaced';

export interface Piece {
  lines: string[];
  /** Where the next piece begins. */
  position: Position;
  /** The file is not the one that it was: these lines are read from its start. */
  change?: FileChange;
  /** Lines that were left out, longer than what is kept in memory. */
  tooLong: number;
  /** There may be more to read now. */
  more: boolean;
}

export interface LineFollower {
  /** The next whole lines; a line without its newline is awaited, or is what a crash left: it is never returned. */
  read(): Piece;
  close(): void;
}

export interface FollowOptions {
  from?: Position;
  /** Bytes of the file that are read, at most. */
  to?: number;
  piece?: number;
  longestLine?: number;
}

/**
 * Follows a file that others append to.
 *
 * A file that became shorter than what was read of it, whose first bytes changed, or in whose place another lies, is
 * read again from its start: what its lines said before cannot be told from what is new, so the caller must store
 * what it knows already only once. A file that was moved away is read to its end first.
 */
export function followLines(file: string, options: FollowOptions = {}): LineFollower {
  const { to = Infinity, piece: pieceLength = PIECE, longestLine = LONGEST_LINE } = options;
  let position = options.from ?? { offset: 0, head: '' };
  let opened: { descriptor: number; identity: string } | undefined;
  let buffer = Buffer.alloc(pieceLength);
  /** Set inside a line that is too long: where its search for a newline goes on. */
  let skipped: number | undefined;
  /** Size of the file when its first bytes were last compared. */
  let compared = -1;

  const close = () => {
    if (opened !== undefined) fs.closeSync(opened.descriptor);
    opened = undefined;
    compared = -1;
  };
  const restart = (change: FileChange): FileChange => {
    position = { offset: 0, head: '' };
    skipped = undefined;
    return change;
  };
  const nothing = (change?: FileChange): Piece => ({
    lines: [],
    position,
    ...(change === undefined ? {} : { change }),
    tooLong: 0,
    more: false,
  });

  /** Whether the file is not the one that was read so far. */
  const lookForChange = (descriptor: number, size: number): FileChange | undefined => {
    if (size < position.offset) return restart('shortened');
    if (skipped !== undefined && size < skipped) skipped = undefined;
    if (
      size !== compared &&
      position.head !== '' &&
      hashOfHead(descriptor, position.head) !== position.head
    ) {
      return restart('replaced');
    }
    compared = size;
    return undefined;
  };

  const readFrom = (descriptor: number, size: number, change: FileChange | undefined): Piece => {
    const start = skipped ?? position.offset;
    if (size <= start) return nothing(change);
    const length = fs.readSync(descriptor, buffer, 0, buffer.length, start);
    const whole = start + length < size;
    if (skipped !== undefined) {
      const end = buffer.subarray(0, length).indexOf(NEWLINE);
      if (end === -1) {
        skipped = start + length;
        return { ...nothing(change), more: whole };
      }
      skipped = undefined;
      position = moved(descriptor, start + end + 1);
      return { ...nothing(change), tooLong: 1, more: true };
    }
    const end = buffer.subarray(0, length).lastIndexOf(NEWLINE);
    if (end === -1) {
      if (length >= longestLine) skipped = start + length;
      else if (whole) buffer = Buffer.alloc(Math.min(2 * buffer.length, longestLine));
      return { ...nothing(change), more: whole };
    }
    position = moved(descriptor, start + end + 1);
    const lines = buffer.toString('utf8', 0, end).split('\n');
    if (buffer.length > pieceLength) buffer = Buffer.alloc(pieceLength);
    return { ...nothing(change), lines: lines.filter((line) => line !== ''), more: whole };
  };

  const moved = (descriptor: number, offset: number): Position => {
    const known = position.head !== '' && lengthOfHead(position.head) === HEAD;
    return { offset, head: known ? position.head : hashOfHead(descriptor, `${Math.min(offset, HEAD)}:`) };
  };

  const read = (): Piece => {
    opened ??= open(file);
    if (opened === undefined) return nothing();
    const size = Math.min(fs.fstatSync(opened.descriptor).size, to);
    const piece = readFrom(opened.descriptor, size, lookForChange(opened.descriptor, size));
    if (piece.more) return piece;
    const identity = identityOf(file);
    if (identity === undefined || identity === opened.identity) return piece;
    // Another file lies in its place. What was moved away is read to its end first.
    if (piece.lines.length > 0) return { ...piece, more: true };
    close();
    const change = restart('replaced');
    return { ...piece, change, position, more: true };
  };
  return { read, close };
}

/** Each whole line of a file that is not followed, or of its first bytes, a piece in memory at a time; none where there is no such file. */
export function* eachLine(file: string, to = Infinity): Generator<string> {
  const follower = followLines(file, { to });
  try {
    for (let piece = follower.read(); ; piece = follower.read()) {
      yield* piece.lines;
      if (!piece.more) return;
    }
  } finally {
    follower.close();
  }
}

/** All whole lines of a file that is known to be short. */
export function readLines(file: string): string[] {
  return [...eachLine(file)];
}

function open(file: string): { descriptor: number; identity: string } | undefined {
  try {
    const descriptor = fs.openSync(file, 'r');
    const { dev, ino } = fs.fstatSync(descriptor, { bigint: true });
    return { descriptor, identity: `${dev}:${ino}` };
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return undefined; // not written yet
    throw error;
  }
}

function identityOf(file: string): string | undefined {
  const status = fs.statSync(file, { bigint: true, throwIfNoEntry: false });
  return status === undefined ? undefined : `${status.dev}:${status.ino}`;
}

/** `LENGTH:HASH` of a file's first bytes, as many as `like` speaks of. */
function hashOfHead(descriptor: number, like: string): string {
  const bytes = Buffer.alloc(lengthOfHead(like));
  const length = fs.readSync(descriptor, bytes, 0, bytes.length, 0);
  const hash = createHash('sha256').update(bytes.subarray(0, length)).digest('hex');
  return `${length}:${hash.slice(0, 16)}`;
}

function lengthOfHead(head: string): number {
  return Number(head.slice(0, head.indexOf(':')));
}
