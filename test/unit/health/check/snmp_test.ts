import assert from "node:assert/strict";
import fc from "fast-check";
import { runChecks } from "../../../../lib/health/check/check.ts";
import * as ber from "../../../../lib/health/check/snmp/ber.ts";
import { readMessage, writeMessage } from "../../../../lib/health/check/snmp/message.ts";
import { getPdu, type Pdu, valueOf } from "../../../../lib/health/check/snmp/pdu.ts";
import { keysFor, seal, unseal } from "../../../../lib/health/check/snmp/usm.ts";
import { readV2c } from "../../../../lib/health/check/snmp/v2c.ts";
import type { Snmp } from "../../../../lib/model/service.ts";
import { fakePorts, target } from "./rig.ts";

const ENGINE = Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2);
const AUTHORITY = { id: ENGINE, boots: 3, time_s: 77_777 };
const SECRETS = { auth: "maplesyrup", privacy: "maplesyrup" };

function hex(bytes: Uint8Array | undefined): string {
  return Array.from(bytes ?? [], (byte) => byte.toString(16).padStart(2, "0")).join("");
}

Deno.test("keys are those of RFC 3414, A.3", () => {
  const md5 = keysFor({ auth: "md5", privacy: "des" }, SECRETS, ENGINE);
  assert.equal(hex(md5.auth?.key), "526f5eed9fcce26f8964c2930787d82b");
  assert.equal(hex(md5.privacy?.key), "526f5eed9fcce26f8964c2930787d82b");
  const sha = keysFor({ auth: "sha" }, SECRETS, ENGINE);
  assert.equal(hex(sha.auth?.key), "6695febc9288e36282235fc7151f128497b38f3f");
});

Deno.test("what is sealed is not readable, and is the same when it is opened", () => {
  for (const privacy of ["des", "aes"] as const) {
    const keys = keysFor({ auth: "sha", privacy }, SECRETS, ENGINE);
    fc.assert(fc.property(fc.uint8Array({ minLength: 16, maxLength: 99 }), (text) => {
      const sealed = seal(keys, AUTHORITY, text);
      assert.notDeepEqual(sealed.text, text);
      const opened = unseal(keys, AUTHORITY, sealed);
      assert.deepEqual([...opened.subarray(0, text.length)], [...text]);
    }));
  }
});

Deno.test("numbers, object ids and long texts are written as they are read", () => {
  fc.assert(fc.property(fc.integer(), fc.string({ maxLength: 700 }), (number, text) => {
    const reader = new ber.BerReader(
      ber.element(ber.TAG.sequence, ber.integer(number), ber.octets(text)),
    );
    const inside = reader.inside(ber.TAG.sequence);
    assert.equal(inside.integer(), number);
    assert.equal(new TextDecoder().decode(inside.next(ber.TAG.octets).value), text);
    assert.ok(inside.isAtEnd && reader.isAtEnd);
  }));
  const rest = fc.array(fc.nat(0xffff_ffff), { minLength: 1, maxLength: 12 });
  fc.assert(fc.property(fc.nat(2), fc.nat(39), rest, (first, second, others) => {
    const text = [first, second, ...others].join(".");
    assert.equal(ber.oidText(new ber.BerReader(ber.oid(text)).next(ber.TAG.oid).value), text);
  }));
});

function response(tag: number, value: readonly number[], status = 0): Uint8Array {
  const variable = ber.element(ber.TAG.sequence, ber.oid("1.3.6.1"), ber.element(tag, value));
  const pdu = ber.element(
    ber.TAG.response,
    ber.integer(5),
    ber.integer(status),
    ber.integer(0),
    ber.element(ber.TAG.sequence, variable),
  );
  return ber.element(ber.TAG.sequence, ber.integer(1), ber.octets("c"), pdu);
}

