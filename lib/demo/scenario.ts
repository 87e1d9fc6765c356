import type { Topology } from "./topology.ts";
import { backendAddress, vipAddress } from "./layout.ts";
import type { Door } from "./role/spec.ts";

/** Host number of the VIPs. */
const VIP_HOST = 10;

/** Where clients knock. */
export const SERVICE_PORT = 80;

/** Where the backends listen: another port, so that translation shows. */
export const BACKEND_PORT = 8080;

/** A backend of the demo. */
export interface DemoBackend {
  readonly name: string;
  readonly weight: number;
}

/** 5:3:2, so that ten requests are one full turn. */
export const DEMO_BACKENDS: readonly [DemoBackend, DemoBackend, DemoBackend] = [
  { name: "b1", weight: 50 },
  { name: "b2", weight: 30 },
  { name: "b3", weight: 20 },
];

/** The VIPs of a topology's IP versions. */
export function doorsOf({ families }: Pick<Topology, "families">): Door[] {
  return families.map((family) => ({ address: vipAddress(family, VIP_HOST), port: SERVICE_PORT }));
}

/** A backend's `ADDRESS:PORT` in each IP version, as `lb scale` wants it. */
export function scaleNames({ families }: Pick<Topology, "families">, index: number): string[] {
  return families.map((family) => {
    const address = backendAddress(family, index);
    return family === 4 ? `${address}:${BACKEND_PORT}` : `[${address}]:${BACKEND_PORT}`;
  });
}

/** The demo's `lb.toml`. Pure. */
export function demoConfig(topology: Pick<Topology, "families">, engine: string): string {
  const vips = doorsOf(topology).map(({ address }) => `"${address}"`).join(", ");
  const backends = DEMO_BACKENDS.flatMap(({ name, weight }, index) =>
    topology.families.map((family) => `
[[service.backend]]            # ${name}
address = "${backendAddress(family, index)}"
port = ${BACKEND_PORT}
weight = ${weight}
`)
  );
  return `# The demo of lb: one service, three backends, weights 5:3:2.

[[service]]
name = "web"
vip = [${vips}]
protocol = "tcp"
ports = [${SERVICE_PORT}]
vip_on = "none"                # routed here by the client
engine = "${engine}"
scheduler = "wrr"
${backends.join("")}`;
}

/** How many of `requests` each backend should get. Pure. */
export function fairShare(
  backends: readonly DemoBackend[],
  requests: number,
): Record<string, number> {
  const total = backends.reduce((sum, { weight }) => sum + weight, 0);
  return Object.fromEntries(
    backends.map(({ name, weight }) => [name, requests * weight / total]),
  );
}

/** Largest distance between what backends got and their share, in requests. Pure. */
export function worstDeviation(
  got: Readonly<Record<string, number>>,
  share: Readonly<Record<string, number>>,
): number {
  const names = new Set([...Object.keys(got), ...Object.keys(share)]);
  return Math.max(...[...names].map((name) => Math.abs((got[name] ?? 0) - (share[name] ?? 0))));
}
