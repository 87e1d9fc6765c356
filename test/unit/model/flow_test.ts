import assert from "node:assert/strict";
import fc from "fast-check";
import { formatEnd, parseFlow } from "../../../lib/model/flow.ts";

const CLIENT = { address: { family: 4, text: "203.0.113.9" }, port: 51_234 } as const;
const VIP = { address: { family: 4, text: "198.51.100.10" }, port: 80 } as const;
const CLIENT_6 = { address: { family: 6, text: "2001:db8::9" }, port: 51_234 } as const;
const VIP_6 = { address: { family: 6, text: "2001:db8:1::10" }, port: 80 } as const;

/** Rows of: what somebody writes, what it means. */
const FLOWS = [
  ["203.0.113.9:51234", { protocol: undefined, client: CLIENT }],
  ["203.0.113.9", { protocol: undefined, client: { address: CLIENT.address } }],
  ["[2001:db8::9]:51234", { protocol: undefined, client: CLIENT_6 }],
  ["2001:DB8:0::9", { protocol: undefined, client: { address: CLIENT_6.address } }],
  ["udp 203.0.113.9:51234", { protocol: "udp", client: CLIENT }],
  ["tcp 203.0.113.9:51234 198.51.100.10:80", { protocol: "tcp", client: CLIENT, to: VIP }],
  ["TCP  203.0.113.9:51234  198.51.100.10:80 ", { protocol: "tcp", client: CLIENT, to: VIP }],
  ["203.0.113.9:51234 -> 198.51.100.10:80", { protocol: undefined, client: CLIENT, to: VIP }],
  ["203.0.113.9:51234 → 198.51.100.10:80", { protocol: undefined, client: CLIENT, to: VIP }],
  ["203.0.113.9:51234 to 198.51.100.10:80", { protocol: undefined, client: CLIENT, to: VIP }],
  ["sctp [2001:db8::9]:51234 [2001:db8:1::10]:80", {
    protocol: "sctp",
    client: CLIENT_6,
    to: VIP_6,
  }],
] as const;

/** Rows of: what is no flow, and what is said of it. */
const OTHERS = [
  ["", /"" is no client/],
  ["tcp", /"" is no client/],
  ["web", /"web" is no client/],
  ["203.0.113.9:0", /is no client/],
  ["203.0.113.9:65536", /is no client/],
  ["203.0.113.9:1 198.51.100.10", /"198.51.100.10" is no VIP with its port/],
  ["203.0.113.9:1 ->", /is no flow/],
  ["203.0.113.9:1 198.51.100.10:80 more", /is no flow/],
  ["203.0.113.9:1 [2001:db8::10]:80", /two IP versions/],
] as const;

Deno.test("a flow is written in many ways", () => {
  for (const [text, flow] of FLOWS) assert.deepEqual(parseFlow(text), flow, text);
});

Deno.test("what is no flow is told, with what is wrong with it", () => {
  for (const [text, words] of OTHERS) {
    const found = parseFlow(text);
    assert.ok(typeof found === "string", text);
    assert.match(found, words);
  }
});

Deno.test("what is printed of an end is read as that end", () => {
  const port = fc.integer({ min: 1, max: 65_535 });
  fc.assert(fc.property(fc.oneof(fc.ipV4(), fc.ipV6()), port, (text, port) => {
    const family = text.includes(":") ? 6 : 4;
    const printed = formatEnd({ address: { family, text }, port });
    const flow = parseFlow(printed);
    assert.ok(typeof flow !== "string", printed);
    assert.deepEqual([flow.client.address.family, flow.client.port], [family, port]);
  }));
});

Deno.test("no text makes it throw", () => {
  fc.assert(fc.property(fc.string(), (text) => void parseFlow(text)));
});
