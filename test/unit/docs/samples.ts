/** A config that writes one key, and what becomes of it. */
export interface Sample {
  readonly text: string;
  readonly outcome: "works" | "unsupported";
}

const BACKEND = '[[service.backend]]\naddress = "198.51.100.11"\n';

/** What every service here has, unless the key in question is one of these. */
const BASE = { name: '"web"', vip: '"203.0.113.10"', ports: "[80]" };

function service(line: string): string {
  const key = line.split(" ")[0] ?? "";
  const rest = Object.entries(BASE).filter(([name]) => name !== key)
    .map(([name, value]) => `${name} = ${value}`);
  return ["[[service]]", ...rest, line, "", BACKEND].join("\n");
}

const lb = (line: string) => `[lb]\n${line}\n\n${service("")}`;
const below = (table: string, line: string) => `${service("")}\n[service.${table}]\n${line}\n`;
const backend = (line: string) => `${service("")}${line}\n`;
const works = (text: string): Sample => ({ text, outcome: "works" });
const refused = (text: string): Sample => ({ text, outcome: "unsupported" });

const SNMP = '{ version = "2c", community_file = "/etc/lb/community", oid = "1.3.6.1.2.1.1.3.0" }';

/** Keys of a check, a value of each, and what that takes beside it. */
const HEALTH_KEYS: readonly (readonly [key: string, value: string, more?: string])[] = [
  ["type", '"tcp"'],
  ["type", '"none"'],
  ["type", '"snmp"', `snmp = ${SNMP}`],
  ["port", "8080"],
  ["path", '"/healthz"'],
  ["host", '"www.example.com"'],
  ["status", "[200]"],
  ["body", '"ok"'],
  ["verify", "false"],
  ["query", '"example.com"'],
  ["answer", '"192.0.2.1"'],
  ["command", '["/usr/local/bin/check"]', 'type = "exec"'],
  ["source", '"192.0.2.1"'],
  ["panic", "0"],
  ["interval", '"1s"'],
  ["timeout", '"500ms"'],
  ["rise", "1"],
  ["fall", "1"],
  ["snmp", SNMP],
];

/** By table and key as docs/config.md has them, and the value where both outcomes are possible. */
export const SAMPLES: Readonly<Record<string, Sample>> = {
  "[lb] engine nft": works(lb('engine = "nft"')),
  "[lb] engine ipvs": works(lb('engine = "ipvs"')),
  "[lb] engine relay": refused(lb('engine = "relay"')),
  "[lb] mark_mask": works(lb('mark_mask = "0x0001ff00"')),
  "[lb] sysctl": works(lb('sysctl = "check"')),
  "[tier] nodes 1": works(`[tier]\nnodes = 1\n${service("")}`),
  "[tier] nodes 2": refused(`[tier]\nnodes = 2\n${service("")}`),
  "[notify] webhook": works(`[notify]\nwebhook = "https://ops.example.com/lb"\n${service("")}`),
  "[notify] secret_file": works(`[notify]\nsecret_file = "/etc/lb/key"\n${service("")}`),
  "[notify] program": works(`[notify]\nprogram = ["/bin/true"]\n${service("")}`),
  "[notify] events": works(`[notify]\nevents = ["drift"]\n${service("")}`),
  "[[service]] name": works(service('name = "web-2"')),
  "[[service]] vip one": works(service('vip = "203.0.113.11"')),
  "[[service]] vip prefix": works(service('vip = "203.0.113.0/28"')),
  "[[service]] protocol udp": works(service('protocol = "udp"')),
  "[[service]] protocol sctp": works(service('protocol = "sctp"')),
  "[[service]] ports several": works(service("ports = [80, 443]")),
  "[[service]] ports range": works(service('ports = ["8000-8010"]')),
  "[[service]] ports all": works(service('ports = "all"')),
  "[[service]] vip_on": works(service('vip_on = "none"')),
  "[[service]] engine nft": works(service('engine = "nft"')),
  "[[service]] engine relay": refused(service('engine = "relay"')),
  ...each("scheduler", ["rr", "wrr", "random", "sh", "maglev", "lc", "wlc", "sed", "nq"], works),
  "[[service]] scheduler lr": works(`${service('scheduler = "lr"')}[service.health]\n`),
  "[[service]] scheduler cpu": works(service('scheduler = "cpu"\nagent_port = 9777')),
  "[[service]] persistence": works(service('persistence = "300s"')),
  "persistence timeout": works(service('persistence = { timeout = "300s" }')),
  "persistence mask": works(service('persistence = { timeout = "300s", mask = 24 }')),
  "persistence mask6": works(service('persistence = { timeout = "300s", mask6 = 64 }')),
  ...each("forward", ["nat", "dr", "tunnel"], works),
  "[[service]] masquerade": works(service("masquerade = true")),
  "[[service]] mark": works(service('mark = "0x1"')),
  "[[service]] dscp": works(service('dscp = "ef"')),
  "[[service]] priority": works(service('priority = "1:10"')),
  "[[service]] allow": works(service('allow = ["192.0.2.0/24"]')),
  "[[service]] deny": works(service('deny = ["192.0.2.0/24"]')),
  "[[service]] max_connections": works(service("max_connections = 10")),
  "[[service]] max_new_per_second": works(service("max_new_per_second = 10")),
  "[[service]] over_limit": works(service('over_limit = "drop"')),
  "[[service]] snmp": works(service(`snmp = ${SNMP}`)),
  "[[service]] agent_port": works(service("agent_port = 9777")),
  "[service.health] type none": works(below("health", 'type = "none"')),
  ...Object.fromEntries(
    HEALTH_KEYS.map(([key, value, more = ""]) => [
      `[service.health] ${key} ${value}`,
      works(below("health", `${key} = ${value}\n${more}`)),
    ]),
  ),
  "[service.health] passive false": works(below("health", "passive = false")),
  "[service.health] passive true": works(below("health", "passive = true")),
  "[service.drain] deadline": works(below("drain", 'deadline = "60s"')),
  "[service.balance] slow_start 30s": works(below("balance", 'slow_start = "30s"')),
  "[service.balance] bound 0": works(below("balance", "bound = 0")),
  "[service.balance] bound 1": refused(below("balance", "bound = 0.25")),
  "[[service.backend]] address": works(service("")),
  "[[service.backend]] port": works(backend("port = 8080")),
  "[[service.backend]] weight": works(backend("weight = 0")),
  "[[service.backend]] backup": works(backend("backup = true")),
  "[[service.backend]] max_connections": works(backend("max_connections = 10")),
  "[[service.backend]] health port": works(backend("health = { port = 9000 }")),
};

function each(
  key: string,
  values: readonly string[],
  make: (text: string) => Sample,
): Record<string, Sample> {
  return Object.fromEntries(
    values.map((value) => [`[[service]] ${key} ${value}`, make(service(`${key} = "${value}"`))]),
  );
}
