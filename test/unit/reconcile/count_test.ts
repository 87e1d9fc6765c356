/** What is remembered of a backend: its id and what was counted for it. */
import assert from "node:assert/strict";
import { readStatus } from "../../../lib/reconcile/status.ts";
import { parseConfig } from "../../../lib/config/load.ts";
import { BASE, CHANGED, NOTHING, single } from "./configs.ts";
import { FACTS, type Rig, withRig } from "./rig.ts";

/** What nft counts for a backend. */
function count(rig: Rig, backend: string, packets: number): void {
  const name = `n-${rig.ids()[backend]}`;
  rig.host.nft.table("inet lb")!.counters.get(name)!.packets += packets;
}

/** New connections on record. */
function total(rig: Rig, backend: string): number | undefined {
  return rig.store.backends.all().find(({ service, backend: key }) =>
    `${service} ${key}` === backend
  )?.new_total;
}

const WEB = "web 198.51.100.11|8080";

Deno.test(
  "the id of a removed backend is not given to another, and is its own when it comes back",
  withRig(async (rig) => {
    await rig.run(BASE);
    const first = rig.ids();
    await rig.run(CHANGED);
    const second = rig.ids();
    for (const backend of Object.keys(second).filter((name) => name in first)) {
      assert.equal(second[backend], first[backend], backend);
    }
    const fresh = second["web 198.51.100.14|8080"]!;
    assert.ok(!Object.values(first).includes(fresh));
    await rig.run(BASE);
    assert.deepEqual(rig.ids(), first);
  }),
);

Deno.test(
  "an id is on record before the kernel knows it",
  withRig(async (rig) => {
    rig.host.gate.open();
    await rig.run(BASE);
    const { calls } = rig.host.gate;
    const saved = calls.indexOf("sql INSERT INTO backend_id");
    assert.ok(saved >= 0 && saved < calls.findIndex((call) => call.startsWith("run nft -f")));
  }),
);

Deno.test(
  "ids survive an uninstall",
  withRig(async (rig) => {
    await rig.run(CHANGED);
    const before = rig.ids();
    await rig.run(NOTHING);
    await rig.run(BASE);
    assert.equal(rig.ids()[WEB], before[WEB]);
  }),
);

Deno.test(
  "what was counted is added up ten minutes after the last look, though nothing else happens",
  withRig(async (rig) => {
    await rig.run(BASE);
    count(rig, WEB, 617);
    await rig.run(BASE);
    assert.equal(total(rig, WEB), 0, "the stamp is all that is read");
    await rig.look(BASE);
    assert.equal(total(rig, WEB), 617);
  }),
);

Deno.test(
  "counts survive that the table is deleted by hand, and go on from there",
  withRig(async (rig) => {
    await rig.run(BASE);
    count(rig, WEB, 617);
    await rig.look(BASE);
    assert.equal(total(rig, WEB), 617);
    rig.host.nft.edit("delete table inet lb");
    await rig.run(BASE);
    assert.equal(total(rig, WEB), 617);
    count(rig, WEB, 700);
    await rig.look(BASE);
    assert.equal(total(rig, WEB), 1317, "though nft counts more than when it was last read");
  }),
);

Deno.test(
  "counts survive that lb has to make the table anew, and are not counted twice",
  withRig(async (rig) => {
    await rig.run(BASE);
    count(rig, WEB, 5);
    rig.host.nft.edit(
      "add chain inet lb pre-nat { type nat hook prerouting priority -105; policy drop; }",
    );
    await rig.run(BASE);
    assert.equal(total(rig, WEB), 5);
    count(rig, WEB, 1);
    await rig.look(BASE);
    assert.equal(total(rig, WEB), 6);
  }),
);

Deno.test(
  "counts survive an apply that leaves their backend out and is refused",
  withRig(async (rig) => {
    await rig.run(BASE);
    const out = "web 198.51.100.12|8080";
    count(rig, out, 617);
    await rig.look(BASE);
    rig.host.nft.edit("delete table inet lb");
    await rig.run(BASE);
    const stderr = "Error: Could not process rule: No space left on device\n";
    rig.host.answerRun = (argv) =>
      argv.includes("-f") ? { code: 1, stdout: "", stderr } : undefined;
    await assert.rejects(rig.run(CHANGED));
    rig.host.answerRun = () => undefined;
    count(rig, out, 3);
    await rig.look(BASE);
    assert.equal(total(rig, out), 620);
  }),
);

Deno.test(
  "an id that a run let go is given away once a run has come to its end",
  withRig(async (rig) => {
    const narrow = `[lb]\nmark_mask = 0x1ff\n${single()}`;
    const backend = (id: number) => ({ service: "old", backend: `192.0.2.${id}|` });
    const times = { added_at_ms: 1, released_at_ms: rig.host.kernel.clock.now_ms() };
    rig.store.backends.save(Array.from({ length: 254 }, (_, index) => {
      return { ...backend(index + 1), ...times, id: index + 1, new_total: 0, last_raw: 0 };
    }));
    await rig.run(narrow);
    assert.deepEqual(rig.ids(), { "web 198.51.100.11|": 255 }, "that of none, though none is left");
    await rig.run(narrow.replace("198.51.100.11", "198.51.100.12"));
    assert.deepEqual(rig.ids(), { "web 198.51.100.12|": 1 });
  }),
);

