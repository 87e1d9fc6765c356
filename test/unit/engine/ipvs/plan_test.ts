import assert from "node:assert/strict";
import fc from "fast-check";
import { StalePlanError } from "../../../../lib/engine/engine.ts";
import { ipvsEngine } from "../../../../lib/engine/ipvs/engine.ts";
import { markFor, readFlags, taggedFlags } from "../../../../lib/engine/ipvs/tag.ts";
import { KernelError, LbError } from "../../../../lib/model/error.ts";
import { type ServiceSpec, stateOf } from "../../../fake/services.ts";
import { IpvsRig } from "./rig.ts";

const [FIRST, SECOND, THIRD] = [
  { id: 1, address: "198.51.100.11", weight: 100 },
  { id: 2, address: "198.51.100.12", weight: 100 },
  { id: 3, address: "198.51.100.13", weight: 100 },
] as const;

const WEB: ServiceSpec = { backends: [FIRST, SECOND] };
const MAIL: ServiceSpec = { name: "mail", ports: [25], backends: [THIRD] };
const REDUCED: ServiceSpec = { ...WEB, backends: [FIRST] };
const GONE = "backend 198.51.100.12:80 of tcp 203.0.113.10:80";

function summary(changes: readonly { op: string; object: string }[]): string[] {
  return changes.map(({ op, object }) => `${op} ${object}`);
}

Deno.test("services come first, then backends, then weights, then what takes nothing any more, then removals", async () => {
  const rig = new IpvsRig();
  await rig.apply({ ...WEB, backends: [FIRST, SECOND, THIRD] }, { name: "old", ports: [21] });
  const { steps } = await rig.plan(
    { ...WEB, scheduler: "rr", backends: [{ ...FIRST, weight: 0 }, { ...SECOND, weight: 50 }] },
    MAIL,
  );
  assert.deepEqual(steps.map(({ op }) => op), [
    "set service",
    "add service",
    "add backend",
    "set backend",
    "set backend",
    "set backend",
    "delete idle backends",
    "delete service",
  ]);
  const weights = steps.flatMap((step) =>
    step.op === "set backend"
      ? [`${step.destination.key.address.text}=${step.destination.weight}`]
      : []
  );
  assert.deepEqual(weights, ["198.51.100.12=50", "198.51.100.11=0", "198.51.100.13=0"]);
});

Deno.test("whose drain is over goes at once, whatever connections it has, and can come back", async () => {
  const rig = new IpvsRig();
  await rig.apply(WEB);
  rig.destination("198.51.100.12")!.active = 3;
  const over = { ...WEB, backends: [FIRST, { ...SECOND, weight: 0, isOut: true }] };
  const { plan } = await rig.apply(over);
  assert.deepEqual(summary(plan.changes), [`remove ${GONE}`]);
  assert.equal(rig.destination("198.51.100.12"), undefined);
  assert.deepEqual((await rig.plan(over)).changes, []);
  assert.deepEqual(await rig.drift(), []);
  assert.deepEqual(summary((await rig.apply(WEB)).plan.changes), [`add ${GONE}`]);
});

Deno.test("a removed backend stays without new connections until its own have ended", async () => {
  const rig = new IpvsRig();
  await rig.apply(WEB);
  rig.destination("198.51.100.12")!.active = 3;
  const { plan } = await rig.apply(REDUCED);
  assert.deepEqual(summary(plan.changes), [`change ${GONE}`]);
  assert.match(plan.changes[0]!.detail, /weight 100 → 0: .* last of its 3 connections/);
  assert.deepEqual((await rig.plan(REDUCED)).changes, [], "nothing to do yet");
  assert.deepEqual(await rig.drift(), []);

  rig.destination("198.51.100.12")!.active = 0;
  const last = await rig.apply(REDUCED);
  assert.deepEqual(summary(last.plan.changes), [`remove ${GONE}`]);
  assert.equal(rig.destination("198.51.100.12"), undefined);
  assert.deepEqual(await rig.drift(), []);
});

Deno.test("the stamp moves when the last connection of a leaving backend has ended", async () => {
  const rig = new IpvsRig();
  await rig.apply(WEB);
  rig.destination("198.51.100.12")!.active = 1;
  const { stamp } = await rig.apply(REDUCED);
  assert.equal(await ipvsEngine.stamp(rig.kernel), stamp);
  rig.destination("198.51.100.12")!.active = 0;
  assert.notEqual(await ipvsEngine.stamp(rig.kernel), stamp);
});

