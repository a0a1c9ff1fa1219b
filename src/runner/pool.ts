/** @file The queue and the slots. Knows no process. */

/**
 * Runs `work` over the queue, one item a slot at a time, in the queue's order.
 * `mayStart` is asked before each item: once it says no, the rest stays in the queue.
 */
export async function runPool<Item, Slot>(
  queue: readonly Item[],
  slots: readonly Slot[],
  work: (item: Item, slot: Slot) => Promise<void>,
  mayStart: () => boolean,
): Promise<void> {
  const waiting = [...queue];
  await Promise.all(
    slots.map(async (slot) => {
      while (mayStart()) {
        const item = waiting.shift();
        if (item === undefined) return;
        await work(item, slot);
      }
    }),
  );
}
