import assert from "node:assert/strict";
import fc from "fast-check";
import { applySysctls, reportSysctls } from "../../../lib/host/sysctl/apply.ts";
import { keyFor, pathOf } from "../../../lib/host/sysctl/key.ts";
import { observeSysctls } from "../../../lib/host/sysctl/observe.ts";
import { planSysctls } from "../../../lib/host/sysctl/plan.ts";
import { type Need, NO_NEED } from "../../../lib/host/need.ts";
import { SYSCTL_RULES } from "../../../lib/host/sysctl/rules.ts";
import type { Interface } from "../../../lib/host/interface.ts";
import { errno, FakeJournal, FakeProc, freshValues, link, type Values } from "./proc.ts";

const IPV4: Need = { ...NO_NEED, engines: ["nft"], families: [4] };
const IPV6: Need = { ...IPV4, families: [6] };
const BOTH: Need = { ...IPV4, families: [4, 6] };
const LINKS = [link("lo"), link("eth0"), link("eth1")];
const FORWARD = "net.ipv4.ip_forward";

/** A machine with its journal. */
class Host {
  readonly proc: FakeProc;
  readonly journal = new FakeJournal();
  links: Interface[];

  constructor(changed: Values = {}, links = LINKS) {
    this.links = links;
    this.proc = new FakeProc({ ...freshValues(links.map(({ name }) => name)), ...changed });
  }

  plan(need: Need) {
    const open = this.journal.open("sysctl");
    const observed = observeSysctls(this.proc, SYSCTL_RULES, open.map(({ key }) => key));
    return planSysctls(SYSCTL_RULES, { need, interfaces: this.links }, observed, open);
  }

  /** Plan and apply, sets before restores, as the reconciler does. */
  reconcile(need: Need) {
    const { set, restore } = this.plan(need);
    const done = applySysctls(this.proc, set, this.journal);
    const undone = applySysctls(this.proc, restore, this.journal);
    return {
      keys: [...done.done, ...undone.done].map(({ object }) => object),
      blocked: [...done.blocked, ...undone.blocked],
      notes: [...done.notes, ...undone.notes],
    };
  }
}

const steps = (host: Host, need: Need) =>
  host.plan(need).set.map(({ key, before, after }) => `${key} ${before}→${after}`);

Deno.test("an IPv4 service needs forwarding first, then no redirects on all and each interface", () => {
  assert.deepEqual(steps(new Host(), IPV4), [
    "net.ipv4.ip_forward 0→1",
    "net.ipv4.conf.all.send_redirects 1→0",
    "net.ipv4.conf.eth0.send_redirects 1→0",
    "net.ipv4.conf.eth1.send_redirects 1→0",
  ]);
});

Deno.test("an IPv6 service needs router advertisements kept before forwarding goes on", () => {
  assert.deepEqual(steps(new Host(), IPV6), [
    "net.ipv6.conf.eth0.accept_ra 1→2",
    "net.ipv6.conf.eth1.accept_ra 1→2",
    "net.ipv6.conf.all.forwarding 0→1",
  ]);
});

Deno.test("no service, or none on the nft engine, needs nothing", () => {
  assert.deepEqual(steps(new Host(), NO_NEED), []);
  assert.deepEqual(steps(new Host(), { ...BOTH, engines: ["relay"] }), []);
});

Deno.test("advertisements are not taken up where they were not taken before", () => {
  const changed = {
    "net.ipv6.conf.eth0.forwarding": "1",
    "net.ipv6.conf.eth1.accept_ra": "0",
  };
  assert.deepEqual(steps(new Host(changed), IPV6), ["net.ipv6.conf.all.forwarding 0→1"]);
});

Deno.test("a link that is down keeps its accept_ra until it comes up", () => {
  const host = new Host({}, [link("eth0", { up: false })]);
  assert.deepEqual(host.reconcile(IPV6).keys, ["net.ipv6.conf.all.forwarding"]);
  host.links = [link("eth0")];
  assert.deepEqual(host.reconcile(IPV6).keys, ["net.ipv6.conf.eth0.accept_ra"]);
  host.links = [link("eth0", { up: false })];
  assert.deepEqual(host.reconcile(IPV6).keys, [], "a flapping link must not flap sysctls");
});

Deno.test("strict source checks become loose ones; loose and none stay", () => {
  const changed = {
    "net.ipv4.conf.all.rp_filter": "1",
    "net.ipv4.conf.eth0.rp_filter": "1",
    "net.ipv4.conf.eth1.rp_filter": "2",
    "net.ipv4.conf.lo.rp_filter": "1",
  };
  assert.deepEqual(steps(new Host(changed), IPV4).filter((step) => /rp_filter/.test(step)), [
    "net.ipv4.conf.all.rp_filter 1→2",
    "net.ipv4.conf.eth0.rp_filter 1→2",
  ]);
});

