import assert from "node:assert/strict";
import { files } from "../../lib/sys/files.ts";
import { openStore } from "../../lib/store/store.ts";
import { build } from "./built.ts";
import { type Machine, makeMachine, names } from "./machine.ts";
import { Terminal } from "./terminal.ts";

const ANSWER_MAX_MS = 100;
/** The machine may be busy with other things: the fastest of some is what lb takes. */
const TRIES = 10;

const SHELLS = ["bash", "zsh", "fish"] as const;
type Shell = typeof SHELLS[number];

const CONFIG = `
[[service]]
name = "web"
vip = ["203.0.113.10", "2001:db8:1::10"]
ports = [80]
[[service.backend]]
address = "198.51.100.11"
port = 8080
weight = 50
[[service.backend]]
address = "198.51.100.12"
port = 8080
[[service.backend]]
address = "2001:db8:b::11"
port = 8080

[[service]]
name = "dns"
in the middle of an edit
`;

/** What a shell needs so that TAB does what is tested, and that the screen stays readable. */
const SETUPS: Readonly<Record<Shell, string>> = {
  bash: "bind 'set enable-bracketed-paste off'; source <(lb completions bash)",
  zsh: "unset zle_bracketed_paste; bindkey -e; autoload -Uz compinit; compinit -u -D; " +
    "source <(lb completions zsh)",
  fish: "lb completions fish | source",
};

/** Rows of: what is typed, and the words that are then on the line. */
const LINES: readonly (readonly [keys: string, words: string])[] = [
  ["lb sc\t", "lb scale"],
  ["lb scale w\t--no\t", "lb scale web --now"],
  ["lb scale web --weight 198.51.100.11\t5", "lb scale web --weight 198.51.100.11:8080=5"],
  ["lb scale web --weight 198.51.100.12:\t5", "lb scale web --weight 198.51.100.12:8080=5"],
  ["lb scale web --weight=198.51.100.11:80\t7", "lb scale web --weight=198.51.100.11:8080=7"],
  ["lb scale web --remove '[2\t", "lb scale web --remove [2001:db8:b::11]:8080"],
  ['lb scale web --remove "[2001:db8:\t', "lb scale web --remove [2001:db8:b::11]:8080"],
  [
    "lb scale web --remove 198.51.100.11:8080 --remove 1\t",
    "lb scale web " +
    "--remove 198.51.100.11:8080 --remove 198.51.100.12:8080",
  ],
  ["lb scale web --drain 198.51.100.11\t", "lb scale web --drain 198.51.100.11:8080"],
  ["lb scale web --maintenance '[\t", "lb scale web --maintenance [2001:db8:b::11]:8080"],
  [
    "lb scale web --drain 198.51.100.11:8080 --ready 1\t",
    "lb scale web --drain 198.51.100.11:8080 --ready 198.51.100.12:8080",
  ],
  [
    "lb scale only --config other.toml --ready \t",
    "lb scale only --config other.toml --ready 198.51.100.12:8080",
  ],
  ["lb why 192.0.2.9 --service w\t", "lb why 192.0.2.9 --service web"],
  [
    "lb why 192.0.2.9 --config whole.toml --to 203\t",
    "lb why 192.0.2.9 --config whole.toml --to 203.0.113.10:80",
  ],
  ["lb events --kind dra\t", "lb events --kind drain"],
  ["lb events --kind drain --kind pa\t", "lb events --kind drain --kind panic"],
  ["lb init --vip-on no\t", "lb init --vip-on none"],
  ["lb init --vip-on l\t", "lb init --vip-on lo"],
  ["lb init --timer=cr\t", "lb init --timer=cron"],
  ["lb history --diff 1\t", "lb history --diff 1"],
  ["lb scale --config other.toml o\t", "lb scale --config other.toml only"],
  ["lb rollback 2\t", "lb rollback 2"],
  ["lb status d\t", "lb status dns"],
  ["lb completions z\t", "lb completions zsh"],
  ["lb demo --engine=re\t", "lb demo --engine=relay"],
  ["lb help un\t", "lb help uninstall"],
  ["lb nonsense \t", "lb nonsense"],
  ["lb scale nosuch --weight \t", "lb scale nosuch --weight"],
];