Deno.test("the stamp does not move with connections and counters", async () => {
  const rig = new IpvsRig();
  const { stamp } = await rig.apply(WEB);
  rig.destination("198.51.100.11")!.active = 5;
  rig.destination("198.51.100.11")!.scheduled = 5;
  assert.equal(await ipvsEngine.stamp(rig.kernel), stamp);
  rig.ipvsadm("-e -t 203.0.113.10:80 -r 198.51.100.11:80 -m -w 100 -x 7");
  assert.notEqual(await ipvsEngine.stamp(rig.kernel), stamp);
});

Deno.test("a connection that comes in before its backend is deleted keeps it there", async () => {
  const rig = new IpvsRig();
  await rig.apply(WEB);
  const before = rig.ipvs.writes;
  rig.ipvs.beforeWrite = () => {
    // The mark, then weight 0: the client was there just before that.
    if (rig.ipvs.writes === before + 2) rig.destination("198.51.100.12")!.active = 1;
  };
  await rig.apply(REDUCED);
  assert.equal(rig.destination("198.51.100.12")?.active, 1);
  assert.deepEqual((await rig.plan(REDUCED)).changes, []);
  assert.deepEqual(await rig.drift(), []);
});

Deno.test("a leaving backend that is wanted again serves again", async () => {
  const rig = new IpvsRig();
  await rig.apply(WEB);
  rig.destination("198.51.100.12")!.active = 1;
  await rig.apply(REDUCED);
  const { plan } = await rig.apply(WEB);
  assert.deepEqual(plan.changes.map(({ detail }) => detail), ["weight 0 → 100"]);
});

Deno.test("a removed udp backend is deleted at once: its flows would never end", async () => {
  const rig = new IpvsRig();
  const dns: ServiceSpec = { ...WEB, protocol: "udp" };
  await rig.apply(dns);
  rig.destination("198.51.100.12")!.active = 3;
  await rig.apply({ ...dns, backends: [FIRST] });
  assert.equal(rig.destination("198.51.100.12"), undefined);
});

Deno.test("a virtual service of somebody else's is neither taken over nor counted", async () => {
  const rig = new IpvsRig();
  rig.ipvsadm("-A -t 203.0.113.10:80 -s rr");
  rig.ipvsadm("-a -t 203.0.113.10:80 -r 198.51.100.99:80 -m -w 1");
  const writes = rig.ipvs.writes;
  await assert.rejects(
    rig.plan(WEB),
    (error) =>
      error instanceof LbError && error.code === "unsupported" &&
      /service web: IPVS has a virtual service tcp 203\.0\.113\.10:80 already/.test(error.message),
  );
  assert.equal(rig.ipvs.writes, writes);
  assert.deepEqual((await rig.plan(MAIL)).changes.length, 2, "others go on");
});

Deno.test("one that came since the plan was made makes it stale", async () => {
  const rig = new IpvsRig();
  const { plan, stamp } = await rig.look(stateOf([WEB]));
  rig.ipvsadm("-A -t 203.0.113.10:80 -s rr");
  const writes = rig.ipvs.writes;
  await assert.rejects(ipvsEngine.apply(rig.kernel, plan, stamp), StalePlanError);
  assert.equal(rig.ipvs.writes, writes, "nothing was tried");
});

Deno.test("what lost lb's tag is still known by the record, and without one is a stranger's", async () => {
  const rig = new IpvsRig();
  await rig.apply(WEB);
  rig.ipvsadm("-E -t 203.0.113.10:80 -s wrr");
  assert.deepEqual(await rig.drift(), ["service tcp 203.0.113.10:80"]);
  rig.committed = undefined;
  await assert.rejects(rig.plan(WEB), LbError);
});

Deno.test("a kernel whose IPVS is not loaded holds nothing, and nothing here loads it", async () => {
  const rig = new IpvsRig(false);
  assert.deepEqual(await rig.observe(), {
    present: false,
    virtuals: new Map(),
    foreign: new Set(),
    units: new Map(),
  });
  const { plan, stamp } = await rig.look(stateOf([WEB]));
  assert.deepEqual((await rig.plan()).changes, []);
  await assert.rejects(ipvsEngine.apply(rig.kernel, plan, stamp), StalePlanError);
  assert.equal(rig.ipvs.loaded, false);
});

Deno.test("a scheduler that the kernel lacks is named, with the service", async () => {
  const rig = new IpvsRig();
  rig.ipvs.schedulers.delete("wlc");
  await rig.apply(MAIL);
  await assert.rejects(
    rig.apply(MAIL, { ...WEB, scheduler: "wlc" }),
    (error) =>
      error instanceof KernelError &&
      /tcp 203\.0\.113\.10:80 of service web: .* no scheduler wlc.* ip_vs_wlc/.test(error.message),
  );
  assert.deepEqual((await rig.plan(MAIL)).changes, [], "what was there is there");
});