Deno.test("redirects stay on where an interface has no IPv4 address", () => {
  const host = new Host({}, [link("eth0", { addresses: [] }), link("eth1")]);
  assert.deepEqual(steps(host, IPV4).filter((step) => /eth\d/.test(step)), [
    "net.ipv4.conf.eth1.send_redirects 1→0",
  ]);
});

Deno.test("what is right already is not touched, not journalled, and not undone", () => {
  const start = {
    ...freshValues(["eth0"]),
    [FORWARD]: "1",
    "net.ipv4.conf.all.send_redirects": "0",
    "net.ipv4.conf.eth0.send_redirects": "0",
  };
  const host = new Host(start, [link("eth0")]);
  host.reconcile(IPV4);
  assert.deepEqual(host.journal.entries, []);
  host.reconcile(NO_NEED);
  assert.deepEqual(host.proc.values, start);
});

Deno.test("a second run changes nothing", () => {
  const host = new Host();
  assert.equal(host.reconcile(BOTH).keys.length, 7);
  const { set, restore } = host.plan(BOTH);
  assert.deepEqual([set, restore], [[], []]);
});

Deno.test("everything is on record before the first write", () => {
  const host = new Host();
  host.proc.beforeWrite = (key) => {
    const keys = host.journal.open("sysctl").map((entry) => entry.key);
    assert.ok(keys.includes(key), `${key} is written before it is journalled`);
    assert.ok(keys.includes("net.ipv4.conf.eth1.forwarding"));
    assert.ok(keys.includes("net.ipv4.conf.default.forwarding"));
    assert.ok(keys.includes("net.ipv4.conf.all.accept_redirects"));
    assert.ok(!keys.includes("net.ipv4.conf.all.forwarding"), "ip_forward under another name");
  };
  host.reconcile(IPV4);
  assert.equal(host.proc.values[FORWARD], "1");
});

Deno.test("a value changed back while it is needed is drift, and the first value stays on record", () => {
  const host = new Host({ "net.ipv4.conf.eth0.rp_filter": "1" });
  host.reconcile(IPV4);
  host.proc.sysctl(FORWARD, "0");
  host.proc.sysctl("net.ipv4.conf.eth0.rp_filter", "1");
  const { set } = host.plan(IPV4);
  assert.deepEqual(set.map(({ key, drift }) => [key, drift]), [
    [FORWARD, true],
    ["net.ipv4.conf.eth0.rp_filter", true],
  ]);
  assert.ok(host.plan(IPV4).set.every(({ records }) => records.length === 0));
  host.reconcile(IPV4);
  host.reconcile(NO_NEED);
  assert.equal(host.proc.values[FORWARD], "0");
  assert.equal(host.proc.values["net.ipv4.conf.eth0.rp_filter"], "1");
});

Deno.test("what the last IPv4 service needed goes back while IPv6 stays", () => {
  const host = new Host();
  host.reconcile(BOTH);
  assert.deepEqual(host.reconcile(IPV6).keys.toSorted(), [
    "net.ipv4.conf.all.send_redirects",
    "net.ipv4.conf.eth0.send_redirects",
    "net.ipv4.conf.eth1.send_redirects",
    FORWARD,
  ]);
  assert.equal(host.proc.values["net.ipv6.conf.all.forwarding"], "1");
});

Deno.test("a value that somebody else changed since is left alone, and said so", () => {
  const host = new Host({ "net.ipv4.conf.eth0.rp_filter": "1" });
  host.reconcile(IPV4);
  host.proc.sysctl("net.ipv4.conf.eth0.rp_filter", "0");
  const { notes } = host.reconcile(NO_NEED);
  assert.equal(host.proc.values["net.ipv4.conf.eth0.rp_filter"], "0");
  assert.equal(notes.length, 1);
  assert.match(notes[0]!, /eth0\.rp_filter is left at 0: somebody changed it.*was 1 before/);
  assert.deepEqual(host.journal.open("sysctl"), []);
});

Deno.test("forwarding that somebody switched off on one interface stays off through the undo", () => {
  const host = new Host({ "net.ipv4.conf.eth1.forwarding": "1" });
  host.reconcile(IPV4);
  host.proc.sysctl("net.ipv4.conf.eth1.forwarding", "0");
  host.reconcile(NO_NEED);
  assert.equal(host.proc.values["net.ipv4.conf.eth1.forwarding"], "0");
});

