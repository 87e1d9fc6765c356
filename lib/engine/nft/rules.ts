import { type Family, formatEndpoint } from "../../model/address.ts";
import { type MarkLayout, markOfId } from "../../model/mark.ts";
import type { PlacedBackend, PlacedService } from "../../model/state.ts";
import type { SlotIndex, SlotTable } from "../../scheduler/slots.ts";

/**
 * The rules, as text. The layout and its reasons are in docs/engines.md; it was proved with packets on
 * kernel 6.18 with nft 1.0.6.
 */

/** Names of the objects of one service in one family. */
export function serviceNames(service: Pick<PlacedService, "name">, family: Family) {
  const stem = `${service.name}${family}`;
  return { chain: `s-${stem}`, slots: `sl-${stem}`, backends: `be-${stem}` };
}

/** Names of the objects of one backend. */
export function backendNames(id: number) {
  return { chain: `b-${id}`, counter: `n-${id}` };
}

/**
 * A backend id in the spelling of `meta priority`, which carries it between rules: the nat hook sees
 * only the first packet of a connection, and the backend's chain sets the field back.
 */
export function priorityOfId(id: number): string {
  return `${(id >>> 16).toString(16)}:${(id & 0xffff).toString(16)}`;
}

/** Chains that do not depend on the services. A chain with a `hook` is a base chain. */
export function staticChains(marks: MarkLayout): StaticChain[] {
  return [
    {
      name: "refuse",
      comment: "say no at once: tcp reset, else port unreachable",
      rules: ["meta l4proto tcp reject with tcp reset", "reject with icmpx type port-unreachable"],
    },
    {
      name: "badflow",
      comment: "a packet that fits no flow cannot be translated, and would make an end reset",
      rules: [
        "ip daddr @vip4 drop",
        "ip6 daddr @vip6 drop",
        "ip saddr . meta l4proto @be4 drop",
        "ip6 saddr . meta l4proto @be6 drop",
      ],
    },
    {
      name: "pre-filter",
      hook: "type filter hook prerouting priority -151; policy accept;",
      rules: ["ct state invalid jump badflow"],
    },
    // -105 comes before the usual dstnat -100 of other tables.
    { name: "pre-nat", hook: natHook("prerouting", -105), rules: dispatchRules() },
    { name: "out-nat", hook: natHook("output", -105), rules: dispatchRules() },
    {
      name: "c-fwd",
      hook: "type filter hook forward priority -1; policy accept;",
      comment: "a VIP's port without a service would leave by the default route",
      rules: [
        "ct state new ip daddr @vip4 goto refuse",
        "ct state new ip6 daddr @vip6 goto refuse",
      ],
    },
    {
      name: "c-out",
      hook: "type filter hook output priority -1; policy accept;",
      comment: "the same for the machine's own; what leaves by lo is for a socket on the VIP",
      rules: [
        'oifname != "lo" ct state new ip daddr @vip4 goto refuse',
        'oifname != "lo" ct state new ip6 daddr @vip6 goto refuse',
      ],
    },
    {
      name: "post-nat",
      hook: natHook("postrouting", 95),
      rules: [`ct status & dnat == dnat ct mark & ${hex(marks.mask)} != 0 jump snat-lb`],
    },
    {
      name: "snat-lb",
      comment: "masquerade where asked for, and where the client is itself a backend (hairpin)",
      rules: [
        "ip saddr @hp4 masquerade",
        "ip6 saddr @hp6 masquerade",
        `ct mark & ${hex(marks.flag)} == ${hex(marks.flag)} masquerade`,
      ],
    },
  ];
}

export interface StaticChain {
  readonly name: string;
  readonly hook?: string;
  readonly comment?: string;
  readonly rules: readonly string[];
}

/** Rules of a service's chain: pick a slot, jump to its backend; refuse where there is none. */
export function serviceRules(
  service: PlacedService,
  family: Family,
  table: SlotTable,
): readonly string[] {
  if (table.slots.length === 0) return ["goto refuse"];
  const names = serviceNames(service, family);
  const pick = [
    `meta priority set ${
      indexExpression(table.index, family, table.slots.length)
    } map @${names.slots}`,
    `meta priority vmap @${names.backends}`,
  ];
  // A look-up that runs while a transaction commits can miss: the rule comes from one generation, the
  // element from the next (and before linux 6.17, c4eaca2e1052 and its series, an element could be
  // between two). So a miss asks once more before it refuses.
  return ["meta priority set none", ...pick, ...pick, "goto refuse"];
}

/** Rules of a backend's chain, where all ways to a backend meet. */
export function backendRules(
  service: PlacedService,
  backend: PlacedBackend,
  marks: MarkLayout,
): readonly string[] {
  const flag = service.masquerade ? marks.flag : 0;
  const mark = (markOfId(marks, backend.id) | flag) >>> 0;
  const family = backend.address.family === 4 ? "ip" : "ip6";
  const to = formatEndpoint(backend.address, backend.port);
  return [
    `counter name "${backendNames(backend.id).counter}"`,
    "meta priority set none",
    // Only lb's bits are written: the others are the user's.
    `ct mark set ct mark & ${hex(~marks.mask >>> 0)} | ${hex(mark)}`,
    `meta l4proto ${service.protocol} dnat ${family} to ${to}`,
  ];
}

function dispatchRules(): readonly string[] {
  return [
    "ip daddr . meta l4proto . th dport vmap @ex4",
    "ip6 daddr . meta l4proto . th dport vmap @ex6",
  ];
}

function natHook(hook: string, priority: number): string {
  return `type nat hook ${hook} priority ${priority}; policy accept;`;
}

function indexExpression(index: SlotIndex, family: Family, modulus: number): string {
  if (index.kind !== "hash") return `numgen ${index.kind} mod ${modulus}`;
  const fields = index.fields.map((field) =>
    field === "sport" ? "th sport" : family === 4 ? "ip saddr" : "ip6 saddr"
  );
  return `jhash ${fields.join(" . ")} mod ${modulus} seed ${hex(index.seed)}`;
}

function hex(value: number): string {
  return `0x${value.toString(16).padStart(8, "0")}`;
}
