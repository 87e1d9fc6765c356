/** Test equipment: drains at their deadline, on a fake machine. */
import type { RunResult } from "../../../lib/sys/ports.ts";
import type { Rig } from "./rig.ts";

export const FIRST = "198.51.100.11";
export const SECOND = "198.51.100.12";

export const TEXT = `[[service]]
name = "web"
vip = "192.0.2.10"
ports = [80]
[[service.backend]]
address = "${FIRST}"
[[service.backend]]
address = "${SECOND}"
`;

/** Two connections to a backend that is at its deadline. */
export function due(rig: Rig, address: string): void {
  const { flows } = rig.host.netfilter;
  for (const index of [1, 2]) {
    flows.push({
      id: flows.length + index,
      protocol: "tcp",
      mark: rig.ids()[`web ${address}|`]! << 8,
      vip: "192.0.2.10",
      port: 80,
      answered_by: address,
    });
  }
  const now_ms = rig.host.kernel.clock.now_ms();
  const row = { service: "web", backend: `${address}|`, intent: "drain", removes: false } as const;
  rig.store.intents.put([{ ...row, since_ms: now_ms, deadline_ms: now_ms, ended: null }]);
}

/** How runs of nft that write the rules of a cut end. */
export function nftEnds(rig: Rig, result: Pick<RunResult, "code" | "stderr">): void {
  rig.host.answerRun = (argv) =>
    argv.some((word) => word.endsWith("/cut.nft")) ? { stdout: "", ...result } : undefined;
}

export const DONE = { code: 0, stderr: "" };
