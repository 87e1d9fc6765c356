import { BACKEND, backend, refuses, SERVICE, service } from "./refusal.ts";

refuses([
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
    is: "two services of one name",
    text: service("") + service("").replace(".10", ".11"),
    says: ["9:8 name: another service is called `web`; see line 2"],
  },
  {
    is: "ports that overlap within a service",
    text: service("").replace("[80]", '[80, 443, "70-90"]'),
    says: ["4:19 ports: overlaps with 80 in the same list"],
  },
  {
    is: "a port range over several others",
    text: service("").replace("[80]", '[80, 443, "70-500"]'),
    says: ["4:19 ports: overlaps with 443 in the same list"],
  },
  {
    is: "VIPs that overlap within a service",
    text: service("").replace('"203.0.113.10"', '["203.0.113.10", "203.0.113.0/24"]'),
    says: ["3:24 vip: overlaps with 203.0.113.10 in the same list"],
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
    is: "a backend of a family without VIP",
    text: service("").replace("198.51.100.1", "2001:db8::1"),
    says: [
      "3:7 vip: no backend has an IPv4 address: connections to it are refused",
      "7:11 address: 2001:db8::1 is IPv6, and the service has no such VIP | " +
      "give the service a VIP of that family, or the engine `relay`",
    ],
  },
  {
    is: "a backend that is another service's VIP",
    text: service("").replace("198.51.100.1", "203.0.113.11") +
      service("").replace('"web"', '"shop"').replace(".10", ".11"),
    says: [
      "7:11 address: a backend cannot be a VIP of lb's: name the machines behind it; see line 10",
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
    is: "a mark within mark_mask",
    text: service('mark = "0x1100"'),
    says: ["5:8 mark: 0x1100 lies within mark_mask (0xffff00), which lb needs for itself"],
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
    is: "names that every object has",
    text: "[lb]\ntoString = 1\nhasOwnProperty = 2\nprototype = 3\n",
    says: [
      "2:1 unknown key `toString` in [lb] | known keys: engine, mark_mask, sysctl",
      "3:1 unknown key `hasOwnProperty` in [lb] | known keys: engine, mark_mask, sysctl",
      "4:1 unknown key `prototype` in [lb] | known keys: engine, mark_mask, sysctl",
    ],
  },
  {
    is: "keys that JavaScript gives a meaning of its own",
    text: "[lb]\nconstructor = 1\n",
    says: ["2:1 document contains an unsafe property"],
  },
  {
    is: "an engine that cannot be read, which might have been the relay",
    text: service('engine = "rely"').replace("198.51.100.1", "2001:db8::1"),
    says: [
      "5:10 engine: expected one of auto, nft, nfqueue, ipvs, relay, " +
      'found the string "rely" | did you mean `relay`?',
    ],
  },
  {
    is: "a mark_mask that cannot be read, beside a mark in the default one",
    text: `[lb]\nmark_mask = 1.5\n${service('mark = "0x100"')}`,
    says: [
      '2:13 mark_mask: expected one run of at least 9 bits, such as "0x00ffff00", found the float 1.5',
    ],
  },
  {
    is: "one of two ports on one address that cannot be read",
    text: backend('port = "x"\n[[service.backend]]\naddress = "198.51.100.1"'),
    says: ['7:8 port: expected a port from 1 to 65535, found the string "x"'],
  },
  {
    is: "a mistake behind a header inside a string",
    text: service('[service.health]\ntype = "http"\nbody = """\n[[service]]\n"""\nrise = "2"'),
    says: [
      '10:8 rise: expected an integer from 1 to 1000, found the string "2" | write it without quotes',
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
]);
