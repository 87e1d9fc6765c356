import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import { Database } from "../../lib/store/database.ts";
import { migrate } from "../../lib/store/migrate.ts";
import { MIGRATIONS, SCHEMA_VERSION } from "../../lib/store/migration/all.ts";
import { NEXT_TABLE, NEXT_VERSION, nextRelease, release } from "./built.ts";
import { forRoot, type Machine, names } from "./machine.ts";
import { type Server, utf8, withServer } from "./release.ts";
import { installByUrl, onMachine, type Way, WAYS } from "./way.ts";

const CONFIG = `
[[service]]
name = "web"
vip = ["203.0.113.10"]
ports = [80]
vip_on = "none"
health = { type = "none" }

[[service.backend]]
address = "198.51.100.11"
`;

const START_MAX_MS = 15_000;
const [WAY] = WAYS as [Way];

interface Installed {
  readonly machine: Machine;
  readonly db: string;
  /** Runs lb in a network namespace of its own. */
  lb(...args: string[]): ReturnType<Machine["run"]>;
  /** Installs the newest release, or the one given. */
  upgrade(version?: string): ReturnType<Machine["run"]>;
}

/** Both releases on one server: the later one is the newest. */
async function serve({ files }: Server): Promise<string> {
  const [folder, next] = await Promise.all([release(), nextRelease()]);
  for (const one of [folder, next]) {
    for (const name of names(one)) files.set(name, Deno.readFileSync(`${one}/${name}`));
  }
  const sums = [folder, next].map((one) => Deno.readTextFileSync(`${one}/SHA256SUMS`)).join("");
  files.set("SHA256SUMS", utf8(sums));
  return Deno.readTextFileSync(`${folder}/VERSION`).trim();
}

function environment({ folder }: Machine): Record<string, string> {
  return { LB_CONFIG: `${folder}/lb.toml`, LB_RUN: `${folder}/run` };
}

/** Installs this checkout's lb, and has it apply a config. */
function withLb(work: (installed: Installed) => Promise<void>): Promise<void> {
  return withServer((server) =>
    onMachine(async (machine) => {
      const version = await serve(server);
      Deno.writeTextFileSync(`${machine.folder}/lb.toml`, CONFIG, { mode: 0o600 });
      const upgrade = (wanted = NEXT_VERSION) =>
        installByUrl(machine, WAY, server.url, { args: ["--version", wanted] });
      const lb = (...args: string[]) =>
        machine.run(["unshare", "--net", machine.bin, ...args], environment(machine));
      const { code, err } = await upgrade(version);
      assert.equal(code, 0, err);
      await work({ machine, db: `${machine.folder}/state/lb.db`, lb, upgrade });
    })
  );
}

async function good(ended: ReturnType<Machine["run"]>): Promise<string> {
  const { code, out, err } = await ended;
  assert.equal(code, 0, err);
  return out;
}

function query(path: string, sql: string): unknown[] {
  const db = new DatabaseSync(path);
  try {
    return db.prepare(sql).all().flatMap((row) => Object.values(row));
  } finally {
    db.close();
  }
}

const TABLES = "SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name";

Deno.test({
  ...forRoot(
    "an older lb's state goes on with the new lb, and the old lb then refuses it untouched",
  ),
  fn: () =>
    withLb(async ({ machine, db, lb, upgrade }) => {
      const version = JSON.parse(await good(lb("status", "--json"))).version;
      await good(lb("apply"));
      const old = `${machine.folder}/old-lb`;
      Deno.copyFileSync(machine.bin, old);
      await good(upgrade());
      assert.deepEqual(query(db, "PRAGMA user_version"), [SCHEMA_VERSION]);
      await good(lb("apply"));
      assert.deepEqual(query(db, "PRAGMA user_version"), [SCHEMA_VERSION + 1]);
      const { revisions } = JSON.parse(await good(lb("history", "--json")));
      assert.ok(revisions.some(({ revision }: { revision: number }) => revision === 1));
      assert.ok(query(db, TABLES).includes(NEXT_TABLE));

      const before = query(db, "SELECT count(*) FROM revision");
      for (const command of ["apply", "reconcile", "history"]) {
        const refused = await machine.run(["unshare", "--net", old, command], environment(machine));
        assert.equal(refused.code, 4, refused.err);
        assert.match(refused.err, /use the newer lb that made it.*nothing was changed/);
      }
      assert.deepEqual(query(db, "SELECT count(*) FROM revision"), before);
      const { code, err } = await upgrade(version);
      assert.equal(code, 1);
      assert.match(err, /newer lb[^]*too old for the state here; nothing was replaced/);
      assert.match(await good(lb("--version")), new RegExp(`^lb ${NEXT_VERSION} `));
      assert.equal(names(machine.cache).length, 1, "what the refused one unpacked has gone");
    }),
});

