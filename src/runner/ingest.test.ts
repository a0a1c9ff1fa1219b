/** @file What an events file says comes into the store once and whole, however it is written, cut, moved or spoilt. */
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { openStore, type Store } from '../store/open.js';
import { startAttempt, storeSweep, trialId } from '../store/writer.js';
import { ingestWhole, openIngest, type Ingest } from './ingest.js';
import { eventsFile } from './layout.js';
import { followLines } from './lines.js';

const KEY = 'abc';
let folder: string;
let store: Store;
let file: string;

beforeEach(() => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'cyclesweep-ingest-'));
  store = openStore(folder);
  file = startTrial(KEY);
});
afterEach(() => {
  store.close();
  fs.rmSync(folder, { recursive: true, force: true });
});

/** Makes a trial whose first attempt has started. @returns its events file, which is not there yet */
function startTrial(key: string): string {
  const trial = { key, parameters: {}, seed: 1, budget: { updates: 9 }, dataFingerprint: '' };
  storeSweep(store, { name: key, question: '', source: '', varied: [], updated: 0 }, [trial]);
  startAttempt(store, key, 1, 0);
  const events = eventsFile(folder, key, 1);
  fs.mkdirSync(path.dirname(events), { recursive: true });
  return events;
}

const line = (event: object) => JSON.stringify(event) + '\n';
const metric = (step: number, v: Record<string, unknown> = { 'loss/D': step / 3 }) =>
  line({ t: 'metric', step, wall: 1e9 + step, pixels: 64 * step, v });
const warning = (text: string) => line({ t: 'warning', step: 1, code: 'test', message: text });

/** Everything that a trial's events become, in order. */
function rows(key = KEY) {
  const all = (sql: string) => store.db.$client.prepare(sql).all(trialId(store, key));
  return {
    metrics: all(
      `select metric_names.name, step, wall, pixels, value from metrics
       join metric_names on metric_names.id = metrics.name where trial = ? order by 1, 2`,
    ),
    messages: all('select type, step, code, text from messages where trial = ? order by id'),
    checkpoints: all('select step, kind, path, bytes from checkpoints where trial = ? order by id'),
  };
}

const codes = () => rows().messages.map((row) => (row as { code: string | null }).code);
const steps = () => rows().metrics.map((row) => (row as { step: number }).step);

/** Reads and stores all that there is now. */
function catchUp(ingest: Ingest): void {
  for (let more = true; more;) {
    const piece = ingest.read();
    if (piece.events.length > 0) piece.store();
    more = piece.more;
  }
}

describe('a log that grows', () => {
  const event = fc.oneof(
    fc.record({
      t: fc.constant('metric'),
      step: fc.nat(50),
      wall: fc.nat(),
      pixels: fc.nat(),
      v: fc.dictionary(fc.string({ unit: 'grapheme', maxLength: 4 }), fc.integer(), { maxKeys: 3 }),
    }),
    fc.record({
      t: fc.constant('warning'),
      step: fc.nat(9),
      code: fc.string(),
      message: fc.string({ unit: 'binary' }),
    }),
    fc.record({ t: fc.constant('strange'), text: fc.string({ unit: 'grapheme' }) }),
  );

  test('gives the same rows in whatever pieces of bytes it is appended and read, and by however many runners', () => {
    let runs = 0;
    fc.assert(
      fc.property(
        fc.array(event, { maxLength: 30 }),
        fc.array(fc.tuple(fc.nat(400), fc.boolean()), { maxLength: 30 }),
        (events, cuts) => {
          const log = Buffer.from(events.map(line).join(''));
          const [whole, cut] = [`whole ${++runs}`, `cut ${runs}`];
          fs.writeFileSync(startTrial(whole), log);
          ingestWhole(store, whole, 1);
          const growing = startTrial(cut);
          let ingest = openIngest(store, cut, 1);
          let at = 0;
          for (const [length, anotherRunner] of cuts) {
            fs.appendFileSync(growing, log.subarray(at, at + length));
            at += length;
            catchUp(ingest);
            if (!anotherRunner) continue;
            ingest.close();
            ingest = openIngest(store, cut, 1);
          }
          fs.appendFileSync(growing, log.subarray(at));
          catchUp(ingest);
          ingest.close();
          expect(rows(cut)).toEqual(rows(whole));
        },
      ),
      { numRuns: 100 },
    );
  });

  test('a last line without its newline is awaited, and never half stored', () => {
    const ingest = openIngest(store, KEY, 1);
    fs.writeFileSync(file, metric(1) + metric(2).slice(0, -5));
    catchUp(ingest);
    expect(steps()).toEqual([1]);
    fs.appendFileSync(file, metric(2).slice(-5));
    catchUp(ingest);
    expect(steps()).toEqual([1, 2]);
    expect(codes()).toEqual([]);
    ingest.close();
  });
});

