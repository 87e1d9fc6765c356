import { formatEndpoint } from "../../model/address.ts";
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
  const flag = service.masquerade ? marks.flag : 0;
  const mark = markOfId(marks, backend.id) | flag;
  const names = backendNames(backend.id);
  const rules: string[] = [];
  // Not "try another": the kernel would go on counting the connection here while it lives there.
  if (backend.max_connections > 0) rules.push(`jump ${names.limit}`);
  rules.push(`counter name "${names.counter}"`);
  if (idMap) rules.push("meta priority set none");
  // Only lb's bits are written: the others are the user's.
  rules.push(`ct mark set ct mark & ${hex(~marks.mask)} | ${hex(mark)}`);
  if (service.mark !== 0) rules.push(`meta mark set meta mark | ${hex(service.mark)}`);
  if (service.persistence) rules.push(stickyUpdate(service, backend));
  const to = formatEndpoint(backend.address, backend.port);
  rules.push(`meta l4proto ${service.protocol} dnat ${family === 4 ? "ip" : "ip6"} to ${to}`);
  return rules;
}

/** Rules of a service's quality chains, for packets after the first. */
export function qualityRules(service: PlacedService): { mark: string[]; post: string[] } {
  const { mark, dscp, priority } = service;
  return {
    mark: mark === 0 ? [] : [`meta mark set meta mark | ${hex(mark)}`],
    post: [
      ...(dscp === undefined ? [] : [
        `ip dscp set ${dscp}`,
        `ip6 dscp set ${dscp}`,
      ]),
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
  const timeout = `timeout ${service.persistence!.timeout_ms}ms`;
  const source = stickySource(service, family);
  return `update @${sticky} { ${source} ${timeout} : ${priorityOfId(backend.id)} }`;
}
