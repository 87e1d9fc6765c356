import assert from "node:assert/strict";
import { LbError } from "../../../lib/model/error.ts";
import { BASE, CHANGED, NOTHING, single } from "./configs.ts";
import { FACTS, type Rig, withRig } from "./rig.ts";

/** Calls that leave a trace somewhere. */
const WRITES = /^(write|replace|mkdir|remove|run nft -f|add|delete|announce|sql)/;

function writesOf(rig: Rig): string[] {
  return rig.host.gate.calls.filter((call) => WRITES.test(call));
}

/** Runs it and gives the error back. */
async function refusalOf(run: Promise<unknown>): Promise<LbError> {
  const error = await run.then(() => undefined, (error: unknown) => error);
  assert.ok(error instanceof LbError, String(error));
  return error;
}

Deno.test(
  "a config applied twice changes nothing the second time",
  withRig(async (rig) => {
    const first = await rig.run(BASE);
    const before = rig.host.picture();
    const second = await rig.run(BASE);
    assert.deepEqual([first.changed, first.revision], [true, 1]);
    assert.deepEqual([second.changed, second.changes, second.sysctls], [false, [], []]);
    assert.deepEqual([second.revision, second.drift, second.notes], [1, [], []]);
    assert.deepEqual(rig.host.picture(), before);
    assert.equal(rig.store.revisions.list().length, 1);
  }),
);

Deno.test(
  "an uninstall where nothing was ever applied makes no revision; where rules were left it does",
  withRig(async (rig) => {
    const before = rig.host.picture();
    const { changed, changes, revision } = await rig.run(NOTHING);
    assert.deepEqual([changed, changes, revision], [false, [], null]);
    assert.deepEqual(rig.store.revisions.list(), []);
    assert.equal(rig.store.passes.lastAt(), null);
    assert.deepEqual(rig.host.picture(), before);
    rig.host.nft.edit("add table inet lb");
    assert.deepEqual([(await rig.run(NOTHING)).revision, rig.host.nft.table("inet lb")], [
      1,
      undefined,
    ]);
  }),
);

Deno.test(
  "an outcome names every service with its engine and the reason",
  withRig(async (rig) => {
    const { services } = await rig.run(BASE);
    const reason = "in-kernel; wrr fits slot maps";
    assert.deepEqual(services, [
      { name: "web", engine: "nft", reason },
      { name: "dns", engine: "nft", reason },
    ]);
  }),
);

Deno.test(
  "a sysctl that is set is told with its values before and after",
  withRig(async (rig) => {
    const { sysctls } = await rig.run(BASE);
    const forward = sysctls.find(({ key }) => key === "net.ipv4.ip_forward");
    assert.deepEqual([forward?.before, forward?.after], ["0", "1"]);
    assert.ok(forward?.why);
  }),
);

Deno.test(
  "a plan writes nothing: not to the kernel, nor to /proc, nor to the database",
  withRig(async (rig) => {
    for (const config of [BASE, CHANGED]) {
      rig.host.gate.open();
      const before = rig.host.picture();
      const planned = await rig.plan(config);
      assert.ok(planned.changes.length > 0);
      assert.deepEqual(writesOf(rig), []);
      assert.deepEqual(rig.host.picture(), before);
      const done = await rig.run(config);
      assert.deepEqual(planned.changes, done.changes, "what was planned is what is done");
      assert.equal(planned.revision, done.revision);
    }
  }),
);

Deno.test(
  "an edit of a comment makes a revision, and changes nothing",
  withRig(async (rig) => {
    await rig.run(BASE);
    const before = rig.host.picture();
    const { revision, changed, changes } = await rig.run(`# reviewed\n${BASE}`);
    assert.deepEqual([revision, changed, changes], [2, false, []]);
    assert.deepEqual(rig.host.picture(), before);
    const latest = rig.store.revisions.latestApplied();
    assert.equal(latest?.config_text, `# reviewed\n${BASE}`);
    assert.deepEqual([latest?.outcome, latest?.detail], ["applied", "0 changes"]);
  }),
);

Deno.test(
  "a revision records who, with which command, and what was changed",
  withRig(async (rig) => {
    const { changes } = await rig.run(single(), { who: "ann", command: "lb scale" });
    const latest = rig.store.revisions.latestApplied();
    assert.deepEqual([latest?.who, latest?.command], ["ann", "lb scale"]);
    const { plan_json } = rig.store.revisions.get(1)!;
    assert.deepEqual(JSON.parse(plan_json!), changes);
    const words = `revision 1 applied by ann (lb scale): ${changes.length} changes`;
    assert.deepEqual(rig.events("apply"), [words]);
  }),
);

