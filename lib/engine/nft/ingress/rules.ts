import type { Family } from "../../../model/address.ts";
import type { PlacedBackend, PlacedService } from "../../../model/state.ts";
import type { SlotTable } from "../../../scheduler/slots.ts";
import type { StaticChain } from "../base_rules.ts";
import { dispatchMaps, dispatchRule } from "../dispatch.ts";
import { backendNames, hex, serviceNames } from "../names.ts";
import { gateRules } from "../service_rules.ts";
import { entranceName } from "./names.ts";

/**
 * The rules of table `netdev lb`, as text. It catches packets for services with `forward = "dr"` where they
 * come in, before conntrack and routing, and sends them on with other link addresses. The layout and its
 * reasons are in docs/engines.md; it was proved with packets on kernel 6.18 with nft 1.0.6.
 */

/** Behind filters of others, which have 0 or less as a rule: what they drop is not balanced. */
const PRIORITY = 10;

/** A packet that opens a connection: there is nothing else here to tell it by. */
const OPENING = "tcp flags & (fin|syn|rst|ack) == syn";

/** Whether packets tell that they open a connection, so that those can be counted. */
export function tellsOpening({ protocol }: Pick<PlacedService, "protocol">): boolean {
  return protocol === "tcp";
}

/** Where fields of a packet are, and of the one that an ICMP error quotes. */
export const FIELDS = {
  4: {
    ip: "ip",
    // The header quoted begins behind 8 bytes of ICMP; a router quotes what it could not send on, which
    // was on its way from the VIP to the client.
    quoted: { vip: "@th,160,32", protocol: "@th,136,8", vport: "@th,224,16" },
    client: { saddr: "@th,192,32", sport: "@th,240,16" },
    // All others that quote no packet are of no use to a VIP. Ports are elsewhere where the header quoted
    // has options, which nobody sends.
    errors: "icmp type != echo-request icmp type != echo-reply @th,64,8 == 0x45",
  },
  6: {
    ip: "ip6",
    quoted: { vip: "@th,128,128", protocol: "@th,112,8", vport: "@th,384,16" },
    client: { saddr: "@th,256,128", sport: "@th,400,16" },
    // Errors are those below 128 (RFC 4443).
    errors: "icmpv6 type < 128",
  },
} as const;

/** What some service needs of the shared chains. */
export interface IngressShape {
  readonly families: readonly Family[];
  /** Families with prefixes as VIP or ranges of ports. */
  readonly intervals: ReadonlySet<Family>;
  /** Families with VIPs that a router sends here. */
  readonly routed: ReadonlySet<Family>;
  /** The kernel can refuse here (linux 5.11, and not built by Debian 12). */
  readonly canReject: boolean;
}

const REFUSAL: StaticChain = {
  name: "refuse",
  comment: "say no at once: tcp reset, else port unreachable",
  rules: ["meta l4proto tcp reject with tcp reset", "reject with icmpx type port-unreachable"],
};

/** Not left to the machine itself, which may have a program of its own on that port. */
const SILENCE: StaticChain = {
  name: "refuse",
  comment: "this kernel cannot say no here",
  rules: ["drop"],
};

/** The shared chains: refusing, finding the service, and the hook at each interface. */
export function ingressChains(
  { families, intervals, routed, canReject }: IngressShape,
  interfaces: readonly string[],
): StaticChain[] {
  return [
    canReject ? REFUSAL : SILENCE,
    ...families.flatMap((family) => [
      {
        name: `d${family}`,
        rules: dispatchRules(family, intervals.has(family), routed.has(family)),
      },
      {
        name: `q${family}`,
        comment: "an ICMP error goes to the backend of the connection it is about",
        rules: errorRules(family, intervals.has(family)),
      },
    ]),
    ...interfaces.map((name) => ({
      name: entranceName(name),
      hook: `type filter hook ingress device "${name}" priority ${PRIORITY}; policy accept;`,
      // By what the frame says: a tagged one is an IP packet too here, and would go on with its tag. It is
      // met again at its VLAN's own interface.
      rules: families.map((family) => `ether type ${FIELDS[family].ip} goto d${family}`),
    })),
  ];
}

/** Exact keys first: one inside somebody else's range wins. */
function dispatchRules(family: Family, hasIntervals: boolean, hasRouted: boolean): string[] {
  const { ip, errors } = FIELDS[family];
  const { exact, intervals } = dispatchMaps(family);
  return [
    dispatchRule(family, exact),
    ...hasIntervals ? [dispatchRule(family, intervals)] : [],
    `${errors} jump q${family}`,
    ...hasRouted ? [`${ip} daddr @vip${family} goto refuse`] : [],
  ];
}

function errorRules(family: Family, hasIntervals: boolean): string[] {
  const { vip, protocol, vport } = FIELDS[family].quoted;
  const key = `${vip} . ${protocol} . ${vport}`;
  return [`${key} vmap @er${family}`, ...hasIntervals ? [`${key} vmap @ei${family}`] : []];
}

/** Rules of a service's chain: every packet of a connection passes them. */
export function pickDirectRules(
  service: PlacedService,
  family: Family,
  table: SlotTable,
): readonly string[] {
  const { ip } = FIELDS[family];
  return [
    ...gateRules(service, family, OPENING),
    ...choiceRules(
      service,
      family,
      table,
      { saddr: `${ip} saddr`, sport: "th sport" },
      "goto refuse",
    ),
  ];
}

/** The same for an ICMP error: it goes where the packets go that its subject answered. */
export function pickErrorRules(
  service: PlacedService,
  family: Family,
  table: SlotTable,
): readonly string[] {
  return choiceRules(service, family, table, FIELDS[family].client, "drop");
}

/** Rules of a backend's chain. Its link address is the kernel's own business (neigh_xmit). */
export function directBackendRules(
  service: PlacedService,
  { id, address, link }: PlacedBackend,
): readonly string[] {
  const { ip } = FIELDS[address.family];
  const { dscp, priority, protocol } = service;
  return [
    ...tellsOpening({ protocol }) ? [`${OPENING} counter name "${backendNames(id).counter}"`] : [],
    ...dscp === undefined ? [] : [`${ip} dscp set ${dscp}`],
    `meta priority set ${priority ?? "none"}`,
    // By number: a rule holds on to an interface by that, so one of the same name that came later is
    // another one, and shows as such.
    `fwd ${ip} to ${address.text} device ${link!.ifindex}`,
  ];
}

function choiceRules(
  service: PlacedService,
  family: Family,
  { index, slots }: SlotTable,
  source: { readonly saddr: string; readonly sport: string },
  nobody: string,
): readonly string[] {
  if (slots.length === 0) return [nobody];
  if (index.kind !== "hash") throw new TypeError("supports() lets hash schedulers through alone");
  const names = serviceNames(service, family);
  const fields = index.fields.map((field) => field === "sport" ? source.sport : source.saddr);
  const slot = `jhash ${fields.join(" . ")} mod ${slots.length} seed ${hex(index.seed)}`;
  return [
    `meta priority set ${slot} map @${names.idSlots}`,
    `meta priority vmap @${names.backends}`,
    // A look-up can miss while a transaction commits. A packet that is lost comes again; a refusal, or
    // another backend, would be the end of its connection.
    "drop",
  ];
}
