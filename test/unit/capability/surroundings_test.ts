import assert from "node:assert/strict";
import { conflicts, lookAround, type Surroundings } from "../../../lib/capability/surroundings.ts";
import { markLayout } from "../../../lib/model/mark.ts";
import { FakeKernel } from "../../fake/kernel.ts";
import { modular } from "./machine.ts";

const QUIET: Surroundings = { chains: [], filteredBridges: [] };
const MARKS = markLayout(0x00ffff00);

Deno.test("nothing around is nothing to say", () => {
  assert.deepEqual(conflicts({ ...QUIET, conntrack: { count: 79, max: 100 } }, MARKS), []);
});

Deno.test("a nat chain before lb's is named, one after it is not", () => {
  const chain = (name: string, prio: number, hook = "prerouting", type = "nat") => (
    { family: "ip", table: "theirs", name, type, hook, prio }
  );
  const chains = [
    chain("first", -110),
    chain("usual", -100),
    chain("source", -110, "postrouting"),
    chain("filter", -150, "prerouting", "filter"),
  ];
  const found = conflicts({ ...QUIET, chains }, MARKS);
  assert.equal(found.length, 1);
  assert.match(
    found[0]!,
    /chain first of table ip theirs .* at prerouting before lb \(priority -110/,
  );
});

Deno.test("a chain that drops what is forwarded is named, for the IP versions that are served", () => {
  const chain = (family: string, policy: string, hook = "forward") => (
    { family, table: "filter", name: "FORWARD", type: "filter", hook, prio: 0, policy }
  );
  const told = (families: (4 | 6)[], ...chains: ReturnType<typeof chain>[]) =>
    conflicts({ ...QUIET, chains }, MARKS, families);
  const [line, ...more] = told([4], chain("ip", "drop"));
  assert.match(line!, /chain FORWARD of table ip filter drops .* unless its rules accept/);
  assert.deepEqual(more, []);
  assert.equal(told([6], chain("inet", "drop")).length, 1);
  const harmless = [
    chain("ip", "accept"),
    chain("ip6", "drop"),
    chain("bridge", "drop"),
    chain("ip", "drop", "input"),
  ];
  assert.deepEqual(told([4], ...harmless), []);
});

Deno.test("kube-proxy is told of only where its marks and ours meet", () => {
  const chains = [{ family: "ip", table: "nat", name: "KUBE-SERVICES" }];
  assert.match(conflicts({ ...QUIET, chains }, MARKS)[0]!, /0x4000/);
  assert.deepEqual(conflicts({ ...QUIET, chains }, markLayout(0xffff0000)), []);
});

Deno.test("a table of connections that is nearly full is told", () => {
  const found = conflicts({ ...QUIET, conntrack: { count: 80, max: 100 } }, MARKS);
  assert.match(found.join(), /80 % full \(80 of 100\)/);
});

Deno.test("bridges matter where their frames meet IP rules", async () => {
  const kernel = new FakeKernel();
  kernel.files.replace("/sys/class/net/br0/bridge/bridge_id", "1");
  kernel.files.replace("/proc/sys/net/bridge/bridge-nf-call-iptables", "0\n");
  assert.deepEqual((await lookAround(kernel)).filteredBridges, []);
  kernel.files.replace("/proc/sys/net/bridge/bridge-nf-call-iptables", "1\n");
  assert.deepEqual((await lookAround(kernel)).filteredBridges, ["br0"]);
});

Deno.test("chains are not listed where that would load nf_tables", async () => {
  const loaded = modular(["nf_tables"]);
  await lookAround(loaded.kernel);
  assert.deepEqual(loaded.ran, ["nft -j list chains "]);
  const unloaded = modular([]);
  assert.deepEqual((await lookAround(unloaded.kernel)).chains, []);
  assert.deepEqual(unloaded.ran, []);
});
