import { deepStrictEqual, match, ok, rejects, strictEqual } from "node:assert/strict";
import { ConfigError, type Diagnostic, formatDiagnostics } from "../../../lib/config/diagnostic.ts";
import { loadConfig, parseConfig } from "../../../lib/config/load.ts";
import { isTable, parseToml } from "../../../lib/config/parse.ts";
import { LbError } from "../../../lib/model/error.ts";
import type { FilesPort, FileStat } from "../../../lib/sys/ports.ts";
import { FakeFiles } from "../../fake/files.ts";

const PATH = "/etc/lb/lb.toml";

/** Fake files: the config alone. */
function configFile(text: string, mode = 0o644): FakeFiles {
  const files = new FakeFiles();
  files.replace(PATH, text, mode);
  return files;
}

/** Fake files: the config's path is a link to another path. */
function linkedFile(files: FakeFiles, next: string): FilesPort {
  const link = {
    mode: 0o777,
    uid: 0,
    isFile: false,
    isDirectory: false,
    isSymlink: true,
    size_bytes: 1,
  };
  return {
    read: (path) => files.read(path),
    readBytes: (path) => files.readBytes(path),
    lines: (path) => files.lines(path),
    readLink: (path) => path === PATH ? next : undefined,
    stat: (path) => path === PATH ? link : files.stat(path),
    list: (path) => files.list(path),
    write: (path, text) => files.write(path, text),
    replace: (path, text, mode) => files.replace(path, text, mode),
    mkdir: (path, mode) => files.mkdir(path, mode),
    remove: (path) => files.remove(path),
  };
}

async function refusal(files: FilesPort, privileged: boolean): Promise<LbError> {
  try {
    await loadConfig(files, PATH, { privileged });
  } catch (error) {
    if (error instanceof LbError) return error;
    throw error;
  }
  throw new Error("it was loaded");
}

Deno.test("a file that is not there names lb init", async () => {
  const error = await refusal(new FakeFiles(), true);
  strictEqual(error.code, "config-invalid");
  match(error.message, /no config file at \/etc\/lb\/lb\.toml.*`lb init`/);
  ok(!(error instanceof ConfigError));
});

Deno.test("a folder is no config file", async () => {
  const files = new FakeFiles();
  files.mkdir(PATH, 0o755);
  const error = await refusal(files, true);
  strictEqual(error.code, "config-invalid");
  match(error.message, /\/etc\/lb\/lb\.toml is a folder and no plain file: .*--config/);
});

/** The config's file looks like this; whoever reads it waits for ever. */
function unreadable(look: Partial<FileStat>): FakeFiles {
  const files = configFile("");
  const stat = { ...files.stat(PATH)!, ...look };
  files.stat = () => stat;
  files.readBytes = () => {
    throw new Error("it was read");
  };
  return files;
}

Deno.test("a pipe or a device, which may have no end, is refused and not read", async () => {
  const error = await refusal(unreadable({ isFile: false }), true);
  strictEqual(error.code, "config-invalid");
  match(error.message, /is a pipe, socket or device and no plain file: .*--config/);
});

Deno.test("a file of 100 MB is refused and not read", async () => {
  const error = await refusal(unreadable({ size_bytes: 100 * 2 ** 20 }), true);
  strictEqual(error.code, "config-invalid");
  match(error.message, /has 100 MB, and lb reads at most 32 MB/);
});

for (const mode of [0o664, 0o646, 0o666, 0o620]) {
  Deno.test(`mode ${mode.toString(8)} is refused where lb runs as root, with its cure`, async () => {
    const files = configFile("", mode);
    const error = await refusal(files, true);
    strictEqual(error.code, "not-permitted");
    match(error.message, /chmod go-w \/etc\/lb\/lb\.toml/);
    await loadConfig(files, PATH, { privileged: false });
  });
}

for (const mode of [0o644, 0o600, 0o755, 0o444]) {
  Deno.test(`mode ${mode.toString(8)} is good enough for root`, async () => {
    await loadConfig(configFile("", mode), PATH, { privileged: true });
  });
}

for (const next of ["real.toml", "/srv/real.toml"]) {
  Deno.test(`of a link to ${next} the mode of the file counts, not that of the link`, async () => {
    const real = next.startsWith("/") ? next : `/etc/lb/${next}`;
    const files = new FakeFiles();
    const linked = linkedFile(files, next);
    files.replace(real, "[tier]\nnodes = 3\n", 0o644);
    strictEqual((await loadConfig(linked, PATH, { privileged: true })).config.nodes, 3);
    files.replace(real, "", 0o664);
    const error = await refusal(linked, true);
    strictEqual(error.code, "not-permitted");
    ok(error.message.endsWith(`chmod go-w ${real}`));
  });
}

