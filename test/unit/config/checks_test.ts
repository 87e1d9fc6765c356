/** What is checked, how often and how long, by what a config says and does not say. */
import { deepStrictEqual, match, strictEqual } from "node:assert/strict";
import { parseConfig } from "../../../lib/config/load.ts";
import type { Service } from "../../../lib/model/service.ts";

const MINIMAL = `[[service]]
name = "web"
vip = "203.0.113.10"
ports = [80]
[[service.backend]]
address = "198.51.100.1"
`;

const TCP_CHECK = {
  type: "tcp",
  path: "/",
  status: [{ first: 200, last: 200 }, { first: 300, last: 399 }],
  verify: true,
  passive: false,
  panic: 50,
  interval_ms: 5_000,
  timeout_ms: 2_000,
  rise: 2,
  fall: 3,
};

async function servicesOf(text: string): Promise<readonly Service[]> {
  return (await parseConfig(text, "lb.toml")).config.services;
}

Deno.test("a written health table without type checks by tcp", async () => {
  const [service] = await servicesOf(
    MINIMAL.replace("[[service.b", "[service.health]\n[[service.b"),
  );
  deepStrictEqual(service?.health, TCP_CHECK);
});

Deno.test("without a health table nobody is checked whom a tcp connection tells nothing of", async () => {
  const udp = MINIMAL.replace("ports", 'protocol = "udp"\nports').replace('protocol = "tcp"\n', "");
  const all = MINIMAL.replace("[80]", '"all"');
  for (const text of [udp, all]) strictEqual((await servicesOf(text))[0]?.health, undefined);
  const [service] = await servicesOf(all + "port = 81\n");
  strictEqual(service?.health?.type, "tcp");
});

Deno.test("checks come from an address in its canonical form, or from an interface", async () => {
  for (const [written, source] of [["2001:DB8:0::9", "2001:db8::9"], ["eth0.7", "eth0.7"]]) {
    const health = `[service.health]\nsource = "${written}"\n[[service.backend]]`;
    const [service] = await servicesOf(MINIMAL.replace("[[service.backend]]", health));
    strictEqual(service?.health?.source, source);
  }
});

/** Rows of: of `[service.health]`, of the backend, and the keys that are warned of. */
const IDLE: readonly (readonly [health: string, backend: string, warned: readonly string[]])[] = [
  ['path = "/x"\nstatus = [200]', "", ["path", "status"]],
  ['type = "http"\npath = "/x"\nhost = "a.example"', "", []],
  ['type = "http"\nverify = false', "", ["verify"]],
  ['type = "tcp"\nquery = "a.example"\nanswer = "192.0.2.1"', "", ["query", "answer"]],
  ['path = "/x"', 'health = { type = "https" }', []],
  ['type = "http"', 'health = { path = "/y" }', []],
  ['type = "http"', 'health = { type = "tcp", path = "/y" }', ["path"]],
  ['type = "none"\ncommand = ["/bin/true"]', "", ["command"]],
];

for (const [health, backend, warned] of IDLE) {
  Deno.test(`what no check looks at is warned of: ${JSON.stringify([health, backend])}`, async () => {
    const text = MINIMAL.replace("[[service.backend]]", `[service.health]\n${health}\n$&`) +
      backend;
    const { warnings } = await parseConfig(text, "lb.toml");
    deepStrictEqual(
      warnings.map(({ message }) => /^(\w+): nothing looks/.exec(message)?.[1]),
      warned,
    );
  });
}

Deno.test("a time-out that is not written is no longer than the interval", async () => {
  const timeoutWith = async (health: string) => {
    const text = MINIMAL.replace("[[service.backend]]", `[service.health]\n${health}\n$&`);
    return (await servicesOf(text))[0]?.health?.timeout_ms;
  };
  strictEqual(await timeoutWith('interval = "1s"'), 1_000);
  strictEqual(await timeoutWith('interval = "10s"'), 2_000);
  strictEqual(await timeoutWith('interval = "1s"\ntimeout = "3s"'), 3_000);
});

/** Rows of: keys of a service's check, those of its backend's, and whether that is warned of. */
const CHECK_TIMES = [
  ['timeout = "5s"', "", false],
  ['timeout = "5100ms"', "", true],
  ['timeout = "8s"\ninterval = "10s"', "", false],
  ['interval = "1s"', "", false],
  ['timeout = "8s"\ninterval = "10s"', 'interval = "5s"', true],
  ["", 'timeout = "8s"', true],
] as const;

for (const [health, own, isSlow] of CHECK_TIMES) {
  Deno.test(`${isSlow ? "warned of" : "taken"}: ${health} ${own}`, async () => {
    const text = MINIMAL.replace("[[service.backend]]", `[service.health]\n${health}\n$&`) +
      `health = { ${own} }\n`;
    const { warnings } = await parseConfig(text, "lb.toml");
    strictEqual(warnings.length, isSlow ? 1 : 0);
    if (isSlow) match(warnings[0]!.message, /a check may take \d/);
  });
}
