/** What lb says of this kernel, against what the kernel then does; and that asking changes nothing. */
import assert from "node:assert/strict";
import { process } from "../../lib/sys/process.ts";
import { unless } from "./able.ts";
import { type Alone, alone, couldBeLoaded, loadedModules } from "./alone.ts";

/** Rules that take one capability each, written apart from lb's own probes. */
const RULES: Readonly<Record<string, string>> = {
  "nft-inet-nat": chain("nat", "output", "tcp dport 1 dnat ip6 to [2001:db8::1]:2"),
  "nft-nat": chain("nat", "output", "tcp dport 1 dnat to 192.0.2.1:2"),
  "nft-numgen": chain("filter", "input", "numgen random mod 5 2 drop"),
  "nft-jhash": chain("filter", "input", "jhash ip saddr mod 7 3 drop"),
  "nft-vmap": "map m { type ipv4_addr . inet_service : verdict; }\n" +
    chain("filter", "input", "ip saddr . tcp dport vmap @m"),
  "nft-reject": chain("filter", "forward", "reject"),
  "nft-masquerade": chain("nat", "postrouting", "masquerade"),
  "nft-ct-mark": chain("filter", "output", "ct mark set 7"),
  "nft-counter": "counter n { }\n" + chain("filter", "output", 'counter name "n"'),
  "nft-interval": "map m { type ipv4_addr . inet_service : verdict; flags interval;\n" +
    "elements = { 192.0.2.0/25 . 5-6 : drop }; }",
  "nft-dynset": "map m { type ipv4_addr : mark; flags dynamic; timeout 1m; }\n" +
    chain("filter", "input", "update @m { ip saddr : 3 }"),
  "nft-limit": chain("filter", "input", "limit rate 3/minute drop"),
  "nft-connlimit": chain("filter", "input", "ct count 7 drop"),
};

function chain(type: string, hook: string, rule: string): string {
  return `chain c {\ntype ${type} hook ${hook} priority 0\n${rule}\n}`;
}

interface Capability {
  readonly id: string;
  readonly answer: string;
  readonly evidence: string;
}

async function capabilities(lb: Alone["lb"]): Promise<readonly Capability[]> {
  const { stdout, stderr } = await lb("doctor", "--json");
  assert.equal(stderr, "");
  const found = (JSON.parse(stdout) as { capabilities: Capability[] }).capabilities;
  return found.filter(({ id }) => id in RULES);
}

/** Whether nft takes the rules of a capability; that loads what they need. */
async function works(id: string): Promise<boolean> {
  const family = id === "nft-inet-nat" ? "inet" : "ip";
  const { code } = await process.run(["unshare", "--net", "nft", "-f", "-"], {
    stdin: `table ${family} t {\n${RULES[id]}\n}\n`,
  });
  return code === 0;
}

function test(name: string, act: (machine: Alone) => Promise<void>, reason?: string): void {
  Deno.test({ ...unless(Deno.uid() === 0 ? reason : "needs root", name), fn: () => alone(act) });
}

const NOTHING_TO_LOAD = couldBeLoaded("nf_tables")
  ? undefined
  : "nf_tables is no module here, or is loaded already";

// The first: it needs a kernel of which nobody has asked anything.
test("looking around loads no module", async ({ lb }) => {
  const before = loadedModules();
  for (const look of [["doctor"], ["status"], ["init", "--yes", "--timer", "none"]]) {
    await lb(...look);
    assert.deepEqual(loadedModules(), before, `lb ${look.join(" ")}`);
  }
}, NOTHING_TO_LOAD);

test("an apply is refused exactly where nft cannot do it: with what is missing, and without a change", async ({ lb, must }) => {
  const look = async () => [
    loadedModules(),
    await must("sysctl", "-a", "--pattern", "^net\\.ipv[46]\\.(ip_forward|conf)"),
    await must("ip", "address"),
  ];
  const before = await look();
  const { code, stderr } = await lb("apply");
  const after = await look();
  if (await works("nft-nat")) {
    assert.equal(code, 0, stderr);
    assert.match(await must("nft", "list", "tables"), /table \w+ lb/);
  } else {
    assert.equal(code, 4, stderr);
    assert.match(stderr, /lb\.toml:\d+:\d+: service web: .*engine nft: nft-nat: nft_nat .*\n/);
    assert.match(stderr, /^Nothing was changed\.$/m);
    assert.deepEqual(after, before);
  }
});

test("what lb says of a capability is so, or names a module that can be loaded", async ({ lb }) => {
  const found = Map.groupBy(await capabilities(lb), ({ answer }) => answer);
  for (const { evidence } of found.get("loadable") ?? []) {
    assert.ok(couldBeLoaded(evidence.split(" ")[0]!), evidence);
  }
  for (const { id, evidence } of found.get("no") ?? []) {
    assert.ok(!await works(id), `${id}: ${evidence}`);
  }
  for (const { id, evidence } of found.get("yes") ?? []) {
    assert.ok(await works(id), `${id}: ${evidence}`);
  }
  assert.deepEqual(found.get("unknown"), undefined);
});

test("once everything is loaded, what lb says can be done is what can be done", async ({ lb }) => {
  const truth: Record<string, string> = {};
  for (const id of Object.keys(RULES)) truth[id] = await works(id) ? "yes" : "no";
  const found = await capabilities(lb);
  assert.deepEqual(
    Object.fromEntries(found.map(({ id, answer }) => [id, answer])),
    truth,
    found.map(({ id, evidence }) => `${id}: ${evidence}`).join("\n"),
  );
});
