import type { Ask } from "../../engine/why.ts";
import { type IpvsFlow, isOver, readIpvsFlows } from "../../host/cut/ipvs_flow.ts";
import { type Address, type Family, formatEndpoint } from "../../model/address.ts";
import type { FlowEnd } from "../../model/flow.ts";
import { PROTOCOL_NUMBERS } from "../../model/service.ts";
import type { DesiredState } from "../../model/state.ts";
import { isEnded } from "../../netlink/conntrack/count.ts";
import { dumpWhereThere } from "../../netlink/conntrack/dump.ts";
import type { ConntrackEntry } from "../../netlink/conntrack/entry.ts";
import { IPS_DST_NAT } from "../../netlink/conntrack/protocol.ts";
import type { Onlooker } from "../status.ts";
import type { FlowRequest } from "../why.ts";

/** A connection of a client that was asked about, as the kernel knows it. */
export interface Connection {
  readonly protocol: number;
  readonly client: Address;
  readonly client_port: number;
  readonly vip: Address;
  readonly vip_port: number;
  /** Where it goes; null where nothing translates it. */
  readonly backend: FlowEnd | null;
  /** `ESTABLISHED`, as the kernel calls it; null where its protocol has none. */
  readonly state: string | null;
  readonly known_by: "conntrack" | "ipvs";
  /** Only remembered: the next packet that opens one is balanced anew. */
  readonly isOver: boolean;
  /** All of that in a sentence. */
  readonly message: string;
}

/** What is looked for: a client, and its port. */
type Wanted = ReadonlySet<string>;

/**
 * The connections of all clients that are asked about with their ports: one dump for all.
 *
 * @throws {KernelError} where the kernel cannot be asked
 */
export function readConnections(
  { kernel: { sockets, files } }: Pick<Onlooker, "kernel">,
  states: readonly DesiredState[],
  questions: readonly FlowRequest[],
): Connection[] {
  const wanted = new Set(
    questions.flatMap(({ client: { address, port } }) =>
      port === undefined ? [] : [keyOf(address.text, port)]
    ),
  );
  if (wanted.size === 0 || states.every(({ services }) => services.length === 0)) return [];
  const families = new Set(questions.map(({ client }) => client.address.family));
  const filter = families.size === 1 ? { family: [...families][0]! } : {};
  const balanced = readIpvsFlows(files).filter(({ client }) => isWanted(wanted, client))
    .map(fromIpvs).toArray();
  const seen = new Set(balanced.map(nameOf));
  const tracked = dumpWhereThere(sockets, filter, (entry) => {
    const { orig: { src, sport } } = entry;
    return wanted.has(keyOf(src, sport)) ? fromConntrack(entry) : undefined;
  });
  // What IPVS balances may be in both; conntrack only watches then.
  return [...balanced, ...tracked.filter((one) => !seen.has(nameOf(one)))];
}

/** Whether a connection is what is asked about. */
export function refersTo(connection: Connection, ask: Ask): boolean {
  return PROTOCOL_NUMBERS[ask.protocol] === connection.protocol &&
    connection.client.text === ask.client.text && connection.client_port === ask.client_port &&
    connection.vip.text === ask.vip.text && connection.vip_port === ask.vip_port;
}

function isWanted(wanted: Wanted, { address, port }: IpvsFlow["client"]): boolean {
  return wanted.has(keyOf(address, port));
}

function keyOf(text: string, port: number): string {
  return `${text} ${port}`;
}

function nameOf({ protocol, client, client_port, vip, vip_port }: Connection): string {
  return `${protocol} ${client.text} ${client_port} ${vip.text} ${vip_port}`;
}

function fromConntrack(
  { family, protocol, orig, reply, status, tcp_state, timeout_s }: ConntrackEntry,
): Connection {
  const isTranslated = (status & IPS_DST_NAT) !== 0;
  const backend = isTranslated ? endOf(family, reply.src, reply.sport) : null;
  const isOver = isEnded(tcp_state);
  const where = backend
    ? `goes to ${formatEndpoint(backend.address, backend.port)}`
    : "goes nowhere else";
  const state = tcp_state === undefined ? "" : `, ${tcp_state}`;
  const left = isOver
    ? "over: a new one from this port is balanced anew"
    : `forgotten after ${timeout_s} s without a packet`;
  return {
    protocol,
    client: { family, text: orig.src },
    client_port: orig.sport,
    vip: { family, text: orig.dst },
    vip_port: orig.dport,
    backend,
    state: tcp_state ?? null,
    known_by: "conntrack",
    isOver,
    message: `conntrack has it${state}: ${where}; ${left}`,
  };
}

function fromIpvs(flow: IpvsFlow): Connection {
  const { family, protocol, client, vip, backend, state } = flow;
  const to = endOf(family, backend.address, backend.port);
  const over = isOver(flow) ? "; over: a new one from this port is balanced anew" : "";
  return {
    protocol,
    client: { family, text: client.address },
    client_port: client.port,
    vip: { family, text: vip.address },
    vip_port: vip.port,
    backend: to,
    state,
    known_by: "ipvs",
    isOver: isOver(flow),
    message: `IPVS has it, ${state}: goes to ${formatEndpoint(to.address, to.port)}${over}`,
  };
}

function endOf(family: Family, text: string, port: number): Required<FlowEnd> {
  return { address: { family, text }, port };
}
