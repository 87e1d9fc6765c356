import assert from "node:assert/strict";
import { files, sweepDrafts } from "../../../lib/sys/files.ts";
import { inFolder } from "./folder.ts";

const IS_ROOT = Deno.uid() === 0;

Deno.test("what is not there reads as nothing, lists as empty and can be removed", () => {
  for (const path of ["/nonexistent/lb", "/etc/hostname/lb"]) {
    assert.equal(files.read(path), undefined);
    assert.equal(files.stat(path), undefined);
    assert.deepEqual(files.list(path), []);
    assert.deepEqual([...files.lines(path)], []);
    assert.doesNotThrow(() => files.remove(path));
  }
});

Deno.test("a replaced file has the new text and mode, and nothing else is left in its folder", () =>
  inFolder((folder) => {
    const path = `${folder}/secret`;
    files.replace(path, "old", 0o644);
    assert.equal(files.stat(path)?.mode, 0o644);
    files.replace(path, "new", 0o600);
    assert.equal(files.read(path), "new");
    assert.equal(files.stat(path)?.mode, 0o600);
    assert.deepEqual(files.list(folder), ["secret"]);
  }));

Deno.test("lines come whole, however a large file falls into pieces, and the file is closed for who has enough", () =>
  inFolder((folder) => {
    const path = `${folder}/large`;
    const lines = Array.from({ length: 20_000 }, (_, at) => `${at} ü${"é".repeat(at % 7)}`);
    for (const end of ["\n", ""]) {
      files.replace(path, lines.join("\n") + end);
      assert.deepEqual([...files.lines(path)], lines);
    }
    for (const line of files.lines(path)) {
      assert.equal(line, lines[0]);
      break;
    }
  }));

Deno.test("who has the old file open keeps reading the old text", () =>
  inFolder((folder) => {
    const path = `${folder}/config`;
    files.replace(path, "old text", 0o644);
    using reader = Deno.openSync(path);
    files.replace(path, "new text", 0o644);
    const seen = new Uint8Array(8);
    reader.readSync(seen);
    assert.equal(new TextDecoder().decode(seen), "old text");
  }));

Deno.test("a symlink stays one, and what it points to is replaced", () =>
  inFolder((folder) => {
    files.replace(`${folder}/real`, "old", 0o644);
    Deno.symlinkSync("real", `${folder}/link`);
    files.replace(`${folder}/link`, "new", 0o644);
    assert.equal(files.stat(`${folder}/link`)?.isSymlink, true);
    assert.equal(files.read(`${folder}/real`), "new");
  }));

Deno.test("in a folder of somebody else's no link is followed, whenever it was put there", () =>
  inFolder((folder) => {
    files.replace(`${folder}/secret`, "old", 0o600);
    Deno.symlinkSync("secret", `${folder}/link`);
    files.replace(`${folder}/link`, "new", 0o644, { follows: false });
    assert.equal(files.read(`${folder}/secret`), "old");
    assert.equal(files.stat(`${folder}/secret`)?.mode, 0o600);
    assert.deepEqual([files.read(`${folder}/link`), files.stat(`${folder}/link`)?.mode], [
      "new",
      0o644,
    ]);
    // Whoever puts a link in the draft's place has his link renamed, and no more.
    files.replace(
      `${folder}/link`,
      (put) => {
        const draft = `${folder}/${files.list(folder).find((name) => name.endsWith(".new"))}`;
        Deno.removeSync(draft);
        Deno.symlinkSync("secret", draft);
        put("newer");
      },
      0o644,
      { follows: false },
    );
    assert.equal(files.read(`${folder}/secret`), "old");
    assert.equal(files.stat(`${folder}/secret`)?.mode, 0o600);
  }));

Deno.test("no file comes in the place of a pipe, nor of a link to one", () =>
  inFolder((folder) => {
    // As /dev/null and /dev/stdout are, which a test must not put at stake.
    const made = new Deno.Command("mkfifo", { args: [`${folder}/pipe`] }).outputSync();
    assert.ok(made.success);
    Deno.symlinkSync("pipe", `${folder}/link`);
    for (const name of ["pipe", "link"]) {
      const refused = { code: "not-permitted", message: /give the path of a file$/ };
      assert.throws(() => files.replace(`${folder}/${name}`, "new", 0o644), refused);
    }
    assert.equal(files.stat(`${folder}/link`)?.isSymlink, true);
    assert.equal(files.stat(`${folder}/pipe`)?.isFile, false);
    assert.deepEqual(files.list(folder), ["link", "pipe"]);
  }));

