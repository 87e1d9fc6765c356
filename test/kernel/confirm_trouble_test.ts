/** `lb apply --confirm` where things go wrong beside it: it goes back all the same, and says what is true. */
import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import { inside } from "../../lib/demo/namespace.ts";
import { scaleName, serviceText } from "./config.ts";
import {
  begin,
  BOTH,
  ended,
  isServedBy,
  MoodyNft,
  offTrial,
  onTrial,
  OTHER,
  outcomes,
  sleep,
  spawn,
  status,
  type Tried,
  tryOther,
} from "./confirm_rig.ts";
import { kernelTests, type Lab } from "./harness.ts";
import { PATIENCE } from "./patience.ts";
import { type Applied, apply, must } from "./steps.ts";
import { Typist } from "./typist.ts";

const test = kernelTests({ backends: 3 });

/** What only a test can do: the waiting lb is gone, and the time is over. */
function expire({ topology }: Lab, column: "until_ms" | "since_ms", to_ms: number): void {
  using database = new DatabaseSync(`${topology.folder}/state/lb.db`);
  database.exec("PRAGMA busy_timeout = 5000");
  database.prepare(`UPDATE trial SET ${column} = ?`).run(to_ms);
}

async function killedTrial(lab: Lab): Promise<void> {
  const child = tryOther(lab, "10m");
  await onTrial(lab);
  child.kill("SIGKILL");
  await child.output();
}

test("a second one that is killed half-way leaves the first on trial, and who waits for that waits on", async (lab) => {
  await apply(lab, { weights: [1, 1] });
  const nft = new MoodyNft(lab);
  const first = tryOther(lab, `${10 * PATIENCE}s`);
  const { until } = await onTrial(lab);
  lab.balancer.writeConfig(serviceText({ weights: [1, undefined, 7] }));
  nft.is("hangs");
  const second = spawn(
    lab.topology.balancer,
    nft.argv(lab.balancer.argv("apply", "--confirm", "10m")),
  );
  await nft.hangs();
  await sleep(1_000);
  const { trial } = await status(lab);
  const later_ms = Date.parse(trial?.until ?? "") - Date.parse(until);
  // Its time begins when it has come about, a moment after it is on record.
  assert.ok(later_ms < 5_000 * PATIENCE, `${trial?.until} after ${until}`);
  second.kill("SIGKILL");
  await second.output();
  const { code, tried } = await ended(first);
  assert.deepEqual([code, tried.confirmed], [1, false]);
  assert.deepEqual(await outcomes(lab), ["applied", "interrupted", "reverted", "applied"]);
  await isServedBy(lab, BOTH);
});

test("maintenance of a backend that the trial has not comes back with it", async (lab) => {
  await apply(lab, { weights: [1, 1] });
  const both = ([4, 6] as const).flatMap((family) => ["--maintenance", scaleName(family, 0)]);
  await lab.balancer.json<Applied>(0, "scale", "web", ...both);
  await isServedBy(lab, OTHER);
  lab.balancer.writeConfig(serviceText({ weights: [undefined, 1, 1] }));
  const { code } = await ended(begin(lab, "apply", "--confirm", "1s", "--json"));
  assert.equal(code, 1);
  await isServedBy(lab, OTHER);
});

test("where the kernel refuses to take it back, passes go on, tell of it once, and do it later", async (lab) => {
  await apply(lab, { weights: [1, 1] });
  await killedTrial(lab);
  expire(lab, "until_ms", Date.now());
  const nft = new MoodyNft(lab);
  nft.is("refuses");
  const times = ["--every", "1s", "--for", `${4 * PATIENCE}s`];
  const refused = await lab.balancer.run(nft.argv(lab.balancer.argv("reconcile", ...times)));
  assert.equal(refused.stderr.match(/cannot be taken back: .*Cannot allocate memory/g)?.length, 1);
  assert.deepEqual(await outcomes(lab), ["failed", "applied", "applied"]);
  const back = await lab.balancer.lb("reconcile");
  assert.equal(back.code, 1);
  assert.match(back.stderr, /revision 2 was not confirmed: taken back to revision 1/);
  await isServedBy(lab, BOTH);
});

