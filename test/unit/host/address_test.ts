import assert from "node:assert/strict";
import { announce } from "../../../lib/host/address/announce.ts";
import {
  interfacesAfter,
  placementNotes,
  placements,
  type VipService,
} from "../../../lib/host/address/placement.ts";
import { applyAddresses } from "../../../lib/host/address/apply.ts";
import { ANNOUNCED, planAddresses } from "../../../lib/host/address/plan.ts";
import type { Interface, InterfaceAddress } from "../../../lib/host/interface.ts";
import { subnetOf } from "../../../lib/host/interface.ts";
import {
  type Address,
  formatPrefix,
  parsePrefix,
  type Prefix,
} from "../../../lib/model/address.ts";
import type { Kernel, RawSocket } from "../../../lib/sys/ports.ts";
import { FakeNetwork as AddressBook } from "../../fake/network.ts";
import { FakeJournal, link } from "./proc.ts";

function prefix(text: string): Prefix {
  const parsed = parsePrefix(text);
  assert.ok(parsed, text);
  return parsed;
}

/** `ADDRESS/LENGTH` as ip addr shows it: with host bits. */
function address(text: string): InterfaceAddress {
  const [head = "", length] = text.split("/");
  const { family, text: canonical } = prefix(head);
  return { family, text: canonical, length: Number(length) };
}

const service = (vip_on: string, ...vips: string[]): VipService => ({
  name: "web",
  vip: vips.map(prefix),
  vip_on,
});

const LO = link("lo", { addresses: [address("127.0.0.1/8"), address("::1/128")] });
const ETH0 = link("eth0", { addresses: [address("203.0.113.2/24"), address("2001:db8:1::2/64")] });
const ETH1 = link("eth1", { addresses: [address("198.51.100.2/24")] });
const LINKS = [LO, ETH0, ETH1];

const placed = (services: VipService[], links: Interface[] = LINKS) =>
  placements(services, links).map((one) => `${one.link.name} ${formatPrefix(one.vip)}`);

Deno.test("a VIP without a subnet is a router's to send, unless it is here or is said to be meant so", () => {
  const notes = (vip_on: string, ...vips: string[]) =>
    placementNotes([service(vip_on, ...vips), service(vip_on, ...vips)], [
      ...LINKS,
      link("eth2", { addresses: [address("192.0.2.9/32")] }),
    ]);
  assert.deepEqual(notes("auto", "203.0.113.10", "2001:db8:1::10", "192.0.2.9"), []);
  assert.deepEqual(notes("auto", "192.0.2.0/28"), [], "prefixes always are routed");
  assert.deepEqual(notes("none", "192.0.2.1"), []);
  assert.deepEqual(notes("eth0", "192.0.2.1"), []);
  assert.match(
    notes("auto", "192.0.2.1").join("\n"),
    /^192\.0\.2\.1 is on no interface here: [^\n]*$/,
  );
  const many = notes("auto", ...Array.from({ length: 6 }, (_, at) => `192.0.2.1${at}`));
  assert.match(many.join("\n"), /^192\.0\.2\.10, .*, 192\.0\.2\.13 and 2 more are on no [^\n]*$/);
});

/** A machine's interfaces and journal; what is planned is taken to be done. */
class Host {
  readonly journal = new FakeJournal();
  links: Interface[] = LINKS;

  plan(services: VipService[]) {
    return planAddresses(services, this.links, this.journal.open("address"));
  }

  reconcile(services: VipService[]): void {
    const { set, restore } = this.plan(services);
    for (const { records, link, address } of set) {
      const entries = this.journal.record(records);
      this.journal.amend(entries.map(({ id }) => id), ANNOUNCED);
      this.put(link!.name, `${address!.text}/${address!.family === 4 ? 32 : 128}`);
    }
    for (const step of restore) {
      if (step.op === "remove") this.take(step.link!.name, step.address!.text);
      this.journal.undone(step.entry_id!);
    }
  }

  put(name: string, text: string): void {
    this.#change(name, (addresses) => [...addresses, address(text)]);
  }

  take(name: string, text: string): void {
    this.#change(name, (addresses) => addresses.filter((one) => one.text !== text));
  }

  #change(name: string, change: (all: readonly InterfaceAddress[]) => InterfaceAddress[]): void {
    this.links = this.links.map((one) =>
      one.name === name ? { ...one, addresses: change(one.addresses) } : one
    );
  }
}

