import { type Family, formatEndpoint, isSingle } from "../../../model/address.ts";
import { type MarkLayout, markOfId } from "../../../model/mark.ts";
import { type PortRange, portRanges } from "../../../model/service.ts";
import type { DesiredState, PlacedBackend, PlacedService } from "../../../model/state.ts";
import type { StaticChain } from "../base_rules.ts";
import type { Draft } from "../draft.ts";
import { hex } from "../names.ts";
import { isOne, portText, united } from "../service_parts.ts";

/**
 * Answers from the middle of connections that another load balancer has begun. Where no more than one VIP and port
 * can be meant, they begin the flow here, the other way round: conntrack then translates the client's packets,
 * too. Where several can, they are dropped, for the client's next packet tells which.
 */

/** Names of what is there for answers of one IP version. */
function answerNames(family: Family) {
  return { known: `an${family}`, unclear: `au${family}` };
}

/** Whether other load balancers may have begun what comes here. */
export function isTier({ nodes = 1 }: Pick<DesiredState, "nodes">): boolean {
  return nodes > 1;
}

/**
 * What tells the packets that open a connection from those by which one comes here in the middle; undefined where
 * nothing does.
 */
export function openingOf({ protocol }: Pick<PlacedService, "protocol">): string | undefined {
  return protocol === "tcp" ? "tcp flags & syn == syn" : undefined;
}

/** The shared chains. */
export function tierChains(families: readonly Family[]): StaticChain[] {
  return [
    {
      name: "pre-answer",
      hook: "type filter hook prerouting priority -151; policy accept;",
      rules: families.map((family) =>
        `${answerMatch(family)} @${answerNames(family).unclear} drop`
      ),
    },
    {
      name: "post-answer",
      hook: "type nat hook postrouting priority 94; policy accept;",
      rules: families.map((family) => `${answerMatch(family)} vmap @${answerNames(family).known}`),
    },
  ];
}

/** A SYN is the backend's own, and what conntrack knows has been translated. */
function answerMatch(family: Family): string {
  const key = `${family === 4 ? "ip" : "ip6"} saddr . meta l4proto . th sport`;
  return `ct state new tcp flags & syn != syn ${key}`;
}

/** Declares what tells answers, and fills it. */
export function addAnswers(
  draft: Draft,
  { services, marks }: DesiredState,
  families: readonly Family[],
): void {
  for (const family of families) {
    const names = answerNames(family);
    const key = `typeof ${family === 4 ? "ip" : "ip6"} saddr . meta l4proto . th sport`;
    draft.collection("map", names.known, `${key} : verdict; flags interval;`);
    draft.collection("set", names.unclear, `${key}; flags interval;`);
    const answers = services.flatMap((service) => answersOf(service, family));
    for (const group of Map.groupBy(answers, ({ backend }) => backend.address.text).values()) {
      const [clear, unclear] = parted(group);
      for (const answer of clear) {
        draft.chain(answerChain(answer, marks));
        draft.element(names.known, keyText(answer, answer.ports), `goto a-${answer.backend.id}`);
      }
      for (const ports of united(unclear.map(({ ports }) => ports))) {
        draft.element(names.unclear, keyText(group[0]!, ports));
      }
    }
  }
}

/** What comes from some ports of a backend. */
interface Answer {
  readonly backend: PlacedBackend;
  readonly ports: PortRange;
  /** Where clients have sent what this answers: a VIP, with its port where that is another one. */
  readonly vip?: string;
}

function answersOf({ protocol, vip, ports, backends }: PlacedService, family: Family): Answer[] {
  // Other protocols have no middle: what comes first begins a flow.
  if (protocol !== "tcp") return [];
  const vips = vip.filter((one) => one.family === family);
  const address = vips.length === 1 && isSingle(vips[0]!) ? vips[0] : undefined;
  const asked = portRanges({ ports });
  const port = asked.length === 1 && isOne(asked[0]!) ? asked[0]!.first : undefined;
  return backends.filter((backend) => backend.address.family === family).flatMap((backend) =>
    backend.port === undefined
      ? asked.map((ports) => ({ backend, ports, vip: address && formatEndpoint(address) }))
      : [{
        backend,
        ports: { first: backend.port, last: backend.port },
        vip: address && port !== undefined ? formatEndpoint(address, port) : undefined,
      }]
  );
}

/** Answers that can be of one VIP and port only, and the others. */
function parted(group: readonly Answer[]): [Answer[], Answer[]] {
  const isClear = (answer: Answer) =>
    answer.vip !== undefined &&
    !group.some((other) => other !== answer && overlap(other.ports, answer.ports));
  const { clear = [], unclear = [] } = Object.groupBy(
    group,
    (answer) => isClear(answer) ? "clear" : "unclear",
  );
  return [clear, unclear];
}

function overlap(a: PortRange, b: PortRange): boolean {
  return a.first <= b.last && b.first <= a.last;
}

function answerChain({ backend, vip }: Answer, marks: MarkLayout): StaticChain {
  const { address: { family, text }, id } = backend;
  return {
    name: `a-${id}`,
    comment: `answers of ${text}`,
    rules: [
      `ct mark set ct mark & ${hex(~marks.mask)} | ${hex(markOfId(marks, id))}`,
      `meta l4proto tcp snat ${family === 4 ? "ip" : "ip6"} to ${vip}`,
    ],
  };
}

function keyText({ backend }: Answer, ports: PortRange): string {
  return `${backend.address.text} . tcp . ${portText(ports)}`;
}
