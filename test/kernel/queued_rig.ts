/** What tests of queued services ask of the kernel and of the worker. */
import assert from "node:assert/strict";
import type { Lab } from "./harness.ts";
import { must } from "./steps.ts";

/** The parts of `lb status --json` that these tests look at. */
export interface QueueStatus {
  readonly worker: {
    readonly state: "answers" | "silent" | "gone";
    readonly pid: number;
    readonly worker_pid: number;
    readonly restarts: number;
    readonly seen: number;
    readonly released: number;
    readonly left_to_kernel: number;
  };
  readonly services: readonly {
    readonly name: string;
    readonly kernel_choices: number;
    readonly backends: readonly {
      readonly address: string;
      readonly chosen: number;
      readonly new_connections: number;
      readonly active_connections: number;
    }[];
  }[];
}

export async function statusOf({ balancer }: Lab): Promise<QueueStatus> {
  const { stdout, stderr } = await balancer.lb("status", "--json");
  assert.notEqual(stdout, "", stderr);
  return JSON.parse(stdout) as QueueStatus;
}

/** Packets that the kernel has put into queues since they were bound: its own count of them. */
export async function queuedPackets(lab: Lab): Promise<number> {
  const text = await must(lab, "cat", "/proc/net/netfilter/nfnetlink_queue");
  // queue, portid, waiting, mode, range, dropped, dropped by user, id sequence, 1 (seq_show()).
  return text.split("\n").filter((line) => line !== "")
    .reduce((sum, line) => sum + Number(line.trim().split(/\s+/)[7]), 0);
}

/** Packets that have passed an interface of the balancer's, both ways. */
export async function passedPackets(lab: Lab, device: string): Promise<number> {
  const parts = await Promise.all(
    ["rx", "tx"].map((way) =>
      must(lab, "cat", `/sys/class/net/${device}/statistics/${way}_packets`)
    ),
  );
  return parts.reduce((sum, text) => sum + Number(text), 0);
}