describe('a log that is not only appended to', () => {
  test('shortened: told, read from its start, and nothing stored twice', () => {
    const log =
      metric(1) +
      warning('once') +
      line({ t: 'checkpoint', step: 1, kind: 'last', path: 'a', bytes: 1 }) +
      metric(2);
    fs.writeFileSync(file, log);
    const ingest = openIngest(store, KEY, 1);
    catchUp(ingest);
    fs.truncateSync(file, log.length - 10);
    catchUp(ingest);
    fs.appendFileSync(file, '\n' + metric(3));
    catchUp(ingest);
    expect(steps()).toEqual([1, 2, 3]);
    expect(codes()).toEqual(['test', 'events-shortened', 'unreadable-event']);
    expect(rows().checkpoints).toHaveLength(1);
    ingest.close();
  });

  test('emptied and written anew: told, and the new lines are stored beside the old', () => {
    fs.writeFileSync(file, metric(1) + metric(2));
    const ingest = openIngest(store, KEY, 1);
    catchUp(ingest);
    fs.writeFileSync(file, metric(7) + metric(8) + metric(9));
    catchUp(ingest);
    expect(steps()).toEqual([1, 2, 7, 8, 9]);
    expect(codes()).toEqual(['events-replaced']);
    ingest.close();
  });

  test('moved away, with lines that nobody had read: they are read first, then the file in its place', () => {
    fs.writeFileSync(file, metric(1));
    const ingest = openIngest(store, KEY, 1);
    catchUp(ingest);
    fs.appendFileSync(file, metric(2));
    fs.renameSync(file, `${file}.1`);
    fs.writeFileSync(file, metric(3));
    catchUp(ingest);
    expect(steps()).toEqual([1, 2, 3]);
    expect(codes()).toEqual(['events-replaced']);
    ingest.close();
  });

  test('replaced while no runner was there: noticed by its first bytes', () => {
    fs.writeFileSync(file, metric(1) + metric(2));
    ingestWhole(store, KEY, 1);
    fs.writeFileSync(file, warning('another file, longer than the first one was') + metric(2) + metric(3));
    ingestWhole(store, KEY, 1);
    ingestWhole(store, KEY, 1);
    expect(steps()).toEqual([1, 2, 3]);
    expect(codes()).toEqual(['events-replaced', 'test']);
  });
});

describe('a log that is spoilt', () => {
  test('lines that are no events become warnings that do not repeat them, and the rest is stored', () => {
    const spoilt = ['Epoch 1 of /home/smith/data', '{"t":"metric","step":2}', '[]', '"', '{"step":1}'];
    fs.writeFileSync(file, metric(1) + spoilt.join('\n') + `\n\n${'\0'.repeat(9)}\n` + metric(2));
    ingestWhole(store, KEY, 1);
    expect(steps()).toEqual([1, 2]);
    expect(codes()).toEqual(Array.from({ length: 6 }, () => 'unreadable-event'));
    expect(JSON.stringify(rows().messages)).not.toContain('smith');
  });

  test('NaN and Infinity, as Python writes them, are no numbers', () => {
    fs.writeFileSync(
      file,
      '{"t":"metric","step":1,"wall":1,"pixels":1,"v":{"a": NaN, "b":-Infinity, "c": 2, "d": "3"}}\n',
    );
    ingestWhole(store, KEY, 1);
    expect(rows().metrics.map((row) => (row as { value: unknown }).value)).toEqual([null, null, 2, null]);
  });

  test('a line without end is not kept in memory; what follows it is read', () => {
    fs.writeFileSync(file, 'first\n' + 'x'.repeat(1000));
    const lines = followLines(file, { piece: 16, longestLine: 64 });
    const got: string[] = [];
    let tooLong = 0;
    const readAll = () => {
      for (let more = true; more;) {
        const piece = lines.read();
        got.push(...piece.lines);
        tooLong += piece.tooLong;
        more = piece.more;
      }
    };
    readAll();
    expect([got, tooLong]).toEqual([['first'], 0]);
    fs.appendFileSync(file, `xxx\nsecond, longer than one piece is\nhalf`);
    readAll();
    expect([got, tooLong]).toEqual([['first', 'second, longer than one piece is'], 1]);
    lines.close();
  });
});
