/**
 * @file The machine's registry: which devices are in use, by which runner and which process, for all results folders of a user.
 *
 * A SQLite file in the user's state folder, one row a reservation. A row is made before the trial's process starts, and counts
 * as long as its runner or the process lives, each known by process id and start time. So it outlives a runner that is killed,
 * and nothing has to be tidied up after a crash. A claim is a row without a process: room that a waiting trial is kept.
 */
import { randomUUID } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import Database from 'better-sqlite3';
import { messageOf, systemCode, UserError } from '../errors.js';
import { hostHash } from '../machine.js';
import { stateFolder } from '../state.js';
import { hasVariable, listProcesses } from './proc.js';
import { identify, isSame, type ProcessIdentity } from './processes.js';

/** Environment variable by which every process of a trial is known, also one whose id nobody has written down yet. */
const MARK = 'SWEEP_RESERVATION';
/** How long another runner may keep the file, milliseconds; it needs one. */
const PATIENCE = 5000;
const VERSION = 1;

/** What is taken of the machine. */
export interface Taken {
  /** Id of a GPU, or a device's name. */
  device: string;
  cores: number;
  /** Predicted bytes of the host's memory and of the device's; null: not known. */
  host: number | null;
  memory: number | null;
}

export interface Reservation extends Taken {
  id: string;
  /** Whether it only keeps room for a trial that waits. */
  claim: boolean;
  runner: ProcessIdentity;
  /** The trial's process, once it is known. */
  child: ProcessIdentity | undefined;
  /** Made by this runner. */
  ours: boolean;
}

export interface Decision<Result> {
  reserve: readonly Taken[];
  /** Room to keep for one of ours that waits; takes the place of our claim before, and its age where the same trial still waits. */
  claim: (Taken & { same: boolean }) | undefined;
  result: Result;
}

export interface Registry {
  /**
   * Decides with everybody else kept out. Of another runner's claims those that are older than our own are shown.
   * @returns the ids of what was reserved, in order; undefined where the file is kept by somebody else for long
   */
  decide<Result>(
    choose: (held: readonly Reservation[]) => Decision<Result>,
  ): { ids: string[]; result: Result } | undefined;
  /** What a process that belongs to a reservation must have in its environment. */
  environment(id: string): Record<string, string>;
  /** Writes down the process that a reservation is for. */
  attach(id: string, pid: number): void;
  release(id: string): void;
  /** Gives back all that is ours. */
  close(): void;
}

interface Row {
  id: string;
  claim: number;
  device: string;
  cores: number;
  host: number | null;
  memory: number | null;
  runner: number;
  runner_started: string;
  child: number | null;
  child_started: string | null;
  boot: string;
  since: number;
}

/** One file a machine: home folders are shared between machines, process ids are not. */
export function registryFile(): string {
  return path.join(stateFolder(), `devices-${hostHash()}.db`);
}

/** How many reservations are of processes that are gone: they count for nothing, and the next runner removes them. Changes nothing. */
export function deadReservations(file = registryFile()): number {
  const rows = readRows(file);
  return rows.length - rows.filter((row) => lives(row, bootId())).length;
}

/** What is reserved on this machine now, by whomever, the oldest first. Changes nothing. */
export function readReservations(file = registryFile()): Reservation[] {
  return readRows(file)
    .filter((row) => lives(row, bootId()))
    .map((row) => toReservation(row, false));
}

function readRows(file: string): Row[] {
  if (!fs.existsSync(file)) return [];
  return explained(file, () => {
    const db = new Database(file, { readonly: true, timeout: PATIENCE });
    try {
      return db.prepare<[], Row>('SELECT * FROM reservations ORDER BY since, id').all();
    } finally {
      db.close();
    }
  });
}

/** @throws UserError if the file cannot be used, with what to do */
export function openRegistry(file = registryFile()): Registry {
  const me = identify(process.pid);
  const boot = bootId();
  const db = explained(file, () => open(file));
  const statement = {
    all: db.prepare<[], Row>('SELECT * FROM reservations ORDER BY since, id'),
    add: db.prepare(
      'INSERT INTO reservations VALUES (@id, @claim, @device, @cores, @host, @memory, @runner, @runner_started, NULL, NULL, @boot, @since)',
    ),
    attach: db.prepare('UPDATE reservations SET child = ?, child_started = ? WHERE id = ?'),
    remove: db.prepare('DELETE FROM reservations WHERE id = ?'),
  };
  const isOurs = (row: Row) =>
    row.runner === me.pid && row.runner_started === me.started && row.boot === boot;
  const add = (taken: Taken, claim: boolean, since: number): string => {
    const id = randomUUID();
    const { device, cores, host, memory } = taken;
    const who = { runner: me.pid, runner_started: me.started, boot, since };
    statement.add.run({ id, claim: Number(claim), device, cores, host, memory, ...who });
    return id;
  };
  /** Released while the file was kept by somebody: still to be written. */
  const toRemove = new Set<string>();

  /** Undefined where the file is kept by somebody else for longer than we wait. */
  const exclusively = <T>(work: () => T): T | undefined =>
    explained(file, () => {
      try {
        db.exec('BEGIN IMMEDIATE');
      } catch (error) {
        if (systemCode(error)?.startsWith('SQLITE_BUSY')) return undefined;
        throw error;
      }
      try {
        for (const id of toRemove) statement.remove.run(id);
        const result = work();
        db.exec('COMMIT');
        toRemove.clear();
        return result;
      } catch (error) {
        if (db.inTransaction) db.exec('ROLLBACK');
        throw error;
      }
    });

  return {
    decide: (choose) =>
      exclusively(() => {
        const rows = statement.all.all();
        const dead = rows.filter((row) => !isOurs(row) && !lives(row, boot));
        dead.forEach(({ id }) => statement.remove.run(id));
        const ourClaim = rows.find((row) => isOurs(row) && row.claim === 1);
        const shown = rows.filter((row) => {
          if (dead.includes(row)) return false;
          return row.claim === 0 || (!isOurs(row) && row.since < (ourClaim?.since ?? Infinity));
        });
        const { reserve, claim, result } = choose(shown.map((row) => toReservation(row, isOurs(row))));
        const now = Date.now() / 1000;
        const kept = ourClaim !== undefined && claim?.same === true && isLike(ourClaim, claim);
        if (!kept) {
          if (ourClaim !== undefined) statement.remove.run(ourClaim.id);
          if (claim !== undefined) add(claim, true, claim.same ? (ourClaim?.since ?? now) : now);
        }
        return { ids: reserve.map((taken) => add(taken, false, now)), result };
      }),
    environment: (id) => ({ [MARK]: id }),
    attach(id, pid) {
      const { started } = identify(pid);
      // Where it fails, the mark in the process's environment tells whose it is.
      unlessBroken(() => exclusively(() => statement.attach.run(pid, started, id)));
    },
    release(id) {
      toRemove.add(id);
      unlessBroken(() => exclusively(() => undefined));
    },
    close() {
      const left = () => statement.all.all().filter(isOurs);
      unlessBroken(() => exclusively(() => left().forEach(({ id }) => statement.remove.run(id))));
      db.close();
    },
  };
}

