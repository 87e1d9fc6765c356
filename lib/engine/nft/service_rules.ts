import {
  addressBytes,
  contains,
  type Family,
  formatPrefix,
  type Prefix,
} from "../../model/address.ts";
import { idMask, type MarkLayout } from "../../model/mark.ts";
import type { PlacedService } from "../../model/state.ts";
import type { SlotIndex, SlotTable } from "../../scheduler/slots.ts";
import { maskText } from "./mask.ts";
import { backendNames, hex, priorityOfId, serviceNames } from "./names.ts";

/** How a service is laid out in one family: which of its objects exist. */
export interface ServiceForm {
  /** Slots hold ids, not chains: nft follows every chain of a map at each commit, and hash tables are long. */
  readonly idSlots: boolean;
  /** Something leads from ids to chains. */
  readonly idMap: boolean;
}

/** The form of a service, decided by its shape and not by its weights, so that weights move only slots. */
export function serviceForm(service: PlacedService, table: SlotTable): ServiceForm {
  const idSlots = table.index.kind === "hash";
  return { idSlots, idMap: idSlots || service.persistence !== undefined };
}

/**
 * Rules that let a new connection in or not, before a backend is picked.
 *
 * @param opening matches packets that open a connection, where others pass these rules too
 */
export function gateRules(service: PlacedService, family: Family, opening?: string): string[] {
  const names = serviceNames(service, family);
  const saddr = sourceField(family);
  const { allow, deny, max_new_per_second: rate, max_connections: limit } = service;
  const rules: string[] = [];
  if (deny.length > 0) rules.push(`${saddr} @${names.deny} drop`);
  if (allow.length > 0) rules.push(`${saddr} != @${names.allow} drop`);
  if (rate > 0) {
    // An IPv6 client has a whole /64 to come from.
    const source = family === 4 ? saddr : masked(family, 64);
    const limit = `limit rate over ${rate}/second burst ${rate} packets`;
    // Updated, not added: an entry that ran out under load would come back with a full bucket.
    const update = `update @${names.rates} { ${source} ${limit} } ${overLimit(service)}`;
    rules.push(opening ? `${opening} ${update}` : update);
  }
  if (limit > 0) rules.push(opening ? `${opening} jump ${names.limit}` : `jump ${names.limit}`);
  return rules;
}

/**
 * A chain of its own for each limit: a rule that counts connections forgets them when it is written
 * anew, so it stands where nothing else changes.
 */
export function limitRules(service: PlacedService, limit: number): string[] {
  return [`ct count over ${limit} ${overLimit(service)}`];
}

/**
 * What a hairpin entry tells one service from another by, in the spelling of `meta priority`; undefined
 * where there is no backend.
 */
export function serviceKey({ backends }: PlacedService, family: Family): string | undefined {
  const ids = backends.filter(({ address }) => address.family === family).map(({ id }) => id);
  if (ids.length === 0) return undefined;
  return priorityOfId(ids.reduce((least, id) => Math.min(least, id)));
}

/** Rules that pick a backend: persistence first, then the scheduler; refuse where there is none. */
export function pickRules(
  service: PlacedService,
  family: Family,
  marks: MarkLayout,
  table: SlotTable,
): readonly string[] {
  if (table.slots.length === 0) return ["goto refuse"];
  // A look-up that runs while a transaction commits can miss: the rule comes from one generation, the
  // element from the next (and before linux 6.17, c4eaca2e1052 and its series, an element could be
  // between two). Such a connection goes to some backend instead of being refused: to one that does not
  // change with the weights, or the chain would.
  const lowest = table.slots.reduce((least, id) => Math.min(least, id));
  return [
    ...markRules(service, family, marks, serviceForm(service, table)),
    ...stickyRules(service, family),
    ...service.queued ? choiceRules(service, family, marks) : [],
    ...slotRules(service, family, table),
    `jump ${backendNames(lowest).chain}`,
  ];
}

