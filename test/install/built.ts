/**
 * Test equipment: executables that several test files and the runner need, built once for each state of
 * the sources and kept in `dist/test/`.
 */
import assert from "node:assert/strict";
import { filesBelow, type Machine, names } from "./machine.ts";

const ROOT = new URL("../..", import.meta.url).pathname;
const KEPT = `${ROOT}dist/test`;
const SOURCES = [
  ".ci",
  "cmd",
  "lib",
  "templates",
  "deno.json",
  "deno.lock",
  "install.sh",
  "main.ts",
];

/** The address that the install.sh of {@linkcode release} downloads from: of nobody, ever. */
export const RELEASE_URL = "http://lb.example/r";

/** Version of the release of {@linkcode nextRelease}. */
export const NEXT_VERSION = "99.0.0";

/** A table that the schema of {@linkcode nextRelease} has in addition. */
export const NEXT_TABLE = "of_the_next_lb";

/** The release folder of this checkout, made by .ci/release. Not to be written to. */
export function release(): Promise<string> {
  return kept("this", (output) => releaseOf(ROOT, output));
}

/** The same of a later lb: with a version of its own, and a step more in its schema. */
export function nextRelease(): Promise<string> {
  return kept("next", async (output) => {
    const folder = Deno.makeTempDirSync({ prefix: "lb-next-" });
    try {
      for (const file of sourceFiles()) {
        Deno.mkdirSync(`${folder}/${file}`.replace(/\/[^/]*$/, ""), { recursive: true });
        Deno.copyFileSync(ROOT + file, `${folder}/${file}`);
      }
      makeNext(folder);
      await releaseOf(folder, output);
    } finally {
      Deno.removeSync(folder, { recursive: true });
    }
  });
}

/** The executable in the release folder, and a folder for `LB_CACHE` into which it has unpacked itself. */
export async function unpacked(): Promise<{ readonly program: string; readonly cache: string }> {
  const program = executableIn(await release());
  const cache = await kept("cache", async (output) => {
    Deno.mkdirSync(output, { mode: 0o700 });
    const env = { LB_CACHE: output };
    const { success, stdout, stderr } = await new Deno.Command(program, {
      args: ["--version"],
      env,
    }).output();
    assert.ok(success, new TextDecoder().decode(stderr));
    Deno.writeFileSync(`${output}/VERSION`, stdout);
  });
  return { program, cache };
}

/** Puts the self-extracting executable of this checkout where lb is on the machine. */
export async function build({ bin }: Machine): Promise<void> {
  Deno.mkdirSync(bin.replace(/\/lb$/, ""), { recursive: true });
  Deno.copyFileSync(executableIn(await release()), bin);
}

/** The executable in a release folder. */
export function executableIn(folder: string): string {
  return `${folder}/${names(folder).find((name) => name.startsWith("lb-"))}`;
}

async function kept(name: string, make: (folder: string) => Promise<void>): Promise<string> {
  const folder = `${KEPT}/${name}-${await sourceHash()}`;
  // VERSION comes last: with it the folder is whole.
  if (names(folder).includes("VERSION")) return folder;
  for (const other of names(KEPT).filter((other) => other.startsWith(`${name}-`))) {
    Deno.removeSync(`${KEPT}/${other}`, { recursive: true });
  }
  await make(folder);
  return folder;
}

function sourceFiles(): string[] {
  return SOURCES.map((path) => ROOT + path)
    .flatMap((path) => Deno.statSync(path).isFile ? path : filesBelow(path))
    .map((path) => path.slice(ROOT.length)).sort();
}

/** Of all that goes into a release, the commit it names included. */
async function sourceHash(): Promise<string> {
  const command = new Deno.Command("git", { args: ["rev-parse", "HEAD"], cwd: ROOT });
  const commit = new TextDecoder().decode((await command.output()).stdout);
  const texts = sourceFiles().map((file) => `${file}\n${Deno.readTextFileSync(ROOT + file)}`);
  const all = new TextEncoder().encode([Deno.version.deno, commit, ...texts].join("\n"));
  return new Uint8Array(await crypto.subtle.digest("SHA-256", all)).toHex().slice(0, 16);
}

async function releaseOf(root: string, output: string): Promise<void> {
  const args = ["--output", output, "--base-url", `${RELEASE_URL}/`];
  const { success, stderr } = await new Deno.Command(`${root}/.ci/release`, { args }).output();
  assert.ok(success, new TextDecoder().decode(stderr));
}

/** Each row: a file, what stands in it, and what the next one has instead. */
const CHANGES: readonly (readonly [string, RegExp, string])[] = [
  ["deno.json", /"version": "[^"]*"/, `"version": "${NEXT_VERSION}"`],
  // Five seconds less.
  [".ci/build.ts", /"-9n"/, '"-1n"'],
  [
    "lib/store/migration/all.ts",
    // A list over several lines ends in a comma.
    /= \[([^\]]*?),?\s*\];/,
    `= [$1, { version: [$1].at(-1)!.version + 1, statements: ["CREATE TABLE ${NEXT_TABLE} (x INTEGER)"] }];`,
  ],
];

function makeNext(folder: string): void {
  for (const [file, before, after] of CHANGES) {
    const text = Deno.readTextFileSync(`${folder}/${file}`);
    assert.match(text, before, file);
    Deno.writeTextFileSync(`${folder}/${file}`, text.replace(before, after));
  }
}