function open(file: string): Database.Database {
  fs.mkdirSync(path.dirname(file), { recursive: true });
  const db = new Database(file, { timeout: PATIENCE });
  try {
    // Rows mean nothing after the machine went down, so nothing waits for the disk; a process that is killed leaves a whole file.
    db.pragma('synchronous = OFF');
    db.pragma('journal_mode = TRUNCATE');
    db.exec('BEGIN IMMEDIATE');
    const version = db.pragma('user_version', { simple: true });
    if (version === 0) {
      db.exec(
        `CREATE TABLE reservations (id TEXT PRIMARY KEY, claim INTEGER NOT NULL, device TEXT NOT NULL, cores INTEGER NOT NULL,
          host INTEGER, memory INTEGER, runner INTEGER NOT NULL, runner_started TEXT NOT NULL,
          child INTEGER, child_started TEXT, boot TEXT NOT NULL, since REAL NOT NULL) STRICT`,
      );
      db.pragma(`user_version = ${VERSION}`);
    } else if (version !== VERSION) {
      throw new UserError(
        `The registry of devices, ${file}, is of another version of this program. ${REMEDY}`,
        4,
      );
    }
    db.exec('COMMIT');
    return db;
  } catch (error) {
    db.close();
    throw error;
  }
}

const REMEDY =
  'It holds nothing but which devices are in use now: stop every sweep run of this machine, delete the file, and start again.';

/** What is not written here, the death of this process says; a file that is broken is told at the next decision. */
function unlessBroken(work: () => unknown): void {
  try {
    work();
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
  }
}

/** Says of a failed access to the file what is wrong and what to do. */
function explained<T>(file: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    const code = systemCode(error) ?? '';
    if (/^SQLITE_(CORRUPT|NOTADB|ERROR|SCHEMA|MISMATCH)/.test(code)) {
      throw new UserError(`The registry of devices, ${file}, is damaged (${messageOf(error)}). ${REMEDY}`, 4);
    }
    if (/^(SQLITE_|E[A-Z]+$)/.test(code)) {
      throw new UserError(
        `The registry of devices, ${file}, cannot be written (${messageOf(error)}). Make its folder writable, or name another by ` +
          'CYCLESWEEP_STATE: the same for all runs on this machine, or they do not know of each other.',
      );
    }
    throw error;
  }
}

function isLike(row: Row, { device, cores, host, memory }: Taken): boolean {
  return row.device === device && row.cores === cores && row.host === host && row.memory === memory;
}

function toReservation(row: Row, ours: boolean): Reservation {
  const { id, claim, device, cores, host, memory } = row;
  return {
    ...{ id, device, cores, host, memory, ours },
    claim: claim === 1,
    runner: { pid: row.runner, started: row.runner_started },
    child: row.child === null ? undefined : { pid: row.child, started: row.child_started ?? '' },
  };
}

/** Whether a reservation still counts: its runner lives, or its process, or another that this started. */
function lives(row: Row, boot: string): boolean {
  if (row.boot !== boot) return false;
  if (isAlive({ pid: row.runner, started: row.runner_started })) return true;
  if (row.claim === 1) return false;
  if (row.child !== null && isAlive({ pid: row.child, started: row.child_started ?? '' })) return true;
  return listProcesses().some((pid) => hasVariable(pid, `${MARK}=${row.id}`));
}

function isAlive(process_: ProcessIdentity): boolean {
  if (process_.started !== '') return isSame(process_);
  try {
    return process.kill(process_.pid, 0); // a system that tells no start times
  } catch (error) {
    return systemCode(error) === 'EPERM';
  }
}

/** Tells runs of the machine apart: after it has started again, process ids and start times repeat. */
function bootId(): string {
  try {
    return fs.readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
  } catch {
    return '';
  }
}
