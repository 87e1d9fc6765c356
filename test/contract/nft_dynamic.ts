/** What packets put into sets and maps is theirs: no drift, and not ours to write. */
import assert from "node:assert/strict";
import { nftEngine } from "../../lib/engine/nft/engine.ts";
import { type ServiceSpec, stateOf } from "../fake/services.ts";
import { PATIENCE } from "../kernel/patience.ts";
import { Driver } from "./driver.ts";
import { makeNftRig, type NftHost } from "./nft_rig.ts";

const SERVICE: ServiceSpec = {
  persistence: { timeout_ms: 300_000, mask: 32, mask6: 128 },
  max_new_per_second: 1_000,
  max_connections: 1_000,
  backends: [
    { id: 1, address: "198.51.100.11", max_connections: 500 },
    { id: 2, address: "198.51.100.12" },
  ],
};

/** What is looked at: the kernel forgets rates after 10 s, in which an emulated one gets nowhere. */
const LASTING = PATIENCE > 1 ? /^st-/ : /^(st|rt)-/;

/** Changes that leave entries where they are, and one that has to give them up. */
const CHANGES: readonly (readonly [string, ServiceSpec, readonly string[]])[] = [
  ["weights", {
    ...SERVICE,
    backends: SERVICE.backends!.map((one) => ({ ...one, weight: 100 * one.id })),
  }, ["st-web4", "rt-web4"]],
  ["the scheduler", { ...SERVICE, scheduler: "maglev" }, ["st-web4", "rt-web4"]],
  ["sources", { ...SERVICE, allow: ["0.0.0.0/0"] }, ["st-web4", "rt-web4"]],
  ["no more persistence", { ...SERVICE, persistence: undefined }, ["rt-web4"]],
];

/** @param makeHost a fresh host for each test */
export function dynamicContract(name: string, makeHost: () => Promise<NftHost>): void {
  for (const [what, after, kept] of CHANGES) {
    Deno.test(`${name}: entries of clients are no drift, and ${what} keeps ${kept}`, async () => {
      const host = await makeHost();
      const rig = await makeNftRig(host);
      try {
        const driver = new Driver(nftEngine, rig);
        await driver.apply(stateOf([SERVICE]));
        await rig.connect("203.0.113.10:80");
        const before = await entriesOf(host);
        const seen = ["rt-web4", "st-web4"].filter((map) => LASTING.test(map));
        assert.deepEqual(Object.keys(before).sort(), seen, "a client was seen");
        assert.deepEqual(await driver.drift(), []);
        assert.equal(await driver.apply(stateOf([SERVICE])), false, "nothing is to be done");
        await driver.apply(stateOf([after]));
        const left = Object.fromEntries(
          kept.filter((map) => LASTING.test(map)).map((map) => [map, before[map]]),
        );
        assert.deepEqual(await entriesOf(host), left);
        assert.deepEqual(await driver.drift(), []);
      } finally {
        rig.close();
      }
    });
  }
}

interface ListedCollection {
  readonly name: string;
  readonly elem?: readonly unknown[];
}

/** Keys and values that packets left, by set or map, without their time-outs. */
async function entriesOf({ kernel }: NftHost): Promise<Record<string, string>> {
  const { stdout } = await kernel.process.run(["nft", "-j", "list", "table", "inet", "lb"]);
  const listed = (JSON.parse(stdout) as { nftables: Record<string, ListedCollection>[] }).nftables;
  const found = listed.flatMap(({ map, set }) => map ?? set ?? [])
    .filter(({ name, elem }) => LASTING.test(name) && elem);
  return Object.fromEntries(found.map(({ name, elem }) => [name, JSON.stringify(elem?.map(bare))]));
}

function bare(element: unknown): unknown {
  if (Array.isArray(element)) return element.map(bare);
  if (typeof element !== "object" || element === null || !("elem" in element)) return element;
  return (element.elem as { val: unknown }).val;
}
