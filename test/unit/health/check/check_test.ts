import assert from "node:assert/strict";
import { type CheckResult, runChecks } from "../../../../lib/health/check/check.ts";
import { TlsError } from "../../../../lib/model/error.ts";
import { HEALTH_TYPES } from "../../../../lib/model/service.ts";
import { bytes, fakePorts, target } from "./rig.ts";

const OK = bytes("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");

function reasons(results: readonly CheckResult[]): string[] {
  return results.map(({ reason }) => reason);
}

/** Checks that all get their turn. */
async function checkAll(...args: Parameters<typeof runChecks>): Promise<CheckResult[]> {
  return (await runChecks(...args)).map((result) => result ?? assert.fail("not checked"));
}

Deno.test("results come in the order of the targets, whatever their kinds", async () => {
  const ports = fakePorts({
    1: { refuses: "ECONNREFUSED" },
    2: { answer: () => [OK] },
    3: { refuses: "EHOSTUNREACH" },
  });
  const targets = [
    target({ type: "http" }, 1),
    target({ type: "none" }, 1),
    target({ type: "http" }, 2),
    target({ type: "tcp" }, 3),
    target({ type: "tcp" }, 2),
  ];
  const results = await checkAll(targets, ports);
  assert.deepEqual(reasons(results), ["connection refused", "", "", "host unreachable", ""]);
  assert.deepEqual(results.map(({ ok }) => ok), [false, true, true, false, true]);
  assert.equal(ports.peers.open, 0, "every socket is closed");
});

Deno.test("who does not answer costs a time-out, and no more", async () => {
  const ports = fakePorts({ 1: { refuses: "ETIMEDOUT" } });
  const [result] = await runChecks([target({ type: "tcp" }, 1)], ports);
  assert.deepEqual(result, { ok: false, reason: "no connection within 900 ms", took_ms: 900 });
});

Deno.test("no kind throws, whatever the machine says", async () => {
  for (const errno of ["EPERM", "EMFILE", "EBADF", "ENODEV", "EADDRNOTAVAIL", "ECONNRESET"]) {
    const ports = fakePorts({ 7: { refuses: errno, answer: () => [errno] } });
    ports.files.replace("/c", "secret", 0o600);
    const snmp = { version: "2c", community_file: "/c", port: 7 } as const;
    const targets = HEALTH_TYPES.map((type) => target({ type, query: "a.b", snmp }, 7));
    const results = await checkAll(targets, ports);
    results.forEach(({ ok, reason }, index) => {
      const type = targets[index]!.health.type;
      assert.equal(ok, type === "none" || type === "icmp" && reason === "", `${type}: ${reason}`);
      assert.equal(ok, reason === "");
    });
  }
});

Deno.test("a fault of lb's own is the backend's result, and not the end of the pass", async () => {
  const ports = fakePorts({ 2: { answer: () => [OK] } });
  const broken = {
    ...ports,
    tls: () => Promise.resolve({ over: () => Promise.reject(new Error("oh")) }),
  };
  const results = await checkAll(
    [target({ type: "https" }, 1), target({ type: "http" }, 2)],
    broken,
  );
  assert.deepEqual(reasons(results), ["lb could not check it: oh", ""]);
});

Deno.test("what TLS does not accept is told in words", async () => {
  const reason = async (why: string, message: string, host?: string) => {
    const tls = { over: () => Promise.reject(new TlsError(why, message)) };
    const ports = { ...fakePorts(), tls: () => Promise.resolve(tls) };
    return (await runChecks([target({ type: "https", host }, 443)], ports))[0]!.reason;
  };
  assert.equal(await reason("CERT_HAS_EXPIRED", "x"), "its certificate has expired");
  assert.equal(
    await reason("ERR_TLS_CERT_ALTNAME_INVALID", "x", "a.b"),
    "its certificate is not for a.b",
  );
  const odd = "bad record (SSL routines:ssl3_get_record:wrong version number)";
  assert.equal(await reason("unheard of", odd), "no TLS: bad record");
});

Deno.test("no more are under way at once than the limit says", async () => {
  const ports = fakePorts({ 2: { answer: () => [OK] } });
  const targets = Array.from({ length: 100 }, () => target({ type: "http" }, 2));
  const results = await checkAll(targets, ports, { limits: { http: 7 } });
  assert.ok(results.every(({ ok }) => ok));
  assert.equal(ports.peers.open_max, 7);
});

Deno.test("whose turn would come too late is not checked, and has no result", async () => {
  const ports = fakePorts({ 1: { refuses: "ETIMEDOUT" }, 2: { answer: () => [OK] } });
  const targets = [1, 1, 2, 2].map((port) => target({ type: "tcp" }, port));
  const results = await runChecks(targets, ports, { limits: { tcp: 2 }, begin_within_ms: 500 });
  assert.deepEqual(results.map((result) => result?.ok), [false, false, undefined, undefined]);
});

Deno.test("a check goes to its own port, else to the backend's, else to the usual one", async () => {
  const ports = fakePorts();
  const asked = async (...args: Parameters<typeof target>) => {
    await runChecks([target(...args)], ports);
    return ports.peers.asked.at(-1)?.port;
  };
  assert.equal(await asked({ type: "http", port: 9 }, 8), 9);
  assert.equal(await asked({ type: "http" }, 8), 8);
  assert.equal(await asked({ type: "http" }), 80);
  assert.equal(await asked({ type: "https" }), 443);
  assert.equal(await asked({ type: "dns", query: "a" }), 53);
  const [result] = await runChecks([target({ type: "tcp" })], ports);
  assert.equal(result?.reason, "no port to check: give the check a `port`");
});

Deno.test("a source address is for the backends of its family, an interface for all", async () => {
  const ports = fakePorts();
  for (const source of ["192.0.2.9", "2001:db8::9", "eth0"]) {
    for (const address of ["192.0.2.1", "2001:db8::1"]) {
      await runChecks([target({ type: "tcp", source }, 1, address)], ports);
    }
  }
  assert.deepEqual(ports.peers.asked.map(({ source }) => source), [
    ...["192.0.2.9", undefined],
    ...[undefined, "2001:db8::9"],
    ...["eth0", "eth0"],
  ]);
});