/** The same for paths, which shells complete in their own ways: with a blank in a name. */
const PATHS: readonly (readonly [keys: string, words: string])[] = [
  ["lb apply --config oth\t", "lb apply --config other.toml"],
  ["lb apply --config sub\tmy\t", "lb apply --config sub dir/my file"],
  ["lb apply --config=sub\tmy\t", "lb apply --config=sub dir/my file"],
  ["lb apply --config 'sub dir/my\t", "lb apply --config sub dir/my file"],
];

/** Rows of: what is typed, and what is then on the screen. */
const LISTS: readonly (readonly [keys: string, what: RegExp])[] = [
  ["lb \t\t", /apply +\W+bring the kernel to the config/],
  ["lb scale web --weight \t\t", /198\.51\.100\.11:8080= +\W+weight 50/],
  ["lb scale only --config other.toml --ready \t\t", /198\.51\.100\.12:8080/],
  ["lb history \t\t", /1 +\W+applied 1970-01-01T00:00:00Z by ann: lb apply/],
];

let machine: Machine;
let home: string;

Deno.test.beforeAll(async () => {
  machine = makeMachine();
  home = `${machine.folder}/home`;
  await build(machine);
  Deno.mkdirSync(`${home}/sub dir`, { recursive: true });
  Deno.writeTextFileSync(`${home}/sub dir/my file`, "");
  Deno.writeTextFileSync(`${home}/lb.toml`, CONFIG);
  Deno.writeTextFileSync(`${home}/other.toml`, CONFIG.replace('"web"', '"only"'));
  Deno.writeTextFileSync(`${home}/whole.toml`, CONFIG.split('\n[[service]]\nname = "dns"')[0]!);
  makeState();
});

Deno.test.afterAll(() => machine.remove());

/** Two revisions that were applied: one goes back to the first only. A backend that drains. */
function makeState(): void {
  const store = openStore(`${machine.folder}/state`, { files, uid: Deno.uid() ?? 0 });
  const end = { outcome: "applied", plan_json: "[]", detail: "", finished_at_ms: 1 } as const;
  for (const [at_ms, config_text] of ["one", "two"].entries()) {
    const start = { config_text, who: "ann", command: "lb apply", at_ms: at_ms * 1_000 };
    store.revisions.finish(store.revisions.begin(start), end);
  }
  const backend = { service: "only", backend: "198.51.100.12|8080" };
  const when = { since_ms: 0, deadline_ms: null, removes: false, ended: null };
  store.intents.put([{ ...backend, ...when, intent: "drain" }]);
  store.close();
}

function environment(): Record<string, string> {
  return {
    PATH: `${machine.folder}/usr/bin:${Deno.env.get("PATH")}`,
    HOME: home,
    TERM: "xterm",
    LB_CACHE: machine.cache,
    LB_CONFIG: `${home}/lb.toml`,
    LB_STATE: `${machine.folder}/state`,
  };
}

function open(shell: Shell, setup = SETUPS[shell]): Promise<Terminal> {
  return Terminal.open({ shell, setup, env: environment(), folder: home });
}

function lb(...args: string[]) {
  return machine.run([machine.bin, ...args], environment());
}

/** Declares a test that drives a shell, skipped with its reason where there is none. */
function testIn(shell: Shell, what: string, act: () => Promise<void>): void {
  const missing = [shell, "script"].filter((program) => !isInstalled(program));
  const why = missing.length > 0 ? ` (skipped: no ${missing.join(", no ")})` : "";
  Deno.test({ name: `${shell}: ${what}${why}`, ignore: missing.length > 0, fn: act });
}

function isInstalled(program: string): boolean {
  const folders = (Deno.env.get("PATH") ?? "").split(":");
  return folders.some((folder) => files.stat(`${folder}/${program}`) !== undefined);
}

async function linesHold(terminal: Terminal, rows: typeof LINES): Promise<void> {
  for (const [keys, words] of rows) {
    assert.equal((await terminal.words(keys)).join(" ").trimEnd(), words, JSON.stringify(keys));
  }
}

