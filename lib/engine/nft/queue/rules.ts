import type { Family } from "../../../model/address.ts";
import type { MarkLayout } from "../../../model/mark.ts";
import type { QueueRange } from "../../../model/queue.ts";
import type { PlacedService } from "../../../model/state.ts";
import type { StaticChain } from "../base_rules.ts";
import { dispatchRule } from "../dispatch.ts";
import { hex, serviceNames } from "../names.ts";
import { stickySource } from "../service_rules.ts";

/** What some service needs of the chains that send first packets to the worker. */
export interface QueueShape {
  /** Of the table, as far as there are such services. */
  readonly families: readonly Family[];
  /** Families with prefixes as VIP or ranges of ports. */
  readonly intervals: ReadonlySet<Family>;
  readonly range: QueueRange;
  /** nft has no queues here: a rule of iptables' sends on what bears lb's flag (lib/host/queue). */
  readonly byMark: boolean;
}

/** Names of what all queued services of a family share. */
export function queueNames(family: Family) {
  return {
    exact: `qx${family}`,
    intervals: `qi${family}`,
    /** Flows whose first packet was queued a moment ago. */
    seen: `sn-${family}`,
    chain: `q-new${family}`,
  };
}

/**
 * The first packet of a flow to a queued service goes to the worker, before it is translated. A SYN that comes
 * again meanwhile does not: whoever holds the first may have stopped, and the kernel's own choice is as good.
 * Of udp, where several datagrams may come before the first has its verdict, all of them do: the worker has one
 * choice for all, and the kernel would make another one.
 */
export function queueChains(marks: MarkLayout, shape: QueueShape): StaticChain[] {
  const rules = dispatchRules(shape);
  return [
    ...shape.families.map((family) => ({
      name: queueNames(family).chain,
      comment: "first packets that the worker chooses for",
      rules: newFlowRules(marks, shape, family),
    })),
    // Behind conntrack, before the tables of others that change packets.
    { name: "pre-queue", hook: "type filter hook prerouting priority -151; policy accept;", rules },
    { name: "out-queue", hook: "type filter hook output priority -151; policy accept;", rules },
  ];
}

/** How long a worker may take: the first SYN comes again after 1 s, the next after 2 s more (RFC 6298). */
const SEEN_S = 3;

function newFlowRules(marks: MarkLayout, shape: QueueShape, family: Family): string[] {
  const ip = family === 4 ? "ip" : "ip6";
  const flow = `${ip} saddr . th sport . ${ip} daddr . th dport`;
  const { seen } = queueNames(family);
  const clear = `meta mark set meta mark & ${hex(~marks.mask)}`;
  const queue = shape.byMark
    ? `meta mark set meta mark | ${hex(marks.flag)}`
    : queueText(shape.range);
  return [
    clear,
    `meta l4proto udp ${queue}${shape.byMark ? " return" : ""}`,
    "meta l4proto tcp tcp flags & (fin | syn | rst | ack) != syn return",
    `${flow} @${seen} return`,
    // A set that is full takes no more, and the packet goes on as if it had been seen.
    `add @${seen} { ${flow} timeout ${SEEN_S}s } ${queue}`,
  ];
}

/**
 * Rules of a service's own that spare the worker what it has no choice about: who is not let in, and who is
 * remembered at a backend.
 */
export function entryRules(service: PlacedService, family: Family): string[] {
  const { deny, allow, sticky } = serviceNames(service, family);
  const saddr = family === 4 ? "ip saddr" : "ip6 saddr";
  return [
    ...(service.deny.length > 0 ? [`${saddr} @${deny} return`] : []),
    ...(service.allow.length > 0 ? [`${saddr} != @${allow} return`] : []),
    ...(service.persistence ? [`${stickySource(service, family)} @${sticky} return`] : []),
  ];
}

function queueText({ first, count }: QueueRange): string {
  if (count === 1) return `queue flags bypass to ${first}`;
  return `queue flags bypass,fanout to ${first}-${first + count - 1}`;
}

function dispatchRules({ families, intervals }: QueueShape): string[] {
  return families.flatMap((family) => {
    const names = queueNames(family);
    const maps = intervals.has(family) ? [names.exact, names.intervals] : [names.exact];
    // What is translated already is a SYN that came again.
    return maps.map((map) => `ct state new ct status & dnat != dnat ${dispatchRule(family, map)}`);
  });
}