Deno.test("a value is a number or a text, and what is not there is an error in words", () => {
  const value = (...args: Parameters<typeof response>) =>
    valueOf(readV2c(response(...args), 5) as Pdu, "1.3.6.1");
  assert.equal(value(0x02, [0xff]), -1);
  assert.equal(value(0x42, [0, 0xff, 0xff, 0xff, 0xff]), 0xffff_ffff);
  assert.equal(value(0x04, [0x30, 0x2e, 0x35]), "0.5");
  assert.equal(value(0x40, [192, 0, 2, 1]), "192.0.2.1");
  // Net-SNMP's laLoadFloat, 0.5.
  assert.equal(value(0x44, [0x9f, 0x78, 4, 0x3f, 0, 0, 0]), 0.5);
  assert.throws(() => value(0x80, []), /it has no object 1\.3\.6\.1/);
  assert.throws(() => value(0x05, [], 6), /gives no access/);
  assert.throws(() => value(0x05, [], 99), /error status 99/);
  assert.equal(readV2c(response(2, [1]), 6), undefined, "an answer to another request is none");
});

Deno.test("a message of version 3 opens with its keys, and with no others", () => {
  for (
    const snmp of [{}, { auth: "md5" }, { auth: "sha256", privacy: "aes" }, {
      auth: "sha512",
      privacy: "des",
    }] as const
  ) {
    const keys = keysFor(snmp, SECRETS, ENGINE);
    const message = writeMessage(
      { id: 9, user: "u", authority: AUTHORITY, keys },
      getPdu(9, "1.3.6.1"),
    );
    const opened = readMessage(message, 9, keys);
    assert.equal(opened?.pdu.id, 9);
    assert.equal(opened?.isProved, "auth" in snmp);
    assert.equal(opened?.authority.time_s, 77_777);
    assert.equal(readMessage(message, 8, keys), undefined);
    if (!("auth" in snmp)) continue;
    const others = keysFor(snmp, { auth: "something", privacy: "else" }, ENGINE);
    assert.equal(readMessage(message, 9, others), undefined);
    message[message.length - 1]! ^= 1;
    assert.equal(readMessage(message, 9, keys), undefined, "a changed message is nobody's");
  }
});

Deno.test("no datagram breaks the readers", () => {
  const keys = keysFor({ auth: "md5", privacy: "aes" }, SECRETS, ENGINE);
  const message = writeMessage(
    { id: 9, user: "u", authority: AUTHORITY, keys: {} },
    getPdu(9, "1.3.6.1"),
  );
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 40 }), fc.nat(200), (noise, place) => {
      readV2c(noise, 1);
      readMessage(noise, 1, keys);
      for (const whole of [message, response(4, [1, 2, 3])]) {
        const changed = whole.slice(0, 1 + place % whole.length);
        noise.forEach((byte, index) => changed[(place + index) % changed.length]! ^= byte);
        readV2c(changed, 5);
        readMessage(changed, 9, keys);
      }
    }),
    { numRuns: 500 },
  );
});

Deno.test("without its secret an agent is not asked", async () => {
  const reason = async (snmp: Snmp) => {
    const ports = fakePorts();
    const [result] = await runChecks([target({ type: "snmp", snmp }, 80)], ports);
    assert.equal(ports.peers.sent.length, 0);
    return result!.reason;
  };
  assert.match(await reason({ version: "2c", community_file: "/absent" }), /no secret in \/absent/);
  assert.match(await reason({ version: "3", auth: "md5", auth_file: "/absent" }), /no secret in/);
});

Deno.test("an agent is asked at its own port, never at the backend's", async () => {
  const ports = fakePorts();
  ports.files.replace("/c", "community\n", 0o600);
  const snmp = { version: "2c", community_file: "/c" } as const;
  await runChecks([
    target({ type: "snmp", snmp }, 80),
    target({ type: "snmp", snmp: { ...snmp, port: 1161 } }, 80),
  ], ports);
  assert.deepEqual(ports.peers.asked.map(({ port }) => port), [161, 1161]);
  assert.ok(
    new TextDecoder("latin1").decode(ports.peers.sent[0]).includes("\x04\x09community\xa0"),
  );
});
