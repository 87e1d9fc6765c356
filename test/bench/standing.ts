/** What stands now, and has to be taken away whatever happens. */
const standing: { close(): Promise<void> }[] = [];

/** Does something with what is to be closed after it; `closeAll` closes it when the bench is interrupted. */
export async function whileStanding<T extends { close(): Promise<void> }, R>(
  thing: T,
  work: (thing: T) => Promise<R>,
): Promise<R> {
  standing.push(thing);
  try {
    return await work(thing);
  } finally {
    await thing.close();
    standing.splice(standing.indexOf(thing), 1);
  }
}

/** The last first. */
export async function closeAll(): Promise<void> {
  for (const thing of standing.toReversed()) await thing.close();
}
