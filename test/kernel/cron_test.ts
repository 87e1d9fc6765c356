/** Three minutes under a real cron, with nobody watching. */
import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import { findPrograms } from "../bench/programs.ts";
import { able, unless } from "./able.ts";
import { startCron } from "./cron_rig.ts";
import { buildLab, type Lab } from "./harness.ts";
import { applied, DOOR, web, withServers } from "./health_rig.ts";
import { eventually, statusOf } from "./queued_rig.ts";
import { must, send } from "./steps.ts";

const programs = await findPrograms(["cron"]);
const { name, ignore } = able(
  "a boot and three minutes of cron: what is gone, deleted, killed or dead is put right, and mails say exactly that",
  "queue",
);

const MINUTE_MS = 60_000;

/** The next minute, when cron begins its jobs. */
async function nextMinute(): Promise<void> {
  await new Promise((wake) => setTimeout(wake, MINUTE_MS - Date.now() % MINUTE_MS));
}

/** Both halves of the worker: either would start the other anew, and the second is stopped before it can. */
async function killWorker(lab: Lab): Promise<number> {
  const { worker: { pid, worker_pid } } = await statusOf(lab);
  Deno.kill(worker_pid, "SIGSTOP");
  for (const each of [pid, worker_pid]) Deno.kill(each, "SIGKILL");
  return pid;
}

/** As a boot leaves the machine: nothing in the kernel, an empty run folder, and a state that is of the boot before. */
async function reboot(lab: Lab): Promise<void> {
  await killWorker(lab);
  await must(lab, "nft", "flush", "ruleset");
  await must(lab, "sysctl", "-q", "-w", "net.ipv4.ip_forward=0");
  await must(lab, "rm", "-rf", `${lab.topology.folder}/run`);
  const db = new DatabaseSync(`${lab.topology.folder}/state/lb.db`);
  for (const table of ["committed", "mark_mask", "settled", "journal", "facts"]) {
    db.exec(`UPDATE ${table} SET boot_id = 'the boot before'`);
  }
  db.close();
}

/** Who answers; nobody is left without an answer. How fast it comes is for other tests. */
async function answering(lab: Lab): Promise<string[]> {
  const { failed, per_backend } = await send(lab, { doors: DOOR, count: 60 });
  assert.equal(failed, 0);
  return Object.keys(per_backend).sort();
}

async function minutes(lab: Lab): Promise<void> {
  await withServers(lab, async ({ start, stop }) => {
    await applied(lab, web("fall = 1", { more: 'engine = "nfqueue"' }));
    await reboot(lab);
    const cron = await startCron(lab, programs);
    try {
      await cron.mailed(1, 30_000);
      assert.match(cron.mails()[0]!, /^\+ nft table inet lb /m);
      assert.doesNotMatch(cron.mails()[0]!, /^!/m, "a boot is nobody's doing");
      assert.equal((await answering(lab)).length, 3);
      await nextMinute();
      // The job of this minute has had its first pass.
      await new Promise((wake) => setTimeout(wake, 3_000));
      const pid = await killWorker(lab);
      await must(lab, "nft", "flush", "chain", "inet", "lb", "b-2");
      await stop(0);
      await cron.mailed(2, 70_000);
      const told = cron.mails()[1]!.trimEnd().split("\n").sort();
      const expected = [
        /^! chain b-2 had been changed behind lb's back; put right: /,
        /^! queue worker: (?:does not run|process \d+ does not answer); started anew$/,
        /^! web 198\.51\.100\.11:9090 is unhealthy: connection refused \(1 failed check\)$/,
      ];
      assert.ok(
        told.length === expected.length && expected.every((words, at) => words.test(told[at]!)),
        `the mail says:\n${cron.mails()[1]}`,
      );
      assert.deepEqual(await answering(lab), ["s2", "s3"]);
      await eventually("another worker", async () => (await statusOf(lab)).worker.pid !== pid);
      await nextMinute();
      await nextMinute();
      assert.equal(cron.mails().length, 2, "a minute in which nothing changes is no mail");
      await start(0);
      await cron.mailed(3, 70_000);
      const words = "! web 198.51.100.11:9090 is healthy again (2 good checks)\n";
      assert.equal(cron.mails()[2], words);
      assert.equal((await answering(lab)).length, 3);
    } finally {
      await cron.close();
    }
  });
}

Deno.test({
  ...ignore ? { name, ignore } : unless(programs.missing("cron"), name),
  // The backends outlive what needs them first.
  sanitizeOps: false,
  sanitizeResources: false,
  async fn() {
    const lab = await buildLab({ backends: 3 });
    try {
      await minutes(lab);
    } finally {
      await lab.traffic.close();
      await lab.topology.close();
    }
  },
});
