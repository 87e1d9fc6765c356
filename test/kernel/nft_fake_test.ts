/** The fake nft is only worth something where it tells what the kernel tells: one script into both. */
import assert from "node:assert/strict";
import { loadableScenarios } from "../golden/scenarios.ts";
import { dumpChains } from "../../lib/netlink/nft/chain.ts";
import { dumpElements, type ListedElement } from "../../lib/netlink/nft/element.ts";
import { dumpCounters, dumpForeign } from "../../lib/netlink/nft/object.ts";
import { digestRules } from "../../lib/netlink/nft/rule.ts";
import { dumpSets } from "../../lib/netlink/nft/set.ts";
import { dumpTables, type TableId, withNft } from "../../lib/netlink/nft/table.ts";
import type { NetlinkConnection } from "../../lib/netlink/request.ts";
import { closeLibc } from "../../lib/sys/ffi.ts";
import type { SocketsPort } from "../../lib/sys/ports.ts";
import { process } from "../../lib/sys/process.ts";
import { sockets } from "../../lib/sys/socket.ts";
import { makeEntrances } from "../contract/links.ts";
import { testInNamespace } from "../contract/namespace.ts";
import { FakeKernel } from "../fake/kernel.ts";

/** What no scenario has: the ends of what there is, and other tables. */
const OTHERS = `
add table ip lb
add table ip6 lb
add table netdev lb
add chain netdev lb in { type filter hook ingress device "lo" priority -7; policy accept; }
add rule netdev lb in drop
add chain ip lb in { type filter hook input priority 5; policy drop; }
add chain ip lb c
add counter ip lb n { packets 7 bytes 4294967296; }
add set ip lb whole { typeof ip saddr; flags interval; }
add element ip lb whole { 0.0.0.0/0 }
add set ip lb parts { typeof ip saddr; flags interval; }
add element ip lb parts { 0.0.0.0/8, 10.0.0.0/24, 10.0.1.0/24, 192.0.2.1 }
add element ip lb parts { 255.255.255.255, 198.51.100.7-198.51.100.9 }
add set ip lb gone { typeof ip saddr; flags interval; }
add element ip lb gone { 192.0.2.0/24 }
flush set ip lb gone
add map ip lb marks { typeof ct mark : verdict; }
add element ip lb marks { 256 : goto c, 0x00ffff00 : drop, 3 : accept, 4 : return, 5 : jump c }
add map ip lb ids { typeof numgen random mod 9 : meta priority; }
add element ip lb ids { 0 : none, 1 : 1:0, 2 : ffff:fffe, 65535 : 0:7 }
add set ip lb both { typeof ip saddr . meta priority; size 10; }
add element ip lb both { 192.0.2.1 . 0:7, 192.0.2.2 . none }
delete element ip lb both { 192.0.2.2 . none }
add map ip6 lb iv { typeof ip6 daddr . meta l4proto . th dport : verdict; flags interval; }
add element ip6 lb iv { ::/0 . udp . 0-65535 : drop, 2001:db8::1 . 6-7 . 80 : accept }
add set ip6 lb whole { typeof ip6 saddr; flags interval; }
add element ip6 lb whole { ::/1, ffff::/16 }
add set ip6 lb st { typeof ip6 saddr; flags dynamic,timeout; size 9; timeout 10s; }
`;

await testInNamespace(import.meta.url, () => {
  const scenarios = loadableScenarios().map((folder) => `${folder}/ruleset.nft`);

  Deno.test("the fake kernel tells of every scenario what the real one tells", async () => {
    assert.ok(scenarios.length > 20);
    await makeEntrances();
    for (const path of scenarios) await tellTheSame(Deno.readTextFileSync(path), path);
  });

  Deno.test("the fake kernel tells the same of kinds that no scenario has", async () => {
    const seen = await tellTheSame(OTHERS, "others");
    assert.deepEqual(Object.keys(seen), ["ip lb", "ip6 lb", "netdev lb"]);
  });

  Deno.test("the fake kernel misses what the real one misses", async () => {
    await tellTheSame("add table inet lb\nadd chain inet lb c\n", "nearly empty");
    for (const family of ["inet", "ip"] as const) {
      const absent = (port: SocketsPort) =>
        withNft(port, (connection) => pictureOf(connection, { family, name: "other" }));
      assert.deepEqual(absent(new FakeKernel().sockets), absent(sockets));
    }
  });

  Deno.test.afterEach(closeLibc);
});

async function tellTheSame(script: string, name: string) {
  const { code, stderr } = await process.run(["nft", "-f", "-"], {
    stdin: `flush ruleset\n${script}`,
  });
  assert.equal(code, 0, `${name}: ${stderr}`);
  const fake = new FakeKernel();
  fake.nft.edit(...script.trim().split("\n"));
  const [told, wanted] = [fake.sockets, sockets].map((port) => withNft(port, wholePicture));
  assert.deepEqual(told, wanted, name);
  return wanted!;
}

/** Everything the readers tell, by table. */
function wholePicture(connection: NetlinkConnection) {
  const tables = dumpTables(connection).map((table) => {
    const path = `${table.family} ${table.name}`;
    return [path, { table, ...pictureOf(connection, table) }] as const;
  });
  return Object.fromEntries(tables);
}

/** Of rules only their number: the fake's expressions are a stand-in. */
function pictureOf(connection: NetlinkConnection, table: TableId) {
  const chains = dumpChains(connection, table);
  const digests = digestRules(connection, table, chains.map(({ name }) => name));
  const first = chains[0]?.name ?? "none";
  const sets = dumpSets(connection, table);
  return {
    chains,
    rules: new Map([...digests].map(([name, { rules }]) => [name, rules])),
    first: digestRules(connection, table, [first]).get(first)?.rules,
    sets,
    elements: sets.map(({ name }) => elementsOf(connection, table, name)),
    absent: elementsOf(connection, table, "no such set"),
    counters: dumpCounters(connection, table),
    foreign: dumpForeign(connection, table),
  };
}

/** In one order: the kernel's is that of its hash tables. */
function elementsOf(connection: NetlinkConnection, table: TableId, set: string) {
  const elements: string[] = [];
  const visit = (element: ListedElement) => elements.push(Deno.inspect(element));
  return dumpElements(connection, table, set, visit) ? elements.sort() : undefined;
}
