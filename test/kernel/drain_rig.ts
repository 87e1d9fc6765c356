/** What tests of drains work with. */
import assert from "node:assert/strict";
import { backendAddress } from "../../lib/demo/layout.ts";
import type { Family } from "../../lib/model/address.ts";
import type { Child } from "../../lib/sys/ports.ts";
import { door, scaleName, type ServiceText, serviceText } from "./config.ts";
import type { Ending } from "./drain_inside.ts";
import type { Lab } from "./harness.ts";
import { PATIENCE } from "./patience.ts";
import { allAnswered, must, send } from "./steps.ts";

const INSIDE = new URL("./drain_inside.ts", import.meta.url).pathname;

/** What is asked of each of the two backends. */
interface Counts {
  readonly short: number;
  readonly long: number;
  readonly idle: number;
}

/** Seconds that a short download takes. */
const SHORT_S = 1;

export const wait = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** Connections to a service, until they are closed. */
export interface Connections {
  /** @returns how each of them ended until then */
  close(): Promise<Ending[]>;
}

/** Opens so many connections of each kind for each of two backends. */
export async function openAll(lab: Lab, family: Family, counts: Counts): Promise<Connections> {
  const { address, port } = door(family);
  const numbers = [counts.short, counts.long, counts.idle].map((count) => `${2 * count}`);
  const argv = [Deno.execPath(), "run", "-q", "--no-check", "-A", INSIDE, address, `${port}`];
  const pace = [`${SHORT_S * PATIENCE}`, PATIENCE > 1 ? "1000" : "100"];
  const child = lab.traffic.program(lab.topology.client, [...argv, ...numbers, ...pace]);
  assert.equal((await child.lines.next()).value, "ready");
  return { close: () => closeAll(child) };
}

async function closeAll(child: Child): Promise<Ending[]> {
  await child.closeInput();
  const { value } = await child.lines.next();
  await child.ended;
  return JSON.parse(value as string) as Ending[];
}

/** A service with two backends, and how long a drain of it lasts. */
export function draining(engine: string, deadline_s: number, service: Partial<ServiceText> = {}) {
  const { more = "", ...rest } = service;
  return serviceText({
    weights: [1, 1],
    ...rest,
    more: `engine = "${engine}"\n${more}\n[service.drain]\ndeadline = "${deadline_s}s"`,
  });
}

/** Applies a config. */
export async function applyText({ balancer }: Lab, text: string): Promise<void> {
  balancer.writeConfig(text);
  await balancer.json(0, "apply");
}

/** The parts of `lb … --json` that these tests look at. */
export interface Told {
  readonly health?: readonly { readonly kind: string; readonly message: string }[];
  readonly notes: readonly string[];
}

/** `lb scale web` with these words. */
export async function scale({ balancer }: Lab, ...words: string[]): Promise<Told> {
  const argv = balancer.argv("scale", "web", ...words, "--json");
  const { code, stdout, stderr } = await balancer.run(argv, { timeout_ms: 60_000 * PATIENCE });
  assert.equal(code, 0, stderr);
  return JSON.parse(stdout) as Told;
}

/** Another run begins it: it is waited for so many times. */
const LOOKS_MAX = 40;

/** When the drain of the first backend of an IP version is over. Milliseconds since 1970. */
export async function deadlineOf({ balancer }: Lab, family: Family): Promise<number> {
  for (let look = 0; look < LOOKS_MAX; look++) {
    const { services } = await balancer.json<StatusText>(0, "status");
    const found = services[0]?.backends.find(({ address }) => address === first(family).address);
    if (found?.drain) return Date.parse(found.drain.deadline);
  }
  assert.fail("no drain has begun");
}

interface StatusText {
  readonly services: readonly {
    readonly backends: readonly {
      readonly address: string;
      readonly drain: { readonly deadline: string } | null;
    }[];
  }[];
}

/** What was told of drains. */
export function drainWords({ health = [] }: Told): string[] {
  return health.filter(({ kind }) => kind === "drain").map(({ message }) => message);
}

/** Who answers new connections. */
export async function newOnes(lab: Lab, family: Family, count = 10): Promise<string[]> {
  const result = await send(lab, { doors: [door(family)], count });
  allAnswered(result);
  return Object.keys(result.per_backend).sort();
}

/** The name of the first backend, and its address. */
export function first(family: Family) {
  return { name: scaleName(family, 0), address: backendAddress(family, 0) };
}

/** Connections that a backend's own kernel has at the port of the service. */
export async function heldBy(lab: Lab, index: number): Promise<number> {
  const namespace = lab.topology.backends[index]!;
  const argv = ["ss", "-Htn", "state", "established", "sport", "=", ":8080"];
  const { stdout } = await lab.topology.run(namespace, argv);
  return stdout.split("\n").filter((line) => line !== "").length;
}

/** Nothing is left of connections that were cut, nor of the rules that did it where these are to be gone. */
export async function leavesNothing(lab: Lab, family: Family, isClear: boolean): Promise<void> {
  // Where this kernel has no nft there is nothing of it to be left.
  const { stdout } = await lab.balancer.run(["nft", "list", "tables"]);
  if (isClear) assert.doesNotMatch(stdout, /lb-cut/);
  const { address } = first(family);
  const entries = await must(lab, "conntrack", "-L", "-f", `ipv${family}`, "-p", "tcp");
  const lines = entries.split("\n");
  const left = lines.filter((line) => line.includes("ESTABLISHED"))
    .filter((line) => line.includes(`src=${address} `));
  assert.deepEqual(left, []);
  // What was said in the ends' names began nothing that conntrack knows of.
  const speakers = lines.map((line) => / src=(\S+)/.exec(line)?.[1]);
  assert.equal(speakers.includes(door(family).address), false);
  assert.equal(speakers.includes(address), false);
}
