import { deepStrictEqual, match, ok, strictEqual } from "node:assert/strict";
import { parseConfig } from "../../../lib/config/load.ts";
import { HEALTH_DEFAULTS } from "../../../lib/model/health.ts";
import type { Service } from "../../../lib/model/service.ts";

const MINIMAL = `[[service]]
name = "web"
vip = "203.0.113.10"
ports = [80]
[[service.backend]]
address = "198.51.100.1"
`;

/** Every key there is, each with a value that is not its default. */
const EVERYTHING = `
[lb]
engine = "nft"
mark_mask = "0x0000ffff"
sysctl = "check"
[tier]
nodes = 3
[notify]
webhook = "https://ops.example.com/hook"
secret_file = "/etc/lb/key"
program = ["/usr/local/bin/tell", "-v"]
events = ["drift"]
[[service]]
name = "all-keys-1"
vip = ["203.0.113.10", "2001:DB8:1::/112"]
protocol = "sctp"
ports = [80, "443", "8000-8010"]
vip_on = "eth0"
engine = "relay"
scheduler = "maglev"
persistence = { timeout = "2m", mask = 24, mask6 = 64 }
forward = "dr"
masquerade = true
mark = "0x10000"
dscp = "af41"
priority = "1:0A0"
allow = ["198.51.100.0/24", "2001:db8::/32"]
deny = ["198.51.100.7"]
max_connections = 1000
max_new_per_second = 50
over_limit = "drop"
snmp = { version = "3", oid = "1.3.6.1", port = 1161, user = "lb", auth = "sha256", auth_file = "/a", privacy = "aes", privacy_file = "/b" }
agent_port = 9777
[service.health]
type = "https"
port = 8081
path = "/health?deep=1"
host = "www.example.com"
status = [204, "300-302"]
body = "fine"
verify = false
query = "example.com"
answer = "2001:DB8::1"
command = ["/bin/check", "-x"]
source = "192.0.2.1"
passive = true
panic = 0
interval = "500ms"
timeout = "1s"
rise = 1
fall = 5
snmp = { community_file = "/c" }
[service.drain]
deadline = "1h"
[service.balance]
slow_start = "30s"
bound = 0.25
[[service.backend]]
address = "198.51.100.11"
port = 8080
weight = 0
backup = true
max_connections = 7
health = { port = 9000, interval = "9s" }
`;

async function servicesOf(text: string): Promise<readonly Service[]> {
  return (await parseConfig(text, "lb.toml")).config.services;
}

Deno.test("every key arrives in the model, in its units", async () => {
  const { config } = await parseConfig(EVERYTHING, "lb.toml");
  deepStrictEqual(config, {
    engine: "nft",
    marks: { mask: 0xffff, shift: 0, idMax: 0x7fff, flag: 0x8000 },
    sysctl: "check",
    nodes: 3,
    notify: {
      webhook: "https://ops.example.com/hook",
      secret_file: "/etc/lb/key",
      program: ["/usr/local/bin/tell", "-v"],
      events: ["drift"],
    },
    services: [{
      name: "all-keys-1",
      vip: [
        { family: 4, text: "203.0.113.10", length: 32 },
        { family: 6, text: "2001:db8:1::", length: 112 },
      ],
      protocol: "sctp",
      ports: [{ first: 80, last: 80 }, { first: 443, last: 443 }, { first: 8000, last: 8010 }],
      vip_on: "eth0",
      engine: "relay",
      scheduler: "maglev",
      persistence: { timeout_ms: 120_000, mask: 24, mask6: 64 },
      forward: "dr",
      masquerade: true,
      mark: 0x10000,
      dscp: 34,
      priority: "1:a0",
      allow: [
        { family: 4, text: "198.51.100.0", length: 24 },
        { family: 6, text: "2001:db8::", length: 32 },
      ],
      deny: [{ family: 4, text: "198.51.100.7", length: 32 }],
      max_connections: 1000,
      max_new_per_second: 50,
      over_limit: "drop",
      snmp: {
        version: "3",
        oid: "1.3.6.1",
        port: 1161,
        user: "lb",
        auth: "sha256",
        auth_file: "/a",
        privacy: "aes",
        privacy_file: "/b",
      },
      health: {
        type: "https",
        port: 8081,
        path: "/health?deep=1",
        host: "www.example.com",
        status: [{ first: 204, last: 204 }, { first: 300, last: 302 }],
        body: "fine",
        verify: false,
        query: "example.com",
        answer: "2001:db8::1",
        command: ["/bin/check", "-x"],
        source: "192.0.2.1",
        passive: true,
        panic: 0,
        interval_ms: 500,
        timeout_ms: 1_000,
        rise: 1,
        fall: 5,
        snmp: { version: "2c", community_file: "/c" },
      },
      agent_port: 9777,
      drain: { deadline_ms: 3_600_000 },
      balance: { slow_start_ms: 30_000, bound: 0.25 },
      backends: [{
        address: { family: 4, text: "198.51.100.11" },
        port: 8080,
        weight: 0,
        backup: true,
        max_connections: 7,
        health: { port: 9000, interval_ms: 9_000 },
      }],
    }],
  });
});

