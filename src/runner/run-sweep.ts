/**
 * @file Runs a sweep: what is missing of it, one child process a trial, until all is done or the user stops it.
 * The main path of the runner, read from top to bottom.
 */
import path from 'node:path';
import type { Definition } from '../definition/schema.js';
import { withoutNames } from '../definition/redact.js';
import { SLURM_DEFAULTS } from '../definition/slurm.js';
import { diskFull, freeSpace, isDiskFull } from '../disk.js';
import { messageOf, UserError } from '../errors.js';
import { makeFolder } from '../files.js';
import { meets, type Condition } from '../definition/conditions.js';
import { trialLabel } from '../definition/label.js';
import { availableCores, hostHash } from '../machine.js';
import { EXIT, type AnyTrialConfig, type EngineName } from '../protocol.js';
import { openStore, type Store } from '../store/open.js';
import { shareResults } from '../store/place.js';
import { readOutcomes, readPeaks, type Peak } from '../store/queries.js';
import { storeSweep } from '../store/writer.js';
import type { Scheduler } from './executors/executor.js';
import { openSlurm, type SlurmClient } from './executors/slurm/client.js';
import { settleEnded } from './executors/slurm/settle.js';
import { openSlurmScheduler } from './executors/slurm/slurm.js';
import { beginExtended, findExtensions } from './extend.js';
import { diskNeed, judgeSpace, spaceLow } from './disk-need.js';
import { openGuard } from './guard.js';
import { openIngestThread } from './ingest-thread.js';
import { runRecordFile, sweepRecordFile, writeFileWhole } from './layout.js';
import { takeLock } from './lock.js';
import { isForeignTrial, planSweep, type Plan } from './plan.js';
import { appendJournal, newAttempt, openJob, readJournal } from './journal.js';
import { memoryEnvironment, openPlacer, type Forecast, type Placer, type Slot } from './placer.js';
import { runPool } from './pool.js';
import { openProgress, type Progress, type TextStream } from './progress.js';
import { isBehind, recover, restore } from './recover.js';
import { runTrial } from './run-trial.js';
import { shareOut, type Shares } from './share.js';
import type { RunRecord } from './status.js';
import { openSteering, type Steering } from './steering.js';
import { listenForStop, watchStopFile, type Stopping } from './stop.js';
import { openSystemWatch } from './system.js';

export interface SweepRun {
  definition: Definition;
  /** The sweep file's text, for the record. */
  source: string;
  /** Absolute path of the sweep file. */
  file: string;
  /** Absolute results folder. */
  results: string;
  retryFailed: boolean;
  /** Says the bytes of one checkpoint of each trial, 0 where nobody knows; asked only if there is something to run. */
  checkpointBytes?: (trials: AnyTrialConfig[]) => Promise<number[]>;
  /** Whether trials that have not begun go on from finished ones of a smaller budget. */
  extend: boolean;
  /** Runs no more trials than this. */
  maxTrials?: number | undefined;
  /** Whether the first trial that fails stops the sweep. */
  failFast?: boolean;
  /** Which trials to run now; the others stay as they are. Without it: all. */
  only?: Condition;
  /** Bytes of memory that one trial may have; without, what is free. */
  memoryLimit?: number | undefined;
  /** Has Slurm run the trials, and whether this runner leaves as soon as they are submitted; without it they run here. */
  slurm?: { detach: boolean } | undefined;
  /** Chooses what trials are computed with; asked once, and only if there is something to run. */
  place: () => Promise<Placement>;
  /** Says what each trial will hold; without it, nothing is known. Asked once, and what it gives, after each trial that ends, with what trials held so far. */
  expect?: (asked: Expected) => Promise<Forecaster>;
  /** Prints a line before trials run and after. */
  say: (message: string) => void;
  /** Where the progress of running trials is shown. */
  stream: TextStream;
  /** Aborted: running trials save and leave, as after the first Ctrl-C. */
  signal?: AbortSignal | undefined;
}

/** What memory is asked for of. */
export interface Expected {
  plan: Plan;
  placement: Placement;
  shares: Shares;
  /** Those that are to run. */
  wanted: readonly AnyTrialConfig[];
  /** What finished trials held. */
  peaks: readonly Peak[];
}

/** From the peaks of finished trials, what a trial will hold. */
export type Forecaster = (peaks: readonly Peak[]) => (trial: AnyTrialConfig) => Forecast;

/** What trials are computed with. */
export interface Placement {
  /** Null for a trainer that is not ours. */
  engine: EngineName | null;
  /** e.g. `['cpu']`, `['cuda:0', 'cuda:1']`. */
  devices: string[];
  /** One sentence that says why. */
  reason: string;
}

