/** Whose rules decide by conntrack's state of packets, told by the kernel's own words. */
import assert from "node:assert/strict";
import { statefulRules } from "../../lib/capability/stateful.ts";
import type { Kernel } from "../../lib/sys/ports.ts";
import { clock } from "../../lib/sys/clock.ts";
import { closeLibc } from "../../lib/sys/ffi.ts";
import { files } from "../../lib/sys/files.ts";
import { process } from "../../lib/sys/process.ts";
import { sockets } from "../../lib/sys/socket.ts";
import { testInNamespace } from "../contract/namespace.ts";

const kernel: Kernel = { process, files, sockets, clock, runDir: "/nonexistent" };

/** Rules of nft's in a chain at a hook, and whether a packet without an entry would be at their mercy. */
const CHAINS: readonly (readonly [string, string, boolean])[] = [
  ["filter hook input", "ct state established,related accept", true],
  ["filter hook forward", "ct state vmap { invalid : drop, new : accept }", true],
  ["filter hook forward", "ct state invalid reject", true],
  ["filter hook prerouting", "ct status dnat accept", true],
  ["filter hook input", "ct state new counter", false],
  ["filter hook input", "ct mark 7 accept", false],
  ["filter hook input", "tcp dport 22 accept", false],
  ["filter hook output", "ct state invalid drop", false],
  ["nat hook postrouting", "ct state new masquerade", false],
];

/** The same of iptables'. */
const LEGACY: readonly (readonly [string, boolean])[] = [
  ["-A FORWARD -m conntrack --ctstate INVALID -j DROP", true],
  ["-A INPUT -m state --state ESTABLISHED -j ACCEPT", true],
  ["-A INPUT -m conntrack --ctstate NEW", false],
  ["-A OUTPUT -m conntrack --ctstate INVALID -j DROP", false],
  ["-A INPUT -p tcp --dport 22 -j ACCEPT", false],
];

async function run(...argv: [string, ...string[]]): Promise<void> {
  const { code, stderr } = await process.run(argv);
  assert.equal(code, 0, `${argv.join(" ")}: ${stderr}`);
}

testInNamespace(import.meta.url, () => {
  for (const [hook, rule, isStateful] of CHAINS) {
    Deno.test(`${hook}: ${rule}: ${isStateful ? "decides" : "does not decide"} by state`, async () => {
      await run("nft", `table inet t { chain c { type ${hook} priority 0; ${rule}; }; }`);
      const expected = isStateful ? "chain c of table inet t" : undefined;
      assert.equal(await statefulRules(kernel), expected);
      await run("nft", "delete table inet t");
      closeLibc();
    });
  }

  for (const [rule, isStateful] of LEGACY) {
    Deno.test(`iptables ${rule}: ${isStateful ? "decides" : "does not decide"}`, async () => {
      await run("iptables-legacy", ...rule.split(" "));
      assert.equal(await statefulRules(kernel) !== undefined, isStateful);
      await run("iptables-legacy", ...rule.replace("-A", "-D").split(" "));
      closeLibc();
    });
  }

  Deno.test("rules of lb's own count for nothing", async () => {
    for (const name of ["lb", "lb-ipvs"]) {
      const chain = "type filter hook prerouting priority 0; ct state invalid drop;";
      await run("nft", `table inet ${name} { chain c { ${chain} }; }`);
    }
    assert.equal(await statefulRules(kernel), undefined);
    await run("nft", "flush ruleset");
    closeLibc();
  });
});
