/**
 * @file Gives waiting trials their devices: measures what is free, decides by pool.ts, and reserves it in the machine's registry
 * before a process starts.
 */
import { availableCores } from '../machine.js';
import { deviceName, listGpuProcesses, listGpus, type Gpu, type GpuProcess } from '../nvidia.js';
import { deviceEnvironment, ENVIRONMENT, type AnyTrialConfig } from '../protocol.js';
import { pack, type Lack, type Machine, type Need, type Offer, type Place } from './pool.js';
import { processFields, residentMemory } from './proc.js';
import { openRegistry, type Reservation, type Taken } from './registry.js';
import { deviceRoom, hostRoom, type Holder } from './room.js';
import { MOST_PER_GPU, type Shares } from './share.js';

/** What a trial is expected to hold at its peak, bytes; null: not known. */
export interface Forecast {
  host: number | null;
  /** Of the GPU's memory; null on a processor, too. */
  device: number | null;
  /** What the trial is told that it may count on, to choose its micro-batch by. */
  counts?: { host?: number | undefined; device?: number | undefined };
}

/** One place for a trial to run in; reserved until it is released. */
export interface Slot {
  device: string;
  threads: number;
  /** What the trial's processes have in their environment beside the trial's work. */
  environment: Record<string, string>;
  forecast: Forecast;
  /** Why here and now, in words. */
  reason: string;
  /** Seconds in the queue. */
  waited: number;
  /** Writes down the process that the place is held for. */
  started(pid: number): void;
  release(): void;
}

export interface PlacerOptions {
  devices: readonly string[];
  shares: Shares;
  forecast: (trial: AnyTrialConfig) => Forecast;
  /** Told of the first of the queue that must wait for something else than the end of this runner's own trials; then of nobody. */
  waits: (trial: AnyTrialConfig | undefined, reason: string) => void;
}

export interface Placer {
  offer: (waiting: readonly AnyTrialConfig[]) => Promise<Offer<AnyTrialConfig, Slot>>;
  /** Gives all back. */
  close(): void;
}

/** Another runner or another program may have made room: how often to look, milliseconds. */
const LOOK_EVERY = 500;
/** nvidia-smi takes a second of a core on some machines: how long its answer counts. */
const GPUS_COUNT_FOR = 5000;
/** Of free memory, what trials may take. */
const SHARE_OF_FREE = 0.9;

/** @throws UserError if the registry cannot be used */
export function openPlacer({ devices, shares, forecast, waits }: PlacerOptions): Placer {
  const registry = openRegistry();
  const gpus = devices.some((device) => device.startsWith('cuda')) ? gpuWatch() : undefined;
  const queuedAt = performance.now();
  /** Trials of ours that hold a place. */
  let running = 0;
  let claimedFor: AnyTrialConfig | undefined;
  let told = '';

  const slotFor = (id: string, taken: Taken, device: string, wish: Forecast, reason: string): Slot => {
    running++;
    let held = true;
    const known = device.startsWith('cuda') ? taken.device : undefined;
    return {
      device,
      threads: shares.threads,
      environment: {
        ...deviceEnvironment(device, known),
        ...registry.environment(id),
        ...memoryEnvironment(wish),
      },
      forecast: wish,
      reason,
      waited: (performance.now() - queuedAt) / 1000,
      started: (pid) => registry.attach(id, pid),
      release() {
        if (!held) return;
        held = false;
        running--;
        registry.release(id);
      },
    };
  };

  const offer: Placer['offer'] = async (waiting) => {
    if (running >= shares.most) return { starts: [], askAgain: undefined };
    const seen = await gpus?.look();
    const forecasts = waiting.map(forecast);
    const answer = registry.decide((held) => {
      const places = devices.flatMap((name) => placeOf(name, held, shares, seen) ?? []);
      const cores = devices[0] === 'cpu' ? shares.threads : 0;
      const needs = forecasts.map(({ host, device }): Need => ({ host, device, cores }));
      const packed = pack(needs, places, machineOf(held, shares, running));
      const { waits: head } = packed;
      const taken = (item: number, place: number): Taken => ({
        device: places[place]!.id,
        cores,
        host: forecasts[item]!.host,
        memory: forecasts[item]!.device,
      });
      const same = head !== undefined && claimedFor === waiting[head.item];
      const claim = head?.place === undefined ? undefined : { ...taken(head.item, head.place), same };
      const reserve = packed.starts.map(({ item, place }) => taken(item, place));
      return { reserve, claim, result: { packed, places, reserve, held } };
    });
    if (answer === undefined) {
      tell(waiting[0], 'the registry of devices, which another process keeps busy');
      return { starts: [], askAgain: LOOK_EVERY };
    }
    const { packed, places, reserve, held } = answer.result;
    const starts = packed.starts.map(({ item, place }, at) => {
      const trial = waiting[item]!;
      const { name, told: facts } = places[place]!;
      const slot = slotFor(answer.ids[at]!, reserve[at]!, name, forecasts[item]!, facts);
      return { item: trial, slot };
    });
    const head = packed.waits;
    claimedFor = head?.place === undefined ? undefined : waiting[head.item];
    if (head === undefined || head.lack.what === 'runner') {
      tell(undefined, '');
      return { starts, askAgain: undefined };
    }
    const place = head.place === undefined ? undefined : places[head.place];
    tell(waiting[head.item], explain(head.lack, place, held, devices, seen?.reason ?? ''));
    return { starts, askAgain: running > 0 && isOwnAffair(head.lack, held) ? undefined : LOOK_EVERY };
  };

  const tell = (trial: AnyTrialConfig | undefined, reason: string) => {
    // Numbers change from look to look; what is waited for does not.
    const what = trial === undefined ? '' : `${trial.key} ${reason.replace(/[\d.]+ GB/g, '')}`;
    if (what === told) return;
    told = what;
    waits(trial, reason);
  };

  return {
    offer,
    close: () => registry.close(),
  };
}

