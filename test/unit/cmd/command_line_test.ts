import assert from "node:assert/strict";
import { context } from "../../../cmd/context.ts";
import { makeProgram } from "../../../cmd/lb.ts";
import { detect, isLasting, nftVersion } from "../../../lib/capability/detect.ts";
import { kernelRelease } from "../../../lib/kernel/modules.ts";
import { apartTest, lbAfter, lbApart } from "./apart.ts";
import { captured, inFolder, lb, placed } from "./capture.ts";

const PROGRAM = makeProgram(() => {});
const COMMANDS = PROGRAM.commands.map((command) => command.name());

/** What users script against (design/cli.md), as far as it is built. */
const PROMISED = ["init", "apply", "status", "scale", "reconcile", "doctor", "demo", "uninstall"];

Deno.test("every promised command is there", () => {
  assert.deepEqual(PROMISED.filter((name) => !COMMANDS.includes(name)), []);
});

/** Rows of: a wrong word, the right one. */
const MISSPELT = [["aply", "apply"], ["statsu", "status"], ["unistall", "uninstall"]] as const;

Deno.test("an unknown command is exit 2, with the one that was meant", async () => {
  for (const [wrong, right] of MISSPELT) {
    const { exitCode, stdout, stderr } = await lb(wrong);
    assert.deepEqual([exitCode, stdout], [2, ""]);
    assert.match(stderr, new RegExp(`unknown command '${wrong}'\\n\\(Did you mean ${right}\\?\\)`));
  }
  assert.match((await lb("xyzzy")).stderr, /unknown command 'xyzzy'\n.*lb --help/s);
});

Deno.test("help for a command that there is not says so, exit 2", async () => {
  for (const argv of [["statsu", "--help"], ["statsu", "-h", "--json"], ["help", "statsu"]]) {
    const { exitCode, stdout, stderr } = await lb(...argv);
    const code = stdout === "" ? undefined : JSON.parse(stdout).error.code;
    assert.deepEqual([exitCode, code], [2, argv.includes("--json") ? "usage" : undefined]);
    assert.match(stderr, /^error: unknown command 'statsu'\n\(Did you mean status\?\)/);
  }
  for (const argv of [["help"], ["help", "help"], ["help", "status"], ["status", "--help"]]) {
    assert.equal((await lb(...argv)).exitCode, 0, argv.join(" "));
  }
});

Deno.test("the relay is not built yet, exit 4, and no command is misspelt", async () => {
  const { exitCode, stdout, stderr } = await lb("relay", "--json");
  assert.deepEqual([exitCode, JSON.parse(stdout).error.code], [4, "unsupported"]);
  assert.match(stderr, /relay is not built yet/);
});

Deno.test("an unknown option is exit 2, with the one that was meant", async () => {
  const { exitCode, stderr } = await lb("apply", "--plna");
  assert.equal(exitCode, 2);
  assert.match(stderr, /unknown option '--plna'\n\(Did you mean --plan\?\)/);
});

/** Commands that work on the kernel say so first, where they are not run as root. */
function rootTest(name: string, fn: () => Promise<void>): void {
  Deno.test({ name, fn, ignore: Deno.uid() !== 0 });
}