export interface SweepSummary {
  done: number;
  failed: { label: string; reason: string; configurationOrData: boolean }[];
  /** Stopped by the sweep file's rule: not done, and not run again while the rule stands. */
  earlyStopped: { label: string; reason: string; step: number }[];
  /** Neither done nor failed: what the same command would go on with, and what only one without `--only` would. */
  left: number;
  leftOut: number;
  /** Exit code of the command (DESIGN section 8). */
  exitCode: number;
}

/** Cores of one trial under Slurm where nothing else is asked for. */
const SLURM_CPUS = 4;
/** How often is looked how much of the disk is free, in milliseconds. */
const LOOK_AT_SPACE_EVERY = 10_000;

/** @throws UserError, DataError before any trial is started */
export async function runSweep(run: SweepRun): Promise<SweepSummary> {
  try {
    const client = run.slurm === undefined ? undefined : await openSlurm();
    if (client !== undefined) {
      makeFolder(run.results);
      shareResults(run.results);
    }
    let lost: (by: string) => void = () => undefined;
    // The lock first: of two runners that start at once, one makes the database.
    const unlock = takeLock(run.results, (by) => lost(by));
    try {
      return await runLocked(run, client, (listener) => (lost = listener));
    } finally {
      unlock();
    }
  } catch (error) {
    throw isDiskFull(error) ? diskFull(run.results, error) : error;
  }
}

