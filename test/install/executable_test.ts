import assert from "node:assert/strict";
import { build } from "./built.ts";
import { forRoot, type Machine, makeMachine, names } from "./machine.ts";

const SIZE_MAX_BYTES = 45_000_000;
const WARM_START_MAX_MS = 70;
const FIRST_START_MAX_MS = 2000;
const VERSION = /^lb \d+\.\d+\.\d+ \(self-extracting, /;

/** As an argument list: busybox stands for the shell of a small appliance. */
const SHELLS: readonly (readonly [string, ...string[]])[] = [
  ["dash"],
  ["bash"],
  ["busybox", "sh"],
];

let machine: Machine;

Deno.test.beforeAll(async () => {
  machine = makeMachine();
  await build(machine);
});

Deno.test.afterAll(() => machine.remove());

async function versionWith(argv: readonly [string, ...string[]], env?: Record<string, string>) {
  const { code, out, err } = await machine.run([...argv, "--version"], env);
  assert.equal(code, 0, err);
  assert.match(out, VERSION);
  assert.equal(err, "");
}

Deno.test("the executable has at most 45 MB", () => {
  const { size } = Deno.statSync(machine.bin);
  assert.ok(size <= SIZE_MAX_BYTES, `${size} bytes`);
});

Deno.test("dash, bash and busybox unpack it and run it again", async () => {
  for (const [index, shell] of SHELLS.entries()) {
    const LB_CACHE = `${machine.folder}/shell${index}`;
    await versionWith([...shell, machine.bin], { LB_CACHE });
    await versionWith([...shell, machine.bin], { LB_CACHE });
    assert.equal(names(LB_CACHE).length, 1);
  }
});

Deno.test("it needs no other programs than busybox has", async () => {
  const applets = `${machine.folder}/applets`;
  Deno.mkdirSync(applets);
  await machine.run(["busybox", "--install", "-s", applets]);
  const busybox = (await machine.run(["sh", "-c", "command -v busybox"])).out.trim();
  const env = { PATH: applets, LB_CACHE: `${machine.folder}/busybox` };
  await versionWith([busybox, "sh", machine.bin], env);
});

Deno.test("four first starts at once all work and leave one private folder", async () => {
  const LB_CACHE = `${machine.folder}/at-once`;
  await Promise.all([1, 2, 3, 4].map(() => versionWith([machine.bin], { LB_CACHE })));
  const [hash = "", ...rest] = names(LB_CACHE);
  assert.deepEqual(rest, []);
  assert.match(hash, /^[0-9a-f]{32}$/);
  assert.deepEqual(names(`${LB_CACHE}/${hash}`).filter((name) => name.startsWith(".")), []);
  for (const folder of [LB_CACHE, `${LB_CACHE}/${hash}`]) {
    assert.equal(Deno.statSync(folder).mode! & 0o777, 0o700, folder);
  }
});

Deno.test("what a killed first start left half done is made good", async () => {
  const LB_CACHE = `${machine.folder}/half`;
  await versionWith([machine.bin], { LB_CACHE });
  const [hash] = names(LB_CACHE);
  Deno.removeSync(`${LB_CACHE}/${hash}/deno`);
  await versionWith([machine.bin], { LB_CACHE });
  assert.deepEqual(names(LB_CACHE), [hash]);
});

Deno.test("it works from any folder, by a symbolic link and by a relative path", async () => {
  const link = `${machine.folder}/link`;
  Deno.symlinkSync(machine.bin, link);
  await versionWith([link]);
  await versionWith(["sh", "-c", `cd ${machine.folder}/usr && exec bin/lb "$@"`, "sh"]);
  await versionWith(["sh", "-c", `cd ${machine.folder}/usr/bin && exec sh lb "$@"`, "sh"]);
  const bin = `${machine.folder}/usr/bin`;
  await versionWith(["sh", "-c", 'PATH=$0:$PATH; exec lb "$@"', bin]);
  const env = { LB_CACHE: `${machine.folder}/by-name` };
  await versionWith(["sh", "-c", 'PATH=$0:$PATH; exec bash lb "$@"', bin], env);
});

Deno.test("arguments arrive as they were given", async () => {
  const odd = "no such command: *  $HOME \"'\\";
  const { code, err } = await machine.run([machine.bin, odd]);
  assert.equal(code, 2);
  assert.ok(err.includes(odd), err);
});

Deno.test("a folder that is not safe is refused, and LB_CACHE named as the way out", async () => {
  const open = `${machine.folder}/open`;
  Deno.mkdirSync(open);
  Deno.chmodSync(open, 0o777);
  const link = `${machine.folder}/cache-link`;
  Deno.symlinkSync(machine.folder, link);
  const file = `${machine.folder}/file`;
  Deno.writeTextFileSync(file, "");
  const places = {
    [open]: /others may write/,
    [link]: /symbolic link/,
    [file]: /File exists/,
    "cache": /absolute/,
  };
  for (const [LB_CACHE, why] of Object.entries(places)) await refused({ LB_CACHE }, why);
});

async function refused(env: Record<string, string>, why: RegExp) {
  const { code, out, err } = await machine.run([machine.bin, "--version"], env);
  assert.equal(code, 5, err);
  assert.equal(out, "");
  assert.match(err, why);
  assert.match(err, /LB_CACHE=/);
}

Deno.test({
  ...forRoot("a program of another user's is never run"),
  async fn() {
    const LB_CACHE = `${machine.folder}/foreign`;
    await versionWith([machine.bin], { LB_CACHE });
    const hash = names(LB_CACHE)[0];
    Deno.chownSync(`${LB_CACHE}/${hash}`, 65534, 65534);
    await refused({ LB_CACHE }, /belongs to another user/);
    Deno.chownSync(`${LB_CACHE}/${hash}`, 0, 0);
    Deno.chownSync(LB_CACHE, 65534, 65534);
    Deno.removeSync(`${LB_CACHE}/${hash}`, { recursive: true });
    await refused({ LB_CACHE }, /belongs to another user/);
  },
});

/** Runs a command line in a mount namespace of its own, with a small file system on `place`. */
function withMount(options: string, place: string, line: string) {
  const script = `mount -t tmpfs -o ${options} none ${place} && ${line}`;
  return machine.run(["unshare", "-m", "sh", "-c", script]);
}

Deno.test({
  ...forRoot("a full, a read-only and a noexec file system are said to be so"),
  async fn() {
    const place = `${machine.folder}/small`;
    Deno.mkdirSync(place);
    const mounts = {
      "size=20m": /No space left on device/,
      "ro": /Read-only file system/,
      "noexec": /does not start there: .*Permission denied/,
    };
    for (const [options, why] of Object.entries(mounts)) {
      const line =
        `{ LB_CACHE=${place}/c ${machine.bin} --version; code=$?; ls -A ${place}/c; exit $code; }`;
      const { code, out, err } = await withMount(options, place, line);
      assert.equal(code, 5, err);
      assert.match(err, why);
      assert.match(err, /LB_CACHE=/);
      assert.equal(out, "", "nothing is left behind");
    }
  },
});

Deno.test({
  ...forRoot("root's empty environment is enough, and others run what root unpacked"),
  async fn() {
    const nobody = "setpriv --reuid 65534 --regid 65534 --clear-groups";
    Deno.chmodSync(machine.folder, 0o755);
    const lines = [
      `env -i ${machine.bin} --version`,
      `${nobody} env -i ${machine.bin} --version`,
      "ls -A /var/cache",
    ];
    const { code, out, err } = await withMount("mode=755", "/var/cache", lines.join(" && "));
    assert.equal(code, 0, err);
    assert.equal(out.split("\n").filter((line) => VERSION.test(line)).length, 2, out);
    assert.match(out, /^lb$/m);
  },
});

Deno.test("a damaged executable says so and leaves nothing behind", async () => {
  const damaged = `${machine.folder}/damaged`;
  const LB_CACHE = `${machine.folder}/damaged-cache`;
  const bytes = Deno.readFileSync(machine.bin);
  bytes[30_000_000]! ^= 1;
  for (const wrong of [bytes, bytes.subarray(0, 20_000_000)]) {
    Deno.writeFileSync(damaged, wrong, { mode: 0o755 });
    const { code, err } = await machine.run([damaged, "--version"], { LB_CACHE });
    assert.equal(code, 5);
    assert.match(err, /did not reach the end/);
    assert.deepEqual(names(LB_CACHE), []);
  }
});

Deno.test("what every start loads loads nothing of node's: that would take 25 ms", async () => {
  const LB_CACHE = `${machine.folder}/loaded`;
  await versionWith([machine.bin], { LB_CACHE });
  const app = `${LB_CACHE}/${names(LB_CACHE)[0]}/app`;
  const waiting = ["main.js"];
  const seen = new Set<string>();
  for (let name = waiting.pop(); name !== undefined; name = waiting.pop()) {
    if (seen.has(name)) continue;
    seen.add(name);
    const text = Deno.readTextFileSync(`${app}/${name}`);
    assert.doesNotMatch(text, /\bfrom ?"node:/, name);
    for (const [, other] of text.matchAll(/\b(?:import|from) ?"\.\/([^"]+)"/g)) {
      waiting.push(other!);
    }
  }
  assert.ok(seen.size > 1, "there are chunks");
});

Deno.test("the first start takes less than 2 s, a later one at most 70 ms", async () => {
  const LB_CACHE = `${machine.folder}/timed`;
  const first_ms = await timed_ms(LB_CACHE);
  assert.ok(first_ms < FIRST_START_MAX_MS, `first start: ${first_ms} ms`);
  let best_ms = Infinity;
  // The best of many: what else the machine does is not lb's doing.
  for (let i = 0; i < 20; i++) best_ms = Math.min(best_ms, await timed_ms(LB_CACHE));
  assert.ok(best_ms <= WARM_START_MAX_MS, `later start: ${best_ms} ms`);
});

async function timed_ms(LB_CACHE: string): Promise<number> {
  const start_ms = performance.now();
  await versionWith([machine.bin], { LB_CACHE });
  return performance.now() - start_ms;
}
