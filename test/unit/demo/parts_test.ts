import assert from "node:assert/strict";
import { deadNames, inside, namespaceName } from "../../../lib/demo/namespace.ts";
import {
  backendAddress,
  clientSource,
  oneArmLayout,
  routedLayout,
} from "../../../lib/demo/layout.ts";
import { tallyDownloads, tallyRequests } from "../../../lib/demo/role/tally.ts";
import { demoConfig, fairShare, scaleNames, worstDeviation } from "../../../lib/demo/scenario.ts";
import { pendingLine, stepLine, summaryLine } from "../../../lib/demo/view.ts";
import { differences, lookAround } from "../../../lib/demo/witness.ts";
import { parseConfig } from "../../../lib/config/load.ts";
import { FAMILIES, parseAddress } from "../../../lib/model/address.ts";

Deno.test("only namespaces of runs that are dead are leftovers, and only ours", () => {
  const names = [
    namespaceName(11, 0, "cli"),
    namespaceName(11, 3, "b10"),
    namespaceName(12, 0, "lb"),
    "lb-x-cli",
    "lb-11",
    "web-11-lb",
    "mylb-11-lb",
  ];
  assert.deepEqual(deadNames(names, (pid) => pid === 12), ["lb-11-cli", "lb-11.3-b10"]);
});

Deno.test("a program inside a namespace is an argument list", () => {
  assert.deepEqual(inside("lb-1-cli", ["ls", "a b"]), [
    "ip",
    "netns",
    "exec",
    "lb-1-cli",
    "ls",
    "a b",
  ]);
});

Deno.test("no two hosts share an address, and all of them are documentation addresses", () => {
  const documentation = /^(192\.0\.2\.|198\.51\.100\.|203\.0\.113\.|2001:db8:|fe80::)/;
  for (const layout of [routedLayout(20), oneArmLayout(20)]) {
    const interfaces = [layout.client, layout.back, ...layout.backends];
    if (layout.front) interfaces.push(layout.front);
    const addresses = interfaces.flatMap((one) => one.addresses.map((text) => text.split("/")[0]!));
    for (const address of addresses) {
      assert.match(address, documentation);
      assert.ok(parseAddress(address), address);
    }
    const global = addresses.filter((address) => !address.startsWith("fe80"));
    assert.equal(new Set(global).size, global.length);
  }
});

Deno.test("a hundred client sources are a hundred addresses", () => {
  for (const family of FAMILIES) {
    const sources = Array.from({ length: 100 }, (_, index) => clientSource(family, index));
    assert.equal(new Set(sources).size, 100);
    for (const source of sources) assert.equal(parseAddress(source)?.family, family);
  }
});

Deno.test("requests are summed up in their order", () => {
  const result = tallyRequests([
    { ok: true, backend: "b2", ms: 3 },
    { ok: false, error: "refused" },
    { ok: true, backend: "b10", ms: 1_020 },
    { ok: true, backend: "b2", ms: 4 },
    { ok: false, error: "refused" },
  ], 1_234.5);
  assert.deepEqual(result, {
    requests: 5,
    failed: 2,
    per_backend: { b2: 2, b10: 1 },
    answers: ["b2", "", "b10", "b2", ""],
    errors: { refused: 2 },
    slowest_ms: 1_020,
    slow: 1,
    duration_ms: 1_235,
  });
  assert.deepEqual(Object.keys(result.per_backend), ["b2", "b10"]);
  assert.equal(tallyRequests([], 0).slowest_ms, 0);
});

Deno.test("downloads are complete or broken", () => {
  const result = tallyDownloads([
    { ok: true, backend: "b1", ms: 1 },
    { ok: false, error: "cut short" },
  ]);
  assert.deepEqual(result, {
    completed: 1,
    broken: 1,
    per_backend: { b1: 1 },
    errors: { "cut short": 1 },
  });
});

