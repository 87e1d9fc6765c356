/** A second table, at ingress: as much lb's as the first, and of one transaction with it. */
import assert from "node:assert/strict";
import { StalePlanError } from "../../lib/engine/engine.ts";
import { nftEngine } from "../../lib/engine/nft/engine.ts";
import { ingressAt, type ServiceSpec, stateOf } from "../fake/services.ts";
import { Driver } from "./driver.ts";
import { makeNftRig, type NftHost } from "./nft_rig.ts";

const DIRECT: ServiceSpec = {
  name: "direct",
  forward: "dr",
  scheduler: "sh",
  vip: ["203.0.113.10", "2001:db8:1::10", "203.0.113.64/28"],
  backends: [
    { id: 1, address: "198.51.100.11", ifindex: 2 },
    { id: 2, address: "2001:db8:b::11", ifindex: 2 },
  ],
};

const TRANSLATED: ServiceSpec = {
  name: "nat",
  vip: ["203.0.113.20"],
  backends: [{ id: 3, address: "198.51.100.12" }],
};

const stateOfBoth = (...services: ServiceSpec[]) =>
  stateOf(services, undefined, [], ingressAt(["eth0"], ["203.0.113.64/28"]));
const BOTH = stateOfBoth(DIRECT, TRANSLATED);

/** What is done to the table by hand, and the objects that are told. */
const TAMPERINGS: readonly (readonly [string, readonly string[], readonly string[]])[] = [
  ["a chain flushed", ["chain s-direct4"], ["flush chain netdev lb s-direct4"]],
  [
    "another interface",
    ["chain b-1"],
    [
      "flush chain netdev lb b-1",
      "add rule netdev lb b-1 fwd ip to 198.51.100.11 device 3",
    ],
  ],
  ["a hook too many", ["chain in-eth1"], [
    'add chain netdev lb in-eth1 { type filter hook ingress device "eth1" priority 10; policy accept; }',
  ]],
  ["a policy", ["chain in-eth0"], [
    'add chain netdev lb in-eth0 { type filter hook ingress device "eth0" priority 10; policy drop; }',
  ]],
  ["a key of a quoted packet", ["map er4"], [
    "delete element netdev lb er4 { 0xcb00710a . 0x06 . 0x0050 }",
  ]],
  ["a range of quoted packets", ["map ei4"], [
    "delete element netdev lb ei4 { 0xcb007140-0xcb00714f . 0x06 . 0x0050 }",
  ]],
  ["a slot", ["map sl-direct6"], ["delete element netdev lb sl-direct6 { 0 }"]],
  ["a VIP", ["set vip4"], ["delete element netdev lb vip4 { 203.0.113.64/28 }"]],
  ["all of it", ["table netdev lb"], ["delete table netdev lb"]],
];

/** @param makeHost a fresh host, with interfaces eth0 and eth1, for each test */
export function ingressContract(name: string, makeHost: () => Promise<NftHost>): void {
  const test = (what: string, act: (driver: Rigged, host: NftHost) => Promise<void>) =>
    Deno.test(`${name}: ${what}`, async () => {
      const host = await makeHost();
      const rig = await makeNftRig(host);
      try {
        await act(new Driver(nftEngine, rig), host);
      } finally {
        rig.close();
      }
    });

  for (const [what, objects, lines] of TAMPERINGS) {
    test(
      `at ingress, ${what} changed by hand is drift, and one apply repairs it`,
      async (driver, host) => {
        await driver.apply(BOTH);
        await host.edit(...lines);
        const named = objects.map((object) =>
          object.startsWith("table") ? object : `netdev lb ${object}`
        );
        assert.deepEqual(await driver.drift(), named);
        await driver.apply(BOTH);
        await driver.settled(BOTH);
      },
    );
  }

  test("a change of one table moves the mark of both", async (driver) => {
    await driver.apply(BOTH);
    for (const [direct, nat] of [[{ dscp: 1 }, {}], [{ dscp: 1 }, { dscp: 1 }], [{}, {}]]) {
      const want = stateOfBoth({ ...DIRECT, ...direct }, { ...TRANSLATED, ...nat });
      assert.ok(await driver.planNarrowed(want), "memory holds");
      await driver.apply(want);
      await driver.settled(want);
    }
  });

  test("a plan fails whole where another has changed the other table", async (driver) => {
    await driver.apply(BOTH);
    const stale = await driver.plan(stateOfBoth(DIRECT, { ...TRANSLATED, dscp: 1 }));
    await driver.apply(stateOfBoth({ ...DIRECT, dscp: 1 }, TRANSLATED));
    await driver.refuses(stale, StalePlanError);
  });

  for (const table of ["inet lb", "netdev lb"]) {
    test(`where ${table} lost its mark it is made anew`, async (driver, host) => {
      await driver.apply(BOTH);
      await host.edit(`flush set ${table} revision`);
      await driver.apply(BOTH);
      await driver.settled(BOTH);
    });
  }

  test("tables come and go with the last service that needs them", async (driver, host) => {
    const tables = async () =>
      (await host.tables()).filter((table) => table.endsWith(" lb")).sort();
    for (
      const [services, expected] of [
        [[DIRECT], ["netdev lb"]],
        [[DIRECT, TRANSLATED], ["inet lb", "netdev lb"]],
        [[TRANSLATED], ["inet lb"]],
        [[{ ...TRANSLATED, ...DIRECT, name: "nat" }], ["netdev lb"]],
        [[], []],
      ] as const
    ) {
      const state = stateOfBoth(...services);
      await driver.apply(state);
      await driver.settled(state);
      assert.deepEqual(await tables(), expected);
    }
  });

  test("counters tell what can be told", async (driver, host) => {
    const udp: ServiceSpec = {
      ...DIRECT,
      name: "udp",
      protocol: "udp",
      backends: [{ id: 9, address: "198.51.100.19", ifindex: 2 }],
    };
    const state = stateOfBoth(DIRECT, TRANSLATED, udp);
    await driver.apply(state);
    const counters = await nftEngine.counters(host.kernel, state);
    assert.deepEqual(
      counters.map((each) => [each.id, each.new_connections, each.active_connections]),
      [[1, 0, null], [2, 0, null], [3, 0, 0], [9, null, null]],
    );
  });
}

type Rigged = Driver<
  Parameters<typeof nftEngine.drift>[0],
  Parameters<typeof nftEngine.apply>[1]
>;
