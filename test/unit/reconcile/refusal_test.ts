/** The kernel says no in the middle of a run. */
import assert from "node:assert/strict";
import { LbError } from "../../../lib/model/error.ts";
import { BASE, NOTHING, single } from "./configs.ts";
import { parseConfig } from "../../../lib/config/load.ts";
import { readStatus } from "../../../lib/reconcile/status.ts";
import { FACTS, type Rig, withRig } from "./rig.ts";

const EACCES = 13;
const EIO = 5;

/** nft refuses every transaction, for a reason that trying again does not mend. */
function refuseTransactions(rig: Rig): void {
  rig.host.answerRun = (argv) =>
    argv[1] === "-f"
      ? { code: 1, stdout: "", stderr: "Error: Could not process rule: Invalid argument\n" }
      : undefined;
}

async function failureOf(run: Promise<unknown>): Promise<LbError> {
  const error = await run.then(() => undefined, (error: unknown) => error);
  assert.ok(error instanceof LbError, String(error));
  return error;
}

Deno.test(
  "a refused transaction ends the run, says what stands, and an uninstall undoes that",
  withRig(async (rig) => {
    const start = rig.host.picture();
    refuseTransactions(rig);
    const { code, message } = await failureOf(rig.run(BASE));
    assert.equal(code, "kernel-refused");
    assert.match(message, /^nft -f on table inet lb: .*Invalid argument \(EINVAL\)/);
    assert.match(message, /"lb uninstall" puts them back/);
    assert.equal(rig.host.proc.values["net.ipv4.ip_forward"], "1", "sysctls came before");
    rig.host.answerRun = () => undefined;
    await rig.run(NOTHING);
    assert.deepEqual(rig.host.picture(), start);
  }),
);

Deno.test(
  "a refused revision is on record as failed with the reason, and is not the one in force",
  withRig(async (rig) => {
    await rig.run(single());
    refuseTransactions(rig);
    await failureOf(rig.run(BASE));
    const [last] = rig.store.revisions.list();
    assert.deepEqual([last?.revision, last?.outcome], [2, "failed"]);
    assert.match(last?.detail ?? "", /EINVAL/);
    assert.equal(rig.store.revisions.latestApplied()?.revision, 1);
  }),
);

Deno.test(
  "after a refusal the next run takes up where it ended, and reports no drift",
  withRig(async (rig) => {
    refuseTransactions(rig);
    await failureOf(rig.run(BASE));
    rig.host.answerRun = () => undefined;
    const { drift, revision } = await rig.run(BASE);
    assert.deepEqual([drift, revision], [[], 2]);
    assert.deepEqual((await rig.run(BASE)).changes, []);
  }),
);

Deno.test(
  "an address that is refused is told beside rules that are in force, and tried again",
  withRig(async (rig) => {
    const start = rig.host.picture();
    rig.host.network.refusal = EACCES;
    const { blocked, revision } = await rig.run(single());
    assert.match(blocked.join(), /^add on address 192\.0\.2\.10 of interface 2/);
    assert.equal(rig.store.revisions.latestApplied()?.revision, revision);
    assert.ok(!rig.journalled().some((key) => key.startsWith("eth0")));
    rig.host.network.refusal = 0;
    const again = await rig.run(single());
    assert.deepEqual(again.changes.map(({ object }) => object), ["eth0 192.0.2.10/32"]);
    await rig.run(NOTHING);
    assert.deepEqual(rig.host.picture(), start);
  }),
);

Deno.test(
  "an address that cannot be taken away stays on record until it can",
  withRig(async (rig) => {
    const start = rig.host.picture();
    await rig.run(single());
    rig.host.network.refusal = EIO;
    assert.notDeepEqual((await rig.run(NOTHING)).blocked, []);
    assert.ok(rig.journalled().includes("eth0 192.0.2.10/32"));
    rig.host.network.refusal = 0;
    await rig.run(NOTHING);
    assert.deepEqual(rig.host.picture(), start);
    assert.deepEqual(rig.journalled(), []);
  }),
);