Deno.test(
  "counts survive a reboot, and begin at 0 for a backend that was away",
  withRig(async (rig) => {
    await rig.run(BASE);
    count(rig, WEB, 5);
    count(rig, "web 198.51.100.12|8080", 5);
    await rig.look(BASE);
    rig.reboot();
    await rig.run(BASE);
    assert.equal(total(rig, WEB), 5);
    await rig.run(CHANGED);
    await rig.run(BASE);
    assert.equal(total(rig, "web 198.51.100.12|8080"), 0);
  }),
);

/** What `lb status` would tell. */
async function statusOf(rig: Rig, config_text?: string) {
  const about = config_text === undefined
    ? { config_trouble: "there is no file" }
    : { config_text };
  const latest = rig.store.revisions.latestApplied();
  const applied = latest &&
    { loaded: await parseConfig(latest.config_text, "revision"), facts: FACTS };
  return await readStatus(rig.machine, applied, about);
}

Deno.test(
  "status tells backends with what was counted since, and writes nothing",
  withRig(async (rig) => {
    await rig.run(BASE);
    count(rig, WEB, 7);
    await rig.run(BASE);
    count(rig, WEB, 2);
    const mark = rig.ids()[WEB]! << 8;
    rig.host.netfilter.flows.push({ id: 1, protocol: "tcp", mark });
    rig.host.gate.open();
    const { services, ...rest } = await statusOf(rig, BASE);
    assert.deepEqual(
      rig.host.gate.calls.filter((call) => /^(sql|write|run nft -f)/.test(call)),
      [],
    );
    assert.deepEqual(services.map(({ service }) => service.name), ["web", "dns"]);
    const [first] = services[0]!.backends;
    assert.deepEqual([first?.new_connections, first?.active_connections], [9, 1]);
    assert.deepEqual([rest.revision, rest.drifted, rest.config_edited], [1, [], false]);
  }),
);

Deno.test(
  "status tells what drifted, edits that wait, and that nothing was applied yet",
  withRig(async (rig) => {
    const before = await statusOf(rig);
    assert.deepEqual([before.revision, before.applied_at_ms, before.services], [null, null, []]);
    assert.equal(before.config_edited, false);
    await rig.run(single());
    rig.host.nft.edit("flush chain inet lb refuse");
    rig.host.network.addresses.delete("eth0 192.0.2.10/32");
    const { drifted, config_edited } = await statusOf(rig, `${single()}# edited`);
    assert.deepEqual(drifted, ["chain refuse", "eth0 192.0.2.10/32"]);
    assert.equal(config_edited, true);
    const gone = await statusOf(rig);
    assert.deepEqual([gone.config_edited, gone.config_trouble], [true, "there is no file"]);
    await rig.run(single());
    const after = await statusOf(rig, single());
    assert.deepEqual([after.drifted, after.drift_last_pass, after.config_edited], [[], 2, false]);
  }),
);

Deno.test(
  "status after a reboot says that everything is missing until it is restored",
  withRig(async (rig) => {
    await rig.run(single());
    rig.reboot();
    const { drifted } = await statusOf(rig);
    assert.deepEqual([drifted[0], drifted.at(-1)], ["nft: everything", "eth0 192.0.2.10/32"]);
    await rig.run(single());
    assert.deepEqual((await statusOf(rig)).drifted, []);
  }),
);

Deno.test(
  "status tells of a sysctl that was right before lb came, and is not now",
  withRig(async (rig) => {
    rig.host.proc.sysctl("net.ipv4.ip_forward", "1");
    await rig.run(single());
    assert.deepEqual((await statusOf(rig)).drifted, []);
    rig.host.proc.sysctl("net.ipv4.ip_forward", "0");
    assert.deepEqual((await statusOf(rig)).drifted, ["net.ipv4.ip_forward"]);
    await rig.run(single());
    assert.deepEqual((await statusOf(rig)).drifted, []);
  }),
);

Deno.test(
  "an interface's setting that lb never gave it is for the next pass, and no difference: it may be a new one",
  withRig(async (rig) => {
    const key = "net.ipv4.conf.eth1.send_redirects";
    rig.host.proc.sysctl(key, "0");
    await rig.run(single());
    rig.host.proc.sysctl(key, "1");
    assert.deepEqual((await statusOf(rig)).drifted, []);
    assert.deepEqual((await rig.run(single())).changes.map(({ object }) => object), [key]);
    rig.host.proc.sysctl(key, "1");
    assert.deepEqual((await statusOf(rig)).drifted, [key], "lb has given it now");
  }),
);

Deno.test(
  "status after an uninstall has no services and misses nothing",
  withRig(async (rig) => {
    await rig.run(single());
    await rig.run(NOTHING);
    const { services, drifted } = await statusOf(rig);
    assert.deepEqual([services, drifted], [[], []]);
  }),
);
