/** What tests of queued services ask of the kernel and of the worker. */
import { backendAddress } from "../../lib/demo/layout.ts";
import type { Source } from "../../lib/demo/role/spec.ts";
import { parseAddress } from "../../lib/model/address.ts";
import { hashSlot, slotTable } from "../../lib/scheduler/slots.ts";
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

/** Waits until it is so; ten seconds at most. @returns how long it took, ms */
export async function eventually(what: string, isSo: () => Promise<boolean>): Promise<number> {
  const began = performance.now();
  while (!await isSo()) {
    assert.ok(performance.now() - began < 10_000, `not within ten seconds: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  return performance.now() - began;
}

/** The backend that maglev and sh give a client by their tables, whoever looks it up: `b1` and so on. */
export function predicted(
  scheduler: "sh" | "maglev",
  service: string,
  weights: readonly number[],
  { address, port }: Required<Source>,
): string {
  const backends = weights.map((weight, index) => ({
    id: index + 1,
    address: parseAddress(backendAddress(4, index))!,
    port: 8080,
    weight,
    effective_weight: weight,
  }));
  const table = slotTable(scheduler, service, backends);
  return `b${table.slots[hashSlot(table, parseAddress(address)!, port)!]}`;
}