Deno.test("a run that is cut off anywhere leaves its mark, and the next one comes to the end", async () => {
  const after: ServiceSpec[] = [
    { ...WEB, scheduler: "rr", backends: [{ ...FIRST, weight: 7 }, THIRD] },
    MAIL,
  ];
  for (let cut = 1; cut <= 8; cut++) {
    const rig = new IpvsRig();
    await rig.apply(WEB, { name: "old", ports: [21] });
    const { plan, stamp } = await rig.look(stateOf(after));
    rig.ipvs.beforeWrite = dieAfter(rig, cut);
    await assert.rejects(ipvsEngine.apply(rig.kernel, plan, stamp), /died/);
    rig.ipvs.beforeWrite = () => {};
    if (cut > 1) assert.equal((await rig.observe()).token, plan.token, `after ${cut - 1}`);
    await rig.apply(...after);
    assert.deepEqual((await rig.plan(...after)).changes, []);
    assert.deepEqual(await rig.drift(), []);
  }
});

/** What is no errno is not taken back: nobody is there any more to do so. */
function dieAfter({ ipvs }: IpvsRig, writes: number): () => void {
  const last = ipvs.writes + writes;
  return () => {
    if (ipvs.writes >= last) throw new TypeError("died");
  };
}

Deno.test("backends under a new service name are counted for their new ids", async () => {
  const rig = new IpvsRig();
  await rig.apply(WEB);
  const renamed = [{ ...FIRST, id: 11 }, { ...SECOND, id: 12 }];
  const { plan } = await rig.apply({ ...WEB, name: "www", backends: renamed });
  assert.equal(plan.changes.length, 2);
  assert.deepEqual([...ipvsEngine.totals(await rig.observe())], [[11, 0], [12, 0]]);
});

Deno.test("a backend's counts are the sum over all VIPs and ports", async () => {
  const rig = new IpvsRig();
  const spec: ServiceSpec = { ports: [80, 443], backends: [FIRST] };
  await rig.apply(spec);
  for (const { destinations } of rig.ipvs.services.values()) {
    for (const one of destinations.values()) Object.assign(one, { scheduled: 5, active: 2 });
  }
  assert.deepEqual([...ipvsEngine.totals(await rig.observe())], [[1, 10]]);
  assert.deepEqual(await ipvsEngine.counters(rig.kernel, stateOf([spec])), [
    { id: 1, new_connections: 10, active_connections: 4, bytes_in: 0, bytes_out: 0 },
  ]);
});

Deno.test("a leaving backend goes on being counted for its id", async () => {
  const rig = new IpvsRig();
  await rig.apply(WEB);
  Object.assign(rig.destination("198.51.100.12")!, { active: 1, scheduled: 4 });
  await rig.apply(REDUCED);
  assert.deepEqual([...ipvsEngine.totals(await rig.observe())], [[1, 0], [2, 4]]);
});

Deno.test("counters begin at 0 for backends that are nowhere yet, and for no others", async () => {
  const rig = new IpvsRig();
  await rig.apply(REDUCED);
  assert.deepEqual([...(await rig.plan({ ...WEB, ports: [80, 443] })).counters], [[2, 0]]);
});

Deno.test("a plan from memory takes a backend away only when it is idle", async () => {
  const rig = new IpvsRig();
  const { stamp } = await rig.apply(WEB);
  rig.destination("198.51.100.12")!.active = 2;
  const { state, token } = rig.committed!;
  const { want, have } = ipvsEngine.narrowed(stateOf([REDUCED]), state, token);
  const plan = ipvsEngine.plan(want, have, "9 . 9");
  const { objects } = await ipvsEngine.apply(rig.kernel, plan, stamp!);
  assert.equal(rig.destination("198.51.100.12")?.active, 2);
  assert.deepEqual(objects.get(GONE), { source: "2", listing: "leaving" });
});

Deno.test("tag and mark share the flags with the kernel's own, and come back", () => {
  fc.assert(fc.property(fc.integer({ min: 0, max: 0x3f }), fc.nat(0xffff), (own, mark) => {
    const plain = own & ~2;
    const read = readFlags(taggedFlags(plain, mark) | 2);
    assert.deepEqual(read, { plain, tagged: true, mark });
  }));
  assert.deepEqual(readFlags(0x1b), { plain: 0x19, tagged: false, mark: 0 });
});

Deno.test("marks are never 0, and differ from run to run", () => {
  const marks = Array.from({ length: 500 }, (_, run) => markFor(`${run} . ${run * 7919}`));
  assert.ok(marks.every((mark) => mark > 0 && mark <= 0xffff));
  assert.ok(new Set(marks).size > 490);
});