Deno.test("the demo's config is a valid one, in every combination of IP versions", async () => {
  for (const families of [[4], [4, 6]] as const) {
    const { config, warnings } = await parseConfig(demoConfig({ families }, "nft"), "demo");
    assert.deepEqual(warnings, []);
    const service = config.services[0]!;
    assert.equal(service.vip.length, families.length);
    assert.equal(service.backends.length, 3 * families.length);
    assert.equal(service.engine, "nft");
  }
});

Deno.test("scale gets addresses with ports, IPv6 in brackets", () => {
  assert.deepEqual(scaleNames({ families: [4, 6] }, 1), [
    "198.51.100.12:8080",
    "[2001:db8:b::12]:8080",
  ]);
  assert.equal(backendAddress(4, 1, true), "203.0.113.12");
});

Deno.test("shares follow weights, and every backend counts for the deviation", () => {
  const share = fairShare([{ name: "b1", weight: 3 }, { name: "b2", weight: 1 }], 400);
  assert.deepEqual(share, { b1: 300, b2: 100 });
  assert.equal(worstDeviation({ b1: 300, b2: 100 }, share), 0);
  assert.equal(worstDeviation({ b1: 300, b2: 93, b3: 7 }, share), 7);
  assert.equal(worstDeviation({ b1: 400 }, share), 100);
});

const PLAIN = (text: string) => text;
const STEP = { name: "apply", ok: true, detail: "43 changes", ms: 1_240 };
const RESULT = {
  ok: true,
  engine: "nft",
  kernel: "6.1.0",
  requests: 1,
  failed: 0,
  per_backend: {},
};

Deno.test("a step is one line, with a mark and its duration", () => {
  assert.equal(stepLine(STEP, PLAIN), "✓ apply     43 changes (1.2 s)");
  assert.match(stepLine({ ...STEP, ok: false }, PLAIN), /^✗ apply/);
});

Deno.test("a step under way has a bar where there is something to count", () => {
  assert.equal(pendingLine("Applying"), "  Applying …");
  assert.match(pendingLine("Sending", 500, 1_000), /^ {2}Sending █{12}░{12} 500\/1000$/);
  assert.match(pendingLine("Sending", 2_000, 1_000), /█{24} /);
});

Deno.test("the last line says whether it held, and if not, what did not", () => {
  assert.equal(
    summaryLine({ ...RESULT, steps: [STEP] }, PLAIN),
    "All of it held: nft on 6.1.0, 1.2 s.",
  );
  const failed = { ...RESULT, ok: false, steps: [STEP, { ...STEP, name: "scale", ok: false }] };
  assert.match(summaryLine(failed, PLAIN), /"scale" did not hold/);
  const interrupted = { ...failed, steps: [{ ...STEP, ok: false, detail: "interrupted" }] };
  assert.match(summaryLine(interrupted, PLAIN), /^Interrupted/);
});

Deno.test("two looks differ in what changed, and not in what changes by itself", async () => {
  const look = (forward: number, count: number, address: string) =>
    lookAround((argv) => {
      const texts: Record<string, string> = {
        sysctl: `net.ipv4.ip_forward = ${forward}\nnet.netfilter.nf_conntrack_count = ${count}\n`,
        ip: argv.includes("address") ? `1: back inet ${address}\n` : "",
        nft:
          `\tset sn-4 {\n\t\telements = { 192.0.2.10 . ${count} timeout 3s,\n\t\t\t192.0.2.9 . 1 timeout 3s }\n\t}\n`,
      };
      return Promise.resolve({ code: 0, stdout: texts[argv[0]!] ?? "", stderr: "" });
    });
  const before = await look(0, 1, "198.51.100.1/24");
  assert.deepEqual(differences(before, await look(0, 99, "198.51.100.1/24")), []);
  const found = differences(before, await look(1, 1, "203.0.113.10/32"));
  assert.equal(found[0], "net.ipv4.ip_forward: 0, now 1");
  assert.match(found[1]!, /^addresses differ:\n- 1: back inet 198.*\n\+ 1: back inet 203/);
});