Deno.test("without a mode the file behind a symlink keeps its own, and a new one is private", () =>
  inFolder((folder) => {
    files.replace(`${folder}/real`, "old", 0o640);
    Deno.symlinkSync("real", `${folder}/link`);
    files.replace(`${folder}/link`, "new");
    assert.equal(files.stat(`${folder}/real`)?.mode, 0o640);
    files.replace(`${folder}/other`, "new");
    assert.equal(files.stat(`${folder}/other`)?.mode, 0o600);
  }));

Deno.test({
  name: `without a mode the file stays its owner's${IS_ROOT ? "" : " (skipped: needs root)"}`,
  ignore: !IS_ROOT,
  fn: () =>
    inFolder((folder) => {
      const path = `${folder}/config`;
      files.replace(path, "old", 0o640);
      Deno.chownSync(path, 1234, 2345);
      files.replace(path, "new");
      const { uid, gid, mode } = Deno.statSync(path);
      assert.deepEqual([uid, gid, mode! & 0o777], [1234, 2345, 0o640]);
    }),
});

Deno.test("bytes that are no text are written as they are", () =>
  inFolder((folder) => {
    const bytes = Uint8Array.of(0x23, 0xff, 0x00, 0x0a);
    files.replace(`${folder}/bytes`, bytes, 0o600);
    assert.deepEqual(files.readBytes(`${folder}/bytes`), bytes);
  }));

Deno.test("a replacement that fails leaves the old file and no draft", () =>
  inFolder((folder) => {
    files.mkdir(`${folder}/taken`, 0o755);
    assert.throws(() => files.replace(`${folder}/taken`, "text", 0o644), { code: "EISDIR" });
    assert.deepEqual(files.list(folder), ["taken"]);
    assert.deepEqual(files.list(`${folder}/taken`), []);
  }));

Deno.test("write changes a file in place and makes none", () =>
  inFolder((folder) => {
    const path = `${folder}/value`;
    assert.throws(() => files.write(path, "1"), Deno.errors.NotFound);
    files.replace(path, "0000", 0o640);
    const { ino } = Deno.statSync(path);
    files.write(path, "1");
    assert.equal(files.read(path), "1");
    assert.equal(Deno.statSync(path).ino, ino);
  }));

Deno.test("a refused write has the errno as its code", () => {
  // Read-only for root too.
  assert.throws(() => files.write("/proc/sys/kernel/ostype", "x"), { code: "EACCES" });
});

Deno.test("mkdir makes parents and leaves an existing folder as it is", () =>
  inFolder((folder) => {
    files.mkdir(`${folder}/a/b`, 0o700);
    assert.equal(files.stat(`${folder}/a/b`)?.mode, 0o700);
    assert.equal(files.stat(`${folder}/a/b`)?.isDirectory, true);
    files.mkdir(`${folder}/a/b`, 0o755);
    assert.equal(files.stat(`${folder}/a/b`)?.mode, 0o700);
  }));

Deno.test("names are listed in order", () =>
  inFolder((folder) => {
    for (const name of ["b", "a", "c"]) files.mkdir(`${folder}/${name}`, 0o700);
    assert.deepEqual(files.list(folder), ["a", "b", "c"]);
  }));

Deno.test("remove takes a file, and a symlink without what it points to", () =>
  inFolder((folder) => {
    files.replace(`${folder}/real`, "text", 0o644);
    Deno.symlinkSync("real", `${folder}/link`);
    files.remove(`${folder}/link`);
    assert.deepEqual(files.list(folder), ["real"]);
    files.remove(`${folder}/real`);
    assert.deepEqual(files.list(folder), []);
  }));

Deno.test("what killed runs left of a write is swept, what is being written and other things are not", () =>
  inFolder((folder) => {
    const [old, young, theirs] = [".lb-a1.new", ".lb-b2.new", ".lb-notes"];
    for (const name of [old, young, theirs]) Deno.writeTextFileSync(`${folder}/${name}`, "");
    const [hour_s, now_s] = [3600, Date.now() / 1000];
    for (const name of [old, theirs]) {
      Deno.utimeSync(`${folder}/${name}`, now_s - hour_s, now_s - hour_s);
    }
    sweepDrafts(folder);
    assert.deepEqual(files.list(folder), [young, theirs]);
    sweepDrafts(folder, 0);
    assert.deepEqual(files.list(folder), [theirs]);
    assert.doesNotThrow(() => sweepDrafts(`${folder}/nonexistent`));
  }));