Deno.test(
  "a sysctl the kernel refuses is not on record, and others are put back",
  withRig(async (rig) => {
    const start = rig.host.picture();
    const key = "net.ipv4.conf.all.send_redirects";
    rig.host.proc.beforeWrite = (written) => {
      if (written === key) throw Object.assign(new Error("Invalid argument"), { code: "EINVAL" });
    };
    const { code, message } = await failureOf(rig.run(single()));
    assert.equal(code, "kernel-refused");
    assert.match(message, /^write 0 on \/proc\/sys\/net\/ipv4\/conf\/all\/send_redirects: /);
    assert.ok(!rig.journalled().includes(key));
    await rig.run(NOTHING);
    assert.deepEqual(rig.host.picture(), start);
  }),
);

Deno.test(
  "a VIP that cannot be announced is in place all the same, and that is said",
  withRig(async (rig) => {
    rig.host.kernel.sockets.packet = () => {
      throw new Error("no packet sockets here");
    };
    const { notes } = await rig.run(single());
    assert.ok(rig.host.network.addresses.has("eth0 192.0.2.10/32"));
    const words = "192.0.2.10 could not be announced on eth0: no packet sockets here";
    assert.deepEqual(notes, [words]);
  }),
);

Deno.test(
  "an interface that has vanished refuses a new config, and holds up no repair of the one in force",
  withRig(async (rig) => {
    const onPublic = single('vip_on = "eth0"');
    await rig.run(onPublic);
    rig.host.network.links[1] = "";
    rig.host.network.links.push("eth7");
    for (const key of Object.keys(rig.host.proc.values)) {
      if (key.includes(".eth0.")) delete rig.host.proc.values[key];
    }
    rig.host.network.addresses.clear();
    rig.host.nft.edit("flush chain inet lb refuse");
    const { drift, blocked } = await rig.run(onPublic);
    assert.deepEqual(drift, ["chain refuse"]);
    assert.match(blocked.join(), /vip_on = "eth0" of service web: there is no such interface/);
    const loaded = await parseConfig(onPublic, "lb.toml");
    const about = { version: "test", config_text: onPublic };
    const status = await readStatus(rig.machine, { loaded, facts: FACTS }, about);
    assert.deepEqual([status.drifted, status.blocked], [[], blocked]);
    const { code } = await failureOf(rig.run(`${onPublic}# new\n`));
    assert.equal(code, "unsupported");
    assert.equal(rig.store.revisions.list().length, 1, "it was never begun");
  }),
);

Deno.test(
  "status tells of the sysctls that lb may not set, as each run does, until somebody sets them",
  withRig(async (rig) => {
    const check = `[lb]\nsysctl = "check"\n${single()}`;
    const { blocked } = await rig.run(check);
    const loaded = await parseConfig(check, "lb.toml");
    const look = () => readStatus(rig.machine, { loaded, facts: FACTS }, { config_text: check });
    assert.match(blocked.join(), /net\.ipv4\.ip_forward is 0 and should be 1/);
    assert.deepEqual((await look()).blocked, blocked);
    rig.host.proc.sysctl("net.ipv4.ip_forward", "1");
    assert.doesNotMatch((await look()).blocked.join(), /ip_forward/);
  }),
);

Deno.test(
  "what could not be written is told as blocked, and nowhere as done",
  withRig(async (rig) => {
    await rig.run(single());
    rig.host.proc.sysctl("net.ipv4.ip_forward", "0");
    rig.host.proc.beforeWrite = () => {
      throw Object.assign(new Error("Read-only file system"), { code: "EROFS" });
    };
    const outcome = await rig.run(single());
    assert.match(outcome.blocked.join(), /set net\.ipv4\.ip_forward=1 from outside/);
    const { changed, changes, sysctls, drift } = outcome;
    assert.deepEqual([changed, changes, sysctls, drift], [false, [], [], []]);
    assert.deepEqual(rig.events("drift"), []);
    assert.equal(rig.events("sysctl").filter((text) => text.includes("ip_forward")).length, 1);
  }),
);

Deno.test(
  "an address that is refused holds up no other one",
  withRig(async (rig) => {
    rig.host.network.refusals.add("192.0.2.10");
    const { blocked, changes } = await rig.run(BASE);
    assert.equal(blocked.length, 1);
    const addresses = changes.filter(({ engine }) => engine === "address");
    assert.deepEqual(addresses.map(({ object }) => object), [
      "eth0 2001:db8::10/128",
      "eth0 192.0.2.53/32",
    ]);
  }),
);
