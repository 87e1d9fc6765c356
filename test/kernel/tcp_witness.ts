/** Tcp as the kernels of backends have counted it, whatever the programs there say. */
import assert from "node:assert/strict";
import type { Lab } from "./harness.ts";

/** Of one namespace, since it is there; but for `established`, which are those of now. */
export interface TcpCounts {
  /** Connections that others opened to it. */
  readonly opened: number;
  readonly established: number;
  /** Connections that found a listener's queue full, and all that listeners passed over. */
  readonly overflows: number;
  readonly drops: number;
}

/** Where /proc has them: in snmp(5)'s table, and in the one beside it. */
const NAMES = {
  opened: "Tcp PassiveOpens",
  established: "Tcp CurrEstab",
  overflows: "TcpExt ListenOverflows",
  drops: "TcpExt ListenDrops",
} as const satisfies Record<keyof TcpCounts, string>;

/** What the backends have counted until now, backend by backend. */
export async function tcpAtBackends({ topology }: Lab): Promise<TcpCounts[]> {
  return await Promise.all(topology.backends.map(async (namespace) => {
    const argv = ["cat", "/proc/net/snmp", "/proc/net/netstat"];
    return countsOf((await topology.run(namespace, argv)).stdout);
  }));
}

/** The sum of a number over the backends. */
export function totalOf(backends: readonly TcpCounts[], name: keyof TcpCounts): number {
  return backends.reduce((sum, counts) => sum + counts[name], 0);
}

/** Every table has a line of names and one of numbers. */
function countsOf(text: string): TcpCounts {
  const found = new Map<string, number>();
  const lines = text.split("\n").map((line) => line.split(" "));
  lines.forEach(([table = "", ...names], index) => {
    const [same, ...values] = lines[index + 1] ?? [];
    if (same !== table) return;
    names.forEach((name, at) => found.set(`${table.slice(0, -1)} ${name}`, Number(values[at])));
  });
  const count = (name: keyof TcpCounts) => {
    const value = found.get(NAMES[name]);
    assert.ok(value !== undefined && value >= 0, `no ${NAMES[name]} in /proc/net`);
    return value;
  };
  return {
    opened: count("opened"),
    established: count("established"),
    overflows: count("overflows"),
    drops: count("drops"),
  };
}