const ops = (steps: readonly { op: string; key: string }[]) =>
  steps.map(({ op, key }) => `${op} ${key}`);

Deno.test("auto places a VIP on the interface whose subnet contains it, in both families", () => {
  assert.deepEqual(placed([service("auto", "203.0.113.10", "2001:db8:1::10", "198.51.100.10")]), [
    "eth0 203.0.113.10",
    "eth0 2001:db8:1::10",
    "eth1 198.51.100.10",
  ]);
});

Deno.test("auto places nothing where no subnet contains the VIP, and nothing on lo", () => {
  assert.deepEqual(placed([service("auto", "192.0.2.10", "127.0.0.9")]), []);
});

Deno.test("the narrowest subnet wins, then the interface that came first", () => {
  const wide = link("eth0", { index: 2, addresses: [address("203.0.113.2/16")] });
  const narrow = link("eth1", { index: 3, addresses: [address("203.0.113.3/24")] });
  const twin = link("eth2", { index: 4, addresses: [address("203.0.113.4/24")] });
  assert.deepEqual(placed([service("auto", "203.0.113.10")], [wide, twin, narrow]), [
    "eth1 203.0.113.10",
  ]);
});

Deno.test("a VIP already placed does not attract itself", () => {
  const links = [link("eth0", { addresses: [address("203.0.113.10/32")] })];
  assert.deepEqual(placed([service("auto", "203.0.113.10")], links), []);
});

Deno.test("a named interface gets the VIP whatever its subnets, none gets nothing", () => {
  assert.deepEqual(placed([service("eth1", "192.0.2.10")]), ["eth1 192.0.2.10"]);
  assert.deepEqual(placed([service("none", "203.0.113.10")]), []);
});

Deno.test("prefixes are never placed", () => {
  assert.deepEqual(placed([service("eth0", "203.0.113.0/28", "2001:db8:1::/112")]), []);
});

Deno.test("two services on one VIP place it once", () => {
  const services = [service("auto", "203.0.113.10"), service("eth0", "203.0.113.10")];
  assert.deepEqual(placed(services), ["eth0 203.0.113.10"]);
});

Deno.test("a VIP for an interface that does not exist is blocked, with those that do, and no other is", () => {
  const host = new Host();
  const services = [service("eth9", "203.0.113.10"), service("auto", "203.0.113.11")];
  const { set, blocked } = host.plan(services);
  assert.deepEqual(ops(set), ["add eth0 203.0.113.11/32"]);
  assert.equal(blocked.length, 1);
  assert.match(
    blocked[0]!.message,
    /vip_on = "eth9" of service web: there is no such interface; there are lo, eth0, eth1/,
  );
  assert.deepEqual(interfacesAfter([service("eth9", "203.0.113.10")], LINKS), LINKS);
});

Deno.test("a VIP that was placed and not announced is announced by the next run, once", async () => {
  const host = new Host();
  const want = [service("auto", "203.0.113.10", "2001:db8:1::10")];
  host.reconcile(want);
  host.journal.amend([2], "placed");
  const { set } = host.plan(want);
  assert.deepEqual(ops(set), ["announce eth0 2001:db8:1::10/128"]);
  const network = new FakeNetwork();
  const { done } = await applyAddresses(network.kernel, set, host.journal);
  assert.deepEqual([done, network.sent.length], [[], 2]);
  assert.deepEqual(host.plan(want).set, []);
});

Deno.test("where one thing of everything goes wrong, what came before it is announced", async () => {
  const host = new Host();
  const { set } = host.plan([service("auto", "203.0.113.10", "203.0.113.11")]);
  const network = new FakeNetwork();
  network.silentAfter = 1;
  await assert.rejects(applyAddresses(network.kernel, set, host.journal), /no answer/);
  assert.deepEqual(network.sent.map(({ frame }) => frame.slice(28, 32).join(".")), [
    "203.0.113.10",
    "203.0.113.10",
  ]);
  const states = host.journal.open("address").map(({ key, after }) => `${key} ${after}`);
  assert.deepEqual(states, ["eth0 203.0.113.10/32 announced", "eth0 203.0.113.11/32 placed"]);
});