for (const shell of SHELLS) {
  testIn(shell, "a TAB completes commands, options and live values", async () => {
    const terminal = await open(shell);
    try {
      await linesHold(terminal, [...LINES, ...PATHS]);
    } finally {
      await terminal.close();
    }
  });

  testIn(shell, "what there is to choose from is listed with what it is", async () => {
    for (const [keys, what] of LISTS) await shown(shell, keys, what);
  });

  testIn(shell, "nothing that stands on the line is run, and nothing is written", async () => {
    const before = traces();
    const substitution = shell === "fish" ? "(touch TRACE)" : "$(touch${IFS}TRACE)";
    await shown(shell, `lb scale ${substitution} --wei\t`, /--weight/);
    await shown(shell, "lb scale '$(touch TRACE)' --wei\t", /--weight/);
    await shown(shell, "lb history \t\t", /by ann/);
    assert.deepEqual(traces(), before);
  });
}

async function shown(shell: Shell, keys: string, what: RegExp): Promise<void> {
  const terminal = await open(shell);
  try {
    await terminal.shows(keys, what);
  } finally {
    await terminal.close();
  }
}

function traces(): string[][] {
  return [names(home).filter((name) => name === "TRACE"), names(`${machine.folder}/state`)];
}

testIn("fish", "it is found in a folder of $fish_complete_path, too", async () => {
  const { out } = await lb("completions", "fish");
  Deno.mkdirSync(`${home}/fish`);
  Deno.writeTextFileSync(`${home}/fish/lb.fish`, out);
  const terminal = await open("fish", `set -g fish_complete_path ${home}/fish`);
  try {
    await linesHold(terminal, [["lb scale w\t", "lb scale web"]]);
  } finally {
    await terminal.close();
  }
});

testIn("zsh", "it is found in a folder of $fpath, too", async () => {
  const { out } = await lb("completions", "zsh");
  Deno.writeTextFileSync(`${home}/_lb`, out);
  const setup = `fpath=(${home} $fpath); ${SETUPS.zsh.replace(/source .*/, ":")}`;
  const terminal = await open("zsh", setup);
  try {
    await linesHold(terminal, [["lb scale w\t", "lb scale web"]]);
  } finally {
    await terminal.close();
  }
});

Deno.test("where anything is wrong a TAB is answered by nothing, on no stream", async () => {
  const wrong: [string[], Record<string, string>][] = [
    [["zsh", "scale", "web", "--weight", ""], { LB_CONFIG: "/nonexistent" }],
    [["fish", "scale", "dns", "--weight", ""], {}],
    [["zsh", "status", ""], { LB_CONFIG: "/" }],
    [["zsh", "rollback", ""], { LB_STATE: "/nonexistent" }],
    [["zsh", "rollback", ""], { LB_STATE: "/tmp" }],
    [["tcsh", "x"], {}],
    [[], {}],
  ];
  for (const [args, env] of wrong) {
    const ended = await machine.run([machine.bin, "__complete", ...args], {
      ...environment(),
      ...env,
    });
    assert.deepEqual([ended.code, ended.err], [0, ""], args.join(" "));
    assert.ok(["", "words\n", "open\n"].includes(ended.out), ended.out);
  }
});

Deno.test(`an answer takes at most ${ANSWER_MAX_MS} ms`, async () => {
  for (const words of [["scale", ""], ["scale", "web", "--weight", ""], ["rollback", ""]]) {
    const times_ms: number[] = [];
    for (let run = 0; run < TRIES; run++) {
      const start_ms = performance.now();
      const { out } = await lb("__complete", "zsh", ...words);
      times_ms.push(performance.now() - start_ms);
      assert.ok(out.split("\n").length > 2, out);
    }
    const fastest_ms = Math.min(...times_ms);
    assert.ok(fastest_ms <= ANSWER_MAX_MS, `${words.join(" ")}: ${Math.round(fastest_ms)} ms`);
  }
});

Deno.test("a shell that lb does not know is a usage error that names the others", async () => {
  const { code, err } = await lb("completions", "tcsh");
  assert.equal(code, 2);
  assert.match(err, /bash, zsh, fish/);
});
