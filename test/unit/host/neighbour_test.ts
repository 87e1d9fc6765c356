import assert from "node:assert/strict";
import { addressResource } from "../../../lib/host/address/address.ts";
import type { Interface } from "../../../lib/host/interface.ts";
import { ingressOf, type IngressService } from "../../../lib/host/neighbour/ingress.ts";
import { observeWays, PATIENT_MS } from "../../../lib/host/neighbour/observe.ts";
import { type Way, wayBy } from "../../../lib/host/neighbour/way.ts";
import { formatPrefix, parseAddress, parsePrefix } from "../../../lib/model/address.ts";
import { FakeHost } from "../../fake/host.ts";
import { link } from "./proc.ts";

function address(text: string) {
  const parsed = parseAddress(text);
  assert.ok(parsed, text);
  return parsed;
}

function prefix(text: string) {
  const parsed = parsePrefix(text);
  assert.ok(parsed, text);
  return parsed;
}

/** Ways on a machine with eth0 in 192.0.2.0/24 and eth1 in 198.51.100.0/24. */
async function ways(host: FakeHost, ...texts: string[]): Promise<Way[]> {
  const interfaces = addressResource.observe(host.kernel, []);
  return await observeWays(host.kernel, interfaces, texts.map(address), PATIENT_MS);
}

Deno.test("a backend that answers has the interface that leads to it, and nothing in its way", async () => {
  const host = new FakeHost();
  host.network.others.add("198.51.100.11").add("2001:db8::11");
  const [v4, v6] = await ways(host, "198.51.100.11", "2001:db8::11");
  assert.deepEqual(v4?.link, { ifindex: 3, interface: "eth1", answers: true });
  assert.deepEqual(v6?.link, { ifindex: 2, interface: "eth0", answers: true });
  assert.deepEqual([v4?.reason, v6?.reason], [undefined, undefined]);
});

Deno.test("a silent backend is waited for a second or so, once for all of them", async () => {
  const host = new FakeHost();
  const begun_ms = host.kernel.clock.now_ms();
  const found = await ways(host, "198.51.100.11", "198.51.100.12", "198.51.100.13");
  const took_ms = host.kernel.clock.now_ms() - begun_ms;
  assert.ok(took_ms >= 1_000 && took_ms < 1_300, `${took_ms} ms`);
  assert.deepEqual(found.map((way) => way.link?.answers), [false, false, false]);
  assert.match(found[0]?.reason ?? "", /198\.51\.100\.11 does not answer at eth1.*ip neigh show/);
});

Deno.test("where all answer nobody waits", async () => {
  const host = new FakeHost();
  host.network.others.add("198.51.100.11");
  await ways(host, "198.51.100.11");
  assert.ok(!host.gate.calls.includes("sleep"));
});

Deno.test("a backend behind a router, or nowhere, has no link and a reason", async () => {
  const host = new FakeHost();
  const [nowhere] = await ways(host, "203.0.113.99");
  assert.match(nowhere?.reason ?? "", /^203\.0\.113\.99 has no route/);
  host.network.router = "192.0.2.254";
  const [behind] = await ways(host, "203.0.113.99");
  assert.match(behind?.reason ?? "", /203\.0\.113\.99 is behind the router 192\.0\.2\.254/);
  assert.deepEqual([nowhere?.link, behind?.link], [undefined, undefined]);
  assert.equal(host.network.asked.size, 0, "nobody is asked for");
});

Deno.test("this machine itself, and what is on no Ethernet, are no backends for dr", () => {
  const wg0 = link("wg0", { mac: undefined });
  const eth0 = link("eth0");
  const way = (isLocal: boolean, over: Interface) =>
    wayBy(
      address("192.0.2.9"),
      { ifindex: over.index, isLocal },
      [wg0, eth0].filter((one) => one === over),
    );
  assert.match(way(true, eth0).reason ?? "", /an address of this machine/);
  assert.match(way(false, wg0).reason ?? "", /wg0, which is no Ethernet.*forward = "nat"/);
  assert.equal(way(false, eth0).link?.interface, "eth0");
});

const service = (vip_on: string, vips: string[]): IngressService => ({
  name: "web",
  vip: vips.map(prefix),
  vip_on,
});

const of = (text: string) => ({ ...prefix(text), length: prefix(text).length });
const LO = link("lo", { loopback: true, addresses: [of("127.0.0.0/8")] });
const ETH0 = link("eth0", { addresses: [of("203.0.113.0/24")] });
const ETH1 = link("eth1", { addresses: [of("198.51.100.0/24")] });
const PORT = link("eth2", { enslaved: true, addresses: [] });
const BRIDGE = link("br0", { addresses: [] });
const DUMMY = link("dummy0", { dummy: true, addresses: [] });
const WG = link("wg0", { mac: undefined, addresses: [] });
const ALL = [LO, ETH0, ETH1, PORT, BRIDGE, DUMMY, WG];

function ingress(...direct: IngressService[]) {
  return ingressBeside([], ...direct);
}

function ingressBeside(others: readonly IngressService[], ...direct: IngressService[]) {
  const { interfaces, routed } = ingressOf(direct, others, ALL);
  return { interfaces: interfaces.map(({ name }) => name), routed: routed.map(formatPrefix) };
}

Deno.test("packets for a VIP are caught where the VIP is", () => {
  assert.deepEqual(ingress(service("auto", ["203.0.113.10"])), {
    interfaces: ["eth0"],
    routed: [],
  });
  assert.deepEqual(ingress(service("eth1", ["203.0.113.10"])).interfaces, ["eth1"]);
  const two = [service("auto", ["203.0.113.10"]), service("br0", ["192.0.2.10"])];
  assert.deepEqual(ingress(...two).interfaces, ["br0", "eth0"]);
});

Deno.test("packets for a VIP that is routed here are caught at every Ethernet that is nobody's port", () => {
  const everywhere = { interfaces: ["br0", "eth0", "eth1"], routed: ["192.0.2.10"] };
  assert.deepEqual(ingress(service("none", ["192.0.2.10"])), everywhere);
  assert.deepEqual(ingress(service("auto", ["192.0.2.10"])), everywhere);
  const prefixes = ingress(service("eth0", ["203.0.113.64/28"]));
  assert.deepEqual(prefixes, { ...everywhere, routed: ["203.0.113.64/28"] });
});

Deno.test("a VIP on lo or a dummy interface comes in elsewhere, and is this machine's own", () => {
  for (const vip_on of ["lo", "dummy0"]) {
    assert.deepEqual(ingress(service(vip_on, ["192.0.2.10"])), {
      interfaces: ["br0", "eth0", "eth1"],
      routed: [],
    });
  }
});

Deno.test("an interface that has gone is waited for, not replaced by all others", () => {
  assert.deepEqual(ingress(service("eth9", ["192.0.2.10"])), { interfaces: [], routed: [] });
});

Deno.test("a routed VIP that another service shares is not lb's to refuse at ingress", () => {
  const direct = service("none", ["192.0.2.10", "192.0.2.11"]);
  const shared = ingressBeside([service("none", ["192.0.2.10"])], direct);
  assert.deepEqual(shared.routed, ["192.0.2.11"]);
  const inside = ingressBeside([service("none", ["192.0.2.0/28"])], direct);
  assert.deepEqual(inside.routed, []);
});

Deno.test("where no service's packets are caught nothing is wanted at ingress", () => {
  const none = ingressBeside([service("none", ["192.0.2.10"])]);
  assert.deepEqual(none, { interfaces: [], routed: [] });
});