Deno.test("what is not written has the defaults of the design", async () => {
  const { config, warnings } = await parseConfig(MINIMAL, "lb.toml");
  deepStrictEqual(warnings, []);
  deepStrictEqual(config, {
    engine: "auto",
    marks: { mask: 0x00ffff00, shift: 8, idMax: 0x7fff, flag: 0x800000 },
    sysctl: "apply",
    nodes: 1,
    notify: undefined,
    services: [{
      name: "web",
      vip: [{ family: 4, text: "203.0.113.10", length: 32 }],
      protocol: "tcp",
      ports: [{ first: 80, last: 80 }],
      vip_on: "auto",
      engine: "auto",
      scheduler: "wrr",
      persistence: undefined,
      forward: "nat",
      masquerade: false,
      mark: 0,
      dscp: undefined,
      priority: undefined,
      allow: [],
      deny: [],
      max_connections: 0,
      max_new_per_second: 0,
      over_limit: "refuse",
      health: HEALTH_DEFAULTS,
      drain: undefined,
      balance: { slow_start_ms: 0, bound: 0 },
      snmp: undefined,
      agent_port: undefined,
      backends: [{
        address: { family: 4, text: "198.51.100.1" },
        port: undefined,
        weight: 100,
        backup: false,
        max_connections: 0,
        health: undefined,
      }],
    }],
  });
});

Deno.test("persistence as a text is by whole source address", async () => {
  const [service] = await servicesOf(MINIMAL.replace("ports", 'persistence = "300s"\nports'));
  deepStrictEqual(service?.persistence, { timeout_ms: 300_000, mask: 32, mask6: 128 });
});

