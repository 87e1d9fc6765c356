import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import { FAMILIES } from "../../lib/model/address.ts";
import { door, scaleName } from "./config.ts";
import { kernelTests, type Lab } from "./harness.ts";
import { tableText } from "./listing.ts";
import { allAnswered, type Applied, apply, send } from "./steps.ts";

const test = kernelTests({ backends: 3 });

const DOORS = FAMILIES.map((family) => door(family));

interface History {
  readonly current: number | null;
  readonly revisions: readonly {
    readonly revision: number;
    readonly command: string;
    readonly outcome: string;
  }[];
}

function rollback({ balancer }: Lab, ...args: string[]) {
  return balancer.json<Applied & { readonly notes: readonly string[] }>(0, "rollback", ...args);
}

function history({ balancer }: Lab): Promise<History> {
  return balancer.json<History>(0, "history");
}

function modeOf(path: string): number {
  return Deno.statSync(path).mode! & 0o777;
}

/**
 * Test equipment: lb with an nft that refuses what is written to lb's table, in the words of a kernel that
 * has no memory left. Weights alone go by netlink.
 */
async function withoutMemory(lab: Lab, command: string, ...args: string[]) {
  const folder = `${lab.topology.folder}/no-memory`;
  Deno.mkdirSync(folder, { recursive: true });
  const script = `#!/bin/sh
    case "$*" in *-f*) echo "Error: Could not process rule: Cannot allocate memory" >&2; exit 1 ;; esac
    PATH=\${PATH#*:} exec nft "$@"\n`;
  Deno.writeTextFileSync(`${folder}/nft`, script, { mode: 0o755 });
  const path = `${folder}:${Deno.env.get("PATH")}`;
  return await lab.balancer.run([
    "env",
    `PATH=${path}`,
    ...lab.balancer.argv(command, ...args),
  ]);
}

test("a rollback under load brings back balance, file and record, and breaks no connection", async (lab) => {
  const first = await apply(lab, { weights: [1, 1] });
  const text = lab.balancer.readConfig();
  const table = await tableText(lab);
  await apply(lab, { weights: [undefined, undefined, 1], scheduler: "maglev" });
  assert.deepEqual((await send(lab, { doors: DOORS, count: 10 })).per_backend, { b3: 10 });
  const spec = { doors: DOORS, count: 20, seconds: 3 };
  const downloads = await lab.traffic.download(lab.topology.client, spec);
  const load = await lab.traffic.steady(lab.topology.client, {
    doors: DOORS,
    per_second: 100,
    seconds_max: 30,
  });
  const back = await rollback(lab);
  const steady = await load.stop();
  allAnswered(steady);
  assert.deepEqual(downloads.per_backend, { b3: 20 });
  const { completed, broken, errors } = await downloads.result;
  assert.deepEqual({ completed, broken, errors }, { completed: 20, broken: 0, errors: {} });
  assert.deepEqual((await send(lab, { doors: DOORS, count: 40 })).per_backend, { b1: 20, b2: 20 });
  assert.equal(await tableText(lab), table);
  assert.equal(lab.balancer.readConfig(), text);
  const { current, revisions } = await history(lab);
  assert.equal(current, back.revision);
  assert.equal(revisions[0]?.command, `lb rollback ${first.revision}`);
  assert.equal((await lab.balancer.json<Applied>(0, "apply")).changed, false);
});

test("without a number it goes back and forth, with one it goes there, and --plan stays", async (lab) => {
  for (const weight of [1, 2, 3]) await apply(lab, { weights: [weight, 4] });
  const third = lab.balancer.readConfig();
  const before = await history(lab);
  assert.equal((await rollback(lab, "--plan")).changed, true);
  assert.equal(lab.balancer.readConfig(), third);
  assert.deepEqual(await history(lab), before);
  const weights = async (...args: string[]) => {
    await rollback(lab, ...args);
    return Array.from(lab.balancer.readConfig().matchAll(/weight = (\d)/g), ([, one]) => one)[0];
  };
  assert.deepEqual([await weights(), await weights(), await weights("1")], ["2", "3", "1"]);
});

test("where the kernel refuses, file and kernel are as they were, and nothing goes back to it", async (lab) => {
  await apply(lab, { weights: [1, 1] });
  await apply(lab, { weights: [1, undefined, 1] });
  const path = lab.balancer.config_path;
  const edits = "# an edit that was never applied \xff\n";
  Deno.writeFileSync(path, Uint8Array.from(edits, (char) => char.charCodeAt(0)));
  Deno.chmodSync(path, 0o640);
  Deno.chownSync(path, 1234, 1234);
  const table = await tableText(lab);
  const { code, stderr } = await withoutMemory(lab, "rollback");
  assert.equal(code, 7, stderr);
  assert.match(stderr, /Cannot allocate memory/);
  assert.equal(String.fromCharCode(...Deno.readFileSync(path)), edits);
  assert.deepEqual([modeOf(path), Deno.statSync(path).uid], [0o640, 1234]);
  assert.throws(() => Deno.statSync(`${path}.before-rollback`), Deno.errors.NotFound);
  assert.equal(await tableText(lab), table);
  const { current, revisions } = await history(lab);
  assert.deepEqual([current, revisions[0]?.revision, revisions[0]?.outcome], [2, 3, "failed"]);
  const failed = await lab.balancer.lb("rollback", "3");
  assert.equal(failed.code, 2);
  assert.match(failed.stderr, /revision 3 failed.*go back to one of 1;/);
  assert.equal((await rollback(lab)).revision, 4);
  assert.equal(String.fromCharCode(...Deno.readFileSync(`${path}.before-rollback`)), edits);
  Deno.removeSync(`${path}.before-rollback`);
  assert.deepEqual((await send(lab, { doors: DOORS, count: 20 })).per_backend, { b1: 10, b2: 10 });
});