/**
 * Only lb's bits are written: the others are the user's. Answers to a client in the backends' own network
 * would take the short way, past the translation, so it is masqueraded. One set for all services: the
 * kernel looks sets up by walking the list of them (nft_set_lookup_global), and 10,000 services with a
 * set each took four times as long to load.
 */
function markRules(
  service: PlacedService,
  family: Family,
  marks: MarkLayout,
  { idMap }: ServiceForm,
): string[] {
  const clear = `ct mark set ct mark & ${hex(~marks.mask)}`;
  const flag = `ct mark set ct mark | ${hex(marks.flag)}`;
  const key = serviceKey(service, family);
  const reset = "meta priority set none";
  if (service.masquerade) {
    return [`${clear} | ${hex(marks.flag)}`, ...idMap ? [reset] : []];
  }
  return [
    clear,
    `meta priority set ${key}`,
    `${sourceField(family)} . meta priority @hp${family} ${flag}`,
    reset,
  ];
}

/** The source as persistence sees it: with its mask. */
export function stickySource(service: PlacedService, family: Family): string {
  const { mask, mask6 } = service.persistence!;
  return masked(family, family === 4 ? mask : mask6);
}

/** Prefixes as elements of an interval set, which takes none that lies inside another. */
export function disjoint(prefixes: readonly Prefix[], family: Family): string[] {
  // By their bytes, then the widest first, a prefix stands right before all that it contains.
  const sorted = prefixes.filter((prefix) => prefix.family === family)
    .map((prefix) => ({ prefix, order: orderOf(prefix) }))
    .sort((a, b) => a.order < b.order ? -1 : a.order > b.order ? 1 : 0);
  const kept: Prefix[] = [];
  for (const { prefix } of sorted) {
    const last = kept.at(-1);
    if (!last || !contains(last, prefix)) kept.push(prefix);
  }
  return kept.map(formatPrefix);
}

function orderOf(prefix: Prefix): string {
  return String.fromCharCode(...addressBytes(prefix), prefix.length);
}

/** What the worker has chosen. A choice that leads nowhere any more is made anew by the slots. */
function choiceRules(service: PlacedService, family: Family, marks: MarkLayout): string[] {
  const { choices, fallbacks } = serviceNames(service, family);
  return [`meta mark & ${hex(idMask(marks))} vmap @${choices}`, `counter name "${fallbacks}"`];
}

function slotRules(service: PlacedService, family: Family, table: SlotTable): string[] {
  const names = serviceNames(service, family);
  const index = indexExpression(table.index, family, table.slots.length);
  if (!serviceForm(service, table).idSlots) return [`${index} vmap @${names.verdictSlots}`];
  return [
    `meta priority set ${index} map @${names.idSlots}`,
    `meta priority vmap @${names.backends}`,
  ];
}

/**
 * An entry whose backend is gone leads nowhere: it is deleted on the spot, and the backend's chain
 * stores the next choice. So no entry has to be looked for when a backend goes.
 */
function stickyRules(service: PlacedService, family: Family): string[] {
  if (!service.persistence) return [];
  const names = serviceNames(service, family);
  const source = stickySource(service, family);
  return [
    `meta priority set ${source} map @${names.sticky}`,
    `meta priority vmap @${names.backends}`,
    `delete @${names.sticky} { ${source} : none }`,
  ];
}

function indexExpression(index: SlotIndex, family: Family, modulus: number): string {
  if (index.kind !== "hash") return `numgen ${index.kind} mod ${modulus}`;
  const fields = index.fields.map((field) => field === "sport" ? "th sport" : sourceField(family));
  return `jhash ${fields.join(" . ")} mod ${modulus} seed ${hex(index.seed)}`;
}

function overLimit({ over_limit }: PlacedService): string {
  return over_limit === "drop" ? "drop" : "goto refuse";
}

function sourceField(family: Family): string {
  return family === 4 ? "ip saddr" : "ip6 saddr";
}

function masked(family: Family, length: number): string {
  const mask = maskText(family, length);
  return mask === undefined ? sourceField(family) : `${sourceField(family)} & ${mask}`;
}
