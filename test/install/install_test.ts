import assert from "node:assert/strict";
import {
  type Ended,
  filesBelow,
  forRoot,
  forRootAndNobody,
  type Machine,
  makeMachine,
  names,
} from "./machine.ts";
import { putInPlace } from "./release.ts";

/** A folder as an earlier build left it. */
const EARLIER = "0123456789abcdef0123456789abcdef";
const RUNNING = "fedcba9876543210fedcba9876543210";

const INSTALL = new URL("../../install.sh", import.meta.url).pathname;

let machine: Machine;
let installed: Ended;

/** Once, over an earlier lb: each time takes a whole build. */
Deno.test.beforeAll(async () => {
  machine = makeMachine();
  putInPlace(machine, "0.0.1");
  Deno.mkdirSync(machine.cache);
  pretendBuild(EARLIER);
  const command = new Deno.Command(pretendBuild(RUNNING), { args: ["300"], stdin: "null" });
  const running = command.spawn();
  try {
    installed = await machine.install();
  } finally {
    running.kill();
    await running.status;
  }
});

Deno.test.afterAll(() => machine.remove());

/** Test equipment: a program that only waits, where an earlier build's runtime would be. */
function pretendBuild(hash: string): string {
  Deno.mkdirSync(`${machine.cache}/${hash}`);
  Deno.copyFileSync("/bin/sleep", `${machine.cache}/${hash}/deno`);
  return `${machine.cache}/${hash}/deno`;
}

Deno.test("what is installed over an earlier lb runs, and was unpacked beforehand", async () => {
  assert.equal(installed.code, 0, installed.err);
  assert.match(installed.out, /Next:/);
  assert.deepEqual(names(machine.bin.replace(/lb$/, "")), ["lb"]);
  const { code, out } = await machine.run([machine.bin, "--version"]);
  assert.equal(code, 0);
  assert.match(out, /^lb .*self-extracting/);
});

/** Each with the words of lb that print it. */
const EXTRAS: readonly (readonly [path: string, words: readonly string[]])[] = [
  ["man/man1/lb.1", ["man"]],
  ["bash-completion/completions/lb", ["completions", "bash"]],
  ["zsh/site-functions/_lb", ["completions", "zsh"]],
  ["fish/vendor_completions.d/lb.fish", ["completions", "fish"]],
];

Deno.test("the manual page and the completions are where man and the shells look for them", async () => {
  const share = `${machine.folder}/usr/share`;
  for (const [path, words] of EXTRAS) {
    const { code, out } = await machine.run([machine.bin, ...words]);
    assert.equal(code, 0);
    assert.equal(Deno.readTextFileSync(`${share}/${path}`), out, path);
  }
  assert.equal(filesBelow(share).length, EXTRAS.length);
});

Deno.test("earlier builds that nobody runs are removed, one that runs is kept", () => {
  const [unpacked, ...more] = names(machine.cache).filter((name) => name !== RUNNING);
  assert.deepEqual(more, []);
  assert.notEqual(unpacked, EARLIER);
  assert.ok(names(machine.cache).includes(RUNNING));
  assert.match(installed.err, /^Kept .*: it is in use$/m);
});

Deno.test("a wrong option is a usage error, and --help explains the right ones", async () => {
  const wrong = await machine.install(["--perfix"]);
  assert.equal(wrong.code, 2);
  assert.match(wrong.err, /unknown option --perfix/);
  const help = await machine.install(["--help"]);
  assert.equal(help.code, 0);
  assert.match(help.out, /--uninstall/);
});

Deno.test({
  ...forRootAndNobody("what another user cannot do is refused before anything is built"),
  async fn() {
    const nobody = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups"] as const;
    const refusals: readonly (readonly [string[], RegExp])[] = [
      [["--demo"], /run it as root/],
      [["--prefix", "/usr"], /cannot write to \/usr\/bin: run this as root, or choose/],
    ];
    for (const [args, why] of refusals) {
      const { code, err } = await machine.run([...nobody, INSTALL, ...args]);
      assert.equal(code, 1);
      assert.match(err, why);
      assert.doesNotMatch(err, /Building/);
    }
  },
});

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

/** Commands in a network namespace of their own, with places of lb's own. */
function inNamespace(...lines: string[]) {
  const env = { LB_CONFIG: `${machine.folder}/lb.toml`, LB_RUN: `${machine.folder}/run` };
  return machine.run(["unshare", "--net", "sh", "-ec", lines.join("\n")], env);
}

Deno.test({
  ...forRoot("uninstall first undoes what lb did, and stops where lb cannot"),
  async fn() {
    Deno.writeTextFileSync(`${machine.folder}/lb.toml`, CONFIG, { mode: 0o600 });
    const uninstall = `${INSTALL} --prefix ${machine.folder}/usr --uninstall`;
    const { code, out, err } = await inNamespace(
      `${machine.bin} apply >&2`,
      "nft list tables",
      "mv $LB_STATE $LB_STATE.away; echo > $LB_STATE",
      `if ${uninstall}; then exit 9; else echo stopped; fi`,
      `${machine.bin} --version`,
      "rm $LB_STATE; mv $LB_STATE.away $LB_STATE",
      `${uninstall} >&2`,
      "nft list tables",
    );
    assert.equal(code, 0, err);
    assert.match(out, /^table inet lb\n(?:.*\n)?stopped\nlb [^\n]*\n$/);
    assert.deepEqual(names(machine.bin.replace(/lb$/, "")), []);
    for (const place of ["state", "run", "lb.toml"]) {
      Deno.removeSync(`${machine.folder}/${place}`, { recursive: true });
    }
  },
});

Deno.test("an uninstall leaves a completion that somebody else wrote", async () => {
  const theirs = `${machine.folder}/usr/share/zsh/site-functions/_lb`;
  Deno.mkdirSync(theirs.replace(/\/_lb$/, ""), { recursive: true });
  Deno.writeTextFileSync(theirs, "#compdef lb\n_message theirs\n");
  await machine.install(["--uninstall"]);
  assert.match(Deno.readTextFileSync(theirs), /theirs/);
  Deno.removeSync(theirs);
});

Deno.test("uninstall leaves nothing, and may be repeated", async () => {
  for (let i = 0; i < 2; i++) {
    const { code, err } = await machine.install(["--uninstall"]);
    assert.equal(code, 0, err);
    assert.deepEqual(filesBelow(machine.folder), []);
    assert.deepEqual(names(machine.cache), []);
  }
});
