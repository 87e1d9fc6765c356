import { type Flow, withEntries } from "../host/cut/flow.ts";
import { closeInIpvs, provoke } from "../host/cut/provoke.ts";
import { type CutTuple, writeCut } from "../host/cut/rules.ts";
import { LbError } from "../model/error.ts";
import { PROTOCOL_NUMBERS } from "../model/service.ts";
import { deleteEntries } from "../netlink/conntrack/delete.ts";
import type { Machine } from "./request.ts";

/** So long resets answer what comes of the connections: a lost packet is sent again by then, and again. */
const CUT_MS = 10_000;

/** Packets get lost: each end is asked again, so often and so much later. */
const ROUND_MS = 250;
const ROUNDS = 3;

/** A cut that has begun. */
export interface Cut {
  /** What did not go as usual, a sentence for each. */
  readonly notes: readonly string[];
  /** Resets also those connections in which nobody says anything. Takes half a second. */
  readonly finish: () => Promise<void>;
}

/**
 * Ends connections: tcp by a reset to both ends, also where both are idle; what conntrack and IPVS know of
 * them is forgotten. Udp flows are only forgotten: the next packet is balanced anew.
 *
 * @throws {KernelError} where the kernel cannot be asked
 */
export async function beginCut(machine: Machine, flows: readonly Flow[]): Promise<Cut> {
  if (flows.length === 0) return { notes: [], finish: () => Promise.resolve() };
  const { kernel, packets } = machine;
  const known = withEntries(kernel, flows);
  const tcp = known.filter(({ protocol }) => protocol === PROTOCOL_NUMBERS.tcp);
  const notes = tcp.length > 0 ? await layRules(machine, tcp) : [];
  deleteEntries(kernel.sockets, known.flatMap(({ entry }) => entry ?? []));
  closeInIpvs(packets, tcp);
  return { notes, finish: () => provokeAll(machine, tcp) };
}

/**
 * Without rules the ends learn it from each other and from this machine: nobody knows their connection.
 *
 * @returns a word about that
 */
async function layRules(
  { kernel, store }: Machine,
  flows: readonly Flow[],
): Promise<readonly string[]> {
  // On record before they are there: a run that is killed leaves nothing that nobody knows of.
  store.intents.putCut(kernel.clock.now_ms() + CUT_MS);
  try {
    await writeCut(kernel, flows.flatMap(tuplesOf), CUT_MS);
    return [];
  } catch (error) {
    if (!(error instanceof LbError)) throw error;
    store.intents.putCut(undefined);
    return [`no rules for resets here: connections were forgotten instead (${error.message})`];
  }
}

function tuplesOf({ family, request, reply }: Flow): CutTuple[] {
  return [{ ...request, family }, { ...reply, family }];
}

async function provokeAll(
  { kernel: { clock }, packets }: Machine,
  flows: readonly Flow[],
): Promise<void> {
  for (let round = 0; round < ROUNDS && flows.length > 0; round++) {
    if (round > 0) await clock.sleep(ROUND_MS);
    provoke(packets, flows, round);
  }
}
