import type { Family } from "../../model/address.ts";
import { newPacket, parsePacket } from "../../packet/packet.ts";
import { Chooser, looksAtLoad, type Means } from "./chooser.ts";
import { Dispatch } from "./dispatch.ts";
import type { Loads } from "./shared_loads.ts";
import type { QueueService, QueueTable } from "./table.ts";

/** Chooses backends for first packets of connections, by one {@linkcode QueueTable}. */
export interface Decider {
  /** The table's. */
  readonly token: string;
  /** What it chooses with, by family and service, for the next decider. */
  readonly choosers: ReadonlyMap<string, Chooser>;
  /**
   * The backend's id for the IP packet that lies in these bytes from `start` to `end`; 0 leaves the choice to the
   * kernel: it is for no service, has no ports, or nobody has room. An id fits the mark. Never throws, and makes
   * no objects but with a service's first packet.
   */
  choose(view: DataView, start: number, end: number): number;
}

/** Whether somebody has to count connections for this table's choices. */
export function needsLoads(table: QueueTable): boolean {
  return table.services.some(looksAtLoad);
}

/**
 * @param loads of the thread that chooses
 * @param before the decider whose place it takes, of the same loads: services that are as they were go on with
 * their turns, and their slot tables, of which a large one takes 40 ms, are not made again
 * @param random from 0 up to 1, without it
 */
export function makeDecider(
  { token, marks, services }: QueueTable,
  loads: Loads,
  before?: Decider,
  random: () => number = Math.random,
): Decider {
  const dispatch = new Dispatch(services);
  const means: Means = { marks, loads, random };
  // Of thousands of services most have no packet before the next table comes.
  const known = { 4: new Array<Chooser | undefined>(), 6: new Array<Chooser | undefined>() };
  const choosers = new Map<string, Chooser>();
  // The map alone: with the decider all that were before it would stay.
  const earlier = before?.choosers;
  const find = (service: QueueService, family: Family) => {
    const key = `${family} ${JSON.stringify(service)}`;
    const chooser = earlier?.get(key) ?? new Chooser(service, family, means);
    choosers.set(key, chooser);
    return chooser;
  };
  const packet = newPacket();
  return {
    token,
    choosers,
    choose(view, start, end) {
      if (parsePacket(view, start, end, packet) !== "flow") return 0;
      const index = dispatch.find(view, packet);
      if (index < 0) return 0;
      const { family } = packet;
      const chooser = known[family][index] ??= find(services[index]!, family);
      return chooser.choose(view, packet);
    },
  };
}
