import assert from "node:assert/strict";
import { parseEntries, readSnapshot } from "../../../../lib/engine/nft/listing.ts";

/** As nft 1.0.6 prints it; `elem` with a comment is wrapped, IPv6 is in inet_ntop's spelling. */
const LISTING = JSON.stringify({
  nftables: [
    { metainfo: { version: "1.0.6", release_name: "Lester Gooch #5", json_schema_version: 1 } },
    { table: { family: "inet", name: "lb", handle: 1 } },
    { counter: { family: "inet", name: "n-1", table: "lb", handle: 2, packets: 3, bytes: 180 } },
    {
      set: {
        family: "inet",
        name: "revision",
        table: "lb",
        type: ["mark", "mark"],
        handle: 3,
        elem: [{ concat: [7, 4_294_967_295] }],
      },
    },
    {
      set: {
        family: "inet",
        name: "vip6",
        table: "lb",
        type: "ipv6_addr",
        handle: 4,
        elem: ["2001:db8::1", { elem: { val: "::ffff:192.0.2.1", comment: "by hand" } }],
      },
    },
    {
      map: {
        family: "inet",
        name: "ex4",
        table: "lb",
        type: ["ipv4_addr", "inet_proto", "inet_service"],
        handle: 5,
        map: "verdict",
        elem: [
          [{ concat: ["203.0.113.10", "tcp", 80] }, { goto: { target: "s-web4" } }],
          [{ concat: ["203.0.113.10", "tcp", 81] }, { drop: null }],
        ],
      },
    },
    {
      map: {
        family: "inet",
        name: "sl-web4",
        table: "lb",
        type: "integer",
        handle: 6,
        map: "classid",
        elem: [[0, "0:1"], [1, "0:7fff"]],
      },
    },
    { map: { family: "inet", name: "be-web4", table: "lb", handle: 7, map: "verdict" } },
    {
      map: {
        family: "inet",
        name: "iv6",
        table: "lb",
        type: ["ipv6_addr", "inet_proto", "inet_service"],
        handle: 12,
        map: "verdict",
        flags: ["interval"],
        elem: [
          [
            { concat: [{ prefix: { addr: "2001:db8::", len: 64 } }, "tcp", { range: [80, 90] }] },
            { goto: { target: "s-web6" } },
          ],
          [{ concat: ["2001:db8::1", "udp", { range: [0, 65_535] }] }, {
            goto: { target: "s-a6" },
          }],
        ],
      },
    },
    {
      map: {
        family: "inet",
        name: "st-web4",
        table: "lb",
        type: "ipv4_addr",
        handle: 13,
        map: "classid",
        size: 65_535,
        flags: ["timeout", "dynamic"],
        elem: [[{ elem: { val: "192.0.2.0", timeout: 300, expires: 287 } }, "0:1"]],
      },
    },
    { chain: { family: "inet", table: "lb", name: "refuse", handle: 8 } },
    {
      chain: {
        family: "inet",
        table: "lb",
        name: "pre-nat",
        handle: 9,
        type: "nat",
        hook: "prerouting",
        prio: -105,
        policy: "accept",
      },
    },
    { rule: { family: "inet", table: "lb", chain: "refuse", handle: 10, expr: [{ drop: null }] } },
    { flowtable: { family: "inet", name: "ft", table: "lb", handle: 11 } },
  ],
});

type Entry = ReturnType<typeof parseEntries>[number];

function snapshotOf(change: (entries: Entry[]) => Entry[] = (entries) => entries) {
  return readSnapshot(change(parseEntries(LISTING)));
}

Deno.test("listing: elements come in the spelling they were written in", () => {
  const { collections } = snapshotOf();
  const elements = (name: string) => [...collections.get(name)!.elements];
  assert.deepEqual(elements("ex4")[0], ["203.0.113.10 . tcp . 80", "goto s-web4"]);
  assert.deepEqual(elements("sl-web4"), [["0", "0:1"], ["1", "0:7fff"]]);
  assert.deepEqual(elements("vip6"), [["2001:db8::1", ""], ["::ffff:c000:201", ""]]);
  assert.deepEqual(elements("be-web4"), [], "nft leaves `elem` out where there are none");
});

Deno.test("listing: prefixes and ranges come in the spelling they were written in", () => {
  assert.deepEqual([...snapshotOf().collections.get("iv6")!.elements], [
    ["2001:db8::/64 . tcp . 80-90", "goto s-web6"],
    ["2001:db8::1 . udp . 0-65535", "goto s-a6"],
  ]);
});

Deno.test("listing: what packets put there is not read", () => {
  assert.equal(snapshotOf().collections.get("st-web4")!.elements.size, 0);
});

Deno.test("listing: an element nobody of ours would write equals none of ours", () => {
  assert.equal(
    snapshotOf().collections.get("ex4")!.elements.get("203.0.113.10 . tcp . 81"),
    '{"drop":null}',
  );
});

Deno.test("listing: the token, counters, and what lb never makes", () => {
  const { present, token, counters, foreign } = snapshotOf();
  assert.equal(present, true);
  assert.equal(token, "7 . 4294967295");
  assert.deepEqual([...counters], [["n-1", { packets: 3, bytes: 180 }]]);
  assert.deepEqual(foreign, ["flowtable ft"]);
});

Deno.test("listing: only base chains have a header", () => {
  const { chains } = snapshotOf();
  assert.equal(chains.get("refuse")!.header, undefined);
  assert.match(chains.get("pre-nat")!.header!, /^listing:/);
});

const same = (change: (entry: Entry) => unknown) => (entries: Entry[]) =>
  entries.map((entry) => change(structuredClone(entry)) as Entry);

Deno.test("listing: handles and elements do not change a fingerprint, rules and types do", () => {
  const sources = (change?: (entries: Entry[]) => Entry[]) => {
    const { chains, collections } = snapshotOf(change);
    return [chains.get("refuse")!.source, collections.get("ex4")!.source];
  };
  const [chain, map] = sources();
  const shifted = same((entry) =>
    Object.fromEntries(
      Object.entries(entry).map((
        [kind, object],
      ) => [kind, { ...object, handle: 99, elem: undefined }]),
    )
  );
  assert.deepEqual(sources(shifted), [chain, map]);
  const edited = same(({ rule, ...rest }) => rule ? { rule: { ...rule, expr: [] } } : rest);
  assert.notEqual(sources(edited)[0], chain);
  const retyped = same((entry) => entry.map ? { map: { ...entry.map, type: "mark" } } : entry);
  assert.notEqual(sources(retyped)[1], map);
});

Deno.test("listing: the order of rules counts", () => {
  const two = (first: string, second: string) => (entries: Entry[]) => [
    ...entries.filter(({ rule }) => !rule),
    ...[first, second].map((verdict) => ({
      rule: { family: "inet", table: "lb", name: "", chain: "refuse", expr: [{ [verdict]: null }] },
    })),
  ];
  const source = (change: (entries: Entry[]) => Entry[]) =>
    snapshotOf(change).chains.get("refuse")!.source;
  assert.notEqual(source(two("drop", "accept")), source(two("accept", "drop")));
});

Deno.test("listing: a known listing stands for our source, any other does not", () => {
  const listing = snapshotOf().chains.get("refuse")!.source.replace("listing:", "");
  const source = (known: string) =>
    readSnapshot(parseEntries(LISTING), {
      token: "7 . 1",
      objects: { "chain refuse": { source: "ours", listing: known } },
    }).chains.get("refuse")!.source;
  assert.equal(source(listing), "ours");
  assert.notEqual(source("another"), "ours");
});
