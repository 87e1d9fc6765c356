import { type Address, contains, isSingle } from "../../model/address.ts";
import { type Backend, PROTOCOL_NUMBERS, type Service } from "../../model/service.ts";
import { deleteEntries } from "../../netlink/conntrack/delete.ts";
import { dumpSome, keyOf } from "../../netlink/conntrack/dump.ts";
import type { ConntrackEntry, EntryKey } from "../../netlink/conntrack/entry.ts";
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
  return deleteEntries(sockets, findUnbalanced(sockets, services).map(({ key }) => key));
}

/** A flow that was there before the rules of a service. */
interface Unbalanced<Service extends Balanced> {
  readonly key: EntryKey;
  readonly service: Service;
}

/**
 * The flows that {@linkcode flushUnbalanced} forgets, where the rules are there.
 *
 * @param dump for who can do without
 * @throws {KernelError}
 */
export function findUnbalanced<Service extends Balanced>(
  sockets: SocketsPort,
  services: readonly Service[],
  dump: typeof dumpSome = dumpSome,
): Unbalanced<Service>[] {
  const udp = services.filter(({ protocol }) => protocol === "udp");
  if (udp.length === 0) return [];
  const find = makeFinder(udp);
  return dump(sockets, UNTRANSLATED, (entry) => {
    const isWanted = entry.protocol === PROTOCOL_NUMBERS.udp &&
      (entry.status & IPS_DST_NAT) === 0;
    const service = isWanted ? find(entry) : undefined;
    return service && { key: keyOf(entry), service };
  });
}

/** Finds whose an entry is. */
type Find<Service> = (entry: ConntrackEntry) => Service | undefined;

function makeFinder<Service extends Balanced>(services: readonly Service[]): Find<Service> {
  const exact = new Map<string, Find<Service>[]>();
  const prefixes: Find<Service>[] = [];
  for (const service of services) {
    const find = serviceFinder(service);
    for (const vip of service.vip) {
      if (isSingle(vip)) exact.set(vip.text, [...exact.get(vip.text) ?? [], find]);
      else prefixes.push((entry) => contains(vip, destination(entry)) ? find(entry) : undefined);
    }
  }
  return (entry) => first(exact.get(entry.orig.dst) ?? [], entry) ?? first(prefixes, entry);
}

function first<Service>(
  finders: readonly Find<Service>[],
  entry: ConntrackEntry,
): Service | undefined {
  for (const find of finders) {
    const service = find(entry);
    if (service) return service;
  }
  return undefined;
}

function serviceFinder<Service extends Balanced>(service: Service): Find<Service> {
  const isOurs = serviceTest(service);
  return (entry) => isOurs(entry) ? service : undefined;
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
