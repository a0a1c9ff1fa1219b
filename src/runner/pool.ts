/**
 * @file The queue: which trials start now, and where. Knows no process and no machine.
 *
 * First fit in the queue's order. The first trial that fits nowhere claims the place where least is missing: what it needs there
 * is kept free of those behind it, so that small trials fill gaps and a large one still has its turn.
 */

/** What a trial takes while it runs. */
export interface Need {
  cores: number;
  /** Bytes of the host's memory; null: not known, and so not counted. */
  host: number | null;
  /** Bytes of the device's own memory; null: not known, which takes all that an idle device has. */
  device: number | null;
}

/** A device, and what of it is free. Numbers may be below 0, where others took more than this runner would. */
export interface Place {
  name: string;
  /** Trials that it holds now, whoever runs them. */
  held: number;
  /** Trials that may join them. */
  trials: number;
  /** Bytes of its own memory: what there is when it is idle, and what is free. Null: trials are counted, memory is not. */
  memory: { whole: number; free: number } | null;
}

/** What all places share. */
export interface Machine {
  /** Trials that this runner may start. */
  trials: number;
  cores: number;
  /** Free bytes of the host's memory. */
  memory: number;
  /** Whether no trial runs here yet: the first starts whatever it is predicted to need. */
  idle: boolean;
}

/** Why a trial cannot start at a place: what of it is short, needed and there. */
export interface Lack {
  what: 'runner' | 'trials' | 'alone' | 'cores' | 'host' | 'device';
  needed: number;
  there: number;
}

export interface Packed {
  starts: { item: number; place: number }[];
  /** The first trial of the queue that must wait; `place` is where it waits, undefined where there is no place at all. */
  waits: { item: number; place: number | undefined; lack: Lack } | undefined;
}

/** Of an idle device's memory, what trials may take: drivers and displays hold some, too. */
const USABLE = 0.9;

/** Decides for a queue of needs, in its order; equal input gives equal output. */
export function pack(needs: readonly Need[], places: readonly Place[], machine: Machine): Packed {
  const left = places.map((place) => ({ ...place, memory: place.memory && { ...place.memory } }));
  const rest = { ...machine };
  const starts: Packed['starts'] = [];
  let waits: Packed['waits'];
  const take = (need: Need, place: (typeof left)[number]) => {
    place.trials--;
    place.held++;
    if (place.memory !== null) {
      place.memory.free -= need.device === null ? Infinity : deviceNeed(need, place.memory.whole);
    }
    rest.cores -= need.cores;
    rest.memory -= need.host ?? 0;
    rest.idle = false;
  };
  for (const [item, need] of needs.entries()) {
    if (rest.trials < 1) {
      waits ??= { item, place: undefined, lack: { what: 'runner', needed: 1, there: 0 } };
      break;
    }
    const open = left.flatMap((place, at) => (lackOf(need, place, rest) === undefined ? [at] : []));
    if (open.length > 0) {
      // The emptiest, so that devices are used evenly; of equals the first.
      const place = open.reduce((a, b) => (left[b]!.held < left[a]!.held ? b : a));
      starts.push({ item, place });
      take(need, left[place]!);
      rest.trials--;
    } else if (waits === undefined) {
      const place = nearest(need, left);
      const lack = place === undefined ? { what: 'trials' as const, needed: 1, there: 0 } : lackOf(need, left[place]!, rest)!; // prettier-ignore
      waits = { item, place, lack };
      if (place !== undefined) take(need, left[place]!);
    }
  }
  return { starts, waits };
}

function lackOf(need: Need, { trials, held, memory }: Place, rest: Machine): Lack | undefined {
  const device = memory === null ? 0 : deviceNeed(need, memory.whole);
  if (trials < 1) return { what: 'trials', needed: 1, there: trials };
  if (memory !== null && need.device === null && held > 0) return { what: 'alone', needed: 0, there: held };
  if (rest.cores < need.cores) return { what: 'cores', needed: need.cores, there: rest.cores };
  if (memory !== null && memory.free < device) return { what: 'device', needed: device, there: memory.free };
  if (!rest.idle && rest.memory < (need.host ?? 0))
    return { what: 'host', needed: need.host ?? 0, there: rest.memory };
  return undefined;
}

/** A trial that needs more than there is gets the whole device: a prediction may be wrong. */
function deviceNeed({ device }: Need, whole: number): number {
  return Math.min(device ?? Infinity, USABLE * whole);
}

/** Where least is missing. */
function nearest(need: Need, places: readonly Place[]): number | undefined {
  const missing = ({ trials, memory }: Place): [number, number] => [
    Math.max(0, 1 - trials),
    memory === null ? 0 : Math.max(0, deviceNeed(need, memory.whole) - memory.free),
  ];
  let best: { at: number; short: [number, number] } | undefined;
  for (const [at, place] of places.entries()) {
    const short = missing(place);
    const less = best === undefined || short[0] < best.short[0] || (short[0] === best.short[0] && short[1] < best.short[1]); // prettier-ignore
    if (less) best = { at, short };
  }
  return best?.at;
}

/** What starts now of the trials that wait, and after how many milliseconds to ask again though none of ours has ended. */
export interface Offer<Item, Slot> {
  starts: { item: Item; slot: Slot }[];
  askAgain: number | undefined;
}

export interface PoolWork<Item, Slot> {
  /** Asked with the first of the queue, whenever something may have changed. */
  offer: (waiting: readonly Item[]) => Promise<Offer<Item, Slot>>;
  work: (item: Item, slot: Slot) => Promise<void>;
  /** Asked before each offer: once it says no, the rest stays in the queue. */
  mayStart: () => boolean;
}

/** How far behind the first of the queue one is looked for that fits. */
const LOOK_AHEAD = 64;

/** Runs `work` over the queue, each item as soon as it is offered a slot. */
export async function runPool<Item, Slot>(
  queue: readonly Item[],
  { offer, work, mayStart }: PoolWork<Item, Slot>,
): Promise<void> {
  const waiting = [...queue];
  const running = new Set<Promise<void>>();
  while (waiting.length > 0 && mayStart()) {
    const { starts, askAgain } = await offer(waiting.slice(0, LOOK_AHEAD));
    for (const { item, slot } of starts) {
      waiting.splice(waiting.indexOf(item), 1);
      const run = work(item, slot).finally(() => running.delete(run));
      running.add(run);
    }
    if (waiting.length === 0) break;
    if (running.size === 0 && askAgain === undefined) throw new Error('Trials wait for nothing.');
    await firstOf(running, askAgain);
  }
  await Promise.all(running);
}

async function firstOf(running: Set<Promise<void>>, limit: number | undefined): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const timeout = limit === undefined ? [] : [new Promise<void>((resolve) => (timer = setTimeout(resolve, limit)))]; // prettier-ignore
  try {
    await Promise.race([...running, ...timeout]);
  } finally {
    clearTimeout(timer);
  }
}
