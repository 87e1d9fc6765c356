import { backend, refuses, service } from "./refusal.ts";

refuses([
  {
    is: "an unknown scheduler",
    text: service('scheduler = "wr"'),
    says: [
      "5:13 scheduler: expected one of rr, wrr, random, sh, maglev, lc, wlc, sed, nq, lr, cpu, " +
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
    is: "VIPs that no router sends anywhere",
    text: service("").replace(
      '"203.0.113.10"',
      '["0.0.0.0/0", "127.0.0.1", "224.0.0.9", "169.254.0.0/24", "0.0.0.0"]',
    ).replace("[80]", '[80]\nengine = "relay"'),
    says: [
      "3:8 vip: 0.0.0.0/0 contains 0.0.0.0, which is unspecified",
      "3:21 vip: 127.0.0.1 is loopback",
      "3:21 vip: overlaps with 0.0.0.0/0 in the same list",
      "3:34 vip: 224.0.0.9 is multicast",
      "3:34 vip: overlaps with 0.0.0.0/0 in the same list",
      "3:47 vip: 169.254.0.0/24 is link-local",
      "3:47 vip: overlaps with 0.0.0.0/0 in the same list",
      "3:65 vip: 0.0.0.0 is unspecified",
      "3:65 vip: overlaps with 0.0.0.0/0 in the same list",
    ],
  },
  {
    is: "an IPv6 prefix with everything in it",
    text: service("").replace('"203.0.113.10"', '["203.0.113.10", "::/0", "ff0e::1"]')
      .replace("[80]", '[80]\nengine = "relay"'),
    says: [
      "3:24 vip: ::/0 contains ::, which is unspecified",
      "3:32 vip: ff0e::1 is multicast",
      "3:32 vip: overlaps with ::/0 in the same list",
    ],
  },
  {
    is: "a backend on the balancer itself",
    text: service("").replace("198.51.100.1", "127.0.0.1"),
    says: ["7:11 address: 127.0.0.1 is loopback"],
  },
  {
    is: "a backend that only one link knows",
    text: service("").replace("203.0.113.10", "2001:db8::10").replace("198.51.100.1", "fe80::1"),
    says: ["7:11 address: fe80::1 is link-local"],
  },
  {
    is: "an empty list of sources let in",
    text: service("allow = []\ndeny = []"),
    says: ["5:9 allow: expected a list of prefixes, at least one, found an empty list"],
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
    is: "an unknown dscp name, and a number out of range",
    text: service('dscp = "af14"') +
      service("dscp = 64").replace('"web"', '"shop"').replace(".10", ".11"),
    says: [
      '5:8 dscp: expected a name such as "ef" or "af41", or a number from 0 to 63, found the string "af14" | did you mean `af11`?',
      '12:8 dscp: expected a name such as "ef" or "af41", or a number from 0 to 63, found the integer 64',
    ],
  },
  {
    is: "a priority that is no traffic class",
    text: service('priority = "1:10000"') +
      service("priority = 10").replace('"web"', '"shop"').replace(".10", ".11"),
    says: [
      '5:12 priority: expected a traffic class such as "1:10", found the string "1:10000"',
      '12:12 priority: expected a traffic class such as "1:10", found the integer 10',
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
]);