/** @param onLost takes what is to happen when a runner of another machine has taken the folder over */
async function runLocked(
  run: SweepRun,
  client: SlurmClient | undefined,
  onLost: (listener: (by: string) => void) => void,
): Promise<SweepSummary> {
  const store = openStore(run.results);
  try {
    const { say, only = [] } = run;
    if (isBehind(store)) {
      say('The database is new, the results are not: it is made anew from the trials’ own files.');
      await restore(store, say);
    }
    const plan = await planSweep(run.definition, { folder: path.dirname(run.file), say, draw: true });
    plan.warnings.forEach((warning) => say(`Note: ${warning}`));
    if (!plan.trials.some((trial) => isAsked(trial, only))) {
      throw new UserError('--only: no trial of this sweep fits. sweep plan FILE lists them all.');
    }
    record(store, run, plan.trials, plan.varied);
    if (client === undefined) plan.trials.forEach(({ key }) => settleEnded(run.results, key));
    await recover(
      store,
      plan.trials.map(({ key }) => key),
      say,
    );

    const outcomes = readOutcomes(store);
    const steering = openSteering(store, run.definition, plan.trials, outcomes);
    const statuses = plan.trials.map(({ key }) => {
      const status = outcomes.get(key)?.status ?? 'pending';
      if (status === 'done') return status;
      if (steering.reasonOf(key) !== undefined) return 'early-stopped';
      // The rule that stopped it no longer stands in the sweep file.
      return status === 'early-stopped' ? 'stopped' : status;
    });
    const missing = plan.trials.filter((trial, at) => {
      const status = statuses[at]!;
      if (!isAsked(trial, only) || status === 'done' || status === 'early-stopped') return false;
      return status !== 'failed' || run.retryFailed;
    });
    const wanted = missing.slice(0, run.maxTrials);
    const label = labeller(plan.trials, plan.varied);
    const extensions = run.extend ? findExtensions(store, plan, wanted, label) : new Map<string, never>();
    const asked = plan.trials.filter((trial) => isAsked(trial, only)).length;
    const failed = plan.trials.filter((trial, at) => isAsked(trial, only) && statuses[at] === 'failed');
    const placement = wanted.length > 0 ? await run.place() : undefined;
    if (client === undefined) refuseQueued(run.results, wanted);
    const shares = placement && (client === undefined ? shareOut(run.definition.resources, placement.devices, wanted.length, availableCores()) : shareByScheduler(run.definition.resources, placement.devices[0]!, wanted.length)); // prettier-ignore
    const { checkpoints } = run.definition;
    const known = wanted.length > 0 ? await run.checkpointBytes?.(wanted) : undefined;
    const bytes = known ?? wanted.map(() => 0);
    const need = diskNeed(bytes, checkpoints.keep.length, shares?.most ?? 1);
    const space = wanted.length === 0 ? undefined : judgeSpace(need, freeSpace(run.results));
    if (space?.refuse === true) throw new UserError(space.message);
    if (space !== undefined) say(`Note: ${space.message}`);
    if (placement !== undefined) say(`Trains with ${placement.reason}`);
    say(
      announce(run.definition.name, {
        statuses,
        asked,
        failed: run.retryFailed ? 0 : failed.length,
        wanted: wanted.length,
        later: missing.length - wanted.length,
        shares,
      }),
    );
    if (extensions.size > 0) say(`${extensions.size} go on from finished trials of a smaller budget`);

    if (shares !== undefined) recordRun(run, shares.most, wanted);
    const progress = openProgress(wanted.length, run.stream);
    const ingest = openIngestThread(run.results, (message) => progress.say(message));
    const stopping = listenForStop(
      (message) => progress.say(message),
      () => ingest.hurry(),
      { caller: run.signal, leave: client && (() => scheduler?.leave()) },
    );
    const closeStopFile = watchStopFile(run.results);
    onLost((by) => {
      scheduler?.leave();
      stopping.request(`Another sweep run (process ${by}) has taken this folder over.`);
    });
    const guard = openGuard(wanted);
    const { retry, resources } = run.definition;
    // Told in full at the end.
    const stopFor = (reason: string) => stopping.request(reason.split('\n')[0]!);
    void ingest.failed.then(({ message }) => stopFor(message));
    steering.storeBy((key, stop) => ingest.call('storeEarlyStop', key, stop));
    const system = openSystemWatch(run.results, (samples) => ingest.call('storeSystem', samples));
    const lookAtSpace = () => {
      const low = spaceLow(need, freeSpace(run.results));
      if (low !== undefined) stopping.request(low);
    };
    const spaceTimer = setInterval(lookAtSpace, LOOK_AT_SPACE_EVERY);
    let fault: Error | undefined;
    let unfinished = false;
    let placer: Pick<Placer, 'offer' | 'close'> | undefined;
    let scheduler: Scheduler | undefined;
    let forecast: ReturnType<Forecaster> | undefined;
    /** The other trials save and leave before this is told in full. */
    const fail = (error: unknown) => {
      fault ??= asError(error);
      stopFor(messageOf(error));
    };
    const work = async (config: AnyTrialConfig, slot: Slot) => {
      try {
        lookAtSpace();
        if (stopping.requested) return; // while its place was looked for, or for want of space
        const extension = extensions.get(config.key);
        if (extension !== undefined) {
          beginExtended(run.results, config.key, extension);
          ingest.call('storeExtended', config.key, extension.from, extension.step);
        }
        if (scheduler === undefined) recordPlace(store.results, config.key, slot);
        const verdict = await runTrial({
          store,
          ingest,
          config: placed(config, placement!),
          slot,
          scheduler,
          sweep: run.definition.name,
          label: label(config),
          retry,
          timeLimit: resources.time === 'off' ? null : resources.time,
          memoryLimit: run.memoryLimit,
          progress,
          stopping,
          steering,
          system,
        });
        if (verdict === undefined) return;
        // Nobody asked this runner: the same command takes it up again.
        if (verdict.outcome === 'stopped' || verdict.outcome === 'lost') unfinished ||= !stopping.requested;
        const guarded = guard.saw(config, verdict);
        if (guarded !== undefined) stopping.request(guarded);
        if (run.failFast && verdict.outcome === 'failed') stopping.request('A trial failed (--fail-fast).');
      } catch (error) {
        fail(error);
      } finally {
        if (!isForeignTrial(config)) forecast = undefined; // it has shown what it holds
        slot.release();
      }
    };
    const runAll = async () => {
      if (placement !== undefined && shares !== undefined) {
        const forecaster: Forecaster =
          (await run.expect?.({ plan, placement, shares, wanted, peaks: readPeaks(store, hostHash()) })) ??
          (() => () => ({ host: null, device: null }));
        const forecastOf = (trial: AnyTrialConfig) =>
          (forecast ??= forecaster(readPeaks(store, hostHash())))(trial);
        if (client !== undefined) {
          scheduler = openScheduler(client, run, { placement, shares, progress });
          stopping.signal.addEventListener('abort', () => scheduler?.stop());
        }
        placer =
          client !== undefined
            ? placeAll(shares.threads, forecastOf)
            : openPlacer({
                devices: placement.devices,
                shares,
                forecast: forecastOf,
                waits(trial, reason) {
                  if (trial !== undefined) appendJournal(store.results, trial.key, { t: 'waiting', wall: Date.now() / 1000, reason }); // prettier-ignore
                  progress.waits(reason);
                },
              });
        const { offer } = placer;
        const offerOrStop: typeof offer = (waiting) =>
          offer(waiting).catch((error: unknown) => {
            fail(error);
            return { starts: [], askAgain: 0 };
          });
        await runPool(wanted, { offer: offerOrStop, work, mayStart: () => !stopping.requested });
      }
    };
    try {
      await runAll().catch(fail);
      await ingest.close().catch((error: unknown) => (fault ??= asError(error)));
      if (fault !== undefined) {
        if (stopping.insisted === undefined) throw fault;
        progress.say(messageOf(fault));
      }
    } finally {
      placer?.close();
      scheduler?.close();
      closeStopFile();
      stopping.close();
      clearInterval(spaceTimer);
      system.close();
      progress.close();
    }
    const summary = summarise(store, plan.trials, { label, stopping, steering, only });
    return unfinished && summary.exitCode === 0 ? { ...summary, exitCode: 1 } : summary;
  } finally {
    store.close();
  }
}

