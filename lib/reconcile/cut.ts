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

/**
 * Ends connections: tcp by a reset to both ends, also where both are idle; what conntrack and IPVS know of
 * them is forgotten. Udp flows are only forgotten: the next packet is balanced anew.
 *
 * @returns what could not be done, a sentence for each
 * @throws {KernelError} where the kernel cannot be asked
 */
export async function cutFlows(
  machine: Machine,
  flows: readonly Flow[],
): Promise<readonly string[]> {
  if (flows.length === 0) return [];
  const { kernel } = machine;
  const known = withEntries(kernel, flows);
  const tcp = known.filter(({ protocol }) => protocol === PROTOCOL_NUMBERS.tcp);
  const blocked = tcp.length > 0 ? await layRules(machine, tcp) : [];
  deleteEntries(kernel.sockets, known.flatMap(({ entry }) => entry ?? []));
  if (tcp.length > 0) await reset(machine, tcp, blocked.length === 0);
  return blocked;
}

/** @returns why there are no rules that reset, where there are none */
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
    return [
      `${flows.length} tcp connections could not be reset: ${error.message}; they are forgotten, and ` +
      "end when one of their ends says something",
    ];
  }
}

function tuplesOf({ family, request, reply }: Flow): CutTuple[] {
  return [{ ...request, family }, { ...reply, family }];
}

async function reset(
  { kernel: { clock }, packets }: Machine,
  flows: readonly Flow[],
  isAnswered: boolean,
): Promise<void> {
  if (isAnswered) provoke(packets, flows, 0);
  closeInIpvs(packets, flows);
  for (let round = 1; isAnswered && round < ROUNDS; round++) {
    await clock.sleep(ROUND_MS);
    provoke(packets, flows, round);
  }
}
