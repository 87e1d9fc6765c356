/** Udp flows that lb forgets, and those it has to leave alone. */
import assert from "node:assert/strict";
import { backendAddress, vipAddress } from "../../lib/demo/layout.ts";
import { FAMILIES, type Family } from "../../lib/model/address.ts";
import { door, type ServiceText, serviceText } from "./config.ts";
import { kernelTests, type Lab } from "./harness.ts";
import { PATIENCE } from "./patience.ts";
import { allAnswered, type Applied, apply, must, send } from "./steps.ts";

const test = kernelTests({ backends: 2 });

const DNS: ServiceText = { protocol: "udp", ports: "[53]", weights: [1, 1] };

/** The same flows each time: a client that goes on with its sockets. */
function flowsTo(family: Family, host = 10, port = 53) {
  return {
    protocol: "udp" as const,
    doors: [door(family, host, port)],
    count: 20,
    sources: { first_port: 30_000 },
    timeout_ms: 500 * PATIENCE,
  };
}

/** A router on which conntrack works already, for somebody else's sake. */
async function tracking(lab: Lab): Promise<void> {
  await must(lab, "sysctl", "-q", "-w", "net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1");
  const table = "table inet theirs {\n chain seen {\n type filter hook forward priority 0\n" +
    " ct state new accept\n }\n}\n";
  const { code, stderr } = await lab.balancer.run(["nft", "-f", "-"], { stdin: table });
  assert.equal(code, 0, stderr);
}

/** Lines of conntrack(8) about udp flows to a VIP. */
async function entriesTo(lab: Lab, family: Family, host: number, port = 53): Promise<string[]> {
  const vip = vipAddress(family, host);
  const to = ["-d", vip, "-p", "udp", "--dport", `${port}`];
  const listing = await must(lab, "conntrack", "-L", "-f", `ipv${family}`, ...to);
  return listing.split("\n").filter((line) => line !== "");
}

for (const family of FAMILIES) {
  test(`udp clients that were sending before the service was there are balanced, IPv${family}`, async (lab) => {
    await tracking(lab);
    const early = await send(lab, flowsTo(family));
    assert.equal(early.failed, 20, "there is nobody to answer yet");
    await send(lab, flowsTo(family, 10, 5353));
    assert.equal((await entriesTo(lab, family, 10)).length, 20);
    await apply(lab, DNS);
    assert.equal((await entriesTo(lab, family, 10)).length, 0);
    const other = await entriesTo(lab, family, 10, 5353);
    assert.equal(other.length, 20, "a port that is no service's");
    const result = await send(lab, flowsTo(family));
    allAnswered(result);
    assert.deepEqual(result.per_backend, { b1: 10, b2: 10 });
  });

  test(`udp flows from while the table was missing are balanced once it is back, IPv${family}`, async (lab) => {
    await tracking(lab);
    await apply(lab, DNS);
    await must(lab, "nft", "delete", "table", "inet", "lb");
    await must(lab, "conntrack", "-F");
    assert.equal((await send(lab, flowsTo(family))).failed, 20);
    await lab.balancer.json<Applied>(1, "reconcile");
    allAnswered(await send(lab, flowsTo(family)));
  });

  test(`balanced udp flows stay where they are through an apply, IPv${family}`, async (lab) => {
    await apply(lab, DNS);
    const before = await send(lab, { ...flowsTo(family), concurrency: 1 });
    await apply(lab, { ...DNS, weights: [9, 1] }, { ...DNS, name: "more", vips: [11] });
    const after = await send(lab, { ...flowsTo(family), concurrency: 1 });
    allAnswered(after);
    assert.deepEqual(after.answers, before.answers);
  });

  test(`an uninstall forgets lb's udp flows whatever mark_mask was, and nobody else's, IPv${family}`, async (lab) => {
    const theirs = `table inet theirs {
      chain pre {
        type nat hook prerouting priority -150
        ${family === 4 ? "ip" : "ip6"} daddr ${vipAddress(family, 77)} udp dport 53 \\
          ct mark set 0x100 dnat to ${backendAddress(family, 0)}
      }
    }\n`;
    const { code, stderr } = await lab.balancer.run(["nft", "-f", "-"], { stdin: theirs });
    assert.equal(code, 0, stderr);
    lab.balancer.writeConfig(`[lb]\nmark_mask = 0xffff0000\n${serviceText(DNS)}`);
    await lab.balancer.json<Applied>(0, "apply");
    allAnswered(await send(lab, flowsTo(family)));
    const foreign = await send(lab, flowsTo(family, 77));
    assert.deepEqual(foreign.per_backend, { b1: 20 });
    const marks = (await entriesTo(lab, family, 10)).map((line) => / mark=(\d+)/.exec(line)?.[1]);
    assert.equal(marks.length, 20);
    assert.ok(marks.every((mark) => Number(mark) >= 0x10000), marks.join(" "));
    await lab.balancer.json<Applied>(0, "uninstall", "--yes");
    assert.deepEqual(await entriesTo(lab, family, 10), []);
    const kept = await entriesTo(lab, family, 77);
    assert.equal(kept.filter((line) => line.includes(" mark=256 ")).length, 20, kept.join("\n"));
  });
}
