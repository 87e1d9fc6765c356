import { type Flow, withEntries } from "../../host/cut/flow.ts";
import { closeInIpvs, provoke } from "../../host/cut/provoke.ts";
import { type CutTuple, writeCut } from "../../host/cut/rules.ts";
import { KernelError, LbError } from "../../model/error.ts";
import { PROTOCOL_NUMBERS } from "../../model/service.ts";
import { deleteEntries } from "../../netlink/conntrack/delete.ts";
import type { Machine } from "../request.ts";

/** So long resets answer what comes of the connections: a lost packet is sent again by then, and again. */
const CUT_MS = 10_000;

/** Packets get lost: each end is asked again, so often and so much later. */
const ROUND_MS = 250;
const ROUNDS = 3;

/** A cut for which all is ready. */
export interface Cut {
  /** What did not go as usual, a sentence for each. */
  readonly notes: readonly string[];
  /** Forgets the connections. @returns more notes. @throws {KernelError} some of them may go on */
  readonly cut: () => readonly string[];
  /** Resets also those connections in which nobody says anything. Takes half a second. */
  readonly finish: () => Promise<void>;
}

const NOTHING: Cut = { notes: [], cut: () => [], finish: () => Promise.resolve() };

/**
 * Ends connections: tcp by a reset to both ends, also where both are idle; what conntrack and IPVS know of
 * them is forgotten. Udp flows are only forgotten: the next packet is balanced anew. The rules for resets are
 * there from now on; until `cut()` conntrack knows the connections, and another run would find them.
 *
 * @throws {KernelError} where the kernel cannot be asked
 */
export async function prepareCut(machine: Machine, flows: readonly Flow[]): Promise<Cut> {
  if (flows.length === 0) return NOTHING;
  const { kernel, packets } = machine;
  const known = withEntries(kernel, flows);
  const tcp = known.filter(({ protocol }) => protocol === PROTOCOL_NUMBERS.tcp);
  const notes = tcp.length > 0 ? await layRules(machine, tcp) : [];
  return {
    notes,
    cut() {
      deleteEntries(kernel.sockets, known.flatMap(({ entry }) => entry ?? []));
      return told(() => closeInIpvs(packets, tcp));
    },
    finish: () => provokeAll(machine, tcp),
  };
}

/** Without raw sockets the rules still answer whoever says something. @returns a word about that */
function told(speak: () => void): readonly string[] {
  try {
    speak();
    return [];
  } catch (error) {
    if (!(error instanceof LbError)) throw error;
    return [`IPVS was not told that its connections are over (${error.message})`];
  }
}

/**
 * Without rules the ends learn it from each other and from this machine: nobody knows their connection.
 *
 * @returns a word about that
 */
async function layRules(
  { kernel, store: { intents } }: Machine,
  flows: readonly Flow[],
): Promise<readonly string[]> {
  const earlier_ms = intents.cutUntil_ms();
  // On record before they are there: a run that is killed leaves nothing that nobody knows of.
  intents.putCut(kernel.clock.now_ms() + CUT_MS);
  try {
    await writeCut(kernel, flows.flatMap(tuplesOf), CUT_MS);
    return [];
  } catch (error) {
    if (!(error instanceof LbError)) throw error;
    // Those of an earlier cut are there still. Without a clear answer these may be, too.
    if (isClear(error)) intents.putCut(earlier_ms);
    return [`no rules for resets here: connections were forgotten instead (${error.message})`];
  }
}

/** Whether nothing was written for sure: nft was killed for its time where it gave no reason. */
function isClear(error: LbError): boolean {
  return !(error instanceof KernelError) || error.refusal.errno !== undefined;
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
