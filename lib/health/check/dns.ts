import type { Address } from "../../model/address.ts";
import { type Call, peerOf } from "./call.ts";
import { ask } from "./ask.ts";
import { type DnsAnswer, dnsQuery, readDns } from "./dns_message.ts";
import { inTime, Unwell } from "./failure.ts";

const DNS_PORT = 53;

/** RFC 1035, 4.1.1, and RFC 2136. */
const CODES: Readonly<Record<number, string>> = {
  1: "it does not understand the query (FORMERR)",
  2: "it failed to answer (SERVFAIL)",
  3: "it knows no such name (NXDOMAIN)",
  4: "it does not do such queries (NOTIMP)",
  5: "it refuses the query (REFUSED)",
  9: "it is not in charge of the name (NOTAUTH)",
};

/** Well where the name is answered, and with the right address if there is one. By UDP. */
export async function checkDns(call: Call): Promise<void> {
  const { health: { query = ".", answer }, ports: { peers }, until_ms } = call;
  const [id = 0] = crypto.getRandomValues(new Uint16Array(1));
  const request = dnsQuery(id, query, answer?.includes(":") ? 6 : 4);
  const socket = peers.udp(peerOf(call, DNS_PORT));
  try {
    const read = (datagram: Uint8Array) => readDns(datagram, id);
    const found = await inTime("no answer", ask(socket, request, read, { peers, until_ms }));
    judge(found, query, answer);
  } finally {
    socket.close();
  }
}

function judge({ code, count, addresses, isCut }: DnsAnswer, query: string, wanted?: string): void {
  if (code !== 0) throw new Unwell(`${CODES[code] ?? `it answers with code ${code}`}: ${query}`);
  // Cut short because it is long: what is missing can be had by TCP.
  if (count === 0 && !isCut) throw new Unwell(`it has no record for ${query}`);
  if (wanted === undefined || addresses.some(({ text }) => text === wanted)) return;
  throw new Unwell(`it answers ${spelt(addresses)} for ${query}, not ${wanted}`);
}

function spelt(addresses: readonly Address[]): string {
  const names = addresses.slice(0, 3).map(({ text }) => text).join(", ");
  return names === "" ? "no address" : addresses.length > 3 ? `${names}, …` : names;
}
