import { deepStrictEqual, match, rejects, strictEqual } from "node:assert/strict";
import type { Edit } from "../../../lib/config/edit/edit.ts";
import { editConfig } from "./edited.ts";
import { ConfigError } from "../../../lib/config/diagnostic.ts";
import { type Address, parseAddress } from "../../../lib/model/address.ts";
import { LbError } from "../../../lib/model/error.ts";

const CONFIG = `[lb] # keep
[[service]] # the web
name = "web"
vip = "203.0.113.10"
ports = [80]

# first
[[service.backend]]
  address = "10.0.0.1" # old
  port    = 80
  weight  = 5  # five

  [service.backend.health]
  port = 1

# second,
# two lines
[[service.backend]]
  address = "10.0.0.2"
  port    = 80
  # trailing

# orphan

# about db
[[service]]
name = "db"
vip = "203.0.113.11"
ports = [80]
backend = [
  # one
  { address = "10.1.0.1", weight = 3 }, # c1
  { address = "10.1.0.2" } # c2
]

[[service]]
name = "bare"
vip = "203.0.113.12"
ports = [80]
# end of bare

[[service]]
name = "twins"
vip = "203.0.113.13"
ports = [80, 81]
backend = [{ address = "10.0.0.1", port = 80 }, {address="10.0.0.1", port=81,}]
[tier]
nodes = 1
`;

function address(text: string): Address {
  const parsed = parseAddress(text);
  if (!parsed) throw new RangeError(`not an address: ${text}`);
  return parsed;
}

function add(service: string, text: string, more: { port?: number; weight?: number } = {}): Edit {
  return { kind: "add", service, address: address(text), ...more };
}

function weigh(service: string, text: string, weight: number, port?: number): Edit {
  return { kind: "weight", service, address: address(text), weight, port };
}

function remove(service: string, text: string, port?: number): Edit {
  return { kind: "remove", service, address: address(text), port };
}

/** An edit, and the piece of text that it turns into another piece; everything else stays. */
const EDITS: readonly (readonly [is: string, edits: Edit[], from: string, to: string])[] = [
  [
    "a weight is replaced where it stands",
    [weigh("web", "10.0.0.1", 70)],
    "  weight  = 5  # five",
    "  weight  = 70  # five",
  ],
  [
    "a weight that was not written goes below the address, aligned like its neighbours",
    [weigh("web", "10.0.0.2", 7)],
    `"10.0.0.2"\n`,
    `"10.0.0.2"\n  weight  = 7\n`,
  ],
  [
    "a weight in an inline table is replaced",
    [weigh("db", "10.1.0.1", 0)],
    "weight = 3 }",
    "weight = 0 }",
  ],
  [
    "a weight is added to an inline table",
    [weigh("db", "10.1.0.2", 65535)],
    `"10.1.0.2" }`,
    `"10.1.0.2", weight = 65535 }`,
  ],
  [
    "of two backends on one address the port tells which",
    [weigh("twins", "10.0.0.1", 4, 81)],
    `{address="10.0.0.1", port=81,}`,
    `{address="10.0.0.1", weight = 4, port=81,}`,
  ],
  [
    "a backend is added in the layout of the last one",
    [add("web", "10.0.0.3", { port: 80, weight: 9 })],
    "  # trailing\n",
    `  # trailing\n\n[[service.backend]]\n  address = "10.0.0.3"\n  port    = 80\n  weight  = 9\n`,
  ],
  [
    "the first backend of a service goes below its keys",
    [add("bare", "2001:db8::1")],
    "# end of bare\n",
    `# end of bare\n\n[[service.backend]]\naddress = "2001:db8::1"\n`,
  ],
  [
    "a backend is added to an inline list, on a line of its own",
    [add("db", "10.1.0.3", { port: 81 })],
    '{ address = "10.1.0.2" } # c2\n',
    `{ address = "10.1.0.2" }, # c2\n  { address = "10.1.0.3", port = 81 }\n`,
  ],
  [
    "a backend is added to an inline list on one line",
    [add("twins", "10.0.0.1", { port: 82 })],
    "port=81,}]",
    `port=81,}, { address = "10.0.0.1", port = 82 }]`,
  ],
  [
    "a backend is removed with its sub-tables and the comments directly above",
    [remove("web", "10.0.0.1")],
    CONFIG.slice(CONFIG.indexOf("# first"), CONFIG.indexOf("# second")),
    "",
  ],
  [
    "a comment below a removed backend stays",
    [remove("web", "10.0.0.2")],
    `\n# second,\n# two lines\n[[service.backend]]\n  address = "10.0.0.2"\n  port    = 80\n  # trailing\n`,
    "\n  # trailing\n",
  ],
  [
    "the first of an inline list is removed with its comments",
    [remove("db", "10.1.0.1")],
    `  # one\n  { address = "10.1.0.1", weight = 3 }, # c1\n`,
    "",
  ],
  [
    "the last of an inline list is removed",
    [remove("db", "10.1.0.2")],
    `  { address = "10.1.0.2" } # c2\n`,
    "",
  ],
  [
    "one of an inline list on one line is removed",
    [remove("twins", "10.0.0.1", 80)],
    `{ address = "10.0.0.1", port = 80 }, {`,
    "{",
  ],
  [
    "the last of an inline list on one line is removed",
    [remove("twins", "10.0.0.1", 81)],
    `, {address="10.0.0.1", port=81,}]`,
    "]",
  ],
  [
    "several edits are one change",
    [weigh("web", "10.0.0.1", 6), add("web", "10.0.0.9"), remove("web", "10.0.0.9")],
    "weight  = 5",
    "weight  = 6",
  ],
  [
    "no edit is no change",
    [],
    "",
    "",
  ],
];