Deno.test("redirects accepted by hand since stay accepted through the undo", () => {
  const key = "net.ipv4.conf.all.accept_redirects";
  for (const [start, expected] of [["0", "0"], ["1", "1"]] as const) {
    const host = new Host({ [key]: start });
    host.reconcile(IPV4);
    assert.equal(host.proc.values[key], "0");
    host.reconcile(NO_NEED);
    assert.equal(host.proc.values[key], expected);
  }
  const host = new Host({ [key]: "0" });
  host.reconcile(IPV4);
  host.proc.sysctl(key, "1");
  host.reconcile(NO_NEED);
  assert.equal(host.proc.values[key], "1");
});

Deno.test("an interface that vanished is said to be gone, and the rest is undone", () => {
  const host = new Host({ "net.ipv4.conf.eth1.rp_filter": "1" });
  host.reconcile(IPV4);
  host.proc.removeLink("eth1");
  const { notes } = host.reconcile(NO_NEED);
  assert.deepEqual(notes.map((note) => note.split(" is gone")[0]), [
    "net.ipv4.conf.eth1.send_redirects",
    "net.ipv4.conf.eth1.rp_filter",
  ]);
  assert.equal(host.proc.values[FORWARD], "0");
  assert.deepEqual(host.journal.open("sysctl"), []);
});

Deno.test("an interface that appears is looked after, and keeps what it would have had", () => {
  const host = new Host({ "net.ipv4.conf.default.forwarding": "1" });
  host.reconcile(IPV4);
  host.proc.addLink("eth2");
  host.links = [...LINKS, link("eth2")];
  assert.deepEqual(host.reconcile(IPV4).keys, ["net.ipv4.conf.eth2.send_redirects"]);
  host.reconcile(NO_NEED);
  assert.equal(host.proc.values["net.ipv4.conf.eth2.send_redirects"], "1");
  assert.equal(host.proc.values["net.ipv4.conf.eth2.forwarding"], "1");
  assert.equal(host.proc.values["net.ipv4.conf.eth0.forwarding"], "0");
});

Deno.test("an uplink that appears keeps taking router advertisements", () => {
  const host = new Host();
  host.reconcile(IPV6);
  host.proc.addLink("eth2");
  host.links = [...LINKS, link("eth2")];
  assert.deepEqual(host.reconcile(IPV6).keys, ["net.ipv6.conf.eth2.accept_ra"]);
});

Deno.test("an interface's name may have a dot", () => {
  const key = keyFor("net.ipv4.conf.*.rp_filter", "eth0.100");
  assert.equal(key, "net.ipv4.conf.eth0/100.rp_filter");
  assert.equal(pathOf(key), "/proc/sys/net/ipv4/conf/eth0.100/rp_filter");
  const values = { ...freshValues(["eth0.100"]), [key]: "1" };
  const host = new Host(values, [link("eth0.100")]);
  assert.ok(host.reconcile(IPV4).keys.includes(key));
  assert.equal(host.proc.values[key], "2");
  host.reconcile(NO_NEED);
  assert.deepEqual(host.proc.values, { ...values, "net.ipv4.conf.all.forwarding": "0" });
});

for (const [code, words] of [["EROFS", /read-only/], ["EACCES", /no permission/]] as const) {
  Deno.test(`${code} names the key and the value to set from outside, and leaves no journal`, () => {
    const host = new Host();
    host.proc.beforeWrite = () => {
      throw errno(code);
    };
    const { keys, blocked } = host.reconcile(IPV4);
    assert.deepEqual(keys, []);
    assert.equal(blocked.length, 4);
    assert.match(blocked[0]!.message, words);
    assert.match(blocked[0]!.message, /set net\.ipv4\.ip_forward=1 from outside/);
    assert.deepEqual(host.journal.open("sysctl"), []);
  });
}

Deno.test("an undo on a read-only /proc/sys stays on record until it can be done", () => {
  const start = { "net.ipv4.conf.eth1.forwarding": "1" };
  const host = new Host(start);
  const before = { ...host.proc.values };
  host.reconcile(IPV4);
  const write = host.proc.beforeWrite;
  host.proc.beforeWrite = (key) => {
    if (key === FORWARD) throw errno("EROFS");
  };
  assert.deepEqual(host.reconcile(NO_NEED).blocked.map(({ object }) => object), [FORWARD]);
  host.proc.beforeWrite = write;
  host.reconcile(NO_NEED);
  assert.deepEqual(host.proc.values, { ...before, "net.ipv4.conf.all.forwarding": "0" });
});

