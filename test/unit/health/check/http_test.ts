import assert from "node:assert/strict";
import fc from "fast-check";
import { runChecks } from "../../../../lib/health/check/check.ts";
import type { Health } from "../../../../lib/model/service.ts";
import { bytes, fakePorts, target } from "./rig.ts";

const CHUNKED = "Transfer-Encoding: chunked\r\n\r\n";

async function reason(pieces: readonly (Uint8Array | string)[], health: Partial<Health> = {}) {
  const ports = fakePorts({ 80: { answer: () => pieces } });
  const [result] = await runChecks([target({ type: "http", ...health }, 80)], ports);
  return result!.reason;
}

function said(text: string, health: Partial<Health> = {}): Promise<string> {
  return reason([bytes(text), "end"], health);
}

/** Rows of: what comes back, what is looked for in it, the reason. */
const ANSWERS: readonly (readonly [string, string | undefined, string])[] = [
  ["HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", undefined, ""],
  ["HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", "ok", ""],
  ["HTTP/1.0 200 OK\r\n\r\nall ok here", "ok", ""],
  ["HTTP/1.1 200\r\n\r\n", undefined, ""],
  ["HTTP/1.1 200 OK\n\nok", "ok", ""],
  [
    "HTTP/1.1 204 No Content\r\nContent-Length: 9\r\n\r\n",
    undefined,
    "status 204, not 200, 300-399",
  ],
  ["HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n", undefined, ""],
  ["HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n\r\n", undefined, ""],
  [`HTTP/1.1 200 OK\r\n${CHUNKED}1\r\no\r\n1;a=b\r\nk\r\n0\r\nX: y\r\n\r\n`, "ok", ""],
  [`HTTP/1.1 200 OK\r\n${CHUNKED}2\r\nok\r\n`, "no", "its answer ends after 2 bytes"],
  [
    `HTTP/1.1 200 OK\r\n${CHUNKED}zz\r\n`,
    "ok",
    "its answer is not in the chunks that it announces",
  ],
  [
    `HTTP/1.1 200 OK\r\n${CHUNKED}1\r\nokay\r\n`,
    "no",
    "its answer is not in the chunks that it announces",
  ],
  ["HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n", undefined, "its Content-Length is not a number"],
  ["HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nok", undefined, "its answer ends after 2 bytes"],
  ["HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nok", "ok", 'its answer does not contain "ok"'],
  ["HTTP/1.1 200 OK\r\n\r\nZ\u00fcrich", "\u00fcr", ""],
  ["HTTP/1.1 503 Busy\r\n\r\n", undefined, "status 503, not 200, 300-399"],
  ["HTTP/1.1 200", undefined, "its answer ends in the middle of the head"],
  ["", undefined, "it closed the connection without an answer"],
  ["HTTP/1.1 abc\r\n\r\n", undefined, 'its answer is not HTTP: "HTTP/1.1 abc"'],
  ["220 mail \x1b[31m\r\n", undefined, 'its answer is not HTTP: "220 mail ?[31m"'],
];

Deno.test("an answer is judged by what it says", async () => {
  for (const [text, body, wanted] of ANSWERS) {
    assert.equal(await said(text, { body }), wanted, JSON.stringify(text));
  }
});

Deno.test("in which pieces an answer comes does not matter", async () => {
  const cuts = fc.array(fc.nat(200), { maxLength: 12 });
  await fc.assert(fc.asyncProperty(fc.constantFrom(...ANSWERS), cuts, async (row, places) => {
    const [text, body, wanted] = row;
    const whole = bytes(text);
    const at = [0, ...places.map((place) => Math.min(place, whole.length)), whole.length];
    at.sort((a, b) => a - b);
    const pieces = at.slice(1).map((end, index) => whole.subarray(at[index], end));
    const found = await reason([...pieces.filter(({ length }) => length > 0), "end"], { body });
    // What is not HTTP is quoted as far as it has come.
    const start = wanted.replace(/^(its answer is not HTTP).*/, "$1");
    assert.equal(start === wanted ? found : found.slice(0, start.length), start);
  }));
});

Deno.test("whatever comes back, there is a reason and an end", async () => {
  const parts = fc.constantFrom(
    "HTTP/1.1 200 OK\r\n",
    CHUNKED,
    "\r\n",
    "5\r\n",
    "hello",
    "0\r\n\r\n",
  );
  const noise = fc.array(fc.oneof(parts, fc.string()), { maxLength: 8 });
  await fc.assert(fc.asyncProperty(noise, async (texts) => {
    assert.equal(typeof await reason([...texts.map(bytes), "end"], { body: "x" }), "string");
  }));
});

Deno.test("an answer that stops is late, and says where", async () => {
  assert.equal(await reason([]), "no answer within 900 ms");
  assert.equal(await reason([bytes("HTTP/1.1 2")]), "no answer within 900 ms");
  const half = bytes("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf");
  assert.equal(await reason([half]), "no end of the answer within 900 ms");
  assert.equal(await reason([half, "ECONNRESET"]), "connection reset");
});

Deno.test("an answer without end is read so far and no further", async () => {
  const endless = Array.from({ length: 100 }, () => bytes("x".repeat(10_000)));
  assert.equal(await reason([bytes("HTTP/1.1 200 OK\r\n\r\n"), ...endless]), "");
  const head = Array.from({ length: 100 }, () => bytes(`X: ${"x".repeat(10_000)}\r\n`));
  assert.equal(
    await reason([bytes("HTTP/1.1 200 OK\r\n"), ...head]),
    "the head of its answer has no end",
  );
});

Deno.test("the request names the host it is given, else the backend", async () => {
  const request = async (health: Partial<Health>, port: number, text?: string) => {
    const ports = fakePorts();
    await runChecks([target({ type: "http", ...health }, port, text)], ports);
    return new TextDecoder().decode(ports.peers.sent[0]).split("\r\n").slice(0, 2).join(" | ");
  };
  assert.equal(await request({ path: "/a?b=c" }, 80), "GET /a?b=c HTTP/1.1 | Host: 192.0.2.1");
  assert.equal(await request({}, 8080), "GET / HTTP/1.1 | Host: 192.0.2.1:8080");
  assert.equal(await request({}, 80, "2001:db8::1"), "GET / HTTP/1.1 | Host: [2001:db8::1]");
  assert.equal(await request({ host: "www.a.b" }, 8080), "GET / HTTP/1.1 | Host: www.a.b");
});

Deno.test("by TLS, the certificate has to be for the host without its port", async () => {
  const names: string[] = [];
  for (const host of ["www.a.b", "www.a.b:8443", "[2001:db8::1]:8443", undefined]) {
    const ports = fakePorts();
    const tls = {
      over: (_: unknown, { name }: { name: string }) => (names.push(name), Promise.reject()),
    };
    await runChecks([target({ type: "https", host }, 443)], {
      ...ports,
      tls: () => Promise.resolve(tls),
    });
  }
  assert.deepEqual(names, ["www.a.b", "www.a.b", "2001:db8::1", "192.0.2.1"]);
});
