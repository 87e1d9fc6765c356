import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import { Database } from "../../../lib/store/database.ts";
import { migrate, schemaVersion } from "../../../lib/store/migrate.ts";
import { Revisions } from "../../../lib/store/revisions.ts";
import { MIGRATIONS, SCHEMA_VERSION } from "../../../lib/store/migration/all.ts";
import { secureFolder } from "../../../lib/store/folder.ts";
import { openStore, readStore } from "../../../lib/store/store.ts";
import { inFolder, inStore, OWNER } from "./folder.ts";

const mode = (path: string) => (Deno.statSync(path).mode ?? 0) & 0o777;

const UNWRITABLE_INSIDE = new URL("./unwritable_inside.ts", import.meta.url).pathname;

function sqlite<T>(path: string, work: (db: DatabaseSync) => T): T {
  const db = new DatabaseSync(path);
  try {
    return work(db);
  } finally {
    db.close();
  }
}

Deno.test(
  "the folder is made 0700 and the database 0600, whatever the umask",
  inFolder((folder) => {
    const umask = Deno.umask(0);
    const store = openStore(folder, OWNER);
    try {
      assert.equal(mode(folder), 0o700);
      for (const { name } of Deno.readDirSync(folder)) {
        assert.equal(mode(`${folder}/${name}`), 0o600, name);
      }
      assert.equal(mode(`${folder}/lb.db-wal`), 0o600);
    } finally {
      store.close();
      Deno.umask(umask);
    }
  }),
);

Deno.test(
  "a folder of the operator's that others can read keeps its mode",
  inFolder((folder) => {
    Deno.mkdirSync(folder);
    Deno.chmodSync(folder, 0o755);
    openStore(folder, OWNER).close();
    assert.equal(mode(folder), 0o755);
  }),
);

for (const unsafe of [0o770, 0o777, 0o1777, 0o702]) {
  Deno.test(
    `a folder of mode ${unsafe.toString(8)} is refused, and nothing is put into it`,
    inFolder((folder) => {
      Deno.mkdirSync(folder);
      Deno.chmodSync(folder, unsafe);
      for (const open of [openStore, readStoreWithFile]) {
        assert.throws(() => open(folder, OWNER), { code: "not-permitted", message: /writable by/ });
      }
    }),
  );
}

function readStoreWithFile(folder: string, owner: typeof OWNER) {
  assert.deepEqual([...Deno.readDirSync(folder)], []);
  Deno.writeTextFileSync(`${folder}/lb.db`, "", { mode: 0o600 });
  return readStore(folder, owner);
}

Deno.test(
  "a folder of somebody else's is refused",
  inFolder((folder) => {
    openStore(folder, OWNER).close();
    const other = { ...OWNER, uid: OWNER.uid + 1 };
    const refused = { code: "not-permitted", message: /belongs to user/ };
    assert.throws(() => openStore(folder, other), refused);
    assert.throws(() => readStore(folder, other), refused);
  }),
);

Deno.test(
  "a database that others can write is refused",
  inFolder((folder) => {
    openStore(folder, OWNER).close();
    Deno.chmodSync(`${folder}/lb.db`, 0o666);
    assert.throws(() => openStore(folder, OWNER), { code: "not-permitted" });
    assert.throws(() => readStore(folder, OWNER), { code: "not-permitted" });
  }),
);

Deno.test(
  "a link to a folder is followed, and refused where the folder is not safe",
  inFolder((folder) => {
    const target = `${folder}.real`;
    Deno.mkdirSync(target, { mode: 0o700 });
    Deno.symlinkSync(target, folder);
    openStore(folder, OWNER).close();
    Deno.chmodSync(target, 0o777);
    assert.throws(() => openStore(folder, OWNER), {
      code: "not-permitted",
      message: /writable by/,
    });
  }),
);

Deno.test("a state folder that cannot be made says so instead of a stack trace", () => {
  const refused = {
    code: "not-permitted",
    message: /^\/proc\/lb-none: nothing can be .* --state$/,
  };
  assert.throws(() => openStore("/proc/lb-none", OWNER), refused);
  const message = /a part of the path is no folder.* --run-dir$/;
  assert.throws(() => secureFolder("/proc/version/lb", { ...OWNER, option: "--run-dir" }), {
    code: "not-permitted",
    message,
  });
});

/** Mounts need a mount namespace of their own, and that takes root. */
const CAN_MOUNT = Deno.uid() === 0 && unshared("true").code === 0;

