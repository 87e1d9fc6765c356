/** Test equipment: one or two network namespaces, and what lib/netlink sees and does in them. */
import assert from "node:assert/strict";
import { inside, mustRun, namespaceName, removeNamespaces } from "../../lib/demo/namespace.ts";
import { clock } from "../../lib/sys/clock.ts";
import { process } from "../../lib/sys/process.ts";
import type { Act, Input } from "./netlink_inside.ts";

const INSIDE = new URL("netlink_inside.ts", import.meta.url).pathname;
const CONFIG = new URL("../../deno.json", import.meta.url).pathname;

/** A veth pair, `up0` on both ends, without link-local addresses: they would come up in the middle of a test. */
export async function connect(one: string, other: string): Promise<void> {
  await run(one, "ip", "link", "add", "up0", "type", "veth", "peer", "name", "up0", "netns", other);
  for (const name of [one, other]) {
    await run(name, "ip", "link", "set", "up0", "up", "addrgenmode", "none");
  }
}

export function actArgv(name: string, what: Act, input: Input = {}): [string, ...string[]] {
  const argv = [Deno.execPath(), "run", "-A", "--no-check", "--config", CONFIG, INSIDE];
  return inside(name, [...argv, what, JSON.stringify(input)]);
}

export /** What {@linkcode Act} does in the namespace. */
async function act<Result>(name: string, what: Act, input: Input = {}): Promise<Result> {
  return JSON.parse((await mustRun(process, actArgv(name, what, input))).stdout);
}

export async function run(name: string, ...argv: string[]): Promise<string> {
  return (await mustRun(process, inside(name, argv))).stdout;
}

/** Every test file is an isolate of its own, but they share the process id. */
let topologies = crypto.getRandomValues(new Uint16Array(1))[0]!;

export async function inNamespaces(
  count: number,
  use: (names: [string, string]) => Promise<void>,
): Promise<void> {
  const serial = ++topologies;
  const name = (role: number) => namespaceName(Deno.pid, serial, `netlink${role}`);
  const names: [string, string] = [name(1), name(2)];
  const used = names.slice(0, count);
  try {
    for (const name of used) await mustRun(process, ["ip", "netns", "add", name]);
    await use(names);
  } finally {
    await removeNamespaces(process, used);
  }
}

export async function macOf(name: string): Promise<string> {
  const [link]: { readonly address: string }[] = JSON.parse(
    await run(name, "ip", "-j", "link", "show", "up0"),
  );
  assert.ok(link);
  return link.address;
}

/** Softirqs may be a moment behind on a busy machine. */
export async function learns(name: string, address: string, mac: string): Promise<void> {
  let neighbour = "";
  for (let attempt = 0; attempt < 20 && !neighbour.includes(mac); attempt++) {
    if (attempt > 0) await clock.sleep(50);
    neighbour = await run(name, "ip", "neigh", "show", address);
  }
  assert.match(neighbour, new RegExp(`lladdr ${mac}`));
}