/** Under a scheduler: all trials at once, whatever is free here. */
function placeAll(
  threads: number,
  forecast: (trial: AnyTrialConfig) => Forecast,
): Pick<Placer, 'offer' | 'close'> {
  const slotOf = (trial: AnyTrialConfig): Slot => {
    const expected = forecast(trial);
    return {
      device: 'slurm',
      threads,
      environment: memoryEnvironment(expected),
      forecast: expected,
      reason: '',
      waited: 0,
      started: () => undefined,
      release: () => undefined,
    };
  };
  return {
    offer: (waiting) =>
      Promise.resolve({ starts: waiting.map((item) => ({ item, slot: slotOf(item) })), askAgain: 0 }),
    close: () => undefined,
  };
}

/** What one trial of Slurm's is given; at once run as many as Slurm starts, or the sweep file allows. */
function shareByScheduler(
  { trials, threads, slurm }: Definition['resources'],
  device: string,
  wanted: number,
): Shares {
  const cpus = slurm?.cpus === undefined || slurm.cpus === 'auto' ? threads : slurm.cpus;
  const most = trials === 'auto' ? wanted : trials;
  return { most, threads: cpus === 'auto' ? SLURM_CPUS : cpus, perDevice: device === 'cpu' ? Infinity : 1 };
}

function openScheduler(
  client: SlurmClient,
  { results, definition, memoryLimit, slurm }: SweepRun,
  { placement, shares, progress }: { placement: Placement; shares: Shares; progress: Progress },
): Scheduler {
  const settings = definition.resources.slurm ?? SLURM_DEFAULTS;
  const [device = 'cpu'] = placement.devices;
  const { trials } = definition.resources;
  return openSlurmScheduler({
    results,
    client,
    settings,
    device: device.split(':')[0]!,
    cpus: shares.threads,
    gpus: settings.gpus === 'auto' ? (device === 'cpu' ? 0 : 1) : settings.gpus,
    limit: trials === 'auto' ? undefined : trials,
    memoryLimit,
    detach: slurm?.detach ?? false,
    say: (message) => progress.say(message),
    waits: (reason) => progress.waits(reason),
  });
}

/** What Slurm has is not run here as well. */
function refuseQueued(results: string, wanted: readonly AnyTrialConfig[]): void {
  const queued = wanted.filter(({ key }) => openJob(readJournal(results, key)) !== undefined).length;
  if (queued === 0) return;
  throw new UserError(
    `${queued} of these trials ${queued === 1 ? 'is' : 'are'} with Slurm already.\n` +
      'Go on with the same command and --executor slurm, or take them back first: sweep stop.',
  );
}

function asError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(messageOf(thrown));
}

/** A trial of ours is told its engine; another trainer is its own. */
function placed(config: AnyTrialConfig, { engine, reason }: Placement): AnyTrialConfig {
  return isForeignTrial(config) || engine === null ? config : { ...config, engine, engineReason: reason };
}

/** Which trials a sweep holds is written to the results folder before the database hears of it. */
function record(
  store: Store,
  { definition, source }: SweepRun,
  trials: AnyTrialConfig[],
  varied: string[],
): void {
  const { name, question } = definition;
  const sweep = { name, question, source: withoutNames(source), varied, updated: Date.now() / 1000 };
  const entries = trials.map(({ key, parameters, seed, budget, dataFingerprint }) => {
    return { key, parameters: { ...parameters }, seed, budget, dataFingerprint };
  });
  writeFileWhole(
    sweepRecordFile(store.results, name),
    JSON.stringify({ ...sweep, trials: entries }, null, 2) + '\n',
    true,
  );
  storeSweep(store, sweep, entries);
}

/** What this runner has taken on, for those who look at it meanwhile. */
function recordRun({ results, definition }: SweepRun, most: number, wanted: AnyTrialConfig[]): void {
  const keys = wanted.map(({ key }) => key);
  const run: RunRecord = { wall: Date.now() / 1000, pid: process.pid, host: hostHash(), most, wanted: keys };
  writeFileWhole(runRecordFile(results, definition.name), JSON.stringify(run) + '\n');
}