test("what cannot be taken back keeps nobody from looking after backends", async (lab) => {
  const more = "[service.health]\nfall = 1";
  await apply(lab, { weights: [1, 1], more });
  lab.balancer.writeConfig(serviceText({ weights: [undefined, 1], more }));
  const killed = begin(lab, "apply", "--confirm", "1s", "--json");
  const { until } = await onTrial(lab);
  killed.kill("SIGKILL");
  await killed.output();
  using database = new DatabaseSync(`${lab.topology.folder}/state/lb.db`);
  database.exec("UPDATE config_text SET text = '[[service' WHERE revision = 1");
  const { topology } = lab;
  const closed =
    "table inet t { chain c { type filter hook input priority 0; tcp dport 8080 reject; }; }";
  await topology.run(topology.backends[1]!, ["nft", closed]);
  try {
    await sleep(Math.max(0, Date.parse(until) + 100 - Date.now()));
    const { blocked, unwell } = await lab.balancer.json<Tried>(1, "reconcile");
    assert.match(blocked.join("\n"), /cannot be taken back: revision 1:1:/);
    assert.match((unwell ?? []).join("\n"), /^web: more of its backends fail/);
  } finally {
    await topology.run(topology.backends[1]!, ["nft", "delete table inet t"]);
  }
});

test("who waits tries again where the kernel refuses, and where another lb has the lock", async (lab) => {
  await apply(lab, { weights: [1, 1] });
  const nft = new MoodyNft(lab);
  lab.balancer.writeConfig(serviceText({ weights: [undefined, 1] }));
  const words = ["--confirm", `${5 * PATIENCE}s`, "--lock-timeout", "0", "--json"];
  const child = spawn(lab.topology.balancer, nft.argv(lab.balancer.argv("apply", ...words)));
  const { until } = await onTrial(lab);
  nft.is("refuses");
  const lock = `${lab.topology.folder}/run/lock`;
  const held_s = Math.ceil((Date.parse(until) - Date.now()) / 1000) + 3;
  await must(lab, "flock", lock, "sleep", String(held_s));
  await sleep(3_000 * PATIENCE);
  nft.is("well");
  const { code, tried } = await ended(child);
  assert.deepEqual([code, tried.confirmed], [1, false]);
  assert.deepEqual((await outcomes(lab))[0], "applied");
  await isServedBy(lab, BOTH);
});

test("where the terminal is gone it goes back at once", async (lab) => {
  await apply(lab, { weights: [1, 1] });
  lab.balancer.writeConfig(serviceText({ weights: [undefined, 1] }));
  const argv = lab.balancer.argv("apply", "--confirm", "10m");
  const typist = new Typist(inside(lab.topology.balancer, []), argv);
  try {
    await typist.sees(/Keep revision 2\?/);
  } finally {
    await typist.close();
  }
  await offTrial(lab);
  assert.equal((await outcomes(lab))[1], "reverted");
  await isServedBy(lab, BOTH);
});

test("in the background of a terminal it does not ask, and goes back on time", async (lab) => {
  await apply(lab, { weights: [1, 1] });
  lab.balancer.writeConfig(serviceText({ weights: [undefined, 1] }));
  const argv = lab.balancer.argv("apply", "--confirm", "2s");
  const shell = ["bash", "-c", 'set -m; "$@" & wait', "bash", ...argv];
  const typist = new Typist(inside(lab.topology.balancer, []), shell);
  try {
    await typist.sees(/revision 2 is on trial until/);
    await typist.sees(/revision 2 was not confirmed: taken back to revision 1/);
  } finally {
    await typist.close();
  }
  await isServedBy(lab, BOTH);
});

test("a clock that is put back does not keep it", async (lab) => {
  await apply(lab, { weights: [1, 1] });
  await killedTrial(lab);
  expire(lab, "since_ms", Date.now() + 3_600_000);
  assert.equal((await lab.balancer.lb("reconcile")).code, 1);
  await offTrial(lab);
  await isServedBy(lab, BOTH);
});

test("a rollback to what is on trial keeps it, also where lb.toml is broken", async (lab) => {
  await apply(lab, { weights: [1, 1] });
  const child = tryOther(lab, "10m");
  await onTrial(lab);
  lab.balancer.writeConfig("[[serv");
  assert.equal((await lab.balancer.lb("apply")).code, 3);
  const { notes } = await lab.balancer.json<Applied>(0, "rollback", "2");
  assert.ok(notes.some((note) => /revision 2 .* confirmed/.test(note)), notes.join("\n"));
  const { code, tried } = await ended(child);
  assert.deepEqual([code, tried.confirmed], [0, true]);
  await isServedBy(lab, OTHER);
});
