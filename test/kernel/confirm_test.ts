/** `lb apply --confirm`: what nobody confirms is taken back by itself, whatever becomes of who waits for it. */
import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import { inside } from "../../lib/demo/namespace.ts";
import { FAMILIES } from "../../lib/model/address.ts";
import { door, serviceText } from "./config.ts";
import { kernelTests, type Lab } from "./harness.ts";
import { tableText } from "./listing.ts";
import { PATIENCE } from "./patience.ts";
import { allAnswered, type Applied, apply, must, send } from "./steps.ts";
import { Typist } from "./typist.ts";

const test = kernelTests({ backends: 2 });

const DOORS = FAMILIES.map((family) => door(family));
const POLL_MS = 100;
const LIMIT_MS = 15_000 * PATIENCE;
const CTRL_C = "\x03";

interface Status {
  readonly revision: number | null;
  readonly trial: { readonly back_to: number | null; readonly until: string } | null;
  readonly config_edited: boolean;
}

interface Tried extends Applied {
  readonly confirmed?: boolean;
  readonly blocked: readonly string[];
  readonly unwell?: readonly string[];
}

interface History {
  readonly revisions: readonly { readonly revision: number; readonly outcome: string }[];
}

/** lb, which goes on while the test does other things. */
function begin({ balancer, topology }: Lab, ...words: [string, ...string[]]): Deno.ChildProcess {
  const [program, ...args] = inside(topology.balancer, balancer.argv(...words));
  return new Deno.Command(program!, { args, stdout: "piped", stderr: "piped" }).spawn();
}

/** Everything goes to b2, on trial. */
function tryOther(lab: Lab, time: string): Deno.ChildProcess {
  lab.balancer.writeConfig(serviceText({ weights: [undefined, 1] }));
  return begin(lab, "apply", "--confirm", time, "--json");
}

async function ended(child: Deno.ChildProcess): Promise<{ code: number; tried: Tried }> {
  const { code, stdout, stderr } = await child.output();
  const [out, err] = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes));
  assert.match(out!, /^\{/, err);
  return { code, tried: JSON.parse(out!) as Tried };
}

async function status({ balancer }: Lab): Promise<Status> {
  const { stdout } = await balancer.lb("status", "--json");
  return JSON.parse(stdout) as Status;
}

/** Waits until something is on trial. */
async function onTrial(lab: Lab): Promise<NonNullable<Status["trial"]>> {
  const end_ms = performance.now() + LIMIT_MS;
  for (;;) {
    const { trial } = await status(lab);
    if (trial) return trial;
    assert.ok(performance.now() < end_ms, "nothing is on trial");
    await sleep(POLL_MS);
  }
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

async function outcomes({ balancer }: Lab): Promise<string[]> {
  const { revisions } = await balancer.json<History>(0, "history");
  return revisions.map(({ outcome }) => outcome);
}

async function isServedBy(lab: Lab, perBackend: Record<string, number>): Promise<void> {
  const result = await send(lab, { doors: DOORS, count: 20 });
  allAnswered(result);
  assert.deepEqual(result.per_backend, perBackend);
}

const BOTH = { b1: 10, b2: 10 };
const OTHER = { b2: 20 };

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

test("what cannot be taken back is told, and keeps nobody from looking after backends", async (lab) => {
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
    await sleep(Math.max(0, Date.parse(until) - Date.now()));
    const { blocked, unwell } = await lab.balancer.json<Tried>(1, "reconcile");
    assert.match(blocked.join("\n"), /^revision 1:1:/);
    assert.match((unwell ?? []).join("\n"), /^web: more of its backends fail/);
    const { back_to, until: again } = (await status(lab)).trial!;
    assert.equal(back_to, 1);
    assert.ok(Date.parse(again) > Date.parse(until), "it is tried anew, and not at once");
  } finally {
    await topology.run(topology.backends[1]!, ["nft", "delete table inet t"]);
  }
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
  assert.equal((await ended(first)).code, 0, "the second one waits for both");
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
