import { type Family, formatEndpoint } from "../../model/address.ts";
import { type MarkLayout, markOfId } from "../../model/mark.ts";
import type { PlacedBackend, PlacedService } from "../../model/state.ts";
import { backendNames, hex, priorityOfId, serviceNames } from "./names.ts";
import { stickySource } from "./service_rules.ts";

/** Rules of a backend's chain, where all ways to a backend meet. */
export function backendRules(
  service: PlacedService,
  backend: PlacedBackend,
  marks: MarkLayout,
  idMap: boolean,
): readonly string[] {
  const { family } = backend.address;
  const names = backendNames(backend.id);
  const rules: string[] = [];
  // Not "try another": the kernel would go on counting the connection here while it lives there.
  if (backend.max_connections > 0) rules.push(`jump ${names.limit}`);
  rules.push(`counter name "${names.counter}"`);
  if (idMap) rules.push("meta priority set none");
  // The service's chain has cleared lb's bits.
  rules.push(`ct mark set ct mark | ${hex(markOfId(marks, backend.id))}`);
  rules.push(...packetMarkRules(service, marks));
  if (service.persistence) rules.push(stickyUpdate(service, backend));
  const to = formatEndpoint(backend.address, backend.port);
  rules.push(`meta l4proto ${service.protocol} dnat ${family === 4 ? "ip" : "ip6"} to ${to}`);
  return rules;
}

/** Routing may go by the mark, and must not see what the worker wrote into it: later packets are without. */
function packetMarkRules({ mark, queued }: PlacedService, marks: MarkLayout): string[] {
  const kept = queued ? `meta mark & ${hex(~marks.mask)}` : "meta mark";
  if (mark !== 0) return [`meta mark set ${kept} | ${hex(mark)}`];
  return queued ? [`meta mark set ${kept}`] : [];
}

/** Rules of a service's quality chains, for packets after the first. */
export function qualityRules(
  service: PlacedService,
  families: readonly Family[],
): { mark: string[]; post: string[] } {
  const { mark, dscp, priority } = service;
  return {
    mark: mark === 0 ? [] : [`meta mark set meta mark | ${hex(mark)}`],
    post: [
      ...(dscp === undefined ? [] : families.map((family) => {
        return `${family === 4 ? "ip" : "ip6"} dscp set ${dscp}`;
      })),
      ...(priority === undefined ? [] : [`meta priority set ${priority}`]),
    ],
  };
}

/** Whether packets of this service have anything written on them. */
export function hasQuality({ mark, dscp, priority }: PlacedService): boolean {
  return mark !== 0 || dscp !== undefined || priority !== undefined;
}

/** The value is a constant: nft 1.0.6 takes no expression there. An entry keeps the value it has. */
function stickyUpdate(service: PlacedService, backend: PlacedBackend): string {
  const { family } = backend.address;
  const { sticky } = serviceNames(service, family);
  const timeout = durationText(service.persistence!.timeout_ms);
  const source = stickySource(service, family);
  return `update @${sticky} { ${source} timeout ${timeout} : ${priorityOfId(backend.id)} }`;
}

/** nft takes eight digits of a unit at most (time_parse, src/datatype.c): 27 hours in milliseconds. */
function durationText(duration_ms: number): string {
  const [seconds, rest_ms] = [Math.floor(duration_ms / 1000), duration_ms % 1000];
  return (seconds > 0 ? `${seconds}s` : "") + (rest_ms > 0 ? `${rest_ms}ms` : "");
}