/** The place of the first or last call like this. */
function place(rig: Rig, which: "first" | "last", call: RegExp): number {
  const { calls } = rig.host.gate;
  const at = which === "first"
    ? calls.findIndex((each) => call.test(each))
    : calls.findLastIndex((each) => call.test(each));
  assert.ok(at >= 0, `${call} was called`);
  return at;
}

Deno.test(
  "an apply goes from sysctls to the engine to addresses to announcements",
  withRig(async (rig) => {
    rig.host.gate.open();
    await rig.run(BASE);
    assert.ok(place(rig, "last", /^write/) < place(rig, "first", /^run nft -f/));
    assert.ok(place(rig, "last", /^run nft -f/) < place(rig, "first", /^add address/));
    assert.ok(place(rig, "last", /^add address/) < place(rig, "first", /^announce/));
    assert.equal(rig.host.frames.length, 6, "each of three VIPs twice");
  }),
);

Deno.test(
  "nothing is put back before the engine is removed, and addresses go before sysctls",
  withRig(async (rig) => {
    await rig.run(BASE);
    rig.host.gate.open();
    await rig.run(NOTHING);
    assert.ok(place(rig, "last", /^run nft -f/) < place(rig, "first", /^delete address/));
    assert.ok(place(rig, "last", /^delete address/) < place(rig, "first", /^write/));
  }),
);

Deno.test(
  "a VIP that moves is added before the old one goes",
  withRig(async (rig) => {
    await rig.run(single());
    rig.host.gate.open();
    await rig.run(single("", "192.0.2.11"));
    assert.ok(place(rig, "last", /^add address/) < place(rig, "first", /^delete address/));
    assert.ok(rig.host.network.addresses.has("eth0 192.0.2.11/32"));
    assert.ok(!rig.host.network.addresses.has("eth0 192.0.2.10/32"));
  }),
);

Deno.test(
  "an uninstall puts every sysctl and address back to what it was",
  withRig(async (rig) => {
    rig.host.proc.sysctl("net.ipv4.conf.eth1.rp_filter", "1");
    rig.host.nft.edit("add table ip theirs");
    const start = rig.host.picture();
    await rig.run(BASE);
    assert.notDeepEqual(rig.host.picture(), start);
    await rig.run(CHANGED);
    await rig.run(NOTHING);
    assert.deepEqual(rig.host.picture(), start);
    assert.deepEqual(rig.journalled(), []);
  }),
);

Deno.test(
  "an uninstall leaves a sysctl alone that somebody changed after lb, and says so",
  withRig(async (rig) => {
    await rig.run(single());
    rig.host.proc.sysctl("net.ipv4.conf.all.send_redirects", "2");
    const { notes } = await rig.run(NOTHING);
    assert.equal(rig.host.proc.values["net.ipv4.conf.all.send_redirects"], "2");
    assert.ok(notes.some((note) => /send_redirects is left at 2/.test(note)), notes.join());
  }),
);

Deno.test(
  "a VIP that was there before lb stays when lb goes",
  withRig(async (rig) => {
    rig.host.network.addresses.add("eth0 192.0.2.10/32");
    const start = rig.host.picture();
    const { changes } = await rig.run(single());
    assert.ok(!changes.some(({ engine }) => engine === "address"));
    await rig.run(NOTHING);
    assert.deepEqual(rig.host.picture(), start);
  }),
);

Deno.test(
  "two services that share a backend's address have a backend each, and one can go",
  withRig(async (rig) => {
    await rig.run(BASE);
    const ids = rig.ids();
    assert.notEqual(ids["web 198.51.100.11|8080"], ids["dns 198.51.100.11|"]);
    assert.equal(new Set(Object.values(ids)).size, Object.keys(ids).length);
    await rig.run(BASE.slice(0, BASE.lastIndexOf("[[service]]")));
    const chains = [...rig.host.nft.table("inet lb")!.chains.keys()];
    assert.ok(chains.includes(`b-${ids["web 198.51.100.11|8080"]}`));
    assert.ok(!chains.includes(`b-${ids["dns 198.51.100.11|"]}`));
  }),
);