/** Rows of: arguments that are wrong, and a part of what is said. */
const WRONG: readonly (readonly [argv: readonly string[], words: RegExp])[] = [
  [["apply", "now"], /too many arguments/],
  [["apply", "--config"], /argument missing/],
  [["apply", "--lock-timeout", "5"], /"500ms", "5s", "2m" or "1h"/],
  [["status", "a", "b"], /too many arguments/],
  [["status", "--watch", "50ms"], /from 200ms on/],
  [["events", "--kind", "helth"], /apply, drift, engine, .*health/],
  [["events", "--since", "yesterday"], /"10m" or "1h", or a date such as "2026-/],
  [["events", "--since", "2026-13-01"], /a date such as/],
  [["events", "--limit", "0"], /a whole number from 1/],
  [["reconcile", "--every", "5s"], /--every and --for go together/],
  [["reconcile", "--for", "58s"], /--every and --for go together/],
  [["reconcile", "--every", "0", "--for", "58s"], /--every and --for go together/],
  [["init", "--timer", "hourly"], /cron, systemd, none/],
  [["init", "--vip", "203.0.113.10"], /a service needs --port, --backend, too/],
  [["init", "--service", "web"], /a service needs --vip, --port, --backend, too/],
  [["init", "--masquerade"], /a service needs --vip/],
  [["init", "--backend", "web2"], /ADDR, ADDR:PORT or \[V6\]:PORT/],
  [["init", "--engine", "xdp"], /auto, nft, nfqueue, ipvs, relay/],
  [["scale"], /which service\? lb scale SERVICE/],
  [["scale", "web"], /nothing to do: give --add, --weight, --drain, --maintenance, --ready or/],
  [["scale", "web", "--now", "--drain", "198.51.100.11"], /--now goes with --remove/],
  [["scale", "web", "--cut", "--ready", "198.51.100.11"], /--cut goes with --drain or --remove/],
  [["scale", "web", "--wait", "--ready", "198.51.100.11"], /--wait follows drains/],
  [["scale", "web", "--tier", "2"], /give it alone, without a service/],
  [["scale", "--tier", "0"], /a whole number from 1/],
  [["scale", "web", "--add", "web2"], /ADDR, ADDR:PORT or \[V6\]:PORT/],
  [["scale", "web", "--add", "198.51.100.11=70000"], /a weight is a whole number from 0 to 65535/],
  [["scale", "web", "--weight", "198.51.100.11"], /--weight needs a weight/],
  [["scale", "web", "--weight", "1=-1"], /--weight/],
  [["demo", "--engine", "xdp"], /auto, nft, nfqueue, ipvs, relay/],
];

for (const [argv, words] of WRONG) {
  rootTest(`lb ${argv.join(" ")} is wrong usage, exit 2, and says why`, async () => {
    const { exitCode, stdout, stderr } = await lb(...argv);
    assert.equal(exitCode, 2);
    assert.equal(stdout, "", "stdout is for answers");
    assert.match(stderr, words);
    assert.doesNotMatch(stderr, /\bat .*\.ts:\d+/, "no stack trace");
    assert.ok(stderr.trimEnd().split("\n").length <= 2, "what is wrong, and where to read on");
  });

  rootTest(`lb ${argv.join(" ")} --json says it as one JSON document`, async () => {
    const { exitCode, stdout } = await lb(argv[0]!, "--json", ...argv.slice(1));
    const { error } = JSON.parse(stdout) as { error: { code: string; message: string } };
    assert.deepEqual([exitCode, error.code], [2, "usage"]);
    assert.match(error.message, words);
  });
}

/** Rows of: arguments whose part of lb is not built yet. */
const NOT_BUILT: readonly (readonly string[])[] = [
  ["demo", "--engine", "ipvs"],
];

for (const argv of NOT_BUILT) {
  rootTest(
    `lb ${argv.join(" ")} is exit 4 with what to do instead, as long as it is not built`,
    async () => {
      const { exitCode, stderr } = await lb(...argv);
      assert.equal(exitCode, 4);
      assert.match(stderr, /not built yet.*(use|add|run)/s);
    },
  );
}

rootTest(
  "a config that is not there is exit 3, and said in JSON too",
  inFolder(async (folder) => {
    const { exitCode, stdout, stderr } = await lb("apply", "--json", ...placed(folder));
    assert.equal(exitCode, 3);
    const { error } = JSON.parse(stdout) as { error: Record<string, unknown> };
    assert.equal(error.code, "config-invalid");
    assert.match(String(error.message), /no config file at .*lb\.toml.*lb init/);
    assert.match(stderr, /^lb: no config file at /);
    assert.deepEqual([...Deno.readDirSync(folder)], [], "nothing was made");
  }),
);

rootTest(
  "every problem of a config is in the JSON, with its place and what was meant",
  inFolder(async (folder) => {
    const text =
      '[[service]]\nname = "web"\nvip = "203.0.113.300"\nprotocl = "tcp"\nports = [80]\n';
    Deno.writeTextFileSync(`${folder}/lb.toml`, text, { mode: 0o600 });
    const { exitCode, stdout, stderr } = await lb("apply", "--json", ...placed(folder));
    assert.equal(exitCode, 3);
    const { error } = JSON.parse(stdout) as {
      error: { code: string; message: string; problems: Record<string, unknown>[] };
    };
    assert.equal(error.code, "config-invalid");
    assert.match(error.message, /nothing was changed/);
    const places = error.problems.map(({ severity, file, line, column }) => [
      severity,
      file,
      line,
      column,
    ]);
    assert.deepEqual(places.filter(([, , line]) => line !== 1), [
      ["error", `${folder}/lb.toml`, 3, 7],
      ["error", `${folder}/lb.toml`, 4, 1],
    ]);
    const misspelt = error.problems.find(({ line }) => line === 4);
    assert.match(String(misspelt?.hint), /protocol/);
    assert.match(stderr, /lb\.toml:3:7: .*\n.*203\.0\.113\.300/);
    assert.match(stderr, /\d errors; nothing was changed\.$/m);
  }),
);

rootTest(
  "a config that others can write is exit 5",
  inFolder(async (folder) => {
    Deno.writeTextFileSync(`${folder}/lb.toml`, "");
    Deno.chmodSync(`${folder}/lb.toml`, 0o666);
    const { exitCode, stdout } = await lb("apply", "--json", ...placed(folder));
    assert.equal(exitCode, 5);
    assert.equal(JSON.parse(stdout).error.code, "not-permitted");
  }),
);

/** Rows of: arguments, the exit code. Each would wait for a pipe's other end. */
const READERS: readonly (readonly [argv: readonly string[], exitCode: number])[] = [
  [["apply", "--plan"], 3],
  [["scale", "web", "--add", "198.51.100.11"], 3],
  [["doctor"], 1],
];

apartTest(
  "a pipe in the place of the config is refused at once, with what to do",
  inFolder(async (folder) => {
    await new Deno.Command("mkfifo", { args: [`${folder}/lb.toml`] }).output();
    for (const [argv, wanted] of READERS) {
      const { exitCode, stdout, stderr } = await lbApart(...argv, ...placed(folder));
      assert.equal(exitCode, wanted, stderr);
      assert.match(stdout + stderr, /lb\.toml is a pipe, .* write the config to a plain file/);
    }
    const options = ["--config", `${folder}/lb.toml`];
    const offered = await lbApart("__complete", "zsh", "scale", ...options, "");
    assert.deepEqual([offered.exitCode, offered.stderr], [0, ""]);
  }),
);

rootTest(
  "status before anything was applied is exit 0, and JSON of the usual form",
  inFolder(async (folder) => {
    const { exitCode, stdout } = await lb("status", "--json", ...placed(folder));
    assert.equal(exitCode, 0);
    const { version, revision, applied_at, drift, services } = JSON.parse(stdout);
    assert.match(version, /^\d+\.\d+\.\d+$/);
    assert.deepEqual([revision, applied_at, drift, services], [null, null, 0, []]);
    assert.match((await lb("status", ...placed(folder))).stdout, /^Nothing was applied yet/);
  }),
);

rootTest(
  "status of a service there is none of is wrong usage",
  inFolder(async (folder) => {
    const { exitCode, stderr } = await lb("status", "web", ...placed(folder));
    assert.equal(exitCode, 2);
    assert.match(stderr, /there is no service web in force; services: none/);
  }),
);

apartTest(
  "an uninstall where there is no state changes nothing and says so",
  inFolder(async (folder) => {
    const plain = await lbApart("uninstall", "--yes", ...placed(folder));
    assert.deepEqual([plain.exitCode, plain.stdout], [0, ""]);
    assert.match(plain.stderr, /There is no state in .*: lb changed nothing here\.$/m);
    const { exitCode, stdout } = await lbApart("uninstall", "--yes", "--json", ...placed(folder));
    assert.equal(exitCode, 0);
    const { revision, changed, changes, drift } = JSON.parse(stdout);
    assert.deepEqual([revision, changed, changes, drift], [null, false, [], []]);
    assert.deepEqual([...Deno.readDirSync(folder)], [], "nothing was made");
  }),
);

apartTest(
  "without a terminal an uninstall asks nothing, and goes on without --yes",
  inFolder(async (folder) => {
    await lbApart("init", ...placed(folder));
    const { exitCode, stdout, stderr } = await lbApart("uninstall", ...placed(folder));
    assert.deepEqual([exitCode, stderr], [0, ""]);
    assert.match(stdout, /^Nothing to change/);
  }),
);

apartTest(
  "a purge takes what lb made by name, and leaves locks and what somebody else put there",
  inFolder(async (folder) => {
    Deno.mkdirSync(`${folder}/run`, { mode: 0o700 });
    const worker = ["queue.json", "queue.lock", "queue.pid", "queue.sock", "queue.sockets"];
    const drafts = ["transaction.nft", "cut.nft", ".lb-1a.new"];
    for (const name of ["lock", "notify.lock", ...drafts, "theirs", ...worker]) {
      Deno.writeTextFileSync(`${folder}/run/${name}`, "");
    }
    for (const name of ["lb.toml", "lb.toml.before-rollback", "lb.toml.before-rollback.2"]) {
      Deno.writeTextFileSync(`${folder}/${name}`, "");
    }
    const { exitCode } = await lbApart("uninstall", "--yes", "--purge", ...placed(folder));
    assert.equal(exitCode, 0);
    const left = Array.from(Deno.readDirSync(`${folder}/run`), ({ name }) => name).sort();
    assert.deepEqual(left, ["lock", "notify.lock", "queue.lock", "theirs"]);
    assert.deepEqual(Array.from(Deno.readDirSync(folder), ({ name }) => name), ["run"]);
  }),
);

/** Rules of lb's own, of which there is no record. */
const LEFT = "nft add table inet lb";

for (const name of ["status", "reconcile"]) {
  apartTest(
    `lb ${name} where the state was deleted tells of the rules that are still there, exit 1`,
    inFolder(async (folder) => {
      const { exitCode, stdout, stderr } = await lbAfter(LEFT, name, ...placed(folder));
      assert.equal(exitCode, 1);
      assert.match(stdout + stderr, /nft: there are rules that an lb left.*"lb apply" takes them/);
      assert.doesNotMatch(stdout + stderr, /Nothing was applied/);
      const json = await lbAfter(LEFT, name, "--json", ...placed(folder));
      assert.equal(json.exitCode, 1);
      assert.match(JSON.parse(json.stdout).blocked.join(), /nft: there are rules/);
      assert.deepEqual([...Deno.readDirSync(folder)], [], "an empty state would hide it");
      assert.equal((await lbApart(name, ...placed(folder))).exitCode, 0);
    }),
  );
}

Deno.test(
  "a doctor tells of a broken config beside everything else",
  inFolder(async (folder) => {
    Deno.writeTextFileSync(`${folder}/lb.toml`, '[lb]\nengine = "nftables"\n', { mode: 0o600 });
    const text = await lb("doctor", ...placed(folder));
    assert.equal(text.exitCode, 1, text.stderr);
    assert.match(text.stdout, /Capabilities\n.*nft-program/s);
    assert.match(text.stdout, /Needs attention\n {2}! .*lb\.toml:2:10: error: engine: expected/s);
    const { exitCode, stdout } = await lb("doctor", "--json", ...placed(folder));
    assert.equal(exitCode, 1);
    assert.match(JSON.parse(stdout).attention[0], /lb\.toml:2:10: error/);
    assert.deepEqual(Array.from(Deno.readDirSync(folder), ({ name }) => name), ["lb.toml"]);
  }),
);

rootTest(
  "what init finds out about the machine is remembered, and an init with a broken config tells of it",
  inFolder(async (folder) => {
    Deno.writeTextFileSync(`${folder}/lb.toml`, "[lb]\nnone = 1\n", { mode: 0o600 });
    const { stdout } = await lb("init", "--json", ...placed(folder));
    assert.match(JSON.parse(stdout).attention[0], /lb\.toml:2:1: error/);
    const kernel = context.kernel({ config: "", state: "", runDir: "" });
    const store = await context.readStore({ state: `${folder}/state` });
    try {
      const known = store?.facts.get({
        boot_id: context.hostIdentity().boot_id,
        kernel_release: kernelRelease(kernel),
        nft_version: await nftVersion(kernel) ?? "",
      });
      assert.equal(known !== undefined, isLasting(kernel, await detect(kernel)));
    } finally {
      store?.close();
    }
  }),
);

rootTest(
  "a run folder that others can write in is refused, and what a link there leads to is left alone",
  inFolder(async (folder) => {
    const victim = `${folder}/victim`;
    Deno.writeTextFileSync(victim, "precious\n");
    Deno.mkdirSync(`${folder}/run`);
    Deno.symlinkSync(victim, `${folder}/run/lock`);
    Deno.chmodSync(`${folder}/run`, 0o777);
    const open = await lb("init", ...placed(folder));
    assert.deepEqual([open.exitCode, open.stdout], [5, ""]);
    assert.match(open.stderr, /\/run is writable by others \(mode 0777\)/);
    Deno.chmodSync(`${folder}/run`, 0o700);
    Deno.chownSync(`${folder}/run`, 65534, 65534);
    const theirs = await lb("init", ...placed(folder));
    assert.equal(theirs.exitCode, 5);
    assert.match(theirs.stderr, /belongs to user 65534.*--run-dir/);
    Deno.chownSync(`${folder}/run`, 0, 0);
    const link = await lb("init", ...placed(folder));
    assert.equal(link.exitCode, 5);
    assert.match(link.stderr, /\/run\/lock is no plain file/);
    assert.equal(Deno.readTextFileSync(victim), "precious\n");
  }),
);

rootTest(
  "what a killed run left of its writes is gone after the next one",
  inFolder(async (folder) => {
    Deno.mkdirSync(`${folder}/run`, { mode: 0o700 });
    const drafts = [`${folder}/.lb-1a.new`, `${folder}/run/.lb-2b.new`];
    for (const path of drafts) {
      Deno.writeTextFileSync(path, "");
      Deno.utimeSync(path, 0, 0);
    }
    await lb("init", ...placed(folder));
    for (const path of drafts) assert.throws(() => Deno.statSync(path), Deno.errors.NotFound, path);
  }),
);

Deno.test("the equipment gives the streams back", async () => {
  const before = [Deno.stdout.writeSync, Deno.stderr.writeSync];
  await captured(() => 0);
  assert.deepEqual([Deno.stdout.writeSync, Deno.stderr.writeSync], before);
});
