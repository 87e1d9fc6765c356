/** Test equipment: services loaded into a fake nft, and a tracer to send packets through them. */
import { desiredSnapshot } from "../../../../lib/engine/nft/desired.ts";
import { planNft } from "../../../../lib/engine/nft/plan.ts";
import { EMPTY_SNAPSHOT, type Snapshot, withToken } from "../../../../lib/engine/nft/snapshot.ts";
import { INET_NAT } from "../../../../lib/engine/nft/table.ts";
import { FakeNft } from "../../../fake/nft.ts";
import type { DesiredState } from "../../../../lib/model/state.ts";
import { type ServiceSpec, stateOf } from "../../../fake/services.ts";
import { scriptOf } from "./script_of.ts";
import { Tracer } from "./trace.ts";

/** One table for both IP versions, and one for each. */
export const LAYOUTS = { "one table": [], "split tables": [INET_NAT] } as const;

export class Ruleset {
  readonly nft = new FakeNft();
  readonly tracer = new Tracer(
    (family) => this.#tableOf(family),
    () => this.nft.table("netdev lb"),
  );
  readonly #mask: number | undefined;
  #lacks: readonly string[];
  #have: Snapshot = EMPTY_SNAPSHOT;
  #revision = 0;

  constructor(services: readonly ServiceSpec[], mask?: number, lacks: readonly string[] = []) {
    this.#mask = mask;
    this.#lacks = lacks;
    this.change(services);
  }

  /** Brings the fake to these services, as an apply does. @returns what was changed, `OP OBJECT` */
  change(services: readonly ServiceSpec[]): string[] {
    return this.bringTo(stateOf(services, this.#mask, this.#lacks));
  }

  bringTo(state: DesiredState): string[] {
    const want = desiredSnapshot(state);
    const token = `${++this.#revision} . 1`;
    const plan = planNft(want, this.#have, token);
    if (plan.changes.length > 0) {
      this.nft.edit(scriptOf(plan));
      this.#have = withToken(want, token);
    }
    this.#lacks = state.lacks;
    return plan.changes.map(({ op, object }) => `${op} ${object}`).sort();
  }

  /** What a set or map holds, as text. */
  elements(name: string): Record<string, string> {
    return Object.fromEntries(this.nft.table("inet lb")!.collections.get(name)!.elements);
  }

  #tableOf(family: 4 | 6) {
    const isSplit = this.#lacks.includes(INET_NAT);
    return this.nft.table(isSplit ? family === 4 ? "ip lb" : "ip6 lb" : "inet lb");
  }

  /** Where a new connection ends up. Tcp unless said otherwise. */
  to(from: string, to: string, protocol = "tcp"): string {
    return this.tracer.send({ from, to, protocol }).to;
  }

  /** Where this many new connections from different ports end up, with how many each. */
  spread(count: number, to: string, client = "192.0.2.9"): Record<string, number> {
    const counts: Record<string, number> = {};
    for (let port = 1024; port < 1024 + count; port++) {
      const fate = this.to(client.includes(":") ? `[${client}]:${port}` : `${client}:${port}`, to);
      counts[fate] = (counts[fate] ?? 0) + 1;
    }
    return counts;
  }
}