/** Why a trial runs where it does goes to its journal before its first process starts. */
function recordPlace(results: string, key: string, { device, reason, waited, forecast }: Slot): void {
  const attempt = newAttempt(results, key);
  const predicted = forecast.device ?? forecast.host;
  const wall = Date.now() / 1000;
  appendJournal(results, key, { t: 'placed', wall, attempt, device, reason, waited, predicted });
}

/** Whether a trial is among those that `--only` asks for. */
export function isAsked(
  { parameters, seed }: Pick<AnyTrialConfig, 'parameters' | 'seed'>,
  only: Condition,
): boolean {
  return meets({ ...parameters, seed }, only);
}

/** e.g. `2 at once, 1 thread each`; on GPUs memory may allow fewer. */
export function sharesInWords({ most, threads, perDevice }: Shares): string {
  const few = perDevice === 'auto' ? 'up to ' : '';
  return `${few}${most} at once, ${threads} thread${threads === 1 ? '' : 's'} each`;
}

interface Announced {
  statuses: string[];
  asked: number;
  failed: number;
  wanted: number;
  /** Left to a later run by `--max-trials`. */
  later: number;
  shares: Shares | undefined;
}

function announce(name: string, { statuses, asked, failed, wanted, later, shares }: Announced): string {
  const done = statuses.filter((status) => status === 'done').length;
  const early = statuses.filter((status) => status === 'early-stopped').length;
  const parts = [`${statuses.length} trials`, `${done} done before`, `${wanted} to run`];
  if (early > 0) parts.push(`${early} stopped early before`);
  if (asked < statuses.length) parts.push(`${statuses.length - asked} left out by --only`);
  if (later > 0) parts.push(`${later} left to a later run by --max-trials`);
  if (failed > 0) parts.push(`${failed} failed before (--retry-failed runs them again)`);
  if (shares !== undefined) parts.push(sharesInWords(shares));
  return `Sweep ${name}: ${parts.join(', ')}`;
}

/** e.g. `patch 64 batch 16 seed 2`, padded to one width. */
function labeller(trials: AnyTrialConfig[], varied: string[]) {
  const label = ({ parameters, seed }: AnyTrialConfig) =>
    trialLabel(varied, { parameters: { ...parameters }, seed });
  const width = Math.max(0, ...trials.map((config) => label(config).length));
  return (config: AnyTrialConfig) => label(config).padEnd(width);
}

function summarise(
  store: Store,
  trials: AnyTrialConfig[],
  {
    label,
    stopping,
    steering,
    only,
  }: { label: (config: AnyTrialConfig) => string; stopping: Stopping; steering: Steering; only: Condition },
): SweepSummary {
  const outcomes = readOutcomes(store);
  const rows = trials.map((config) => {
    const outcome = outcomes.get(config.key);
    if (outcome === undefined)
      throw new UserError(`The store lost trial ${config.key} while the sweep ran`, 4);
    return { config, ...outcome };
  });
  const early = rows.flatMap(({ config, status, step }) => {
    const reason = status === 'done' ? undefined : steering.reasonOf(config.key);
    return reason === undefined ? [] : [{ key: config.key, label: label(config).trimEnd(), reason, step }];
  });
  const isEarly = new Set(early.map(({ key }) => key));
  const done = rows.filter(({ status }) => status === 'done').length;
  const failed = rows
    .filter(({ status, config }) => status === 'failed' && !isEarly.has(config.key))
    .map(({ config, reason, exitCode }) => ({
      label: label(config).trimEnd(),
      reason: reason ?? 'for a reason that is not known',
      configurationOrData: exitCode === EXIT.configurationWrong || exitCode === EXIT.dataWrong,
    }));
  const open = rows.filter(
    ({ status, config }) => status !== 'done' && status !== 'failed' && !isEarly.has(config.key),
  );
  const leftOut = open.filter(({ config }) => !isAsked(config, only)).length;
  const left = open.length - leftOut;
  let exitCode = 0;
  if (failed.length > 0 || stopping.requested) exitCode = 1;
  // Nothing was done, and what was tried cannot work: the guard may have spared the rest.
  const none = done === 0 && (left === 0 || stopping.requested);
  if (failed.length > 0 && none && failed.every((trial) => trial.configurationOrData)) exitCode = 2;
  if (stopping.byUser) exitCode = stopping.insisted ?? 3;
  const earlyStopped = early.map(({ label, reason, step }) => ({ label, reason, step }));
  return { done, failed, earlyStopped, left, leftOut, exitCode };
}