export function memoryEnvironment({ host, counts }: Forecast): Record<string, string> {
  const values = {
    [ENVIRONMENT.memoryPredicted]: host,
    [ENVIRONMENT.memoryPlan]: counts?.host,
    [ENVIRONMENT.deviceMemory]: counts?.device,
  };
  return Object.fromEntries(
    Object.entries(values).flatMap(([name, bytes]) =>
      bytes == null ? [] : [[name, String(Math.round(bytes))]],
    ),
  );
}

/** Whether only the end of one of this runner's own trials can make room. */
function isOwnAffair({ what }: Lack, held: readonly Reservation[]): boolean {
  return (what === 'trials' || what === 'alone' || what === 'cores') && held.every((each) => each.ours);
}

/** A place that the registry knows, and what there is to tell of it. */
interface KnownPlace extends Place {
  /** By which the registry knows it: a GPU's own id, since two runners may see GPUs under different numbers. */
  id: string;
  /** Trials that it may hold; Infinity where something else limits them. */
  limit: number;
  told: string;
}

/** Undefined for a GPU that was there and is no more. One that nvidia-smi never listed is taken at its word: the trial will tell. */
function placeOf(
  name: string,
  held: readonly Reservation[],
  { perDevice }: Shares,
  seen: Gpus | undefined,
): KnownPlace | undefined {
  const gpu = seen?.found.find((each) => deviceName(each) === name);
  if (gpu === undefined && seen?.known.has(name)) return undefined;
  const id = gpu?.uuid ?? name;
  const here = held.filter(({ device }) => device === id);
  let memory: Place['memory'] = null;
  if (perDevice === 'auto' && gpu !== undefined && gpu.usedBytes !== null && gpu.memoryBytes > 0) {
    const [whole, used] = [gpu.memoryBytes, gpu.usedBytes];
    memory = { whole, free: deviceRoom({ whole, used }, ...holdersOf(here, held, gpu, seen?.processes)) };
  }
  // Where nobody tells how much memory there is, one trial.
  const limit = perDevice !== 'auto' ? perDevice : memory === null ? 1 : MOST_PER_GPU;
  const most = Number.isFinite(limit) ? ` of at most ${limit}` : '';
  const free =
    memory === null ? '' : `, ${gigabytes(memory.free)} of its ${gigabytes(memory.whole)} were free`;
  const told = `of the devices with room it held the fewest trials: ${here.length}${most}${free}`;
  return { id, name, held: here.length, trials: limit - here.length, limit, memory, told };
}

