/** Backends that are asked how busy they are. */
import assert from "node:assert/strict";
import { type CheckResult, runChecks } from "../../../../lib/health/check/check.ts";
import { figureOf, loadOfObject } from "../../../../lib/health/check/load.ts";
import type { Script } from "../../../fake/peers.ts";
import { bytes, fakePorts, target } from "./rig.ts";

const PORT = 9777;

async function ask(script: Script): Promise<CheckResult> {
  const ports = fakePorts({ [PORT]: script });
  const [result] = await runChecks([{ ...target({}), load: { agent_port: PORT } }], ports);
  assert.equal(ports.peers.open, 0, "every socket is closed");
  return result!;
}

const LINES: readonly (readonly [string, "load" | "share", number])[] = [
  ["75%", "share", 0.75],
  ["0%", "share", 0],
  ["up 120% maxconn:30", "share", 1.2],
  ["drain,33.5%", "share", 0.335],
  ["0.42", "load", 0.42],
  ["up 3", "load", 3],
];

Deno.test("of an agent's line the first figure counts, other words are passed over", () => {
  for (const [line, kind, value] of LINES) assert.deepEqual(figureOf(line), { kind, value }, line);
  for (const line of ["", "up", "-5%", "1e9", "maxconn:30", "75%%", "9".repeat(20)]) {
    assert.throws(() => figureOf(line), /no figure/, line);
  }
});

Deno.test("objects that are known come as a part of the whole, others as they are", () => {
  const rows: readonly (readonly [string, number | string, number])[] = [
    ["1.3.6.1.4.1.2021.11.11.0", 80, 0.2],
    ["1.3.6.1.4.1.2021.10.1.5.1", 142, 1.42],
    ["1.3.6.1.4.1.2021.10.1.3.1", "1.42", 1.42],
    ["1.3.6.1.2.1.25.3.3.1.2.196608", 30, 0.3],
    ["1.3.6.1.4.1.9.9.1", 17, 17],
  ];
  for (const [oid, value, load] of rows) {
    assert.ok(Math.abs(loadOfObject(oid, value) - load) < 1e-9, oid);
  }
  assert.throws(() => loadOfObject("1.3.6.1.2.1.1.5.0", "web-1"), /is no load: web-1/);
  assert.throws(() => loadOfObject("1.3.6.1.4.1.2021.11.11.0", 101), /is no load: 101/);
});

Deno.test("an agent's line may come in pieces, and ends with either line end or the connection", async () => {
  for (const pieces of [["7", "5%\r\nrest"], ["75%\n"], ["75", "%", "end"]]) {
    const greets = pieces.map((piece) => piece === "end" ? piece : bytes(piece));
    const { ok, load } = await ask({ greets });
    assert.deepEqual([ok, load], [true, { kind: "share", value: 0.75 }]);
  }
});

/** What agents do wrong, and the reason that follows. */
const FAULTS: readonly (readonly [Script, RegExp])[] = [
  [{ refuses: "ECONNREFUSED" }, /^connection refused$/],
  [{ refuses: "ETIMEDOUT" }, /^no connection within 900 ms$/],
  [{ greets: ["silence"] }, /^no line of its agent within 900 ms$/],
  [{ greets: [bytes("7"), "ECONNRESET"] }, /^connection reset$/],
  [{ greets: ["end"] }, /^its agent says "", which has no figure$/],
  [{ greets: [bytes("well\n")] }, /^its agent says "well", which has no figure$/],
  [{ greets: Array.from({ length: 9 }, () => bytes("x".repeat(200))) }, /^its agent sends no end/],
];

Deno.test("whoever does not say it is told why, in its time", async () => {
  for (const [script, reason] of FAULTS) {
    const result = await ask(script);
    assert.deepEqual([result.ok, result.load], [false, undefined]);
    assert.match(result.reason, reason);
    assert.ok(result.took_ms <= 900);
  }
});
