import assert from "node:assert/strict";
import fc from "fast-check";
import { firstConfig, type FirstService, troubleWith } from "../../../lib/config/first_service.ts";
import { parseConfig } from "../../../lib/config/load.ts";
import { formatPrefix, parseAddress } from "../../../lib/model/address.ts";
import { formatPorts } from "../../../lib/model/service.ts";

const SAMPLE = Deno.readTextFileSync(new URL("../../../templates/lb.toml", import.meta.url));

const SERVICE: FirstService = {
  name: "web",
  protocol: "tcp",
  vip: ["203.0.113.10"],
  ports: ["80"],
  vip_on: "auto",
  engine: "auto",
  scheduler: "wrr",
  masquerade: false,
  backends: [
    { address: parseAddress("198.51.100.11")!, port: 8080 },
    { address: parseAddress("198.51.100.12")!, port: 8080, weight: 50 },
  ],
};

/** Lines that say something to lb. */
function settings(text: string): string[] {
  return text.split("\n").filter((line) => line !== "" && !line.startsWith("#"))
    .map((line) => line.replace(/\s+# .*$/, ""));
}

Deno.test("a first config says what was answered, in the sample's words", () => {
  const text = firstConfig(SAMPLE, SERVICE);
  assert.deepEqual(settings(text), [
    "[lb]",
    "[[service]]",
    'name = "web"',
    'vip = ["203.0.113.10"]',
    'protocol = "tcp"',
    "ports = [80]",
    'scheduler = "wrr"',
    "[[service.backend]]",
    'address = "198.51.100.11"',
    "port = 8080",
    "[[service.backend]]",
    'address = "198.51.100.12"',
    "port = 8080",
    "weight = 50",
  ]);
  assert.match(text, /^name = "web" {28} # a-z, 0-9 and -, at most 32, unique$/m);
  assert.match(text, /^port = 8080 {29} # default is the port the client asked for$/m);
  assert.match(text, /^#engine = "auto" .*# as in \[lb\]/m);
  assert.match(text, /^#\[service\.health\] /m);
  assert.doesNotMatch(text, /^##|example of a service|Take one/m);
});

Deno.test("what is not as by default is written where the sample explains it", () => {
  const given = { vip_on: "eth1", engine: "nft", scheduler: "maglev", masquerade: true } as const;
  const found = settings(firstConfig(SAMPLE, { ...SERVICE, ...given }));
  for (const line of ['vip_on = "eth1"', 'engine = "nft"', 'scheduler = "maglev"']) {
    assert.ok(found.includes(line), line);
  }
  assert.ok(found.includes("masquerade = true"));
});

Deno.test("every remark of the sample is in a first config, and every key stands there once in its table", () => {
  const remarks = (text: string) =>
    [...text.slice(text.indexOf("[[service]]")).matchAll(/ # (?:example: )?(.*)/g)]
      .map(([, words = ""]) => words);
  const told = new Set(remarks(firstConfig(SAMPLE, SERVICE)));
  assert.deepEqual(remarks(SAMPLE).filter((words) => !told.has(words)), []);
  const keys = firstConfig(SAMPLE, SERVICE).match(/^#?scheduler = /gm);
  assert.equal(keys?.length, 1);
});

const name = fc.stringMatching(/^[a-z0-9-]{1,32}$/);
const ports = fc.oneof(
  fc.constant(["all"]),
  fc.uniqueArray(fc.integer({ min: 1, max: 999 }), { minLength: 1, maxLength: 5 })
    .map((list) => list.map((port) => `${port}`)),
  fc.constant(["80", "8000-8010"]),
);
const backends = fc.uniqueArray(fc.integer({ min: 1, max: 254 }), { minLength: 1, maxLength: 6 })
  .chain((hosts) =>
    fc.tuple(...hosts.map((host) =>
      fc.record({
        address: fc.constant(parseAddress(`198.51.100.${host}`)!),
        port: fc.option(fc.integer({ min: 1, max: 65535 }), { nil: undefined }),
        weight: fc.option(fc.integer({ min: 0, max: 65535 }), { nil: undefined }),
      })
    ))
  );
const service: fc.Arbitrary<FirstService> = fc.record({
  name,
  protocol: fc.constantFrom("tcp", "udp", "sctp"),
  vip: fc.constantFrom(["203.0.113.10"], ["203.0.113.10", "2001:db8:1::10"], ["203.0.113.0/28"]),
  ports,
  vip_on: fc.constantFrom("auto", "none", "eth0", 'a"b', "b\\u"),
  engine: fc.constantFrom("auto", "nft", "nfqueue", "ipvs"),
  scheduler: fc.constantFrom("wrr", "rr", "sh", "maglev", "lc", "wlc", "random"),
  masquerade: fc.boolean(),
  backends,
});

Deno.test("whatever is answered, the config that is written says that, and is valid", async () => {
  await fc.assert(fc.asyncProperty(service, async (wanted) => {
    const { config } = await parseConfig(firstConfig(SAMPLE, wanted), "lb.toml");
    const [found, ...others] = config.services;
    assert.ok(found);
    assert.deepEqual(others, []);
    const { protocol, vip_on, engine, scheduler, masquerade } = found;
    assert.deepEqual(
      { name: found.name, protocol, vip_on, engine, scheduler, masquerade },
      {
        name: wanted.name,
        protocol: wanted.protocol,
        vip_on: wanted.vip_on,
        engine: wanted.engine,
        scheduler: wanted.scheduler,
        masquerade: wanted.masquerade,
      },
    );
    assert.deepEqual(found.vip.map(formatPrefix), wanted.vip);
    assert.deepEqual(formatPorts(found.ports), wanted.ports);
    assert.deepEqual(
      found.backends.map(({ address, port, weight }) => ({ address, port, weight })),
      wanted.backends.map(({ address, port, weight = 100 }) => ({ address, port, weight })),
    );
  }));
});

/** Rows of: an answer, its key, what is said of it. */
const WRONG: readonly (readonly [Partial<FirstService>, string, RegExp])[] = [
  [{ name: "my web" }, "name", /did you mean `my-web`/],
  [{ name: "" }, "name", /1 to 32/],
  [{ name: 'x"\n[lb]' }, "name", /1 to 32/],
  [{ vip: [] }, "vip", /vip/],
  [{ vip: ["203.0.113.300"] }, "vip", /address or prefix/],
  [{ vip: ["203.0.113.10/24"] }, "vip", /did you mean `203\.0\.113\.0\/24`/],
  [{ ports: [] }, "ports", /at least one/],
  [{ ports: ["0"] }, "ports", /port from 1 to 65535/],
  [{ ports: ["80", "all"] }, "ports", /port/],
  [{ ports: ["90-80"] }, "ports", /port/],
  [{ backends: [{ address: parseAddress("2001:db8::1")! }] }, "backend", /VIP/],
];

for (const [answer, key, words] of WRONG) {
  Deno.test(`${JSON.stringify(answer)} is refused by what the config says of ${key}`, () => {
    assert.match(troubleWith(SAMPLE, { ...SERVICE, ...answer }, key) ?? "nothing", words);
    assert.equal(troubleWith(SAMPLE, SERVICE, key), undefined);
  });
}
