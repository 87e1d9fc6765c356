import { type Address, formatEndpoint, parseAddress } from "./address.ts";
import { type Protocol, PROTOCOLS } from "./service.ts";

/** An end of a flow, as people write it. */
export interface FlowEnd {
  readonly address: Address;
  readonly port?: number;
}

/** A flow that somebody asks about: a client, and what it asks for as far as that is said. */
export interface FlowQuestion {
  readonly protocol?: Protocol;
  readonly client: FlowEnd;
  /** Undefined: of every service. */
  readonly to?: Required<FlowEnd>;
}

const PORT_MAX = 65_535;

/** What people write between the ends. */
const ARROWS: readonly string[] = ["->", "→", "to"];

/**
 * Reads `203.0.113.9:51234`, `[2001:db8::9]:51234`, `203.0.113.9`, or one of these with the VIP and its port behind
 * it and a protocol before: `tcp 203.0.113.9:51234 -> 198.51.100.10:80`.
 *
 * @returns what is wrong with it, as a text, where it is no flow
 */
export function parseFlow(text: string): FlowQuestion | string {
  const words = text.trim().split(/\s+/);
  const protocol = PROTOCOLS.find((name) => name === words[0]?.toLowerCase());
  const [first = "", ...rest] = protocol ? words.slice(1) : words;
  const others = ARROWS.includes(rest[0]!) ? rest.slice(1) : rest;
  const client = parseEnd(first);
  if (!client) return `"${first}" is no client: write ADDR:PORT, [V6]:PORT, or only ADDR`;
  if (others.length === 0 && rest.length === 0) return { protocol, client };
  if (others.length !== 1) {
    return `"${text.trim()}" is no flow: write [tcp|udp|sctp] CLIENT [-> VIP:PORT]`;
  }
  const to = parseEnd(others[0]!);
  if (!hasPort(to)) return `"${others[0]}" is no VIP with its port: write VIP:PORT or [V6]:PORT`;
  if (to.address.family === client.address.family) return { protocol, client, to };
  return `${client.address.text} and ${to.address.text} are of two IP versions`;
}

/** Reads `ADDR`, `ADDR:PORT`, `[V6]` or `[V6]:PORT`; undefined where it is something else. */
export function parseEnd(text: string): FlowEnd | undefined {
  // Whoever leaves the port out of a name that lb itself has printed leaves the brackets.
  const plain = parseAddress(/^\[(.*:.*)\]$/.exec(text)?.[1] ?? text);
  if (plain) return { address: plain };
  const match = /^(?:\[([^\]]+)\]|([^:]+)):(\d{1,5})$/.exec(text);
  const address = parseAddress(match?.[1] ?? match?.[2] ?? "");
  const port = Number(match?.[3]);
  return address && port >= 1 && port <= PORT_MAX ? { address, port } : undefined;
}

/** Whether an end is complete. */
export function hasPort(end: FlowEnd | undefined): end is Required<FlowEnd> {
  return end?.port !== undefined;
}

/** `203.0.113.9:51234`, or the address alone. */
export function formatEnd({ address, port }: FlowEnd): string {
  return formatEndpoint(address, port);
}
