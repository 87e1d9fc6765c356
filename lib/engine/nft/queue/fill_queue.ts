import type { Family } from "../../../model/address.ts";
import { fitsMark, type MarkLayout, markOfId } from "../../../model/mark.ts";
import { familiesOf } from "../../../model/service.ts";
import type { DesiredState, PlacedService } from "../../../model/state.ts";
import { addDispatch, declareDispatch, dispatchKeys, hasIntervals } from "../dispatch.ts";
import type { Draft } from "../draft.ts";
import { backendNames, serviceNames } from "../names.ts";
import { backendsOf } from "../service_parts.ts";
import { entryRules, queueNames, type QueueShape } from "./rules.ts";

/** Of three seconds: the kernel chooses for what is more, 87,000 a second. Memory is taken as they come. */
const SEEN_MAX = 262_143;

/** The capability to queue by nft itself. */
export const NFT_QUEUE = "nft-queue";

/** What queued services need of the shared chains; undefined where there is none of these families. */
export function queueShape(
  { services, queues, lacks }: Pick<DesiredState, "services" | "queues" | "lacks">,
  families: readonly Family[],
): QueueShape | undefined {
  const queued = services.filter((service) => service.queued);
  const served = families.filter((family) =>
    queued.some((service) => familiesOf(service).includes(family))
  );
  if (served.length === 0 || !queues) return undefined;
  const intervals = served.filter((family) =>
    queued.some((service) => hasIntervals(service, family))
  );
  return {
    families: served,
    intervals: new Set(intervals),
    range: queues,
    byMark: lacks.includes(NFT_QUEUE),
  };
}

/** What tells which packets go to the worker. */
export function declareQueue(draft: Draft, { families, intervals }: QueueShape): void {
  for (const family of families) {
    const ip = family === 4 ? "ip" : "ip6";
    const names = queueNames(family);
    declareDispatch(draft, family, names, intervals.has(family));
    const flow = `typeof ${ip} saddr . th sport . ${ip} daddr . th dport;`;
    draft.collection("set", names.seen, `${flow} flags dynamic,timeout; size ${SEEN_MAX};`);
  }
}

/** What tells the packets of one service, and leads from the worker's marks to backends. */
export function addQueued(
  draft: Draft,
  marks: MarkLayout,
  service: PlacedService,
  family: Family,
): void {
  const maps = queueNames(family);
  const { chain } = maps;
  const { choices, fallbacks, entrance } = serviceNames(service, family);
  const rules = entryRules(service, family);
  const target = rules.length > 0 ? entrance : chain;
  if (rules.length > 0) {
    draft.chain({ name: entrance, comment: service.name, rules: [...rules, `goto ${chain}`] });
  }
  for (const key of dispatchKeys(service, family)) addDispatch(draft, maps, key, `goto ${target}`);
  draft.counter(fallbacks);
  draft.collection("map", choices, "typeof meta mark : verdict;");
  for (const { id, effective_weight } of backendsOf(service, family)) {
    // Other ids share a mark, and are left to the slots.
    if (effective_weight === 0 || !fitsMark(marks, id)) continue;
    draft.element(choices, `${markOfId(marks, id)}`, `jump ${backendNames(id).chain}`);
  }
}

/** One exact port is a service of its own, also inside a range or prefix that is queued. */
export function addUnqueued(
  draft: Draft,
  { intervals }: QueueShape,
  service: PlacedService,
  family: Family,
): void {
  if (!intervals.has(family)) return;
  for (const key of dispatchKeys(service, family).filter(({ isExact }) => isExact)) {
    addDispatch(draft, queueNames(family), key, "return");
  }
}
