/**
 * Two services that want different engines, on kernels that really differ: which engine each gets, held
 * against what other programs can do here; and that nothing of it stays.
 */
import assert from "node:assert/strict";
import { process } from "../../lib/sys/process.ts";
import { unless } from "./able.ts";
import { type Alone, alone, couldBeLoaded, loadedModules } from "./alone.ts";
import { serviceText } from "./config.ts";

/** By connections at the moment, and in turn. */
const CONFIG = serviceText({ name: "least", scheduler: "wlc", weights: [3, 1] }) +
  serviceText({ name: "turns", scheduler: "wrr", vips: [11], weights: [3, 1] });

interface Chosen {
  readonly name: string;
  readonly engine: string;
  readonly reason: string;
}

interface Plan {
  readonly changes: readonly { readonly op: string; readonly object: string }[];
  readonly services: readonly Chosen[];
}

/** What lb has to choose, by what nft and ipvsadm can do; asking them loads what it takes. */
async function truth(): Promise<{ readonly least?: string; readonly turns?: string }> {
  const rules = "table ip t {\nchain c {\ntype nat hook output priority 0\n" +
    "tcp dport 1 dnat to 192.0.2.1:2\n}\n}\n";
  const answers = await Promise.all([
    works(["unshare", "--net", "nft", "-f", "-"], rules),
    works(["unshare", "--net", "ipvsadm", "-A", "-t", "192.0.2.1:1", "-s", "wlc"]),
  ]);
  const [nft, ipvs] = [answers[0] && "nft", answers[1] && "ipvs"];
  return { least: ipvs || nft || undefined, turns: nft || ipvs || undefined };
}

async function works(argv: [string, ...string[]], stdin?: string): Promise<boolean> {
  try {
    return (await process.run(argv, { stdin })).code === 0;
  } catch {
    // The program is not here.
    return false;
  }
}

/** Sysctls by key, without what moves by itself. */
async function sysctls({ must }: Alone): Promise<Map<string, string>> {
  const moving = /random|ns_last_pid|nf_conntrack_count|dentry|inode|file-nr|pty\.nr|ms_delay/;
  const lines = (await must("sysctl", "-a")).split("\n").filter((line) => !moving.test(line));
  return new Map(lines.map((line) => line.split(" = ", 2) as [string, string]));
}

function test(name: string, act: (machine: Alone) => Promise<void>): void {
  const reason = Deno.uid() === 0 ? undefined : "needs root";
  Deno.test({ ...unless(reason, name), fn: () => alone(act, CONFIG) });
}

/** What lb planned when nobody had asked this kernel anything yet. */
let planned: readonly Chosen[] = [];

test("looking alone chooses and loads nothing, what would be loaded is named, and after an uninstall every sysctl is as before", async (machine) => {
  const { lb, must } = machine;
  await must("ip", "link", "set", "lo", "up");
  const [before, modules, isLoadable] = [
    await sysctls(machine),
    loadedModules(),
    couldBeLoaded("ip_vs"),
  ];
  const { code, stdout, stderr } = await lb("apply", "--plan", "--json");
  assert.deepEqual(loadedModules(), modules);
  if (code !== 0) return assert.equal(code, 4, stderr);
  const plan = JSON.parse(stdout) as Plan;
  planned = plan.services;
  const isOnIpvs = planned.some(({ engine }) => engine === "ipvs");
  const isNamed = plan.changes.some(({ object }) => object === "module ip_vs");
  assert.equal(isNamed, isOnIpvs && isLoadable);
  const applied = await lb("apply");
  assert.equal(applied.code, 0, applied.stderr);
  assert.notDeepEqual(await sysctls(machine), before);
  assert.equal((await lb("uninstall", "--yes")).code, 0);
  const after = await sysctls(machine);
  // What nft has the kernel load stays loaded, and brought these along.
  for (const key of after.keys()) {
    if (!before.has(key) && /^net\.(netfilter|nf_conntrack)/.test(key)) after.delete(key);
  }
  assert.deepEqual(after, before);
});

test("each service is on the engine that other programs' answers ask for, in the kernel too, and doctor says why", async (machine) => {
  const { lb, must } = machine;
  await must("ip", "link", "set", "lo", "up");
  const expected = await truth();
  assert.deepEqual(engines(planned), expected, "chosen by looking alone");
  // IPVS is loaded by now, if there is one: it stays, with the values that it had.
  const before = await sysctls(machine);
  const { code, stdout, stderr } = await lb("apply", "--json");
  if (!expected.turns) return assert.equal(code, 4, stderr);
  assert.equal(code, 0, stderr);
  const { services } = JSON.parse(stdout) as Plan;
  assert.deepEqual(engines(services), expected);
  for (const [name, vip] of [["least", "203.0.113.10"], ["turns", "203.0.113.11"]] as const) {
    assert.deepEqual(await enginesWith(vip, must), [expected[name]], name);
  }
  assert.equal((await lb("uninstall", "--yes")).code, 0);
  assert.deepEqual(await sysctls(machine), before);
  const { stdout: explained } = await lb("init", "--explain", "--timer", "none");
  for (const { name, engine, reason } of services) {
    assert.ok(explained.includes(`${name}  ${engine}  ${reason}`), explained);
  }
  assert.match(explained, /nft +(possible|no)\n/);
  if (expected.least === "nft") {
    assert.match(
      services[0]!.reason,
      /weights that follow .*; ipvs would be first, and cannot here/,
    );
    assert.match(explained, /ipvs +no\n.*ipvs: .*\n[^]*second best/);
  }
});

function engines(services: readonly Chosen[]): Record<string, string> {
  return Object.fromEntries(services.map(({ name, engine }) => [name, engine]));
}

/** The engines in which the kernel has a VIP. */
async function enginesWith(vip: string, must: Alone["must"]): Promise<string[]> {
  const listings = {
    nft: ["nft", "list", "table", "inet", "lb"],
    ipvs: ["ipvsadm", "-Ln"],
  } as const;
  const found: string[] = [];
  for (const [engine, argv] of Object.entries(listings)) {
    // What the kernel has not is in neither.
    if ((await must("sh", "-c", `${argv.join(" ")} || true`)).includes(vip)) found.push(engine);
  }
  return found;
}
