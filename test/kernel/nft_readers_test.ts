/** lib/netlink/nft against this kernel, in a network namespace of its own; nft(8) is the witness. */
import assert from "node:assert/strict";
import { loadableScenarios } from "../golden/scenarios.ts";
import { dumpElements } from "../../lib/netlink/nft/element.ts";
import { awaitCommit, generationOf } from "../../lib/netlink/nft/generation.ts";
import { dumpCounters, dumpForeign } from "../../lib/netlink/nft/object.ts";
import { digestRules } from "../../lib/netlink/nft/rule.ts";
import { dumpChains } from "../../lib/netlink/nft/chain.ts";
import { dumpSets } from "../../lib/netlink/nft/set.ts";
import { dumpTables, type TableId, withNft } from "../../lib/netlink/nft/table.ts";
import { NETLINK_NETFILTER, NetlinkConnection } from "../../lib/netlink/request.ts";
import { clock } from "../../lib/sys/clock.ts";
import { closeLibc } from "../../lib/sys/ffi.ts";
import { process } from "../../lib/sys/process.ts";
import { sockets } from "../../lib/sys/socket.ts";
import { testInNamespace } from "../contract/namespace.ts";
import { type ListedEntry, seenByNft, seenByUs } from "./nft_witness.ts";

const GOLDEN = new URL("../golden/", import.meta.url).pathname;
const LB: TableId = { family: "inet", name: "lb" };

/** Kinds that no scenario has: lb does not make them, somebody else may. */
const OTHERS = `
table netdev t {
  counter n {
    packets 70000 bytes 9007199254740991
  }
  quota q {
    1000 bytes
  }
  set k {
    typeof meta mark
    size 10
    elements = { 0x102, * }
  }
  set a {
    type ipv6_addr
    flags interval
    elements = { ::/1, 8000::-8000::9, 8000::a, ffff::/16 }
  }
  map v {
    typeof ip daddr . meta l4proto : verdict
    flags interval
    elements = { 192.0.2.0/31 . 6 : goto c, 0.0.0.0/0 . 17 : drop, 192.0.2.9 . 6-9 : return }
  }
  map i {
    typeof numgen inc mod 9 : meta priority
    elements = { 1 : 2:3, 8 : ffff:fffe }
  }
  chain c {
    accept
  }
  chain b {
    type filter hook ingress device "lo" priority -7; policy drop
    jump c
  }
}
`;