Deno.test("4,000 VIPs are planned in less than a second", () => {
  const text = (index: number) => `10.0.${index >> 8}.${index & 255}`;
  const vips = Array.from({ length: 4_000 }, (_, index) => text(index + 2));
  const own = link("eth0", { addresses: [address("10.0.0.1/16")] });
  const placedAll = {
    ...own,
    addresses: [...own.addresses, ...vips.map((ip) => address(`${ip}/32`))],
  };
  const services = [service("auto", ...vips)];
  const began_ms = performance.now();
  assert.equal(planAddresses(services, [own], []).set.length, 4_000);
  assert.equal(planAddresses(services, [placedAll], []).set.length, 0);
  assert.equal(interfacesAfter(services, [own])[0]?.addresses.length, 4_001);
  assert.ok(performance.now() - began_ms < 1_000, `${performance.now() - began_ms} ms`);
});

Deno.test("a VIP is added once, journalled as absent before, and removed when nobody wants it", () => {
  const host = new Host();
  const want = [service("auto", "203.0.113.10", "2001:db8:1::10")];
  const { set } = host.plan(want);
  assert.deepEqual(ops(set), ["add eth0 203.0.113.10/32", "add eth0 2001:db8:1::10/128"]);
  assert.deepEqual(set.flatMap(({ records }) => records).map(({ before }) => before), [null, null]);
  host.reconcile(want);
  assert.deepEqual([host.plan(want).set, host.plan(want).restore], [[], []]);
  assert.deepEqual(ops(host.plan([]).restore), [
    "remove eth0 2001:db8:1::10/128",
    "remove eth0 203.0.113.10/32",
  ]);
  host.reconcile([]);
  assert.deepEqual(host.links, LINKS);
});

Deno.test("an address that was there before is left alone, and never removed", () => {
  const host = new Host();
  host.put("eth0", "203.0.113.10/24");
  const before = host.links;
  host.reconcile([service("eth0", "203.0.113.10")]);
  assert.deepEqual(host.journal.entries, []);
  host.reconcile([]);
  assert.deepEqual(host.links, before);
});

Deno.test("auto adds nothing where the operator has the VIP on another interface", () => {
  const host = new Host();
  host.put("lo", "203.0.113.10/32");
  assert.deepEqual(host.plan([service("auto", "203.0.113.10")]).set, []);
  assert.deepEqual(ops(host.plan([service("eth0", "203.0.113.10")]).set), [
    "add eth0 203.0.113.10/32",
  ]);
});

Deno.test("a VIP deleted by hand comes back, and that is drift", () => {
  const host = new Host();
  const want = [service("auto", "203.0.113.10")];
  host.reconcile(want);
  host.take("eth0", "203.0.113.10");
  const { set } = host.plan(want);
  assert.deepEqual(set.map(({ key, drift, records }) => [key, drift, records.length]), [
    ["eth0 203.0.113.10/32", true, 0],
  ]);
});

Deno.test("a VIP that moves is added on the new interface before it leaves the old one", () => {
  const host = new Host();
  host.reconcile([service("eth0", "203.0.113.10")]);
  const { set, restore } = host.plan([service("eth1", "203.0.113.10")]);
  assert.deepEqual([ops(set), ops(restore)], [
    ["add eth1 203.0.113.10/32"],
    ["remove eth0 203.0.113.10/32"],
  ]);
});

Deno.test("a VIP placed by auto follows its subnet to another interface", () => {
  const host = new Host();
  const want = [service("auto", "203.0.113.10")];
  host.reconcile(want);
  host.take("eth0", "203.0.113.2");
  host.put("eth1", "203.0.113.2/24");
  const { set, restore } = host.plan(want);
  assert.deepEqual([ops(set), ops(restore)], [
    ["add eth1 203.0.113.10/32"],
    ["remove eth0 203.0.113.10/32"],
  ]);
});

Deno.test("what somebody removed or replaced since is left alone, and said so", () => {
  const host = new Host();
  host.reconcile([service("eth0", "203.0.113.10", "203.0.113.11", "203.0.113.12")]);
  host.take("eth0", "203.0.113.10");
  host.take("eth0", "203.0.113.11");
  host.put("eth0", "203.0.113.11/24");
  const { restore } = host.plan([]);
  assert.deepEqual(ops(restore), [
    "remove eth0 203.0.113.12/32",
    "forget eth0 203.0.113.11/32",
    "forget eth0 203.0.113.10/32",
  ]);
  assert.match(restore[1]?.note ?? "", /left alone: somebody put it there with another subnet/);
  assert.match(restore[2]?.note ?? "", /somebody removed it/);
});

