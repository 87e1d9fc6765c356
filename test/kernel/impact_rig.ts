/** What tests of a plan's impact ask of it, and of connections afterwards. */
import type { Lab } from "./harness.ts";
import type { HeldMany } from "./held.ts";

/** One of `impact` of `lb … --plan --json`. */
export interface Impact {
  readonly service: string;
  readonly engine: { readonly from: string | null; readonly to: string | null };
  readonly slots_remapped: number | null;
  readonly connections: Readonly<Record<"kept" | "draining" | "cut" | "flushed", number>> | null;
  readonly reason: string;
}

/** What `lb` with these words would do to connections. */
export async function planned({ balancer }: Lab, ...words: string[]): Promise<readonly Impact[]> {
  const [command, ...rest] = words as [string, ...string[]];
  const { impact } = await balancer.json<{ impact: Impact[] }>(0, command, ...rest, "--plan");
  return impact;
}

/** What has become of connections: those at the same backend, at none, and at another one. Closes them. */
export async function outcomeOf(held: HeldMany) {
  const after = await held.ask();
  const kept = held.names.filter((name, index) => name === after[index]).length;
  const cut = after.filter((name) => name === "").length;
  return { kept, cut, moved: held.names.length - kept - cut };
}
