import { FAMILIES, type Family } from "../model/address.ts";
import type { FilesPort, ProcessPort, RunOptions, RunResult } from "../sys/ports.ts";
import {
  BACK,
  FRONT,
  type Layout,
  type NamespaceInterface,
  oneArmLayout,
  routedLayout,
} from "./layout.ts";
import {
  folderName,
  inside,
  mustRun,
  namespaceName,
  removeLeftovers,
  removeNamespaces,
} from "./namespace.ts";

export interface TopologyOptions {
  /** How many backends, b1 … bN. */
  readonly backends: number;
  /** Client, balancer and backends on one network. @default false */
  readonly one_arm?: boolean;
  /** Process that the namespaces belong to: their names carry it. */
  readonly pid: number;
  /** Tells apart several topologies of one process. @default 0 */
  readonly serial?: number;
}

/** A client, a load balancer and backends, each in a network namespace of its own. */
export interface Topology {
  /** Names of the namespaces. */
  readonly client: string;
  readonly balancer: string;
  /** The switch between the balancer and its backends. */
  readonly wire: string;
  readonly backends: readonly string[];
  readonly one_arm: boolean;
  /** The IP versions this machine has. */
  readonly families: readonly Family[];
  /** A private folder for the balancer's config, state and locks; goes with the namespaces. */
  readonly folder: string;
  /** Runs a program in one of the namespaces to its end. */
  run(namespace: string, argv: readonly string[], options?: RunOptions): Promise<RunResult>;
  /** Removes every namespace, every program in it, and the folder. Can be called twice. */
  close(): Promise<void>;
}

/**
 * Builds the namespaces, and removes those that dead runs have left.
 *
 * The balancer starts as a machine does that has never balanced: it does not forward.
 *
 * @throws {LbError} where the machine does not let us; nothing is left then
 */
export async function buildTopology(
  process: ProcessPort,
  files: FilesPort,
  options: TopologyOptions,
): Promise<Topology> {
  const topology = describe(process, files, options);
  await removeLeftovers(process, files);
  try {
    files.mkdir(topology.folder, 0o700);
    await build(process, topology, layoutOf(options));
  } catch (error) {
    await topology.close();
    throw error;
  }
  return topology;
}

function layoutOf({ backends, one_arm }: TopologyOptions): Layout {
  return one_arm ? oneArmLayout(backends) : routedLayout(backends);
}

function describe(
  process: ProcessPort,
  files: FilesPort,
  options: TopologyOptions,
): Topology {
  const folder = folderName(options.pid, options.serial ?? 0);
  const name = (role: string) => namespaceName(options.pid, options.serial ?? 0, role);
  const backends = Array.from({ length: options.backends }, (_, index) => name(`b${index + 1}`));
  const [client, balancer, wire] = [name("cli"), name("lb"), name("net")];
  return {
    client,
    balancer,
    wire,
    backends,
    one_arm: options.one_arm ?? false,
    families: files.stat("/proc/sys/net/ipv6") ? FAMILIES : [4],
    folder,
    run: (namespace, argv, runOptions) => process.run(inside(namespace, argv), runOptions),
    async close() {
      await removeNamespaces(process, [client, balancer, wire, ...backends]);
      await process.run(["rm", "-rf", "--", folder]);
    },
  };
}

/** One `ip -batch` per namespace: a tenth of the time of one program per command. */
async function build(process: ProcessPort, topology: Topology, layout: Layout): Promise<void> {
  const { client, balancer, wire, backends, families } = topology;
  await batch(
    process,
    undefined,
    [client, balancer, wire, ...backends].map((n) => `netns add ${n}`),
  );
  const hasIpv6 = families.includes(6);
  await Promise.all([
    batch(process, wire, wireCommands(topology, layout)),
    // A new namespace takes ip_forward from the machine's, which may be a router already.
    setSysctl(process, balancer, "net.ipv4.ip_forward=0"),
    // IPv6, unlike IPv4, lets nobody bind to an address that is local by a route only.
    hasIpv6 && setSysctl(process, client, "net.ipv6.ip_nonlocal_bind=1"),
    // A client's port that comes back through another VIP would meet its old connection in TIME_WAIT,
    // and wait a second.
    ...backends.map((backend) => setSysctl(process, backend, "net.ipv4.tcp_max_tw_buckets=0")),
  ]);
  if (layout.front) {
    await batch(process, balancer, [
      `link add ${FRONT} type veth peer name ${layout.client.name} netns ${client}`,
    ]);
  }
  const configure = (
    namespace: string,
    interfaces: readonly NamespaceInterface[],
    routes: readonly string[],
  ) =>
    batch(
      process,
      namespace,
      hostCommands(interfaces, routes).filter((line) => hasIpv6 || !line.includes(":")),
    );
  const balancerSide = layout.front ? [layout.front, layout.back] : [layout.back];
  await Promise.all([
    configure(client, [layout.client], layout.routes.client),
    configure(balancer, balancerSide, layout.routes.balancer),
    ...layout.backends.map((backend, index) =>
      configure(backends[index]!, [backend], layout.routes.backend)
    ),
  ]);
}

/** The switch, and a cable from it to everyone who is on it. */
function wireCommands(topology: Topology, layout: Layout): string[] {
  const plugs = [
    { port: "lb", namespace: topology.balancer, name: BACK },
    ...layout.backends.map((backend, index) => ({
      port: `b${index + 1}`,
      namespace: topology.backends[index],
      name: backend.name,
    })),
  ];
  if (!layout.front) plugs.push({ port: "cli", namespace: topology.client, name: "eth0" });
  return [
    "link add wire type bridge",
    "link set wire up",
    ...plugs.flatMap(({ port, namespace, name }) => [
      `link add ${port} type veth peer name ${name} netns ${namespace}`,
      `link set ${port} master wire up`,
    ]),
  ];
}

/**
 * Link-local addresses are ours and `nodad`: the kernel's own would be tentative for a second or two,
 * and forwarded packets cannot ask for a neighbour without one.
 */
function hostCommands(
  interfaces: readonly NamespaceInterface[],
  routes: readonly string[],
): string[] {
  return [
    "link set lo up",
    ...interfaces.flatMap(({ name, addresses }) => [
      `link set ${name} addrgenmode none`,
      `link set ${name} up`,
      ...addresses.map((address) =>
        `address add ${address} dev ${name}${address.includes(":") ? " nodad" : ""}`
      ),
    ]),
    ...routes.map((route) => `route add ${route}`),
  ];
}

async function setSysctl(process: ProcessPort, namespace: string, setting: string): Promise<void> {
  await mustRun(process, inside(namespace, ["sysctl", "-q", "-w", setting]));
}

async function batch(
  process: ProcessPort,
  namespace: string | undefined,
  commands: readonly string[],
): Promise<void> {
  const where = namespace === undefined ? [] : ["-n", namespace];
  await mustRun(process, ["ip", ...where, "-batch", "-"], { stdin: commands.join("\n") + "\n" });
}
