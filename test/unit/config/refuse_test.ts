import { deepStrictEqual, strictEqual } from "node:assert/strict";
import { parseConfig } from "../../../lib/config/load.ts";
import { ConfigError } from "../../../lib/config/diagnostic.ts";

/** A wrong config and everything that must be said of it: `LINE:COL message | hint`. */
interface Case {
  readonly is: string;
  readonly text: string;
  readonly says: readonly string[];
}

const SERVICE = `[[service]]
name = "web"
vip = "203.0.113.10"
ports = [80]
`;

const BACKEND = `[[service.backend]]
address = "198.51.100.1"
`;

/** A sound service with more keys, from line 5 on. */
function service(keys: string): string {
  return `${SERVICE}${keys}\n${BACKEND}`;
}

/** A sound service whose backend has more keys, from line 7 on. */
function backend(keys: string): string {
  return `${SERVICE}${BACKEND}${keys}\n`;
}

const CASES: readonly Case[] = [
  {
    is: "text that is not TOML",
    text: '[lb]\nengine = "nft\n',
    says: ["2:14 this string has no closing quote"],
  },
  {
    is: "a key that is written twice",
    text: '[lb]\nengine = "nft"\nengine = "ipvs"\n',
    says: ["3:1 trying to redefine an already defined table or value"],
  },
  {
    is: "an unknown key of a service",
    text: service('schedular = "rr"'),
    says: ["5:1 unknown key `schedular` in [[service]] | did you mean `scheduler`?"],
  },
  {
    is: "two unknown keys of one table, both reported",
    text: '[lb]\nengin = "nft"\nsysctls = "apply"\n',
    says: [
      "2:1 unknown key `engin` in [lb] | did you mean `engine`?",
      "3:1 unknown key `sysctls` in [lb] | did you mean `sysctl`?",
    ],
  },
  {
    is: "another load balancer's name for a key",
    text: service('algorithm = "rr"'),
    says: ["5:1 unknown key `algorithm` in [[service]] | did you mean `scheduler`?"],
  },
  {
    is: "a key in the wrong table",
    text: service('interval = "5s"'),
    says: ["5:1 unknown key `interval` in [[service]] | `interval` belongs in [service.health]"],
  },
  {
    is: "a key that resembles none",
    text: "[tier]\nzzz = 1\n",
    says: ["2:1 unknown key `zzz` in [tier] | known keys: nodes"],
  },
  {
    is: "an unknown table",
    text: "[servise]\n",
    says: ["1:2 unknown key `servise` in the file | did you mean `service`?"],
  },
  {
    is: "a table that should be a list of tables",
    text: '[service]\nname = "web"\n',
    says: [
      "1:1 service: expected a list of tables ([[service]]), found a table | write [[service]]",
    ],
  },
  {
    is: "an unknown scheduler",
    text: service('scheduler = "wr"'),
    says: [
      "5:13 scheduler: expected one of rr, wrr, random, sh, maglev, lc, wlc, lr, cpu, " +
      'found the string "wr" | did you mean `wrr`?',
    ],
  },
  {
    is: "an unknown engine",
    text: '[lb]\nengine = "nftables"\n',
    says: [
      "2:10 engine: expected one of auto, nft, nfqueue, ipvs, relay, " +
      'found the string "nftables"',
    ],
  },
  {
    is: "a protocol in capitals",
    text: service('protocol = "TCP"'),
    says: [
      '5:12 protocol: expected one of tcp, udp, sctp, found the string "TCP" | did you mean `tcp`?',
    ],
  },
  {
    is: "missing keys, reported at the header of their table",
    text: '\n  [[service]]\n  scheduler = "rr"\n',
    says: [
      "2:3 missing key `name` in [[service]]",
      "2:3 missing key `vip` in [[service]]",
      "2:3 missing key `ports` in [[service]]",
    ],
  },
  {
    is: "a backend without an address",
    text: `${SERVICE}[[service.backend]]\nport = 80\n`,
    says: ["5:1 missing key `address` in [[service.backend]]"],
  },
  {
    is: "an inline backend without an address",
    text: service("").replace(BACKEND, "backend = [{ port = 80 }]\n"),
    says: ["6:12 missing key `address` in [[service.backend]]"],
  },
  {
    is: "a service name with capitals and blanks",
    text: service("").replace('"web"', '"Web Site"'),
    says: [
      '2:8 name: expected 1 to 32 of a-z, 0-9 and -, found the string "Web Site" | did you mean `web-site`?',
    ],
  },
  {
    is: "a service name of 33 characters",
    text: service("").replace('"web"', `"${"a".repeat(33)}"`),
    says: [`2:8 name: expected 1 to 32 of a-z, 0-9 and -, found the string "${"a".repeat(33)}"`],
  },
  {
    is: "two services of one name",
    text: service("") + service("").replace(".10", ".11"),
    says: ["9:8 name: another service is called `web`; see line 2"],
  },
  {
    is: "a VIP that is no address",
    text: service("").replace("203.0.113.10", "203.0.113.256"),
    says: ['3:7 vip: expected an address or prefix, found the string "203.0.113.256"'],
  },
  {
    is: "a VIP prefix with bits behind its length",
    text: service("").replace('"203.0.113.10"', '["203.0.113.99", "203.0.113.10/28"]'),
    says: [
      '3:24 vip: expected an address or prefix, found the string "203.0.113.10/28" | did you mean `203.0.113.0/28`?',
    ],
  },
  {
    is: "an empty list of VIPs",
    text: service("").replace('"203.0.113.10"', "[]"),
    says: [
      "3:7 vip: expected an address or prefix, or a list of at least one, found an empty list",
    ],
  },
  {
    is: "port numbers out of range, each of them",
    text: service("").replace("[80]", "[0, 80, 65536]"),
    says: [
      '4:10 ports: expected a port from 1 to 65535, or a range such as "8000-8010", found the integer 0',
      '4:17 ports: expected a port from 1 to 65535, or a range such as "8000-8010", found the integer 65536',
    ],
  },
  {
    is: "a port range that runs backwards",
    text: service("").replace("[80]", '["90-80"]'),
    says: [
      '4:10 ports: expected a port from 1 to 65535, or a range such as "8000-8010", ' +
      'found the string "90-80" | did you mean `80-90`?',
    ],
  },
  {
    is: "a port that is not in a list",
    text: service("").replace("[80]", "80"),
    says: [
      '4:9 ports: expected a list of ports and ranges, or "all", found the integer 80 | write ports = [80]',
    ],
  },
  {
    is: "ports that overlap within a service",
    text: service("").replace("[80]", '[80, 443, "70-90"]'),
    says: ["4:19 ports: overlaps with another entry of this list; see line 4"],
  },
  {
    is: "VIPs that overlap within a service",
    text: service("").replace('"203.0.113.10"', '["203.0.113.10", "203.0.113.0/24"]'),
    says: ["3:24 vip: overlaps with another entry of this list; see line 3"],
  },
  {
    is: "two services on one VIP and port",
    text: service("") + service("").replace('"web"', '"shop"'),
    says: ["10:7 vip: 203.0.113.10 tcp 80 belongs to service `web`; see line 3"],
  },
  {
    is: "port ranges of two services that overlap",
    text: service("").replace("[80]", '["80-90"]') +
      service("").replace('"web"', '"shop"').replace("[80]", '["85-99"]'),
    says: ["10:7 vip: 203.0.113.10 tcp 85-90 belongs to service `web`; see line 3"],
  },
  {
    is: "prefixes of two services that overlap",
    text: service("").replace(".10", ".0/25") +
      service("").replace('"web"', '"shop"').replace(".10", ".0/24").replace("[80]", '"all"'),
    says: ["10:7 vip: 203.0.113.0/25 tcp 80 belongs to service `web`; see line 3"],
  },
  {
    is: "a weight that is a string",
    text: backend('weight = "100"'),
    says: [
      '7:10 weight: expected an integer from 0 to 65535, found the string "100" | write it without quotes',
    ],
  },
  {
    is: "a weight that is a float, though a whole one",
    text: backend("weight = 100.0"),
    says: ["7:10 weight: expected an integer from 0 to 65535, found the float 100.0"],
  },
  {
    is: "a negative weight",
    text: backend("weight = -1"),
    says: ["7:10 weight: expected an integer from 0 to 65535, found the integer -1"],
  },
  {
    is: "a weight over 65535",
    text: backend("weight = 65_536"),
    says: ["7:10 weight: expected an integer from 0 to 65535, found the integer 65536"],
  },
  {
    is: "an integer beyond 64 bits",
    text: backend("weight = 99999999999999999999"),
    says: [
      "7:10 weight: expected an integer from 0 to 65535, found the integer 99999999999999999999",
    ],
  },
  {
    is: "a backend of a family without VIP",
    text: service("").replace("198.51.100.1", "2001:db8::1"),
    says: [
      "3:7 vip: no backend has an IPv4 address: connections to it are refused",
      "7:11 address: 2001:db8::1 is IPv6, and the service has no such VIP | " +
      "give the service a VIP of that family, or the engine `relay`",
    ],
  },
  {
    is: "a backend that is written twice, in two spellings",
    text: service("").replace('"203.0.113.10"', '"2001:db8:1::1"').replace(
      "198.51.100.1",
      "2001:db8::1",
    ) +
      '[[service.backend]]\naddress = "2001:DB8:0::1"\n',
    says: ["9:11 address: this service has a backend with the same address and port; see line 7"],
  },
  {
    is: "durations without a unit, with an unknown one, and of the wrong type",
    text: service(
      '[service.health]\ninterval = "5"\ntimeout = "1d"\n[service.drain]\ndeadline = 60',
    ),
    says: [
      '6:12 interval: expected a duration such as "500ms", "5s", "2m" or "1h", more than 0, found the string "5" | with a unit: "5s"',
      '7:11 timeout: expected a duration such as "500ms", "5s", "2m" or "1h", more than 0, found the string "1d"',
      '9:12 deadline: expected a duration such as "500ms", "5s", "2m" or "1h", found the integer 60 | with a unit: "60s"',
    ],
  },
  {
    is: "rise, fall and panic out of range",
    text: service("[service.health]\nrise = 0\nfall = 0\npanic = 101"),
    says: [
      "6:8 rise: expected an integer from 1 to 1000, found the integer 0",
      "7:8 fall: expected an integer from 1 to 1000, found the integer 0",
      "8:9 panic: expected an integer from 0 to 100, found the integer 101",
    ],
  },
  {
    is: "no load balancer at all",
    text: "[tier]\nnodes = 0\n",
    says: ["2:9 nodes: expected an integer from 1 to 65535, found the integer 0"],
  },
  {
    is: "a mark_mask with a hole",
    text: '[lb]\nmark_mask = "0x00ff00ff"\n',
    says: [
      '2:13 mark_mask: expected one run of at least 9 bits, such as "0x00ffff00", found the string "0x00ff00ff"',
    ],
  },
  {
    is: "a mark within mark_mask",
    text: service('mark = "0x1100"'),
    says: ["5:8 mark: 0x1100 lies within mark_mask (0xffff00), which lb needs for itself"],
  },
  {
    is: "an unknown dscp name, and a number out of range",
    text: service('dscp = "af14"') +
      service("dscp = 64").replace('"web"', '"shop"').replace(".10", ".11"),
    says: [
      '5:8 dscp: expected a name such as "ef" or "af41", or a number from 0 to 63, found the string "af14" | did you mean `af11`?',
      '12:8 dscp: expected a name such as "ef" or "af41", or a number from 0 to 63, found the integer 64',
    ],
  },
  {
    is: "masks beyond the address",
    text: service('persistence = { timeout = "300s", mask = 33, mask6 = 129 }'),
    says: [
      "5:42 mask: expected an integer from 1 to 32, found the integer 33",
      "5:54 mask6: expected an integer from 1 to 128, found the integer 129",
    ],
  },
  {
    is: "persistence without a time-out",
    text: service("persistence = { mask = 24 }"),
    says: ["5:15 missing key `timeout` in persistence"],
  },
  {
    is: "a source that is no prefix",
    text: service('allow = ["198.51.100.0/24", "office"]\ndeny = "10.0.0.0/8"'),
    says: [
      '5:29 allow: expected an address or prefix, found the string "office"',
      '6:8 deny: expected a list of prefixes, found the string "10.0.0.0/8"',
    ],
  },
  {
    is: "an unknown event",
    text: '[notify]\nevents = ["helth"]\n',
    says: [
      '2:11 events: expected one of health, drain, drift, panic, engine, found the string "helth" | did you mean `health`?',
    ],
  },
  {
    is: "a program without its path",
    text: '[notify]\nprogram = ["tell"]\n',
    says: [
      "2:11 program: expected a list that begins with the absolute path of a program, found a list",
    ],
  },
  {
    is: "a check that lacks what its type needs",
    text: service('[service.health]\ntype = "exec"') +
      '[service.backend.health]\ntype = "dns"\n',
    says: [
      '5:1 missing key `command`, which type = "exec" needs',
      '9:1 missing key `query`, which type = "dns" needs',
    ],
  },
  {
    is: "snmp without its secrets",
    text: service('snmp = { version = "3", user = "lb", privacy = "aes" }'),
    says: [
      "5:8 missing key `auth`, which privacy needs",
      "5:8 missing key `privacy_file`, which privacy needs",
    ],
  },
  {
    is: "an override of one backend's health",
    text: backend("health = { port = 0, tpye = 1 }"),
    says: [
      "7:19 port: expected a port from 1 to 65535, found the integer 0",
      "7:22 unknown key `tpye` in a backend's health | did you mean `type`?",
    ],
  },
  {
    is: "status codes out of range",
    text: service('[service.health]\nstatus = [99, "200-600"]'),
    says: [
      '6:11 status: expected a status from 100 to 599, or a range such as "300-399", found the integer 99',
      '6:15 status: expected a status from 100 to 599, or a range such as "300-399", found the string "200-600"',
    ],
  },
  {
    is: "dates, tables and lists where plain values belong",
    text: service("engine = 2026-01-01\nmasquerade = {}\nmax_connections = []"),
    says: [
      "5:10 engine: expected one of auto, nft, nfqueue, ipvs, relay, found a date",
      "6:14 masquerade: expected true or false, found a table",
      "7:19 max_connections: expected an integer from 0 to 4294967295, found an empty list",
    ],
  },
  {
    is: "an interface name that the kernel would not take",
    text: service('vip_on = "no/such interface"'),
    says: [
      '5:10 vip_on: expected auto, none, or the name of an interface, found the string "no/such interface"',
    ],
  },
  {
    is: "names that every object has",
    text: "[lb]\ntoString = 1\nhasOwnProperty = 2\nprototype = 3\n",
    says: [
      "2:1 unknown key `toString` in [lb] | known keys: engine, mark_mask, sysctl",
      "3:1 unknown key `hasOwnProperty` in [lb] | known keys: engine, mark_mask, sysctl",
      "4:1 unknown key `prototype` in [lb] | known keys: engine, mark_mask, sysctl",
    ],
  },
  {
    is: "a mistake behind a header inside a string",
    text: service('[service.health]\nbody = """\n[[service]]\n"""\nrise = "2"'),
    says: [
      '9:8 rise: expected an integer from 1 to 1000, found the string "2" | write it without quotes',
    ],
  },
  {
    is: "mistakes of several services at once, in tables that are out of order",
    text: `${service('engine = "x"')}[tier]\nnodes = "1"\n` +
      `${
        service('forward = "x"').replace('"web"', '"shop"').replace(".10", ".11")
      }[lb]\nsysctl = 1\n`,
    says: [
      '5:10 engine: expected one of auto, nft, nfqueue, ipvs, relay, found the string "x"',
      '9:9 nodes: expected an integer from 1 to 65535, found the string "1" | write it without quotes',
      '14:11 forward: expected one of nat, dr, tunnel, found the string "x"',
      "18:10 sysctl: expected one of apply, check, found the integer 1",
    ],
  },
];

async function diagnosticsOf(text: string) {
  try {
    await parseConfig(text, "lb.toml");
  } catch (error) {
    if (error instanceof ConfigError) return error.diagnostics;
    throw error;
  }
  return [];
}

for (const { is, text, says } of CASES) {
  Deno.test(`refused with its place: ${is}`, async () => {
    const diagnostics = await diagnosticsOf(text);
    const said = diagnostics.map(({ line, column, message, hint }) =>
      `${line}:${column} ${message}${hint === undefined ? "" : ` | ${hint}`}`
    );
    deepStrictEqual(said, says);
    for (const { source_line, line } of diagnostics) {
      strictEqual(source_line, text.split("\n")[line - 1]);
    }
  });

  Deno.test(`the same places with CRLF and a byte order mark: ${is}`, async () => {
    const places = (await diagnosticsOf(text)).map(({ line, column }) => [line, column]);
    const windows = await diagnosticsOf(`\ufeff${text.replaceAll("\n", "\r\n")}`);
    deepStrictEqual(windows.map(({ line, column }) => [line, column]), places);
  });
}