/** Of a GPU: what each trial there holds, and how much of it processes hold that are no trials. */
function holdersOf(
  here: readonly Reservation[],
  all: readonly Reservation[],
  gpu: Gpu,
  processes: readonly GpuProcess[] | undefined,
): [Holder[], number] {
  const groups = (processes ?? []).map((each) => ({ ...each, group: processGroup(each.pid) }));
  const holders = here.map(({ memory, claim, child }): Holder => {
    if (claim) return { predicted: memory, held: 0 };
    const own = groups.filter(({ pid, group }) => pid === child?.pid || group === child?.pid);
    const known = own.length > 0 && own.every(({ usedBytes }) => usedBytes !== null);
    return {
      predicted: memory,
      held: known ? own.reduce((sum, { usedBytes }) => sum + usedBytes!, 0) : null,
    };
  });
  // Of instances the driver does not tell which one a process is on.
  const others = groups.filter(({ pid, uuid, group }) => {
    const trial = all.some(({ child }) => child !== undefined && (pid === child.pid || group === child.pid));
    return gpu.mig === null && uuid === gpu.uuid && group !== undefined && !trial;
  });
  return [holders, others.reduce((sum, { usedBytes }) => sum + (usedBytes ?? 0), 0)];
}

function machineOf(held: readonly Reservation[], { most, threads }: Shares, running: number): Machine {
  const taken = held.reduce((sum, { cores }) => sum + cores, 0);
  const holders = held.map(({ host, claim, child }): Holder => {
    return { predicted: host, held: claim || child === undefined ? 0 : (residentMemory(child.pid) ?? null) };
  });
  return {
    trials: most - running,
    // Who asks for more trials or threads than there are cores has them, as long as nobody else computes here.
    cores: Math.max(availableCores(), most * threads) - taken,
    memory: hostRoom(SHARE_OF_FREE * process.availableMemory(), holders),
    idle: held.length === 0,
  };
}

/** What a trial waits for, in words. */
function explain(
  { what, needed, there }: Lack,
  place: KnownPlace | undefined,
  held: readonly Reservation[],
  devices: readonly string[],
  reason: string,
): string {
  if (place === undefined) {
    const gone = devices.length > 1 ? 'none of them is there any more' : 'it is there no more';
    return `${devices.join(', ')}: ${reason || gone}`;
  }
  const here = held.filter(({ device, ours }) => !ours && (what === 'host' || device === place.id));
  const runners = [...new Set(here.map(({ runner }) => runner.pid))];
  const who =
    runners.length === 0 ? '' : `; another sweep run computes there (process ${runners.join(', ')})`;
  const free = gigabytes(Math.max(0, there));
  switch (what) {
    case 'trials':
    case 'runner':
      return `${place.name}, where ${place.held} of ${place.limit} trials run${who}`;
    case 'alone':
      return `${place.name} to itself, since its memory is not known yet; ${place.held} of 1 trials run there${who}`;
    case 'cores':
      return `${needed} free core${needed === 1 ? '' : 's'}${who}`;
    case 'device':
      return `${gigabytes(needed)} of the memory of ${place.name}, where ${free} are free${who}`;
    case 'host':
      return `${gigabytes(needed)} of memory, of which ${free} are free${who}`;
  }
}

interface Gpus {
  found: Gpu[];
  reason: string;
  processes: GpuProcess[] | undefined;
  /** Devices that were ever listed. */
  known: Set<string>;
}

/** Asks nvidia-smi now and then. */
function gpuWatch(): { look(): Promise<Gpus> } {
  let last: { at: number; seen: Gpus } | undefined;
  const known = new Set<string>();
  return {
    async look() {
      if (last === undefined || performance.now() - last.at > GPUS_COUNT_FOR) {
        const [list, processes] = await Promise.all([listGpus(), listGpuProcesses()]);
        list.found.forEach((gpu) => known.add(deviceName(gpu)));
        last = { at: performance.now(), seen: { ...list, processes, known } };
      }
      return last.seen;
    },
  };
}

/** Undefined where no such process is known here: the driver counts those of the machine, a container knows its own. */
function processGroup(pid: number): number | undefined {
  const group = processFields(pid)?.[2];
  return group === undefined ? undefined : Number(group);
}

function gigabytes(bytes: number): string {
  return `${(bytes / 1e9).toFixed(1)} GB`;
}
