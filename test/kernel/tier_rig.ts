/** A second load balancer beside that of a lab, and a router on either side that tells which one has which clients. */
import { type Balancer, makeBalancer } from "../../lib/demo/balancer.ts";
import { BACK } from "../../lib/demo/layout.ts";
import { mustRun, removeNamespaces } from "../../lib/demo/namespace.ts";
import { files } from "../../lib/sys/files.ts";
import { process } from "../../lib/sys/process.ts";
import { buildLab, type Lab, LB } from "./harness.ts";

/** The clients of each balancer: halves of those that the client of a lab answers for. */
const CLIENTS = ["192.0.2.128/26", "192.0.2.192/26"] as const;

/** Of the networks between client and balancers, and between balancers and backends. */
const FRONTS = ["192.0.2.1", "198.18.0.1"] as const;
const BACKS = ["198.51.100.1", "198.51.100.2"] as const;

/** Two load balancers between one client and its backends. */
export interface Tier {
  readonly lab: Lab;
  readonly balancers: readonly [Balancer, Balancer];
  /** Sends the packets of both halves of the clients, and their answers, through these balancers (0 or 1). */
  route(first: number, second: number): Promise<void>;
  close(): Promise<void>;
}

/** An address of half `half` of the clients. */
export function clientOf(half: number, index: number): string {
  return `192.0.2.${128 + 64 * half + 1 + index % 60}`;
}

export async function buildTier(backends: number): Promise<Tier> {
  const lab = await buildLab({ backends });
  const { topology } = lab;
  const name = topology.balancer.replace(/lb$/, "lb2");
  const folder = `${topology.folder}/second`;
  const ip = (namespace: string, lines: readonly string[]) =>
    mustRun(process, ["ip", "-n", namespace, "-batch", "-"], { stdin: lines.join("\n") + "\n" });
  const close = async () => {
    await lab.traffic.close();
    await removeNamespaces(process, [name]);
    await topology.close();
  };
  try {
    files.mkdir(folder, 0o700);
    await mustRun(process, ["ip", "netns", "add", name]);
    await ip(topology.wire, [
      `link add lb2 type veth peer name ${BACK} netns ${name}`,
      "link set lb2 master wire up",
    ]);
    await ip(topology.client, [`link add eth1 type veth peer name front netns ${name}`]);
    await ip(name, [
      ...["lo", "front", BACK].map((link) => `link set ${link} up`),
      `address add ${FRONTS[1]}/24 dev front`,
      `address add ${BACKS[1]}/24 dev ${BACK}`,
      "route add default via 198.18.0.10",
    ]);
    await ip(topology.client, ["link set eth1 up", "address add 198.18.0.10/24 dev eth1"]);
  } catch (error) {
    await close();
    throw error;
  }
  return {
    lab,
    balancers: [lab.balancer, makeBalancer({ ...topology, balancer: name, folder }, files, LB)],
    async route(...ways) {
      await ip(topology.client, [
        ...CLIENTS.map((_, half) =>
          `route replace default via ${FRONTS[ways[half]!]!} table ${half + 1}`
        ),
      ]);
      for (const backend of topology.backends) {
        await ip(
          backend,
          CLIENTS.map((clients, half) => `route replace ${clients} via ${BACKS[ways[half]!]!}`),
        );
      }
      const { stdout } = await topology.run(topology.client, ["ip", "rule", "list"]);
      const missing = CLIENTS.filter((clients) => !stdout.includes(`from ${clients} lookup`));
      await ip(
        topology.client,
        missing.map((clients) => `rule add from ${clients} lookup ${CLIENTS.indexOf(clients) + 1}`),
      );
    },
    close,
  };
}