for (const [is, edits, from, to] of EDITS) {
  Deno.test(`edit: ${is}`, async () => {
    strictEqual(CONFIG.split(from).length > 1, true, "the text to be replaced is there");
    strictEqual(await editConfig(CONFIG, edits), CONFIG.replace(from, to));
  });

  Deno.test(`edit with CRLF and a byte order mark: ${is}`, async () => {
    const windows = (text: string) => text.replaceAll("\n", "\r\n");
    const edited = await editConfig(`\ufeff${windows(CONFIG)}`, edits);
    strictEqual(edited, `\ufeff${windows(CONFIG.replace(from, to))}`);
  });
}

const TAIL = `[[service]]
name = "web"
vip = "203.0.113.10"
ports = [80]
[[service.backend]]
address="10.0.0.1"`;

Deno.test("a file without a final newline keeps that habit", async () => {
  const added = `${TAIL}\n[[service.backend]]\naddress="10.0.0.2"\nweight=3`;
  strictEqual(await editConfig(TAIL, [add("web", "10.0.0.2", { weight: 3 })]), added);
  strictEqual(await editConfig(added, [remove("web", "10.0.0.2")]), TAIL);
  strictEqual(await editConfig(TAIL, [weigh("web", "10.0.0.1", 3)]), `${TAIL}\nweight=3`);
});

Deno.test("a comment above the next table stays with that table", async () => {
  const [before, after] = [`${TAIL}\n`, "# about the tier\n[tier]\nnodes = 1\n"];
  const added = `[[service.backend]]\naddress="10.0.0.2"\n`;
  strictEqual(await editConfig(before + after, [add("web", "10.0.0.2")]), before + added + after);
});

Deno.test("a header inside a string is no header", async () => {
  const text = TAIL.replace(
    "[[service.b",
    `[service.health]\nbody = '''\n[[service]]\nname = "x"\n'''\n[[service.b`,
  );
  strictEqual(
    await editConfig(`${text}\n`, [weigh("web", "10.0.0.1", 3)]),
    `${text}\nweight=3\n`,
  );
});

Deno.test("tables of other services between those of a backend survive its removal", async () => {
  const text = `${TAIL}\n[tier]\nnodes = 2\n[service.backend.health]\nport = 1\n[notify]\n`;
  strictEqual(
    await editConfig(text, [remove("web", "10.0.0.1")]),
    `${TAIL.slice(0, TAIL.indexOf("[[service.b"))}[tier]\nnodes = 2\n[notify]\n`,
  );
});

/** Ways to write TOML that are not edited: nothing may come back for them. */
const UNEDITABLE: readonly (readonly [is: string, text: string, edit: Edit])[] = [
  [
    "services in an inline list",
    'service = [{ name = "web", backend = [{ address = "10.0.0.1" }] }]\n',
    weigh("web", "10.0.0.1", 1),
  ],
  [
    "a list whose commas lead its lines",
    '[[service]]\nname = "web"\nbackend = [\n  { address = "10.0.0.1" }\n  , { address = "10.0.0.2" }\n]\n',
    remove("web", "10.0.0.1"),
  ],
  [
    "a backend with a table for a weight",
    `${TAIL}\n[service.backend.weight]\nx = 1\n`,
    weigh("web", "10.0.0.1", 1),
  ],
];

for (const [is, text, edit] of UNEDITABLE) {
  Deno.test(`refused rather than damaged: ${is}`, async () => {
    await rejects(editConfig(text, [edit]), (error) => {
      return error instanceof LbError && error.code === "config-invalid" &&
        /by hand/.test(error.message) && /nothing was written/.test(error.message);
    });
  });
}

const USAGE: readonly (readonly [edit: Edit, message: RegExp])[] = [
  [remove("webb", "10.0.0.1"), /no service `webb`; did you mean `web`\?/],
  [remove("zzzzzz", "10.0.0.1"), /services: web, db, bare, twins/],
  [
    remove("web", "10.0.0.7"),
    /10\.0\.0\.7 is none of its backends: 10\.0\.0\.1:80, 10\.0\.0\.2:80/,
  ],
  [remove("web", "10.0.0.1", 81), /10\.0\.0\.1:81 is none of its backends/],
  [remove("bare", "10.0.0.1"), /there are none/],
  [
    weigh("twins", "10.0.0.1", 1),
    /10\.0\.0\.1 fits several backends of `twins`: 10\.0\.0\.1:80, 10\.0\.0\.1:81/,
  ],
  [add("web", "10.0.0.1", { port: 80 }), /has the backend 10\.0\.0\.1:80 already/],
];

for (const [edit, message] of USAGE) {
  Deno.test(`a usage error says ${message.source}`, async () => {
    await rejects(editConfig(CONFIG, [edit]), (error) => {
      match(String(error), message);
      return error instanceof LbError && error.code === "usage";
    });
  });
}

Deno.test("text that is not TOML is refused with its place", async () => {
  await rejects(editConfig("[lb\n", [], "/etc/lb/lb.toml"), (error) => {
    deepStrictEqual(
      error instanceof ConfigError && error.diagnostics.map(({ file, line }) => [file, line]),
      [["/etc/lb/lb.toml", 1]],
    );
    return true;
  });
});