const ACCEPTED: readonly (readonly [string, string])[] = [
  ["an empty file", ""],
  ["no services", "[lb]\n"],
  ["a service without backends", MINIMAL.replace(/\[\[service.backend[^]*/, "")],
  ["all ports", MINIMAL.replace("[80]", '"all"')],
  ["no dscp", MINIMAL.replace("ports", 'dscp = ""\nports')],
  ["a mark beside lb's own bits", MINIMAL.replace("ports", 'mark = "0xff"\nports')],
  [
    "a backend of another family on the relay",
    MINIMAL.replace("198.51.100.1", "2001:db8::1").replace("ports", 'engine = "relay"\nports'),
  ],
  [
    "the relay for all services",
    `[lb]\nengine = "relay"\n${MINIMAL.replace("198.51.100.1", "2001:db8::1")}`,
  ],
  [
    "one address with two ports as two backends",
    MINIMAL + 'port = 81\n[[service.backend]]\naddress = "198.51.100.1"\nport = 82\n',
  ],
  ["an exact port inside another service's range", both('"80-90"', "85")],
  ["an exact port beside another service's all", both('"all"', "85").replace('["all"]', '"all"')],
  ["one port in two protocols", both("80", "80").replace("ports", 'protocol = "udp"\nports')],
  [
    "an exact address inside another service's prefix",
    both("80", "80").replace('"203.0.113.10"', '"203.0.113.0/24"'),
  ],
  [
    "prefixes that only touch",
    both("80", "80").replace('"203.0.113.10"', '"203.0.113.0/28"').replace(
      '"203.0.113.10"',
      '"203.0.113.16/28"',
    ),
  ],
  ["port ranges that only touch", both('"80-84"', '"85-90"')],
  ["exact inside exact's neighbour ranges", both('"80-84", "86-90"', "85")],
];

function both(first: string, second: string): string {
  return MINIMAL.replace("[80]", `[${first}]`) +
    MINIMAL.replace("[80]", `[${second}]`).replace("web", "shop");
}

for (const [is, text] of ACCEPTED) {
  Deno.test(`accepted: ${is}`, async () => {
    await parseConfig(text, "lb.toml");
  });
}

Deno.test("a VIP without a backend of its family is a warning where it stands", async () => {
  const text = MINIMAL.replace('"203.0.113.10"', '["203.0.113.10", "2001:db8::10"]');
  const { warnings } = await parseConfig(text, "lb.toml");
  deepStrictEqual(
    warnings.map(({ severity, line, column, length, message }) => ({
      severity,
      line,
      column,
      length,
      message,
    })),
    [{
      severity: "warning",
      line: 3,
      column: 24,
      length: 14,
      message: "vip: no backend has an IPv6 address: connections to it are refused",
    }],
  );
});

Deno.test("locate finds what is written, and else the header of its table", async () => {
  const { locate } = await parseConfig(`# one\n${EVERYTHING}${MINIMAL}`, "lb.toml");
  const lines = `# one\n${EVERYTHING}${MINIMAL}`.split("\n");
  const at = async (...path: (string | number)[]) => {
    const { file, line, column, source_line } = await locate(path);
    strictEqual(file, "lb.toml");
    strictEqual(source_line, lines[line - 1]);
    return source_line.slice(column - 1);
  };
  match(await at("service", 0, "scheduler"), /^"maglev"$/);
  match(await at("service", 0, "health", "interval"), /^"500ms"$/);
  match(await at("service", 0, "backend", 0, "health", "port"), /^9000/);
  match(await at("service", 0, "vip", 1), /^"2001:DB8/);
  match(await at("service", 0, "health", "nothing"), /^\[service.health\]$/);
  match(await at("service", 1, "name"), /^"web"$/);
  match(await at("service", 1, "health"), /^\[\[service\]\]$/);
  match(await at("service", 1, "backend", 0, "weight"), /^\[\[service.backend\]\]$/);
  match(await at("tier", "nodes"), /^3$/);
});

/** Runs parseConfig in a process of its own, where loading the position parser is an error. */
async function parsesWithoutPositions(text: string): Promise<boolean> {
  const { imports } = JSON.parse(await Deno.readTextFile(new URL("deno.json", ROOT)));
  const trap = { ...imports, "toml-eslint-parser": dataUrl("text/javascript", 'throw "loaded"') };
  const program = `import { parseConfig } from "${new URL("lib/config/load.ts", ROOT)}";
    await parseConfig(${JSON.stringify(text)}, "lb.toml");`;
  const importMap = dataUrl("application/json", JSON.stringify({ imports: trap }));
  const { code, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "-A",
      "--no-config",
      "--no-lock",
      `--import-map=${importMap}`,
      dataUrl("text/javascript", program),
    ],
  }).output();
  ok(
    code === 0 || new TextDecoder().decode(stderr).includes("loaded"),
    "it ends for no other reason",
  );
  return code === 0;
}

const ROOT = new URL("../../../", import.meta.url);

function dataUrl(type: string, content: string): string {
  return `data:${type},${encodeURIComponent(content)}`;
}

Deno.test("the position parser is loaded only for a config with problems", async () => {
  strictEqual(await parsesWithoutPositions(MINIMAL), true);
  strictEqual(await parsesWithoutPositions(MINIMAL.replace("[80]", "[0]")), false);
});