Deno.test("a value the kernel refuses is an error with its errno, and leaves no journal entry", () => {
  const host = new Host();
  host.proc.beforeWrite = () => {
    throw errno("EINVAL");
  };
  assert.throws(() => host.reconcile(IPV4), { name: "KernelError", message: /ip_forward.*EINVAL/ });
  assert.deepEqual(host.journal.open("sysctl"), []);
});

Deno.test("an interface that vanishes between plan and write does no harm", () => {
  const host = new Host({ "net.ipv4.conf.eth1.rp_filter": "1" });
  host.proc.beforeWrite = () => host.proc.removeLink("eth1");
  const { notes } = host.reconcile(IPV4);
  assert.match(notes.join(), /eth1\.rp_filter is gone/);
  assert.equal(host.journal.open("sysctl").some(({ key }) => key.includes("eth1.rp")), false);
});

Deno.test("a kernel without IPv6 is said to be one", () => {
  const host = new Host();
  for (const key of Object.keys(host.proc.values)) {
    if (key.startsWith("net.ipv6")) delete host.proc.values[key];
  }
  const { set, blocked } = host.plan(IPV6);
  assert.deepEqual(set, []);
  assert.match(blocked[0]!.message, /has no net\.ipv6\.conf\.all\.forwarding/);
});

Deno.test('sysctl = "check" names each key, what it is and what it should be', () => {
  const { done, blocked } = reportSysctls(new Host().plan(IPV4).set);
  assert.deepEqual(done, []);
  assert.match(blocked[0]!.message, /net\.ipv4\.ip_forward is 0 and should be 1/);
  assert.equal(blocked.length, 4);
  const readOnly = reportSysctls(new Host().plan(IPV4).set, "read-only").blocked;
  assert.match(readOnly[0]!.message, /read-only here.*set net\.ipv4\.ip_forward=1 from outside/);
});

/** Any machine: the values that matter, at random. */
const anyValues = fc.tuple(
  ...Object.keys(freshValues(["lo", "eth0", "eth1"])).map((key) => {
    const values = /rp_filter|accept_ra$/.test(key) ? ["0", "1", "2"] : ["0", "1"];
    return fc.constantFrom(...values).map((value) => [key, value] as const);
  }),
).map((entries) => {
  const values = Object.fromEntries(entries);
  return { ...values, "net.ipv4.conf.all.forwarding": values[FORWARD]! };
});

const anyNeed = fc.constantFrom(IPV4, IPV6, BOTH);

Deno.test("apply and undo leave any machine as it was", () => {
  fc.assert(
    fc.property(anyValues, fc.array(anyNeed, { minLength: 1, maxLength: 4 }), (start, needs) => {
      const host = new Host(start);
      for (const need of needs) host.reconcile(need);
      host.reconcile(NO_NEED);
      assert.deepEqual(host.proc.values, start);
      assert.deepEqual(host.journal.open("sysctl"), []);
    }),
  );
});

/** Runs a reconcile in a process that dies before its nth effect, and does nothing after it. */
function reconcileAndDie(host: Host, need: Need, effects: number): void {
  const { proc, journal } = host;
  const alive = { write: proc.beforeWrite, record: journal.record, undone: journal.undone };
  let left = effects;
  const live = () => {
    if (left-- <= 0) throw new KillSignal();
  };
  proc.beforeWrite = live;
  journal.record = (records) => (live(), alive.record.call(journal, records));
  journal.undone = (id) => (live(), alive.undone.call(journal, id));
  try {
    host.reconcile(need);
  } catch (error) {
    if (!(error instanceof KillSignal)) throw error;
  } finally {
    proc.beforeWrite = alive.write;
    journal.record = alive.record;
    journal.undone = alive.undone;
  }
}

class KillSignal extends Error {}

Deno.test("killed at any point, any number of times, a last undo leaves any machine as it was", () => {
  const run = fc.record({
    need: fc.constantFrom(IPV4, IPV6, BOTH, NO_NEED),
    effects: fc.nat({ max: 25 }),
  });
  fc.assert(
    fc.property(anyValues, fc.array(run, { minLength: 1, maxLength: 5 }), (start, runs) => {
      const host = new Host(start);
      for (const { need, effects } of runs) reconcileAndDie(host, need, effects);
      host.reconcile(NO_NEED);
      assert.deepEqual(host.proc.values, start);
      assert.deepEqual(host.journal.open("sysctl"), []);
    }),
    { numRuns: 500 },
  );
});
