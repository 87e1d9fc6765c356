/**
 * `test/malformed/*.toml`: every one through the real command line. What must be said of a file is in
 * the file: `# expect LINE:COLUMN MESSAGE`, with ` | HINT` where there is one, or `# warning …`.
 */
import assert from "node:assert/strict";
import { kernelTests, type Lab, LB } from "./harness.ts";
import { apply, must } from "./steps.ts";

const test = kernelTests({ backends: 1 });

const FOLDER = new URL("../malformed/", import.meta.url).pathname;
const FILES_MIN = 50;
const AT_ONCE = 4;

/** Stands in a file for a million letters, which nobody wants in a repository. */
const MEGABYTE = /@MEGABYTE@/g;

/** Counts what the kernel does by itself. */
const VOLATILE_SYSCTL = /^net\.netfilter\.nf_conntrack_count /;

interface Problem {
  readonly severity: string;
  readonly line: number;
  readonly column: number;
  readonly message: string;
  readonly hint: string | null;
}

interface Refusal {
  readonly error: {
    readonly code: string;
    readonly problems: readonly (Problem & { readonly file: string })[];
  };
}

/** A broken file, as bytes that no encoding has touched: each is a character. */
interface Broken {
  readonly name: string;
  readonly latin1: string;
  readonly problems: readonly Problem[];
}

function brokenFiles(): Broken[] {
  const names = Array.from(Deno.readDirSync(FOLDER), ({ name }) => name);
  return names.filter((name) => name.endsWith(".toml")).sort().map((name) => {
    const bytes = Deno.readFileSync(FOLDER + name);
    const problems = expectedIn(new TextDecoder().decode(bytes));
    const latin1 = Array.from(bytes, (byte) => String.fromCharCode(byte)).join("");
    return { name, problems, latin1: latin1.replace(MEGABYTE, "x".repeat(1_000_000)) };
  });
}

function expectedIn(text: string): Problem[] {
  const lines = text.matchAll(/^# (expect|warning) (\d+):(\d+) (.*?)(?: \| (.*?))?\r?$/gm);
  return Array.from(lines, ([, word, line, column, message, hint]) => ({
    severity: word === "expect" ? "error" : "warning",
    line: Number(line),
    column: Number(column),
    message: message!,
    hint: hint ?? null,
  }));
}

/** What a refused config must leave alone. */
async function untouchables(lab: Lab) {
  const { folder } = lab.topology;
  const sysctls = await must(lab, "sysctl", "--all", "--ignore", "--pattern", "^net\\.");
  return {
    ruleset: await must(lab, "nft", "list", "ruleset"),
    addresses: await must(lab, "ip", "-json", "address", "show"),
    sysctls: sysctls.split("\n").filter((line) => !VOLATILE_SYSCTL.test(line)).join("\n"),
    state: digest(`${folder}/state`),
    run: digest(`${folder}/run`),
  };
}

/** Names and contents of a folder's files. */
function digest(folder: string): string[] {
  const names = Array.from(Deno.readDirSync(folder), ({ name }) => name).sort();
  return names.map((name) => `${name} ${Deno.readFileSync(`${folder}/${name}`).join()}`);
}

/** @returns what is wrong with how lb refused the file; nothing if it is as it must be */
async function wrongWith(lab: Lab, broken: Broken): Promise<string[]> {
  const { folder } = lab.topology;
  const path = `${folder}/${broken.name}`;
  const bytes = Uint8Array.from(broken.latin1, (char) => char.charCodeAt(0));
  Deno.writeFileSync(path, bytes, { mode: 0o644 });
  const places = ["--config", path, "--state", `${folder}/state`, "--run-dir", `${folder}/run`];
  const { code, stdout, stderr } = await lab.balancer.run([...LB, "apply", "--json", ...places]);
  const wrong: string[] = [];
  try {
    assert.equal(code, 3, stderr.slice(0, 2_000));
    const { error } = JSON.parse(stdout) as Refusal;
    assert.equal(error.code, "config-invalid");
    assert.ok(broken.problems.length > 0, "the file says nothing of what is wrong with it");
    assert.deepEqual(error.problems, broken.problems.map((one) => ({ file: path, ...one })));
    for (const { severity, line, column, message, hint } of broken.problems) {
      const said = `${path}:${line}:${column}: ${severity}: ${message}\n`;
      assert.ok(stderr.includes(said), `not on stderr: ${said}`);
      assert.ok(stderr.includes(hint ?? ""), `not on stderr: ${hint}`);
    }
    assert.match(stderr, /\b\d+ errors?; nothing was changed\.\n$/);
    assert.ok(stderr.length < 20_000, `${stderr.length} characters on stderr`);
    assert.deepEqual(Deno.readFileSync(path), bytes, "the file is as it was");
  } catch (error) {
    wrong.push(`${broken.name}: ${error instanceof Error ? error.message : error}`);
  }
  Deno.removeSync(path);
  return wrong;
}

async function inTurns<Item, Result>(
  items: readonly Item[],
  work: (item: Item) => Promise<Result[]>,
): Promise<Result[]> {
  const waiting = [...items];
  const results: Result[] = [];
  await Promise.all(Array.from({ length: AT_ONCE }, async () => {
    for (let item = waiting.shift(); item !== undefined; item = waiting.shift()) {
      results.push(...await work(item));
    }
  }));
  return results;
}

test("every malformed config is refused with every problem in its place, and changes nothing", async (lab) => {
  const files = brokenFiles();
  assert.ok(files.length >= FILES_MIN, `${files.length} files`);
  await apply(lab, { weights: [1], more: 'vip_on = "front"' });
  const before = await untouchables(lab);
  const wrong = await inTurns(files, (broken) => wrongWith(lab, broken));
  assert.equal(wrong.join("\n\n"), "");
  assert.deepEqual(await untouchables(lab), before);

  // All of this would have been seen to change.
  await lab.balancer.json(0, "uninstall", "--yes");
  const after = await untouchables(lab);
  for (const [name, value] of Object.entries(after)) {
    assert.notDeepEqual(value, before[name as keyof typeof before], `${name} of an uninstall`);
  }
});
