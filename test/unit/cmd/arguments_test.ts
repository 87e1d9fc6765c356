import assert from "node:assert/strict";
import { InvalidArgumentError } from "@commander-js/extra-typings";
import fc from "fast-check";
import {
  collect,
  type Endpoint,
  parseEndpoint,
  parseWeightedEndpoint,
} from "../../../cmd/shared/endpoint.ts";
import {
  parseCount,
  parsePatience,
  parseRevision,
  plainPath,
} from "../../../cmd/shared/options.ts";
import { formatEndpoint } from "../../../lib/model/address.ts";

const V4 = { family: 4, text: "198.51.100.11" } as const;
const V6 = { family: 6, text: "2001:db8:b::13" } as const;

/** Rows of: what an operator writes, what it names. */
const ENDPOINTS: readonly (readonly [string, Endpoint])[] = [
  ["198.51.100.11", { address: V4 }],
  ["198.51.100.11:8080", { address: V4, port: 8080 }],
  ["198.51.100.11:1", { address: V4, port: 1 }],
  ["198.51.100.11:65535", { address: V4, port: 65_535 }],
  ["2001:db8:b::13", { address: V6 }],
  ["2001:0DB8:b:0::13", { address: V6 }],
  ["[2001:db8:b::13]", { address: V6 }],
  ["[2001:db8:b::13]:8080", { address: V6, port: 8080 }],
];

const NO_ENDPOINTS = [
  ...["", "web", "198.51.100.11:", "198.51.100.11:0", "198.51.100.11:65536", "198.51.100.11:http"],
  ...["198.51.100.11:80:80", "198.51.100.300", "198.51.100", "198.51.100.11/32", "198.51.100.011"],
  ...[
    "[[2001:db8:b::13]]",
    "[198.51.100.11]",
    "[2001:db8:b::13]:",
    "[2001:db8:b::13:80",
    "[198.51.100.11",
    "fe80::1%eth0",
  ],
  ...["198.51.100.11:-1", "198.51.100.11: 80", " 198.51.100.11", "198.51.100.11=5"],
];

function refuses(parse: (text: string) => unknown, texts: readonly string[]): void {
  for (const text of texts) {
    assert.throws(() => parse(text), InvalidArgumentError, `"${text}"`);
  }
}

Deno.test("a backend is named by its address, with a port or without", () => {
  for (const [text, endpoint] of ENDPOINTS) {
    const { address, port } = parseEndpoint(text);
    assert.deepEqual({ address, port }, { port: undefined, ...endpoint }, text);
  }
});

Deno.test("what is not a backend is refused, and nothing is guessed", () => {
  refuses(parseEndpoint, NO_ENDPOINTS);
});

Deno.test("the error says how a backend is written, or which ports there are", () => {
  assert.throws(() => parseEndpoint("web"), /ADDR, ADDR:PORT or \[V6\]:PORT/);
  assert.throws(() => parseEndpoint("198.51.100.11:65536"), /from 1 to 65535, not "65536"/);
});

Deno.test("every address with every port is read as it is written", () => {
  const addresses = fc.oneof(
    fc.ipV4().map((text) => ({ family: 4 as const, text })),
    fc.constantFrom(V6, { family: 6 as const, text: "::1" }),
  );
  const ports = fc.option(fc.integer({ min: 1, max: 65_535 }), { nil: undefined });
  fc.assert(fc.property(addresses, ports, (address, port) => {
    const parsed = parseEndpoint(formatEndpoint(address, port));
    assert.deepEqual([parsed.address, parsed.port], [address, port]);
  }));
});

Deno.test("a weight stands behind the last equals sign", () => {
  for (const [text, endpoint] of ENDPOINTS) {
    const { address, port, weight } = parseWeightedEndpoint(`${text}=50`);
    assert.deepEqual({ address, port, weight }, { port: undefined, ...endpoint, weight: 50 });
    assert.equal(parseWeightedEndpoint(text).weight, undefined);
  }
  assert.equal(parseWeightedEndpoint("198.51.100.11=0").weight, 0);
  assert.equal(parseWeightedEndpoint("198.51.100.11=65535").weight, 65_535);
});

Deno.test("what is not a weight is refused", () => {
  const weights = ["", "-1", "65536", "1.5", "ten", " 5", "5 ", "0x10", "1e3", "5=5"];
  refuses(parseWeightedEndpoint, weights.map((weight) => `198.51.100.11=${weight}`));
  assert.throws(() => parseWeightedEndpoint("198.51.100.11=70000"), /from 0 to 65535, not "70000"/);
});

Deno.test("an option that is given several times keeps all of them, in order", () => {
  const parse = collect(parseEndpoint);
  const found = parse("198.51.100.12", parse("198.51.100.11", []));
  assert.deepEqual(found.map(({ address }) => address.text), ["198.51.100.11", "198.51.100.12"]);
});

/** Rows of: a time as it is written, in milliseconds. */
const DURATIONS = [
  ["0", 0],
  ["0s", 0],
  ["500ms", 500],
  ["5s", 5_000],
  ["10s", 10_000],
  ["2m", 120_000],
  ["1h", 3_600_000],
] as const;

Deno.test("a time is a whole number with its unit", () => {
  for (const [text, ms] of DURATIONS) assert.equal(parsePatience(text), ms, text);
});

Deno.test("a number without a unit is no time: seconds and milliseconds are easily mixed up", () => {
  refuses(parsePatience, ["5", "", "s", "1.5s", "-5s", "5 s", "5S", "5d", "5s5s", "1h30m", "soon"]);
  assert.throws(() => parsePatience("5"), /"500ms", "5s", "2m" or "1h"/);
});

Deno.test("revisions and counts are whole numbers from 1", () => {
  for (const parse of [parseRevision, parseCount]) {
    assert.equal(parse("1"), 1);
    assert.equal(parse("120"), 120);
    refuses(parse, ["0", "-1", "", "1.5", "x", "1e3", " 1", "99999999999999999999"]);
  }
});

Deno.test("a folder has one spelling, however it is written", () => {
  const here = Deno.cwd();
  for (
    const [written, plain] of [
      ["/run/lb", "/run/lb"],
      ["/run/lb/", "/run/lb"],
      ["//run/./x/../lb//", "/run/lb"],
      ["/../run/lb/.", "/run/lb"],
      ["/", "/"],
      [".", here],
      ["run", `${here}/run`],
      ["./a/../run/", `${here}/run`],
    ] as const
  ) {
    assert.equal(plainPath(written), plain, written);
  }
  refuses(plainPath, [""]);
});