Deno.test("a link that leads nowhere, or to itself, is a file that is not there", async () => {
  for (const next of ["/nowhere", PATH]) {
    strictEqual((await refusal(linkedFile(new FakeFiles(), next), true)).code, "config-invalid");
  }
});

Deno.test("a file that may not be read is a matter of permission", async () => {
  const files = configFile("");
  files.readBytes = () => {
    throw new Deno.errors.PermissionDenied("EACCES");
  };
  const error = await refusal(files, false);
  strictEqual(error.code, "not-permitted");
  match(error.message, /cannot read \/etc\/lb\/lb\.toml: EACCES/);
});

/** Rows of: bytes as Latin-1, and the place and byte that are named. */
const NOT_UTF8: readonly (readonly [string, number, number, string])[] = [
  ["[lb]\n# caf\xe9\nengine = 1\n", 2, 6, "0xe9"],
  ["\xff\xfe[\0l\0b\0]\0", 1, 1, "0xff"],
  ["[lb]\n\xef\xbf\xbd\xe2\x82\xac \xe2\x82\r\n", 2, 4, "0xe2"],
  ["# \xef\xbf", 1, 3, "0xef"],
  ["\xef\xbb\xbf# \xff\n", 1, 3, "0xff"],
  ["# \xed\xa0\x80\n", 1, 3, "0xed"],
];

Deno.test("what is not UTF-8 is refused, also in a comment, with its place", async () => {
  for (const [latin1, line, column, byte] of NOT_UTF8) {
    const files = configFile("");
    files.readBytes = () => Uint8Array.from(latin1, (char) => char.charCodeAt(0));
    const error = await refusal(files, true);
    ok(error instanceof ConfigError);
    const [{ message, ...place } = error.diagnostics[0]!] = error.diagnostics;
    deepStrictEqual([place.line, place.column], [line, column], latin1);
    strictEqual(message, `the byte ${byte} is not UTF-8`);
  }
});

Deno.test("a byte order mark and every character stay in the text", async () => {
  const text = "\ufeff# \ufffd \u{1f600} \u20ac\n";
  const { text: loaded } = await loadConfig(configFile(text), PATH, { privileged: true });
  strictEqual(loaded, text);
});

Deno.test("a string of a million characters is a problem like any other, and shown in part", async () => {
  const text = `[tier]\n\n[lb]\nengine = "${"x".repeat(1_000_000)}"\n`;
  await rejects(parseConfig(text, "lb.toml"), (error) => {
    ok(error instanceof ConfigError);
    ok(error.message.length < 1_000, `${error.message.length} characters`);
    strictEqual(error.diagnostics[0]?.line, 3, "the table it is in");
    return true;
  });
});

