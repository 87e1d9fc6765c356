/** Clients that do what the usual traffic does not: come from many networks, stay, or never stop. */
import assert from "node:assert/strict";
import type { Door } from "../../lib/demo/role/spec.ts";
import type { Family } from "../../lib/model/address.ts";
import type { Child } from "../../lib/sys/ports.ts";
import type { Lab } from "./harness.ts";

/** Networks that the client answers for as a whole: benchmarking and documentation addresses. */
const NETWORKS = ["198.18.0.0/15", "2001:db8:cc00::/40"];

/** Lets the client use every address of {@linkcode networkAddress}. */
export async function manyNetworks({ topology }: Lab): Promise<void> {
  for (const network of NETWORKS) {
    const argv = ["ip", "route", "replace", "local", network, "dev", "lo"];
    const { code, stderr } = await topology.run(topology.client, argv);
    assert.equal(code, 0, stderr);
  }
}

/** Host `host` (1–254) of the client's network number `network` (0–255): a /24, or a /64. */
export function networkAddress(family: Family, network: number, host: number): string {
  return family === 4
    ? `198.18.${network}.${host}`
    : `2001:db8:cc00:${(network + 1).toString(16)}::${host.toString(16)}`;
}

/** A tcp connection that is open. */
export interface Held {
  /** Closes it, and waits until conntrack knows. */
  close(): Promise<void>;
}

/** Opens a tcp connection that says nothing. @returns undefined where it is refused */
export async function hold(lab: Lab, { address, port }: Door): Promise<Held | undefined> {
  const script = `exec 3<>/dev/tcp/${address}/${port} && echo open; read -r`;
  const child = lab.traffic.program(lab.topology.client, ["timeout", "60", "bash", "-c", script]);
  const { value } = await child.lines.next();
  if (value !== "open") {
    await child.ended;
    return undefined;
  }
  return { close: () => end(lab, child) };
}

async function end(lab: Lab, child: Child): Promise<void> {
  const before = await established(lab);
  await child.closeInput();
  await child.ended;
  for (let turn = 0; turn < 40 && await established(lab) >= before; turn++) {
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

async function established({ balancer }: Lab): Promise<number> {
  const { stdout } = await balancer.run(["conntrack", "-L", "-p", "tcp", "--state", "ESTABLISHED"]);
  const other = await balancer.run([
    ...["conntrack", "-L", "-f", "ipv6", "-p", "tcp", "--state", "ESTABLISHED"],
  ]);
  return (stdout + other.stdout).split("\n").filter((line) => line.includes("ESTABLISHED")).length;
}

/** Sends datagrams from one socket, a hundred a second, until its input closes, 30 s at most. */
export function stream({ traffic, topology }: Lab, { address, port }: Door): Child {
  const script = `exec 3<>/dev/udp/${address}/${port}; echo ready
    for i in {1..3000}; do printf x >&3 2>/dev/null; read -r -t 0.01; [ $? -le 128 ] && exit; done`;
  return traffic.program(topology.client, ["bash", "-c", script]);
}

/** Connections that are open, one after the other: the next is opened when the last one was. */
export interface HeldMany {
  /** @returns who answers on each of them, in their order; "" where nobody does. Closes them */
  ask(): Promise<string[]>;
}

/** Without a program for each: an emulated machine starts few in a second. */
const HOLD_MANY = `for ((i = 0; i < $3; i++)); do
    exec {fd}<>/dev/tcp/$1/$2 || exit 1
    fds+=($fd)
  done
  echo open; read -r -t 100
  for fd in "\${fds[@]}"; do
    name=
    printf 'GET / HTTP/1.1\\r\\nHost: demo.example\\r\\n\\r\\n' >&$fd &&
      while IFS= read -r -t 10 -u $fd line && [ "$line" != $'\\r' ]; do
        case $line in x-backend:*) name=\${line#*: }; name=\${name%$'\\r'};; esac
      done
    echo "$name"
  done`;

/** Opens tcp connections that say nothing until they are asked to. @returns undefined where one is refused */
export async function holdMany(
  { traffic, topology }: Lab,
  { address, port }: Door,
  count: number,
): Promise<HeldMany | undefined> {
  const argv = ["bash", "-c", HOLD_MANY, "bash", address, `${port}`, `${count}`];
  const child = traffic.program(topology.client, argv);
  const { value } = await child.lines.next();
  if (value !== "open") {
    await child.ended;
    return undefined;
  }
  return {
    async ask() {
      await child.closeInput();
      return await Array.fromAsync(child.lines);
    },
  };
}

/** Opens tcp connections and closes each at once. */
export async function knock(
  { topology }: Lab,
  { address, port }: Door,
  count: number,
): Promise<void> {
  const stdin = `for ((i = 0; i < ${count}; i++)); do exec 3<>/dev/tcp/${address}/${port} || exit 1
    exec 3>&-; done`;
  const { code, stderr } = await topology.run(topology.client, ["bash"], { stdin });
  assert.equal(code, 0, stderr);
}
