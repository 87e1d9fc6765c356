import { type Address, contains, isSingle, type Prefix } from "../../model/address.ts";
import { type Backend, PROTOCOL_NUMBERS, type Service } from "../../model/service.ts";
import { deleteEntries } from "../../netlink/conntrack/delete.ts";
import { dumpKeys } from "../../netlink/conntrack/dump.ts";
import type { ConntrackEntry } from "../../netlink/conntrack/entry.ts";
import { IPS_DST_NAT } from "../../netlink/conntrack/protocol.ts";
import type { SocketsPort } from "../../sys/ports.ts";

/** Spares reading what is balanced, which on a balancer is most. */
const UNTRANSLATED = { status: { value: 0, mask: IPS_DST_NAT } };

/** What is looked at of a service. */
type Balanced = Pick<Service, "vip" | "protocol" | "ports" | "backends">;

/** Whether something was sent to a service. */
type Test = (entry: ConntrackEntry) => boolean;

/**
 * Forgets udp flows that were there before lb's rules. The kernel binds a translation to a flow with its
 * first packet only (nf_nat_setup_info leaves a confirmed entry alone), so a client that never pauses
 * for longer than the entry's time-out would never be balanced. To be called when the rules are in the
 * kernel: from then on there are no new ones.
 *
 * @returns how many flows were forgotten
 * @throws {KernelError}
 */
export function flushUnbalanced(sockets: SocketsPort, services: readonly Balanced[]): number {
  const udp = services.filter(({ protocol }) => protocol === "udp");
  if (udp.length === 0) return 0;
  const isOurs = makeTest(udp);
  const before = dumpKeys(
    sockets,
    UNTRANSLATED,
    (entry) =>
      entry.protocol === PROTOCOL_NUMBERS.udp && (entry.status & IPS_DST_NAT) === 0 &&
      isOurs(entry),
  );
  return deleteEntries(sockets, before);
}

function makeTest(services: readonly Balanced[]): Test {
  const exact = new Map<string, Test[]>();
  const prefixes: Test[] = [];
  for (const service of services) {
    for (const vip of service.vip) {
      if (isSingle(vip)) exact.set(vip.text, [...exact.get(vip.text) ?? [], serviceTest(service)]);
      else prefixes.push(prefixTest(vip, service));
    }
  }
  return (entry) =>
    (exact.get(entry.orig.dst)?.some((test) => test(entry)) ?? false) ||
    prefixes.some((test) => test(entry));
}

function prefixTest(vip: Prefix, service: Balanced): Test {
  const test = serviceTest(service);
  return (entry) => test(entry) && contains(vip, destination(entry));
}

function serviceTest({ ports, backends }: Balanced): Test {
  return (entry) => {
    const { dport } = entry.orig;
    const isPort = ports === "all" ||
      ports.some(({ first, last }) => first <= dport && dport <= last);
    return isPort && !backends.some((backend) => isAt(backend, entry));
  };
}

/** A backend that has the VIP itself: what goes there needs no translation. */
function isAt({ address, port }: Backend, { orig }: ConntrackEntry): boolean {
  return address.text === orig.dst && (port ?? orig.dport) === orig.dport;
}

function destination({ family, orig }: ConntrackEntry): Address {
  return { family, text: orig.dst };
}