await testInNamespace(import.meta.url, () => {
  const scenarios = loadableScenarios().map((folder) => folder.slice(GOLDEN.length));

  Deno.test("chains, sets, elements and counters are those of nft, in every scenario", async () => {
    assert.ok(scenarios.length > 20);
    for (const name of scenarios) {
      await load(scriptOf(name));
      for (const table of tablesIn(scriptOf(name))) {
        assert.deepEqual(ours(table), seenByNft(await listed(table)), name);
      }
    }
  });

  Deno.test("kinds that lb does not make are those of nft too", async () => {
    await load(OTHERS);
    const table: TableId = { family: "netdev", name: "t" };
    const seen = ours(table);
    assert.deepEqual(seen, seenByNft(await listed(table)));
    assert.deepEqual(seen.foreign, ["quota q"]);
    const chains = withNft(sockets, (connection) => dumpChains(connection, table));
    assert.deepEqual(chains.map(({ hook }) => hook?.devices), [undefined, ["lo"]]);
  });

  Deno.test("chains have one digest where nft lists one text, and others where it lists others", async () => {
    const digests = new Map<string, string>();
    const texts = new Map<string, string>();
    for (const script of scenarios.map(scriptOf)) {
      // nft lists rules of other families alike, but there they are others.
      const families = new Set(tablesIn(script).map(({ family }) => family));
      if (!families.has(LB.family) || families.size > 1) continue;
      await load(script);
      const rules = rulesByChain(await listed(LB));
      for (const [chain, { digest, rules: count }] of asked(digestAll)) {
        const text = rules.get(chain)!;
        assert.equal(text.split("\n").length, count);
        assert.equal(digests.get(text) ?? digest, digest, text);
        assert.equal(texts.get(digest) ?? text, text, digest);
        digests.set(text, digest);
        texts.set(digest, text);
      }
    }
    assert.ok(texts.size >= 90, `${texts.size} different chains`);
  });

  Deno.test("tables are those of nft, with the flag that makes one dormant", async () => {
    await load(
      "table inet a { flags dormant\n}\ntable ip b {\n}\ntable ip6 c {\n}\ntable arp d {\n}",
    );
    assert.deepEqual(withNft(sockets, dumpTables), [
      { family: "inet", name: "a", flags: 1, isDormant: true },
      { family: "ip", name: "b", flags: 0, isDormant: false },
      { family: "ip6", name: "c", flags: 0, isDormant: false },
    ]);
  });

  Deno.test("tables of one name are told apart by their family", async () => {
    await load(
      ["inet", "ip", "ip6"].map((family) =>
        `table ${family} lb {\n counter n-${family} {\n}\n chain c-${family} {\n accept\n}\n` +
        ` set s-${family} {\n typeof meta mark\n}\n}`
      ).join("\n"),
    );
    for (const family of ["inet", "ip", "ip6"] as const) {
      const seen = ours({ family, name: "lb" });
      assert.deepEqual(seen.chains, { [`c-${family}`]: { rules: 1 } });
      assert.deepEqual(Object.keys(seen.sets), [`s-${family}`]);
      assert.deepEqual(seen.counters.map(({ name }) => name), [`n-${family}`]);
    }
  });

  Deno.test("what is not there is empty, and says so", async () => {
    await load("table inet lb {\n chain c {\n}\n set s {\n typeof meta mark\n}\n}");
    const absent: TableId = { family: "ip", name: "lb" };
    withNft(sockets, (connection) => {
      assert.deepEqual(dumpChains(connection, absent), []);
      assert.deepEqual(dumpSets(connection, absent), []);
      assert.deepEqual(dumpCounters(connection, absent), []);
      assert.deepEqual(dumpForeign(connection, absent), []);
      assert.equal(digestAll(connection, absent).size, 0);
      assert.equal(digestRules(connection, LB, ["d"]).size, 0);
      assert.equal(digestAll(connection, LB).size, 0, "a chain without rules");
      const visit = () => assert.fail();
      assert.equal(dumpElements(connection, absent, "s", visit), false);
      assert.equal(dumpElements(connection, LB, "t", visit), false);
      assert.equal(dumpElements(connection, LB, "s", visit), true);
    });
  });

  Deno.test("packets move no digest of lb's rules, and that of a foreign rule that counts", async () => {
    for (const prefix of ["203.0.113.0/24", "198.51.100.0/24"]) {
      await run("ip", "route", "replace", "local", prefix, "dev", "lo");
    }
    for (const name of ["004_sh", "018_persistence", "021_limits_refuse", "022_limits_drop"]) {
      const folder = [...Deno.readDirSync(GOLDEN)].find((entry) => entry.name === name)?.name;
      await load(Deno.readTextFileSync(`${GOLDEN}${folder}/ruleset.nft`));
      const before = asked(digestAll);
      await connects("203.0.113.10", 80, 40);
      const packets = asked(dumpCounters).reduce((sum, counter) => sum + counter.packets, 0);
      assert.ok(packets > 10, `${name}: ${packets} connections were counted`);
      assert.deepEqual(asked(digestAll), before, name);
      await run("nft", "insert rule inet lb out-nat counter");
      const foreign = asked(digestAll).get("out-nat");
      await connects("203.0.113.10", 80, 1);
      assert.notDeepEqual(asked(digestAll).get("out-nat"), foreign);
    }
  });

  Deno.test("a handle, a comment and an order of making do not move a digest, a rule does", async () => {
    const first = "add rule inet lb c ct mark set 1\n";
    const second = "add rule inet lb c ct mark set 2\n";
    const digestOf = async (script: string) => {
      await load(`add table inet lb\nadd chain inet lb c\n${script}`);
      return asked(digestAll).get("c")?.digest;
    };
    const plain = await digestOf(first + second);
    assert.equal(await digestOf(second + first.replace("add", "insert")), plain);
    assert.equal(await digestOf(first + second.replace("\n", ' comment "x"\n')), plain);
    assert.notEqual(await digestOf(second + first), plain);
    assert.notEqual(await digestOf(first), plain);
  });

  Deno.test("whoever reads while others write sees one of their states, never a mixture", async () => {
    const maps = " map m {\n typeof numgen inc mod 65536 : verdict\n}\n" +
      " map iv {\n typeof ip daddr . meta l4proto : verdict\n flags interval\n}\n";
    await load(`table inet lb {\n chain a {\n}\n chain b {\n}\n${maps}}\n${targeting("a")}`);
    const folder = Deno.makeTempDirSync({ prefix: "lb-nft-readers-" });
    try {
      for (const chain of ["a", "b"]) {
        Deno.writeTextFileSync(`${folder}/${chain}`, targeting(chain));
      }
      const loop = 'for i in $(seq 20); do nft -f "$0/b"; nft -f "$0/a"; done';
      const { settled, disturbed } = await readWhile(["sh", "-c", loop, folder]);
      assert.deepEqual(settled.iv, new Set(["50 a", "50 b"]));
      assert.deepEqual(settled.m, new Set(["5000 a", "5000 b"]));
      assert.ok(disturbed > 0, "some reader met a change");
    } finally {
      Deno.removeSync(folder, { recursive: true });
    }
  });

  Deno.test.afterEach(closeLibc);
});

