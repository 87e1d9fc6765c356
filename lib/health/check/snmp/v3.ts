import type { Snmp } from "../../../model/service.ts";
import type { PeerSocket } from "../../../sys/ports.ts";
import { ask, type Term } from "../ask.ts";
import { inTime, Unwell } from "../failure.ts";
import { TAG } from "./ber.ts";
import { type Envelope, NOBODY, type Opened, readMessage, writeMessage } from "./message.ts";
import { getPdu, type Pdu } from "./pdu.ts";
import { type Authority, keysFor } from "./usm.ts";

/** usmStats of RFC 3414: how an agent says that it does not take a message. */
const REPORTS: Readonly<Record<string, string>> = {
  "1.3.6.1.6.3.15.1.1.1.0": "it does not let this user in with this auth and privacy",
  "1.3.6.1.6.3.15.1.1.3.0": "it knows no such SNMP user",
  "1.3.6.1.6.3.15.1.1.4.0": "it does not know its own engine id",
  "1.3.6.1.6.3.15.1.1.5.0": "it does not take our SNMP auth secret",
  "1.3.6.1.6.3.15.1.1.6.0": "it does not take our SNMP privacy secret",
};
const NOT_IN_TIME = "1.3.6.1.6.3.15.1.1.2.0";

/** What is asked, by whom. */
export interface Question {
  readonly snmp: Snmp;
  readonly secrets: { readonly auth?: string; readonly privacy?: string };
  readonly object: string;
  readonly id: number;
}

/**
 * Reads an object by SNMPv3: asks the agent who it is, then for the object, and again if our clock was not
 * its own (RFC 3414, 4).
 *
 * @throws {Unwell} where the agent does not take it
 * @throws {KernelError} where no answer comes
 */
export async function getV3(socket: PeerSocket, question: Question, term: Term): Promise<Pdu> {
  const { id } = question;
  const { authority } = await tell(
    socket,
    question,
    { id, user: "", authority: NOBODY, keys: {} },
    term,
  );
  const first = await get(socket, question, authority, id + 1, term);
  if (reportOf(first) !== NOT_IN_TIME) return accepted(first);
  return accepted(await get(socket, question, first.authority, id + 2, term));
}

function get(
  socket: PeerSocket,
  question: Question,
  authority: Authority,
  id: number,
  term: Term,
): Promise<Opened> {
  const { snmp, secrets } = question;
  const keys = keysFor(snmp, secrets, authority.id);
  // What it cannot decipher is no message to it: it answers to none (Net-SNMP 5.9).
  const words = snmp.privacy
    ? "no answer to this user (nor to a wrong privacy secret)"
    : "no answer to this user";
  return inTime(
    words,
    tell(socket, question, { id, user: snmp.user ?? "", authority, keys }, term),
  );
}

/** A report may come unproved, for it says why no proof is possible. */
function tell(
  socket: PeerSocket,
  { object }: Question,
  envelope: Envelope,
  term: Term,
): Promise<Opened> {
  const { id, keys } = envelope;
  return ask(socket, writeMessage(envelope, getPdu(id, object)), (datagram) => {
    const opened = readMessage(datagram, id, keys);
    if (!opened || opened.pdu.tag === TAG.report) return opened;
    const isAnswer = opened.pdu.tag === TAG.response && opened.pdu.id === id;
    return isAnswer && (opened.isProved || !keys.auth) ? opened : undefined;
  }, term);
}

function reportOf({ pdu }: Opened): string | undefined {
  return pdu.tag === TAG.report ? pdu.variables[0]?.oid ?? "nothing" : undefined;
}

function accepted(opened: Opened): Pdu {
  const report = reportOf(opened);
  if (report === undefined) return opened.pdu;
  throw new Unwell(REPORTS[report] ?? `it does not take our SNMP message (${report})`);
}
