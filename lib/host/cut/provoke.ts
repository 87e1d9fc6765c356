import type { Address, Family } from "../../model/address.ts";
import { KernelError } from "../../model/error.ts";
import type { Tuple } from "../../netlink/conntrack/tuple.ts";
import { TCP_ACK, TCP_RST, type TcpPacket, tcpPacket } from "../../packet/tcp.ts";
import type { OpenPackets, PacketsPort } from "../../sys/ports.ts";
import type { Flow } from "./flow.ts";

/** Half of all sequence numbers: of two that far apart, one at least is outside any window. */
const HALF = 2 ** 31;

/**
 * Says something wrong to both ends of each connection, in the other one's name: an end that is idle answers
 * with its true numbers (RFC 9293, 3.10.7.4), and that answer is what the rules of a cut turn into a reset. It
 * is a byte outside the window: of what carries nothing, linux leaves much without an answer
 * (tcp_oow_rate_limited(); since 6.13 tcp_disordered_ack_check()). An end that cannot be reached is passed over.
 *
 * @param round from 0 on: each says another number
 * @throws {KernelError} EPERM without CAP_NET_RAW
 */
export function provoke(
  open: OpenPackets,
  flows: readonly Flow[],
  round: number,
): void {
  withPackets(open, flows, (port, { family, request, reply }) => {
    const sequence = random() + round * HALF;
    for (const heard of [request, reply]) {
      say(port, family, backwards(heard), { flags: TCP_ACK, sequence, data_bytes: 1 });
    }
  });
}

/**
 * Tells IPVS that its connections are over: it takes a reset of any number (tcp_state_idx(),
 * ip_vs_proto_tcp.c), forgets them within 10 s and counts them as active no more.
 *
 * @throws {KernelError} EPERM without CAP_NET_RAW
 */
export function closeInIpvs(open: OpenPackets, flows: readonly Flow[]): void {
  const balanced = flows.filter(({ isIpvs }) => isIpvs);
  withPackets(open, balanced, (port, { family, request }) => {
    say(port, family, request, { flags: TCP_RST, sequence: random() });
  });
}

function withPackets(
  open: OpenPackets,
  flows: readonly Flow[],
  act: (port: PacketsPort, flow: Flow) => void,
): void {
  for (const [family, some] of Map.groupBy(flows, (flow) => flow.family)) {
    const port = open(family);
    try {
      for (const flow of some) act(port, flow);
    } finally {
      port.close();
    }
  }
}

function say(
  port: PacketsPort,
  family: Family,
  { src, sport, dst, dport }: Tuple,
  what: Pick<TcpPacket, "flags" | "sequence" | "data_bytes">,
): void {
  const address = (text: string): Address => ({ family, text });
  const packet = tcpPacket({
    source: address(src),
    source_port: sport,
    destination: address(dst),
    destination_port: dport,
    ...what,
    acknowledgement: random(),
  });
  try {
    port.send(packet, address(dst));
  } catch (error) {
    if (!(error instanceof KernelError)) throw error;
  }
}

function backwards({ src, sport, dst, dport }: Tuple): Tuple {
  return { src: dst, sport: dport, dst: src, dport: sport };
}

function random(): number {
  return crypto.getRandomValues(new Uint32Array(1))[0]!;
}