function unshared(...argv: readonly string[]) {
  const { code, stdout } = new Deno.Command("unshare", {
    args: ["--mount", ...argv],
    stderr: "null",
  }).outputSync();
  return { code, out: new TextDecoder().decode(stdout) };
}

/** Where the state cannot be written to, in sh, with what is said to who would write. */
const UNWRITABLE = [
  ["a full disk", "head -c 1000000 /dev/zero > fill", /full, or failing: look at df/],
  ["a read-only mount", "mount -o remount,ro .", /read-only: mount it writable.*--state$/],
] as const;

/** Runs sh on a small file system of its own. `lb WHAT` is test equipment. @returns what it prints */
function onMount(folder: string, script: string): string[] {
  Deno.mkdirSync(folder);
  const command = `"${Deno.execPath()}" run -A --no-check --quiet ${UNWRITABLE_INSIDE}`;
  const lb = `lb() { ${command} "$1" "$PWD/state"; }`;
  const mount = 'mount -t tmpfs -o size=512k,mode=700 none "$0" && cd "$0"';
  const { out } = unshared("sh", "-c", `${lb}; ${mount} && { ${script}; }`, folder);
  return out.trimEnd().split("\n");
}

for (const [name, spoil, words] of UNWRITABLE) {
  Deno.test({
    name: `${name} keeps nobody from reading the state, and says so to who would write`,
    ignore: !CAN_MOUNT,
    fn: inFolder((folder) => {
      const [made, read, opened] = onMount(folder, `lb make; ${spoil}; lb read; lb open`);
      assert.deepEqual([made, read], ["1 of them", "1 of them"]);
      assert.match(opened!, words);
      assert.match(opened!, /^not-permitted: /);
    }),
  });
}

Deno.test({
  name: "where the log of a run that was cut off cannot be read, nothing older is told instead",
  ignore: !CAN_MOUNT,
  fn: inFolder((folder) => {
    const spoil = "rm state/lb.db-shm; mount -o remount,ro .";
    const lines = onMount(folder, `lb make; lb cut-off; ${spoil}; lb read`);
    assert.deepEqual(lines.slice(0, 2), ["1 of them", "2 of them"]);
    assert.match(lines[2]!, /^not-permitted: /);
  }),
});

Deno.test(
  "a newer lb's database is refused, and not one byte of it changes",
  inFolder((folder) => {
    openStore(folder, OWNER).close();
    const path = `${folder}/lb.db`;
    sqlite(path, (db) => {
      db.exec("PRAGMA journal_mode = DELETE");
      db.exec(`PRAGMA user_version = ${SCHEMA_VERSION + 1}`);
    });
    const before = Deno.readFileSync(path);
    const refused = { code: "unsupported", message: /newer lb/ };
    assert.throws(() => openStore(folder, OWNER), refused);
    assert.throws(() => readStore(folder, OWNER), refused);
    assert.deepEqual(Deno.readFileSync(path), before);
    assert.deepEqual(Array.from(Deno.readDirSync(folder), ({ name }) => name), ["lb.db"]);
  }),
);

Deno.test(
  "a file that is no database says so instead of a stack trace",
  inFolder((folder) => {
    Deno.mkdirSync(folder, { mode: 0o700 });
    Deno.writeTextFileSync(`${folder}/lb.db`, "not a database ".repeat(100), { mode: 0o600 });
    const refused = { name: "LbError", message: /not an SQLite database: move it away/ };
    assert.throws(() => openStore(folder, OWNER), refused);
    assert.throws(() => readStore(folder, OWNER), refused);
  }),
);

Deno.test(
  "reading finds nothing before the first run, also if that was cut off at once",
  inFolder((folder) => {
    assert.equal(readStore(folder, OWNER), undefined);
    Deno.mkdirSync(folder, { mode: 0o700 });
    Deno.writeTextFileSync(`${folder}/lb.db`, "", { mode: 0o600 });
    assert.equal(readStore(folder, OWNER), undefined);
  }),
);

Deno.test(
  "a reader sees what is committed while a writer holds a transaction, and cannot write",
  inStore((store, folder) => {
    store.events.add({ at_ms: 1, kind: "apply", message: "committed" });
    store.transaction(() => {
      store.events.add({ at_ms: 2, kind: "apply", message: "not yet" });
      const reader = readStore(folder, OWNER);
      assert.ok(reader);
      try {
        assert.deepEqual(reader.events.list().map((event) => event.message), ["committed"]);
        const write = () => reader.events.add({ at_ms: 3, kind: "apply", message: "never" });
        assert.throws(write, { code: "not-permitted", message: /read-only/ });
      } finally {
        reader.close();
      }
    });
  }),
);