Deno.test("an interface that vanished took its VIP along", () => {
  const host = new Host();
  host.reconcile([service("eth0", "203.0.113.10")]);
  host.links = [LO];
  const { restore } = host.plan([]);
  assert.deepEqual(restore.map(({ op, note }) => [op, note]), [
    ["forget", "eth0 203.0.113.10/32 went with its interface"],
  ]);
});

Deno.test("other host resources see the interfaces with the VIPs on them", () => {
  const bare = link("eth1", { addresses: [] });
  const after = interfacesAfter([service("eth1", "203.0.113.10")], [ETH0, bare]);
  assert.deepEqual(after.map(({ addresses }) => addresses.map(({ text }) => text)), [
    ["203.0.113.2", "2001:db8:1::2"],
    ["203.0.113.10"],
  ]);
});

Deno.test("a subnet has its host bits zeroed at any length", () => {
  const subnets = ["203.0.113.77/24", "203.0.113.77/27", "203.0.113.77/0", "2001:db8::ff/121"]
    .map((text) => subnetOf(address(text)))
    .map(({ text, length }) => `${text}/${length}`);
  assert.deepEqual(subnets, ["203.0.113.0/24", "203.0.113.64/27", "0.0.0.0/0", "2001:db8::80/121"]);
});

/** Test equipment: packet sockets that keep what was sent, and a clock that only counts. */
class FakeNetwork {
  readonly sent: { ifindex: number; frame: Uint8Array }[] = [];
  open = 0;
  slept_ms = 0;
  failure: Error | undefined;
  /** So many addresses are added, then nobody answers any more. */
  silentAfter = 0;

  get kernel(): Kernel {
    const files = { read: () => "1\n" } as Partial<Kernel["files"]> as Kernel["files"];
    const sockets = {
      packet: (ifindex: number) => this.#packet(ifindex),
      netlink: () => this.#netlink(),
    };
    const clock = { now_ms: () => 0, sleep: (ms: number) => Promise.resolve(void this.#tick(ms)) };
    return { files, sockets, clock } as Partial<Kernel> as Kernel;
  }

  #tick(ms: number): void {
    this.slept_ms += ms;
  }

  #netlink(): RawSocket {
    if (this.silentAfter-- > 0) return new AddressBook(["lo", "eth0"], []).socket();
    throw new Error("no answer");
  }

  #packet(ifindex: number): RawSocket {
    this.open++;
    return {
      send: (frame) => {
        if (this.failure) throw this.failure;
        this.sent.push({ ifindex, frame });
      },
      receive: () => new Uint8Array(),
      close: () => void this.open--,
    };
  }
}

const VIP: Address = { family: 4, text: "203.0.113.10" };
const VIP6: Address = { family: 6, text: "2001:db8:1::10" };

Deno.test("every new address is announced twice, 100 ms apart for all of them together", async () => {
  const network = new FakeNetwork();
  const arrivals = [{ link: ETH0, address: VIP }, { link: ETH0, address: VIP6 }];
  assert.deepEqual(await announce(network.kernel, arrivals), []);
  assert.deepEqual(network.sent.map(({ frame }) => frame[12]! * 256 + frame[13]!), [
    0x0806,
    0x86dd,
    0x0806,
    0x86dd,
  ]);
  assert.equal(network.slept_ms, 100);
  assert.equal(network.open, 0);
});

Deno.test("nothing is sent, and no time lost, without neighbours to tell", async () => {
  const network = new FakeNetwork();
  const down = link("eth0", { up: false });
  const tunnel = link("eth1", { mac: undefined });
  await announce(network.kernel, [{ link: down, address: VIP }, { link: tunnel, address: VIP }]);
  assert.deepEqual([network.sent.length, network.slept_ms], [0, 0]);
});

Deno.test("an announcement that fails is said once, and the run goes on", async () => {
  const network = new FakeNetwork();
  network.failure = new Error("ENETDOWN");
  const notes = await announce(network.kernel, [{ link: ETH0, address: VIP }]);
  assert.deepEqual(notes, ["203.0.113.10 could not be announced on eth0: ENETDOWN"]);
  assert.equal(network.open, 0);
});
