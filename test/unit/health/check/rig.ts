/** Test equipment: checks of a backend that is not there. */
import { HEALTH_DEFAULTS } from "../../../../lib/model/health.ts";
import type { CheckPorts, CheckTarget } from "../../../../lib/health/check/check.ts";
import type { Health } from "../../../../lib/model/service.ts";
import type { RunOptions, RunResult } from "../../../../lib/sys/ports.ts";
import { FakeFiles } from "../../../fake/files.ts";
import { FakePeers, type Script } from "../../../fake/peers.ts";

export interface FakePorts extends CheckPorts {
  readonly peers: FakePeers;
  readonly files: FakeFiles;
  /** How programs were run. */
  readonly runs: (readonly [readonly string[], RunOptions?])[];
}

/** @param result what every program comes to */
export function fakePorts(
  scripts: Readonly<Record<number, Script>> = {},
  result: RunResult = { code: 0, stdout: "", stderr: "" },
): FakePorts {
  const runs: (readonly [readonly string[], RunOptions?])[] = [];
  return {
    peers: new FakePeers(scripts),
    files: new FakeFiles(),
    runs,
    clock: { sleep: () => Promise.resolve() },
    process: {
      run(argv, options) {
        runs.push([argv, options]);
        return Promise.resolve(result);
      },
    },
    // Nothing is encrypted: who speaks is the same.
    tls: () => Promise.resolve({ over: (socket) => Promise.resolve(socket) }),
  };
}

export function target(health: Partial<Health>, port?: number, text = "192.0.2.1"): CheckTarget {
  const family = text.includes(":") ? 6 : 4;
  return {
    service: "web",
    address: { family, text },
    port,
    health: { ...HEALTH_DEFAULTS, timeout_ms: 900, ...health },
  };
}

export function bytes(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}