Deno.test(
  'sysctl = "check" writes nothing to /proc/sys and says what to do',
  withRig(async (rig) => {
    const check = `[lb]\nsysctl = "check"\n${single()}`;
    rig.host.gate.open();
    const { blocked, sysctls } = await rig.run(check);
    assert.deepEqual(rig.host.gate.calls.filter((call) => /^write/.test(call)), []);
    assert.ok(blocked.some((line) => /set it with: sysctl -w net\.ipv4\.ip_forward=1$/.test(line)));
    assert.deepEqual(sysctls, []);
    assert.deepEqual(rig.journalled(), ["eth0 192.0.2.10/32"], "only the VIP is lb's doing");
    rig.host.proc.sysctl("net.ipv4.ip_forward", "1");
    const again = await rig.run(check);
    assert.ok(!again.blocked.some((line) => /ip_forward/.test(line)), again.blocked.join());
  }),
);

Deno.test(
  'sysctl = "check" does not put back either what lb set before; an uninstall does',
  withRig(async (rig) => {
    const start = rig.host.picture();
    await rig.run(BASE);
    const before = { ...rig.host.proc.values };
    await rig.run(`[lb]\nsysctl = "check"\n${CHANGED}`);
    assert.deepEqual(rig.host.proc.values, before);
    await rig.run(NOTHING);
    assert.deepEqual(rig.host.picture(), start);
  }),
);

Deno.test(
  "a read-only /proc/sys is said to be one, and not written to",
  withRig(async (rig) => {
    const mounts = "proc /proc proc rw 0 0\nproc /proc/sys proc ro,nosuid 0 0\n";
    rig.host.inside.files.replace("/proc/self/mounts", mounts, 0o444);
    rig.host.gate.open();
    const { blocked } = await rig.run(single());
    assert.deepEqual(rig.host.gate.calls.filter((call) => /^write/.test(call)), []);
    const words = "/proc/sys is read-only here (as in a container): " +
      "set net.ipv4.ip_forward=1 from outside (packets for a VIP go on to a backend)";
    assert.ok(blocked.includes(words), blocked.join("\n"));
  }),
);

Deno.test(
  "a service no engine can serve: every reason with its place, and nothing is changed",
  withRig(async (rig) => {
    rig.host.gate.open();
    const asked = 'scheduler = "sed"\nforward = "dr"\nmasquerade = true';
    const config = single(`${asked}\n[service.health]\npassive = true`);
    const { code, message } = await refusalOf(rig.run(config));
    assert.equal(code, "unsupported");
    const lines = message.split("\n");
    assert.deepEqual(
      lines.map((line) => /^lb\.toml:(\d+:\d+): (.*?: .*?): /.exec(line)?.slice(1)),
      [
        ["7:13", "service web: scheduler"],
        ["9:14", "service web: masquerade"],
        ["11:11", "service web: health.passive"],
        ["2:1", "service web: engine"],
        ["2:1", "service web: engine"],
        undefined,
        undefined,
      ],
    );
    const nearest = 'scheduler = "wlc" and forward = "nat"';
    assert.deepEqual(lines.slice(-2), [
      `service web: the nearest that works here: ${nearest} (engine nft)`,
      "Nothing was changed.",
    ]);
    assert.deepEqual(rig.host.gate.calls, []);
    assert.deepEqual(rig.store.revisions.list(), []);
  }),
);

Deno.test(
  "an engine the machine cannot run is refused with the evidence",
  withRig(async (rig) => {
    const evidence = "no program nft on the PATH";
    const program = { id: "nft-program", purpose: "", answer: "no", evidence } as const;
    const others = FACTS.capabilities.filter(({ id }) => id !== program.id);
    rig.facts = { ...FACTS, capabilities: [program, ...others] };
    const { code, message } = await refusalOf(rig.run(single()));
    assert.equal(code, "unsupported");
    assert.match(message, /engines nft, nfqueue: nft-program: no program nft on the PATH/);
  }),
);

Deno.test(
  "a VIP on an interface that does not exist is refused before anything is changed",
  withRig(async (rig) => {
    rig.host.gate.open();
    const { code, message } = await refusalOf(rig.run(single('vip_on = "eth9"')));
    assert.equal(code, "unsupported");
    assert.match(message, /vip_on = "eth9" of service web.*lo, eth0, eth1/);
    // What its checks have told is on record all the same.
    assert.deepEqual(writesOf(rig).filter((call) => !call.startsWith("sql")), []);
    assert.equal(rig.store.revisions.latestApplied(), undefined);
  }),
);
