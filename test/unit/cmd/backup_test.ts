import assert from "node:assert/strict";
import { backupPath, backupsOf } from "../../../cmd/change/backup.ts";
import { FakeFiles } from "../../fake/files.ts";

const CONFIG = "/etc/lb/lb.toml";
const KEPT = `${CONFIG}.before-rollback`;

/** A rollback's part: keeps the edits where it is told to. */
function keep(files: FakeFiles, text: string, record: readonly string[] = []): string | undefined {
  const path = backupPath(files, CONFIG, text, (each) => record.includes(each));
  if (path) files.replace(path, text, 0o600);
  return path;
}

Deno.test("edits that were kept before are not written over by the next ones", () => {
  const files = new FakeFiles();
  assert.deepEqual(["a", "b", "c"].map((text) => keep(files, text)), [
    KEPT,
    `${KEPT}.2`,
    `${KEPT}.3`,
  ]);
  assert.deepEqual([files.read(KEPT), files.read(`${KEPT}.2`)], ["a", "b"]);
});

Deno.test("the same edits are kept once, and what is on record gives its place away", () => {
  const files = new FakeFiles();
  keep(files, "a");
  assert.equal(keep(files, "a"), KEPT);
  assert.equal(keep(files, "b", ["a"]), KEPT, "applied since");
  assert.equal(keep(files, "a", ["a"]), undefined);
});

Deno.test("a folder in the place of kept edits is left alone", () => {
  const files = new FakeFiles();
  files.replace(`${KEPT}/theirs`, "");
  assert.equal(keep(files, "a"), `${KEPT}.2`);
});

Deno.test("a purge finds all that was kept, and nothing else", () => {
  const files = new FakeFiles();
  for (const text of ["a", "b"]) keep(files, text);
  for (const name of [".2.txt", ".", "-mine"]) files.replace(KEPT + name, "");
  files.replace("/etc/lb/other.toml.before-rollback", "");
  assert.deepEqual(backupsOf(files, CONFIG), [KEPT, `${KEPT}.2`]);
});