test("lb scale puts the file back, too, where the kernel refuses", async (lab) => {
  await apply(lab, { weights: [1, 1] });
  const text = lab.balancer.readConfig();
  const flags = ["--add", `${scaleName(4, 2)}=5`];
  const { code, stderr } = await withoutMemory(lab, "scale", "web", ...flags);
  assert.equal(code, 7, stderr);
  assert.equal(lab.balancer.readConfig(), text);
  assert.equal((await lab.balancer.json<Applied>(0, "apply")).changed, false);
});

test("edits that were never applied are kept, privately, and what is on record is not", async (lab) => {
  const path = lab.balancer.config_path;
  const kept = `${path}.before-rollback`;
  await apply(lab, { weights: [1, 1] });
  await apply(lab, { weights: [1, 2] });
  await rollback(lab);
  assert.throws(() => Deno.statSync(kept), Deno.errors.NotFound);
  lab.balancer.writeConfig("# half an idea\n[[serv");
  const { notes } = await rollback(lab);
  assert.ok(notes.some((note) => note.endsWith(`kept in ${kept}`)), notes.join("\n"));
  assert.equal(Deno.readTextFileSync(kept), "# half an idea\n[[serv");
  assert.equal(modeOf(kept), 0o600);
  Deno.removeSync(path);
  await rollback(lab, "1");
  assert.equal(modeOf(path), 0o644);
  assert.equal(Deno.readTextFileSync(kept), "# half an idea\n[[serv");
  await lab.balancer.json(0, "uninstall", "--yes", "--purge");
  assert.throws(() => Deno.statSync(kept), Deno.errors.NotFound, "purged");
});

test("a folder in the place of the config is said to be one, and nothing changes", async (lab) => {
  await apply(lab, { weights: [1, 1] });
  await apply(lab, { weights: [1, 2] });
  const table = await tableText(lab);
  Deno.removeSync(lab.balancer.config_path);
  Deno.mkdirSync(lab.balancer.config_path);
  try {
    const { code, stderr } = await lab.balancer.lb("rollback");
    assert.equal(code, 3, stderr);
    assert.match(stderr, /lb\.toml is a folder and no plain file/);
  } finally {
    Deno.removeSync(lab.balancer.config_path);
  }
  assert.equal(await tableText(lab), table);
  assert.equal((await history(lab)).current, 2);
});

test("after an uninstall it brings everything back", async (lab) => {
  await apply(lab, { weights: [1, 1] });
  const table = await tableText(lab);
  await lab.balancer.json(0, "uninstall", "--yes");
  await rollback(lab);
  assert.equal(await tableText(lab), table);
  allAnswered(await send(lab, { doors: DOORS, count: 20 }));
});

test("a config behind a symlink keeps its mode, for rollback and for scale", async (lab) => {
  const path = lab.balancer.config_path;
  const real = `${lab.topology.folder}/real.toml`;
  await apply(lab, { weights: [1, 1] });
  Deno.renameSync(path, real);
  Deno.chmodSync(real, 0o640);
  Deno.symlinkSync("real.toml", path);
  try {
    await lab.balancer.json(0, "scale", "web", "--weight", `${scaleName(4, 0)}=5`);
    assert.equal(modeOf(real), 0o640);
    await rollback(lab);
    assert.equal(modeOf(real), 0o640);
    assert.ok(Deno.lstatSync(path).isSymlink);
    assert.doesNotMatch(Deno.readTextFileSync(real), /weight = 5/);
  } finally {
    Deno.removeSync(path);
    Deno.removeSync(real);
  }
});

test("a config that this lb takes no longer is refused with its places, and nothing changes", async (lab) => {
  await apply(lab, { weights: [1, 1] });
  await apply(lab, { weights: [1, 2] });
  const text = lab.balancer.readConfig();
  using database = new DatabaseSync(`${lab.topology.folder}/state/lb.db`);
  const old = '[lb]\nenginge = "nft"\n[tier]\nnodes = 0\n';
  database.prepare("UPDATE config_text SET text = ? WHERE revision = 1").run(old);
  const { code, stderr } = await lab.balancer.lb("rollback");
  assert.equal(code, 3, stderr);
  assert.match(stderr, /^revision 1:2:1: error: unknown key `enginge`/m);
  assert.match(stderr, /^revision 1:4:9: error: nodes: expected/m);
  assert.equal(lab.balancer.readConfig(), text);
  assert.equal((await history(lab)).current, 2);
});
