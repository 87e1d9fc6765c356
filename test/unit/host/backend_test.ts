import assert from "node:assert/strict";
import { checkBackend, permanently } from "../../../lib/host/backend/check.ts";
import type { Interface } from "../../../lib/host/interface.ts";
import { formatPrefix, parsePrefix, type Prefix } from "../../../lib/model/address.ts";
import { link } from "./proc.ts";

const V4 = "203.0.113.10";
const V6 = "2001:db8:1::10";

function prefix(text: string): Prefix {
  const parsed = parsePrefix(text);
  assert.ok(parsed, text);
  return parsed;
}

function addressed(name: string, ...texts: string[]): Interface {
  const addresses = texts.map((text) => prefix(text)).map((one) => ({ ...one, length: 24 }));
  return link(name, { addresses });
}

interface Setup {
  readonly links?: readonly Interface[];
  readonly local?: readonly string[];
  readonly sysctls?: Readonly<Record<string, string>>;
}

const SET = { "net.ipv4.conf.all.arp_ignore": "1", "net.ipv4.conf.all.arp_announce": "2" };

/** Objects that are not right, with the commands that set them right. */
function wrong(vips: string[], { links, local = vips, sysctls = SET }: Setup = {}) {
  const checks = checkBackend(vips.map(prefix), {
    interfaces: links ?? [addressed("eth0", "198.51.100.11")],
    isLocal: (vip) => local.includes(formatPrefix(vip)),
    sysctl: (key) => (sysctls as Record<string, string>)[key],
  });
  return checks.filter(({ ok }) => !ok).map(({ object, commands }) =>
    `${object}: ${commands.join("; ")}`
  );
}

Deno.test("a backend with the VIP on lo that tells nobody is as it should be", () => {
  assert.deepEqual(wrong([V4, V6]), []);
});

Deno.test("on a fresh machine, what its neighbours hear is set before the VIP is there", () => {
  assert.deepEqual(wrong([V4], { local: [], sysctls: {} }), [
    "net.ipv4.conf.eth0.arp_ignore: sysctl -w net.ipv4.conf.all.arp_ignore=1",
    "net.ipv4.conf.eth0.arp_announce: sysctl -w net.ipv4.conf.all.arp_announce=2",
    `${V4}: ip addr add ${V4}/32 dev lo`,
  ]);
});

Deno.test("the larger of all and the interface's own value counts", () => {
  const own = { "net.ipv4.conf.eth0.arp_ignore": "1", "net.ipv4.conf.eth0.arp_announce": "2" };
  assert.deepEqual(wrong([V4], { sysctls: own }), []);
  const over = { ...SET, "net.ipv4.conf.eth0.arp_ignore": "8" };
  assert.deepEqual(wrong([V4], { sysctls: over }), [
    "net.ipv4.conf.eth0.arp_ignore: sysctl -w net.ipv4.conf.eth0.arp_ignore=1",
  ]);
});

Deno.test("every interface with neighbours is looked at, and no other", () => {
  const links = [
    addressed("eth0", "198.51.100.11"),
    addressed("eth1", "192.0.2.11"),
    link("eth2", { enslaved: true }),
    link("lo", { loopback: true }),
    link("dummy0", { dummy: true, addresses: [{ ...prefix(V4), length: 32 }] }),
  ];
  const objects = wrong([V4], { links, sysctls: {} }).map((line) => line.split(":")[0]);
  assert.deepEqual(objects, [
    "net.ipv4.conf.eth0.arp_ignore",
    "net.ipv4.conf.eth1.arp_ignore",
    "net.ipv4.conf.eth0.arp_announce",
    "net.ipv4.conf.eth1.arp_announce",
  ]);
});

Deno.test("strict reverse path filters count where answers may leave elsewhere", () => {
  const strict = { ...SET, "net.ipv4.conf.all.rp_filter": "1" };
  assert.deepEqual(wrong([V4], { sysctls: strict }), []);
  const links = [addressed("eth0", "198.51.100.11"), addressed("eth1", "192.0.2.11")];
  const lines = wrong([V4], { links, sysctls: strict });
  assert.equal(lines[0], "net.ipv4.conf.eth0.rp_filter: sysctl -w net.ipv4.conf.all.rp_filter=2");
  assert.deepEqual(
    wrong([V4], { links, sysctls: { ...strict, "net.ipv4.conf.all.rp_filter": "0" } }),
    [],
  );
});

Deno.test("a VIP on an interface with neighbours is answered for, whatever the settings", () => {
  const links = [addressed("eth0", "198.51.100.11", V4)];
  assert.deepEqual(wrong([V4], { links }), [`${V4}: ip addr del ${V4}/24 dev eth0`]);
  assert.deepEqual(wrong(["203.0.113.0/28"], { links }), [
    `203.0.113.0/28: ip addr del ${V4}/24 dev eth0`,
  ]);
});

Deno.test("IPv6 wants no settings, and prefixes of it a route", () => {
  assert.deepEqual(wrong([V6], { local: [], sysctls: {} }), [
    `${V6}: ip addr add ${V6}/128 dev lo nodad`,
  ]);
  assert.deepEqual(wrong(["2001:db8:1::/112", "203.0.113.0/28"], { local: [] }), [
    "2001:db8:1::/112: ip route add local 2001:db8:1::/112 dev lo",
    "203.0.113.0/28: ip addr add 203.0.113.0/28 dev lo",
  ]);
});

Deno.test("what is to be kept over a restart is what is asked for", () => {
  assert.deepEqual(permanently([prefix(V6)]), [{
    file: '/etc/network/interfaces, below "iface lo inet loopback"',
    lines: [`up ip addr add ${V6}/128 dev lo nodad`],
  }]);
  assert.deepEqual(permanently([prefix(V4)])[0], {
    file: "/etc/sysctl.d/90-lb-backend.conf",
    lines: ["net.ipv4.conf.all.arp_ignore = 1", "net.ipv4.conf.all.arp_announce = 2"],
  });
});
