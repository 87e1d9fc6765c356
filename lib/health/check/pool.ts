/** How many begin without a pause. */
const BURST = 16;

/**
 * Does all of it, at most so much at once, in order.
 *
 * @param act does not throw
 * @param pause lets those that are under way go on: what all of them have to wait for would count as
 * everybody's time
 */
export async function inPool<Item>(
  items: readonly Item[],
  limit: number,
  act: (item: Item) => Promise<void>,
  pause: () => Promise<void>,
): Promise<void> {
  const waiting = items.values();
  const work = async () => {
    for (const item of waiting) await act(item);
  };
  const workers: Promise<void>[] = [];
  for (let begun = 0; begun < Math.min(limit, items.length); begun++) {
    if (begun > 0 && begun % BURST === 0) await pause();
    workers.push(work());
  }
  await Promise.all(workers);
}