Deno.test({
  ...forRoot("a state that the upgrade cannot bring up to date stays good for the old lb"),
  fn: () =>
    withLb(async ({ machine, db, lb, upgrade }) => {
      await good(lb("apply"));
      const old = `${machine.folder}/old-lb`;
      Deno.copyFileSync(machine.bin, old);
      // In the way of the next lb's migration.
      query(db, `CREATE TABLE ${NEXT_TABLE} (other INTEGER)`);
      await good(upgrade());
      const { code, err } = await lb("apply");
      assert.notEqual(code, 0);
      assert.match(err, new RegExp(`${NEXT_TABLE} already exists`));
      assert.deepEqual(query(db, "PRAGMA user_version"), [SCHEMA_VERSION]);
      const more = CONFIG.replace("198.51.100.11", "198.51.100.12");
      Deno.writeTextFileSync(`${machine.folder}/lb.toml`, more);
      await good(machine.run(["unshare", "--net", old, "apply"], environment(machine)));
      assert.equal(query(db, "SELECT max(revision) FROM revision WHERE outcome = 'applied'")[0], 2);
    }),
});

Deno.test({
  ...forRoot("the state of the very first schema is brought up to date with what is in it"),
  fn: () =>
    withLb(async ({ db, lb, upgrade }) => {
      await good(lb("init"));
      const wanted = query(db, TABLES);
      for (const suffix of ["", "-wal", "-shm"]) {
        try {
          Deno.removeSync(db + suffix);
        } catch (error) {
          if (!(error instanceof Deno.errors.NotFound)) throw error;
        }
      }
      Deno.writeTextFileSync(db, "", { mode: 0o600 });
      const first = new Database(db, { readOnly: false });
      migrate(first, MIGRATIONS.slice(0, 1));
      first.run("INSERT INTO event (at_ms, kind, message) VALUES (1, 'apply', 'of old')");
      first.close();
      await good(upgrade());
      await good(lb("apply"));
      assert.deepEqual(query(db, TABLES), [...wanted, NEXT_TABLE].sort());
      assert.deepEqual(query(db, "SELECT message FROM event WHERE at_ms = 1"), ["of old"]);
    }),
});

/** Whether the process has come to run lb and to ask for the lock. */
function waitsFor(lock: string, pid: number): boolean {
  try {
    return names(`/proc/${pid}/fd`).some((fd) =>
      Deno.readLinkSync(`/proc/${pid}/fd/${fd}`) === lock
    );
  } catch {
    // A descriptor that was closed in between.
    return false;
  }
}

Deno.test({
  ...forRoot("an upgrade in the middle of a run of the old lb does not harm it"),
  fn: () =>
    withLb(async ({ machine, db, lb, upgrade }) => {
      const env = { ...machine.env, ...environment(machine) };
      const path = `${env.LB_RUN}/lock`;
      Deno.mkdirSync(`${env.LB_RUN}`, { mode: 0o700 });
      const lock = await Deno.open(path, { create: true, write: true, mode: 0o600 });
      await lock.lock(true);
      const args = ["--net", machine.bin, "apply", "--lock-timeout", "60s"];
      const options = { args, env, clearEnv: true, stdin: "null", stdout: "piped" } as const;
      let ended: Deno.CommandOutput;
      const running = new Deno.Command("unshare", { ...options, stderr: "piped" }).spawn();
      try {
        const end_ms = performance.now() + START_MAX_MS;
        while (!waitsFor(path, running.pid)) {
          assert.ok(performance.now() < end_ms, "it never asked for the lock");
          await new Promise((resolve) => setTimeout(resolve, 50));
        }
        const { code, err } = await upgrade();
        assert.equal(code, 0, err);
        assert.match(err, /Kept .*: it is in use/);
      } finally {
        lock.close();
        // Also where this test has failed: nothing of it is to run on.
        ended = await running.output();
      }
      assert.equal(ended.code, 0, new TextDecoder().decode(ended.stderr));
      assert.deepEqual(query(db, "PRAGMA user_version"), [SCHEMA_VERSION]);
      await good(lb("apply"));
      await good(upgrade());
      assert.equal(names(machine.cache).length, 1, "what was kept has gone");
    }),
});
