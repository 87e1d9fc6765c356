/** `lb apply --confirm`: what nobody confirms is taken back by itself, whatever becomes of who waits for it. */
import assert from "node:assert/strict";
import { inside } from "../../lib/demo/namespace.ts";
import { serviceText } from "./config.ts";
import {
  begin,
  BOTH,
  DOORS,
  ended,
  isServedBy,
  LIMIT_MS,
  onTrial,
  OTHER,
  outcomes,
  POLL_MS,
  sleep,
  status,
  type Tried,
  tryOther,
} from "./confirm_rig.ts";
import { kernelTests } from "./harness.ts";
import { tableText } from "./listing.ts";
import { PATIENCE } from "./patience.ts";
import { allAnswered, type Applied, apply, must } from "./steps.ts";
import { Typist } from "./typist.ts";

const test = kernelTests({ backends: 2 });

const CTRL_C = "\x03";

test("what nobody confirms goes back by itself on time, without a loss, and never comes back by a rollback", async (lab) => {
  await apply(lab, { weights: [1, 1] });
  const [table, text] = [await tableText(lab), lab.balancer.readConfig()];
  const load = await lab.traffic.steady(lab.topology.client, {
    doors: DOORS,
    per_second: 50,
    seconds_max: 60,
  });
  const child = tryOther(lab, `${3 * PATIENCE}s`);
  const { back_to, until } = await onTrial(lab);
  assert.equal(back_to, 1);
  await isServedBy(lab, OTHER);
  const { code, tried } = await ended(child);
  const late_ms = Date.now() - Date.parse(until);
  assert.ok(late_ms >= 0 && late_ms < 3_000 * PATIENCE, `${late_ms} ms`);
  assert.deepEqual([code, tried.confirmed, tried.revision], [1, false, 3]);
  allAnswered(await load.stop());
  await isServedBy(lab, BOTH);
  assert.equal(await tableText(lab), table);
  assert.deepEqual(await outcomes(lab), ["applied", "reverted", "applied"]);
  const { trial, config_edited } = await status(lab);
  assert.deepEqual([trial, config_edited], [null, true], "the file has what was tried");
  const { changed } = await lab.balancer.json<Applied>(0, "rollback");
  assert.deepEqual([changed, lab.balancer.readConfig()], [false, text], "to what is in force");
  await isServedBy(lab, BOTH);
});

test("another lb apply confirms it, and whoever waits says so", async (lab) => {
  await apply(lab, { weights: [1, 1] });
  const child = tryOther(lab, "10m");
  await onTrial(lab);
  const { notes } = await lab.balancer.json<Applied>(0, "apply");
  assert.ok(notes.some((note) => /revision 2 .* confirmed/.test(note)), notes.join("\n"));
  assert.match((await lab.balancer.lb("events")).stdout, /revision 2 confirmed by/);
  const { code, tried } = await ended(child);
  assert.deepEqual([code, tried.confirmed], [0, true]);
  assert.deepEqual([(await status(lab)).trial, await outcomes(lab)], [null, [
    "applied",
    "applied",
  ]]);
  await isServedBy(lab, OTHER);
});

test("a signal takes it back at once; after kill -9 the next pass does, on time", async (lab) => {
  await apply(lab, { weights: [1, 1] });
  const gone = tryOther(lab, "10m");
  await onTrial(lab);
  gone.kill("SIGHUP");
  assert.equal((await ended(gone)).code, 1);
  await isServedBy(lab, BOTH);

  const killed = tryOther(lab, `${6 * PATIENCE}s`);
  const { until } = await onTrial(lab);
  killed.kill("SIGKILL");
  await killed.output();
  const early = await lab.balancer.lb("reconcile");
  assert.deepEqual([early.code, early.stdout, early.stderr], [0, "", ""], "its time is not over");
  const passes = begin(lab, "reconcile", "--every", "60s", "--for", `${20 * PATIENCE}s`);
  const end_ms = performance.now() + LIMIT_MS;
  while ((await status(lab)).trial) {
    assert.ok(performance.now() < end_ms, "it was not taken back");
    await sleep(POLL_MS);
  }
  const late_ms = Date.now() - Date.parse(until);
  assert.ok(late_ms >= 0 && late_ms < 5_000 * PATIENCE, `${late_ms} ms`);
  passes.kill("SIGTERM");
  const { stderr } = await passes.output();
  assert.match(
    new TextDecoder().decode(stderr),
    /revision 4 was not confirmed: taken back to revision 3/,
  );
  await isServedBy(lab, BOTH);
});

test("a first apply goes back to nothing, to the last sysctl", async (lab) => {
  const sysctls = () =>
    must(lab, "sysctl", "-a", "--pattern", "^net\\.ipv[46]\\.(ip_forward|conf)");
  const before = await sysctls();
  const child = tryOther(lab, "1s");
  assert.equal((await ended(child)).code, 1);
  assert.doesNotMatch(await must(lab, "nft", "list", "tables"), /\blb\b/);
  assert.equal(await sysctls(), before);
});

test("what would be lost with it is refused, asked again it begins anew, and a rollback ends it", async (lab) => {
  await apply(lab, { weights: [1, 1] });
  const first = tryOther(lab, "10m");
  const { until } = await onTrial(lab);
  const refused = await lab.balancer.lb("scale", "web", "--weight", "198.51.100.12=5");
  assert.equal(refused.code, 6, refused.stderr);
  assert.match(
    refused.stderr,
    /revision 2 is on trial until .*"lb apply" keeps it, else it goes back to revision 1, and this change/,
  );
  lab.balancer.writeConfig(serviceText({ weights: [undefined, 7] }));
  const second = begin(lab, "apply", "--confirm", "9m", "--json");
  const { code: replaced, tried: { confirmed } } = await ended(first);
  assert.deepEqual([replaced, confirmed], [0, null], "the second one waits for both");
  const { back_to, until: later } = await onTrial(lab);
  assert.deepEqual([back_to, later === until], [1, false]);
  const { notes } = await lab.balancer.json<Applied>(0, "rollback");
  assert.match(notes.join("\n"), /the config of revision 1/, "the other one was not confirmed");
  const { code, tried } = await ended(second);
  assert.deepEqual([code, tried.confirmed], [1, false], "it is not in force any more");
  assert.equal((await status(lab)).trial, null);
  await isServedBy(lab, BOTH);
  const nothing = await lab.balancer.json<Tried>(0, "apply", "--confirm", "10m");
  assert.ok(nothing.notes.includes("there is nothing to confirm"), nothing.notes.join("\n"));
});

for (
  const { key, says, code, served } of [
    { key: "y", says: /Confirmed: revision 2 stays/, code: 0, served: OTHER },
    {
      key: "n",
      says: /revision 2 was not confirmed: taken back to revision 1/,
      code: 1,
      served: BOTH,
    },
    { key: CTRL_C, says: /taken back to revision 1/, code: 1, served: BOTH },
  ]
) {
  test(`on a terminal it asks: ${JSON.stringify(key)}`, async (lab) => {
    await apply(lab, { weights: [1, 1] });
    lab.balancer.writeConfig(serviceText({ weights: [undefined, 1] }));
    const argv = lab.balancer.argv("apply", "--confirm", "10m");
    const typist = new Typist(inside(lab.topology.balancer, []), argv);
    try {
      await typist.sees(/Keep revision 2\?/);
      await typist.type(key);
      await typist.sees(says);
      assert.deepEqual(await typist.ended(), { code, isRestored: true });
    } finally {
      await typist.close();
    }
    await isServedBy(lab, served);
  });
}