/** A transaction that makes all elements lead to this chain; the many of map m make the commit a long one. */
function targeting(chain: string): string {
  const all = (map: string, count: number, keyOf: (index: number) => string) => {
    const elements = Array.from({ length: count }, (_, index) => `${keyOf(index)} : jump ${chain}`);
    return `flush map inet lb ${map}\nadd element inet lb ${map} { ${elements.join(", ")} }\n`;
  };
  return all("iv", 50, (index) => `192.0.2.${index} . 6-9`) + all("m", 5_000, String);
}

/**
 * What was seen of the maps between two equal generations while a program ran, and how often they differed.
 * One connection: on linux 6.18 closing one waits for a commit too (nft_rcv_nl_event).
 */
async function readWhile([program = "", ...args]: readonly string[]) {
  const settled = { iv: new Set<string>(), m: new Set<string>() };
  let [disturbed, isRunning] = [0, true];
  const child = new Deno.Command(program, { args, stdout: "null", stderr: "null" }).spawn();
  const ended = child.status.then(() => isRunning = false);
  const socket = sockets.netlink(NETLINK_NETFILTER);
  const connection = new NetlinkConnection(socket);
  for (let read = 0; isRunning; read++) {
    const map = read % 10 === 0 ? "m" : "iv";
    const generation = generationOf(connection);

    awaitCommit(connection);
    const seen = countTargets(connection, map);
    if (generationOf(connection) === generation) settled[map].add(seen);
    else disturbed++;
    await clock.sleep(0);
  }
  socket.close();
  await ended;
  return { settled, disturbed };
}

function countTargets(connection: NetlinkConnection, map: string): string {
  const counts = new Map<string | undefined, number>();
  dumpElements(connection, LB, map, ({ data }) => {
    const chain = data instanceof Uint8Array ? undefined : data?.chain;
    counts.set(chain, (counts.get(chain) ?? 0) + 1);
  });
  return [...counts].map(([chain, count]) => `${count} ${chain}`).join(", ");
}

function scriptOf(scenario: string): string {
  return Deno.readTextFileSync(`${GOLDEN}${scenario}/ruleset.nft`);
}

function tablesIn(script: string): TableId[] {
  const made = script.matchAll(/^create table (inet|ip|ip6) (\S+)$/gm);
  return Array.from(made, ([, family, name]) => ({ family, name }) as TableId);
}

function digestAll(connection: NetlinkConnection, table: TableId) {
  return digestRules(connection, table, dumpChains(connection, table).map(({ name }) => name));
}

function asked<Result>(dump: (connection: NetlinkConnection, table: TableId) => Result): Result {
  return withNft(sockets, (connection) => dump(connection, LB));
}

function ours(table: TableId) {
  return withNft(sockets, (connection) => seenByUs(connection, table));
}

async function listed({ family, name }: TableId): Promise<ListedEntry[]> {
  return JSON.parse(await run("nft", "-n", "-j", "list", "table", family, name)).nftables;
}

function rulesByChain(entries: readonly ListedEntry[]): Map<string, string> {
  const rules = new Map<string, string>();
  for (const { rule } of entries) {
    if (!rule) continue;
    const before = rules.get(String(rule.chain));
    const text = JSON.stringify(rule.expr);
    rules.set(String(rule.chain), before === undefined ? text : `${before}\n${text}`);
  }
  return rules;
}

/** Connections that come back at once with a reset, for nobody listens. */
async function connects(hostname: string, port: number, count: number): Promise<void> {
  for (let made = 0; made < count; made++) {
    const signal = AbortSignal.timeout(200);
    await Deno.connect({ hostname, port, signal }).then((one) => one.close(), () => {});
  }
}

/** The ruleset and nothing else. */
async function load(ruleset: string): Promise<void> {
  const { code, stderr } = await process.run(["nft", "-f", "-"], {
    stdin: `flush ruleset\n${ruleset}\n`,
  });
  assert.equal(code, 0, stderr);
}

async function run(...argv: [string, ...string[]]): Promise<string> {
  const { code, stdout, stderr } = await process.run(argv);
  assert.equal(code, 0, `${argv.join(" ")}: ${stderr}`);
  return stdout;
}