Deno.test("of a long line the part around the mistake is shown, with the mark below it", async () => {
  const text = `[lb]\nengine = "nft" # ${"x".repeat(500)}\x1b[31m${"y".repeat(500)}\n`;
  await rejects(parseConfig(text, "lb.toml"), (error) => {
    ok(error instanceof ConfigError);
    const [, source = "", marker = ""] = error.message.split("\n");
    match(source, /^ {4}…x{80}\u241b\[31my+…$/);
    strictEqual(source[marker.indexOf("^")], "\u241b");
    return true;
  });
});

Deno.test("a config error prints every problem, in the order of the file", async () => {
  const text = '[[service]]\nname = "Web"\n\tport = 80\n[lb]\nengine = "nf"\n';
  await rejects(parseConfig(text, "lb.toml"), (error) => {
    ok(error instanceof ConfigError);
    strictEqual(error.code, "config-invalid");
    strictEqual(
      error.message,
      [
        "lb.toml:1:1: error: missing key `vip` in [[service]]",
        "    [[service]]",
        "    ^^^^^^^^^^^",
        "lb.toml:1:1: error: missing key `ports` in [[service]]",
        "    [[service]]",
        "    ^^^^^^^^^^^",
        'lb.toml:2:8: error: name: expected 1 to 32 of a-z, 0-9 and -, found the string "Web"',
        '    name = "Web"',
        "           ^^^^^",
        "    did you mean `web`?",
        "lb.toml:3:2: error: unknown key `port` in [[service]]",
        "    \tport = 80",
        "    \t^^^^",
        "    did you mean `ports`?",
        'lb.toml:5:10: error: engine: expected one of auto, nft, nfqueue, ipvs, relay, found the string "nf"',
        '    engine = "nf"',
        "             ^^^^",
        "    did you mean `nft`?",
      ].join("\n"),
    );
    return true;
  });
});

const WARNING: Diagnostic = {
  severity: "warning",
  file: "f",
  line: 2,
  column: 3,
  length: 99,
  message: "careful",
  source_line: "  ab",
};

Deno.test("colour adds escapes and nothing else", () => {
  const plain = formatDiagnostics([WARNING], false);
  strictEqual(plain, "f:2:3: warning: careful\n      ab\n      ^^");
  const coloured = formatDiagnostics([WARNING], true);
  ok(coloured.includes("\x1b[33m"));
  strictEqual(coloured.replaceAll(new RegExp("\x1b\\[\\d+m", "g"), ""), plain);
});

Deno.test("what a config says cannot write to the terminal", async () => {
  await rejects(
    parseConfig('[lb]\nengine = "\\u001b[2J"\n"\\u001b]0;x" = 1\n', "lb.toml"),
    (error) => {
      ok(error instanceof ConfigError);
      deepStrictEqual([...error.message].filter((char) => char < " " && char !== "\n"), []);
      return true;
    },
  );
});

const TEMPLATE = await Deno.readTextFile(new URL("../../../templates/lb.toml", import.meta.url));

/** Takes one # from every line that is a setting, the way the sample's own words say. */
function uncommented(text: string): string {
  return text.replaceAll(/^#(?=[^ \n])/gm, "");
}

/** The same with everything that is optional, and what this version refuses. */
function wholly(text: string): string {
  return uncommented(uncommented(text)).replaceAll(/^# not yet: /gm, "");
}

/** Paths of every key, lists left out: `service.health.port`. */
function keysOf(value: unknown, path = ""): string[] {
  if (Array.isArray(value)) return value.flatMap((item) => keysOf(item, path));
  if (!isTable(value)) return [path];
  return Object.entries(value).flatMap(([key, inner]) =>
    keysOf(inner, path ? `${path}.${key}` : key)
  );
}

Deno.test("the sample config is valid and balances nothing", async () => {
  const { config, warnings } = await parseConfig(TEMPLATE, "lb.toml");
  deepStrictEqual([config.services, warnings], [[], []]);
});

Deno.test("the sample's example is valid once uncommented, with and without what is optional", async () => {
  const example = uncommented(TEMPLATE);
  const { config, warnings } = await parseConfig(example, "lb.toml");
  deepStrictEqual([config.services.length, config.services[0]?.backends.length, warnings], [
    1,
    2,
    [],
  ]);
  // Not all that may be said of a check goes with one type.
  const whole = (await parseConfig(uncommented(example), "lb.toml")).warnings;
  deepStrictEqual(whole.filter(({ message }) => !/nothing looks at it/.test(message)), []);
});

Deno.test("the sample shows every key of the design", () => {
  const shown = new Set(keysOf(parseToml(wholly(TEMPLATE), "lb.toml")));
  const design = ["lb.engine", "lb.mark_mask", "lb.sysctl", "tier.nodes"].concat(
    ["webhook", "secret_file", "program", "events"].map((key) => `notify.${key}`),
    ["name", "vip", "protocol", "ports", "vip_on", "engine", "scheduler", "persistence", "forward"]
      .concat(["masquerade", "mark", "dscp", "allow", "deny", "max_connections"])
      .concat(["max_new_per_second", "over_limit", "snmp.community_file"])
      .filter((key) => key !== "deny").map((key) => `service.${key}`),
    ["type", "port", "path", "host", "status", "body", "verify", "query", "answer", "command"]
      .concat(["source", "passive", "panic", "interval", "timeout", "rise", "fall"])
      .map((key) => `service.health.${key}`),
    ["drain.deadline", "balance.slow_start", "balance.bound"].map((key) => `service.${key}`),
    ["address", "port", "weight", "backup", "max_connections", "health.port"]
      .map((key) => `service.backend.${key}`),
  );
  deepStrictEqual(design.filter((key) => !shown.has(key)), []);
  match(TEMPLATE, /^##deny = /m);
});

/** Rows of: a `[notify]`, and the warning it is worth. */
const USELESS: readonly (readonly [string, RegExp])[] = [
  ['events = ["drift"]', /^lb\.toml:1:1: warning: notify: .* nobody is told/],
  [
    'secret_file = "/k"\nprogram = ["/x"]',
    /^lb\.toml:2:15: warning: secret_file: .* signs nothing/,
  ],
];

for (const [keys, words] of USELESS) {
  Deno.test(`[notify] ${keys.split(" ")[0]} that does nothing is warned of`, async () => {
    const { warnings } = await parseConfig(`[notify]\n${keys}\n`, "lb.toml");
    strictEqual(warnings.length, 1);
    match(formatDiagnostics(warnings, false), words);
  });
}