Deno.test(
  "a transaction that throws leaves nothing, nested ones included",
  inStore((store) => {
    const cutOff = () =>
      store.transaction(() => {
        store.events.add({ at_ms: 1, kind: "apply", message: "outer" });
        store.transaction(() => store.events.add({ at_ms: 1, kind: "apply", message: "inner" }));
        throw new RangeError("cut off");
      });
    assert.throws(cutOff, RangeError);
    assert.deepEqual(store.events.list(), []);
  }),
);

Deno.test(
  "WAL, foreign keys and a busy time-out are on",
  inStore((_store, folder) => {
    const db = new Database(`${folder}/lb.db`, { readOnly: false });
    try {
      assert.deepEqual(db.get("PRAGMA journal_mode"), { journal_mode: "wal" });
      assert.deepEqual(db.get("PRAGMA foreign_keys"), { foreign_keys: 1 });
      assert.deepEqual(db.get("PRAGMA busy_timeout"), { timeout: 5000 });
    } finally {
      db.close();
    }
  }),
);

Deno.test(
  "every table is STRICT",
  inStore((_store, folder) => {
    const loose = sqlite(`${folder}/lb.db`, (db) =>
      db.prepare(
        "SELECT name FROM pragma_table_list WHERE NOT strict AND name NOT LIKE 'sqlite_%'",
      ).all());
    assert.deepEqual(loose, []);
  }),
);

Deno.test("migrations are in the order of their numbers, and the last one's is the schema's", () => {
  const versions = MIGRATIONS.map(({ version }) => version);
  assert.deepEqual(versions, [...new Set(versions)].toSorted((a, b) => a - b));
  assert.equal(versions.at(-1), SCHEMA_VERSION);
});

Deno.test(
  "revisions of an older lb keep their config texts",
  inFolder((folder) => {
    Deno.mkdirSync(folder);
    const db = new Database(`${folder}/lb.db`, { readOnly: false });
    try {
      migrate(db, MIGRATIONS.slice(0, 4));
      for (const text of ["one", "", "three"]) {
        db.run(
          `INSERT INTO revision (at_ms, who, command, config_text, outcome)
           VALUES (1, 'root', 'lb apply', ?, 'applied')`,
          text,
        );
      }
      migrate(db);
      const texts = new Revisions(db).list().map(({ config_text }) => config_text);
      assert.deepEqual(texts, ["three", "", "one"]);
    } finally {
      db.close();
    }
  }),
);

Deno.test(
  "where a step fails, the steps before it are undone: the older lb can go on",
  inFolder((folder) => {
    Deno.mkdirSync(folder);
    const db = new Database(`${folder}/lb.db`, { readOnly: false });
    try {
      const steps = [
        { version: 1, statements: ["CREATE TABLE a (x INTEGER) STRICT"] },
        { version: 2, statements: ["CREATE TABLE b (x INTEGER) STRICT"] },
        { version: 3, statements: ["CREATE TABLE c (x INTEGER) STRICT", "CREATE TABLE a (y)"] },
      ];
      migrate(db, steps.slice(0, 1));
      assert.throws(() => migrate(db, steps), /already exists/);
      assert.equal(schemaVersion(db), 1);
      assert.deepEqual(db.all("SELECT name FROM sqlite_schema"), [{ name: "a" }]);
      migrate(db, steps.slice(0, 2));
      assert.equal(schemaVersion(db), 2);
    } finally {
      db.close();
    }
  }),
);

Deno.test(
  "an immutable reader leaves nothing in the folder, whatever its name",
  inFolder((parent) => {
    const folder = `${parent}?a#b%20c`;
    const store = openStore(folder, OWNER);
    const start = { config_text: "a", who: "root", command: "lb apply", at_ms: 1 };
    store.revisions.begin(start);
    store.close();
    const before = [...Deno.readDirSync(folder)].map(({ name }) => name);
    const reader = readStore(folder, OWNER, { immutable: true });
    assert.equal(reader?.revisions.summaries().length, 1);
    assert.deepEqual([...Deno.readDirSync(folder)].map(({ name }) => name), before);
    reader?.close();
    assert.deepEqual(before, ["lb.db"]);
  }),
);
