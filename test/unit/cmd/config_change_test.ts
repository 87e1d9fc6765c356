import assert from "node:assert/strict";
import { type NewConfig, written } from "../../../cmd/change/config_change.ts";
import { context } from "../../../cmd/context.ts";
import { parseConfig } from "../../../lib/config/load.ts";
import { FakeFiles } from "../../fake/files.ts";

const PATH = "/etc/lb/lb.toml";

/** Runs with files that cannot be written once `refuse()` was called. */
async function onFiles(
  work: (files: FakeFiles, refuse: () => void) => Promise<void> | void,
): Promise<void> {
  const real = context.files;
  const files = new FakeFiles();
  const refuse = () => {
    files.replace = () => {
      throw new Deno.errors.PermissionDenied("read-only");
    };
  };
  try {
    context.files = files;
    await work(files, refuse);
  } finally {
    context.files = real;
  }
}

/** A config, with something on record that can be undone. */
async function wanted(text: string, undo: () => void): Promise<NewConfig> {
  return { loaded: await parseConfig(text, PATH), command: "lb scale", undo };
}

const TEXT = "# mine\n";
const CHANGED = "# mine, too\n";

Deno.test("what is on record is undone where the file cannot be written", () =>
  onFiles(async (files, refuse) => {
    files.replace(PATH, TEXT);
    refuse();
    let undone = 0;
    const all = await wanted(CHANGED, () => undone++);
    assert.throws(() => written(PATH, all), /cannot write .*nothing was changed/);
    assert.equal(undone, 1);
  }));

Deno.test("a text that is in the file already is not written, and needs no leave to", () =>
  onFiles(async (files, refuse) => {
    files.replace(PATH, TEXT);
    refuse();
    let undone = 0;
    const { undo } = written(PATH, await wanted(TEXT, () => undone++));
    assert.equal(undone, 0);
    undo!();
    assert.deepEqual([undone, files.read(PATH)], [1, TEXT]);
  }));

Deno.test("what is on record is undone where the file cannot be put back, and the other way round", () =>
  onFiles(async (files, refuse) => {
    files.replace(PATH, TEXT);
    const broken = await wanted(CHANGED, () => {
      throw new Error("disk full");
    });
    assert.throws(() => written(PATH, broken).undo!(), /^Error: What is wanted .*: disk full$/);
    assert.equal(files.read(PATH), TEXT);
    let undone = 0;
    const { undo } = written(PATH, await wanted(CHANGED, () => undone++));
    refuse();
    assert.throws(() => undo!(), /^Error: The config file could not be put back.*: read-only$/);
    assert.deepEqual([undone, files.read(PATH)], [1, CHANGED]);
  }));
