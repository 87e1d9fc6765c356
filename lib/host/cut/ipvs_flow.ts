import { addressFromBytes, type Family, parseAddress } from "../../model/address.ts";
import { protocolNumber } from "../../model/service.ts";
import type { FilesPort } from "../../sys/ports.ts";

/** An end of a connection. Its address is canonical text. */
interface End {
  readonly address: string;
  readonly port: number;
}

/** A row of IPVS's table of connections. */
export interface IpvsFlow {
  readonly family: Family;
  /** IANA's number. */
  readonly protocol: number;
  readonly client: End;
  readonly vip: End;
  readonly backend: End;
  /** As IPVS spells it, for instance `ESTABLISHED` or `UDP`. */
  readonly state: string;
}

/** The kernel's listing; of a namespace, and only where IPVS is loaded. */
const LISTING = "/proc/net/ip_vs_conn";

/** States of connections that both ends have closed, or one has reset (ip_vs_proto_tcp.c). */
const OVER = new Set(["NONE", "TIME_WAIT", "CLOSE", "LAST_ACK"]);

/** Whether it is only remembered. */
export function isOver({ state }: Pick<IpvsFlow, "state">): boolean {
  return OVER.has(state);
}

/** All connections that IPVS balances; none where there is no IPVS. There may be a million: each is for the moment. */
export function* readIpvsFlows(files: Pick<FilesPort, "lines">): Generator<IpvsFlow, void> {
  for (const line of files.lines(LISTING)) {
    const flow = parseIpvsFlow(line);
    if (flow) yield flow;
  }
}

/**
 * Reads one of ip_vs_conn_seq_show()'s rows: `TCP C0000201 9C40 CB00710A 0050 C633640B 0050 ESTABLISHED 899`, with
 * `[2001:0db8:…]` in place of IPv6 addresses. Templates of persistent clients are no connections, and the heading is
 * none. Pure.
 */
export function parseIpvsFlow(line: string): IpvsFlow | undefined {
  const [name = "", ...words] = line.trim().split(/\s+/);
  const [from, sport, to, vport, dest, dport, state = ""] = words;
  const protocol = protocolNumber(name.toLowerCase());
  const [client, vip, backend] = [endOf(from, sport), endOf(to, vport), endOf(dest, dport)];
  if (protocol === undefined || !client || !vip || !backend || client.port === 0) return undefined;
  const family = client.address.includes(":") ? 6 : 4;
  return { family, protocol, client, vip, backend, state };
}

function endOf(address = "", port = ""): End | undefined {
  if (!/^[0-9A-F]{4}$/i.test(port)) return undefined;
  const text = addressOf(address);
  return text === undefined ? undefined : { address: text, port: parseInt(port, 16) };
}

function addressOf(word: string): string | undefined {
  const inner = /^\[(.+)\]$/.exec(word)?.[1];
  if (inner !== undefined) return parseAddress(inner)?.text;
  return /^[0-9A-F]{8}$/i.test(word) ? addressFromBytes(Uint8Array.fromHex(word)).text : undefined;
}
