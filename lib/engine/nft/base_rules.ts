import type { Family } from "../../model/address.ts";
import { idMask, type MarkLayout } from "../../model/mark.ts";
import { dispatchMaps, dispatchRule } from "./dispatch.ts";
import { hex } from "./names.ts";
import { tierChains } from "./tier/fill_tier.ts";
import { queueChains, type QueueShape } from "./queue/rules.ts";

/**
 * The chains that all services share, as text. The layout and its reasons are in docs/engines.md; it was
 * proved with packets on kernel 6.18 with nft 1.0.6.
 */

/** A chain that is not of one service or backend. */
export interface StaticChain {
  readonly name: string;
  /** Base chains only. */
  readonly hook?: string;
  readonly comment?: string;
  readonly rules: readonly string[];
}

/** What some service needs of the shared chains. What nobody needs is left out. */
export interface Shape {
  /** Families of the table. */
  readonly families: readonly Family[];
  /** Families with prefixes as VIP or ranges of ports. */
  readonly intervals: ReadonlySet<Family>;
  /** Families with prefixes as VIP. */
  readonly prefixes: ReadonlySet<Family>;
  /** Some service has mark, dscp or priority set on its packets. */
  readonly quality: boolean;
  /** Some service has its new connections wait for a choice. */
  readonly queue?: QueueShape;
  /** Other load balancers may have begun what comes here in the middle. */
  readonly isTier: boolean;
}

/** The shared chains. A chain with a `hook` is a base chain. */
export function staticChains(marks: MarkLayout, shape: Shape): StaticChain[] {
  return [
    {
      name: "refuse",
      comment: "say no at once: tcp reset, else port unreachable",
      rules: ["meta l4proto tcp reject with tcp reset", `reject with ${unreachable(shape)}`],
    },
    {
      name: "badflow",
      comment: "a packet that fits no flow cannot be translated, and would make an end reset",
      rules: [
        ...vipRules(shape, (match) => `${match} drop`),
        ...shape.families.map((family) => `${ip(family)} saddr . meta l4proto @be${family} drop`),
      ],
    },
    {
      name: "pre-filter",
      hook: "type filter hook prerouting priority -151; policy accept;",
      rules: ["ct state invalid jump badflow"],
    },
    // -105 comes before the usual dstnat -100 of other tables.
    { name: "pre-nat", hook: natHook("prerouting", -105), rules: dispatchRules(shape) },
    { name: "out-nat", hook: natHook("output", -105), rules: dispatchRules(shape) },
    {
      name: "c-fwd",
      hook: "type filter hook forward priority -1; policy accept;",
      comment: "a VIP's port without a service would leave by the default route",
      rules: refusals(shape, "ct state new"),
    },
    {
      name: "c-out",
      hook: "type filter hook output priority -1; policy accept;",
      comment: "the same for the machine's own; what leaves by lo is for a socket on the VIP",
      rules: refusals(shape, 'oifname != "lo" ct state new'),
    },
    {
      name: "post-nat",
      hook: natHook("postrouting", 95),
      comment: "masquerade where a backend's chain said so",
      rules: [
        `ct status & dnat == dnat ct mark & ${hex(marks.flag)} == ${hex(marks.flag)} masquerade`,
      ],
    },
    ...(shape.quality ? qualityChains(marks) : []),
    ...(shape.queue ? queueChains(marks, shape.queue) : []),
    ...(shape.isTier ? tierChains(shape.families) : []),
  ];
}

/**
 * Where mark, dscp and priority are written on every packet of a balanced connection. The mark comes
 * before routing, which may go by it, and only on the way to the backend; dscp and priority come last,
 * both ways.
 */
function qualityChains(marks: MarkLayout): StaticChain[] {
  const id = `ct mark & ${hex(idMask(marks))}`;
  return [
    {
      name: "pre-mark",
      hook: "type filter hook prerouting priority -149; policy accept;",
      rules: [`ct direction original ${id} vmap @qm`],
    },
    {
      name: "out-mark",
      hook: "type route hook output priority -149; policy accept;",
      rules: [`ct direction original ${id} vmap @qm`],
    },
    {
      name: "post-mark",
      hook: "type filter hook postrouting priority -149; policy accept;",
      rules: [`${id} vmap @qp`],
    },
  ];
}

function vipRules(shape: Shape, rule: (match: string) => string): string[] {
  return shape.families.flatMap((family) => {
    const sets = shape.prefixes.has(family) ? [`vip${family}`, `vp${family}`] : [`vip${family}`];
    return sets.map((set) => rule(`${ip(family)} daddr @${set}`));
  });
}

/** icmpx is known in inet tables only. */
function unreachable({ families }: Shape): string {
  if (families.length > 1) return "icmpx type port-unreachable";
  return `${families[0] === 4 ? "icmp" : "icmpv6"} type port-unreachable`;
}

function ip(family: Family): string {
  return family === 4 ? "ip" : "ip6";
}

/** A backend may live inside a prefix: what was balanced is not refused. */
function refusals(shape: Shape, condition: string): string[] {
  return vipRules(shape, (match) => {
    const unbalanced = match.includes("@vp") ? " ct status & dnat != dnat" : "";
    return `${condition}${unbalanced} ${match} goto refuse`;
  });
}

/** Exact keys first: one inside somebody else's range wins. */
function dispatchRules({ families, intervals }: Shape): readonly string[] {
  const ranged = families.filter((family) => intervals.has(family));
  return [
    ...families.map((family) => dispatchRule(family, dispatchMaps(family).exact)),
    ...ranged.map((family) => dispatchRule(family, dispatchMaps(family).intervals)),
  ];
}

function natHook(hook: string, priority: number): string {
  return `type nat hook ${hook} priority ${priority}; policy accept;`;
}
