/** What checks say of real servers, well and unwell. */
import assert from "node:assert/strict";
import type { CheckResult } from "../../lib/health/check/check.ts";
import type { Health, Snmp } from "../../lib/model/service.ts";
import { clock } from "../../lib/sys/clock.ts";
import type { ProgramName } from "../bench/programs.ts";
import { able, unless } from "./able.ts";
import type { Input } from "./check_inside.ts";
import {
  DNS_PORTS,
  DROPPED,
  NOBODY,
  REAL_PORTS,
  TCP_PORTS,
  UDP_PORTS,
  UNREACHABLE,
} from "./check_ports.ts";
import { buildRig, type CheckRig, HOST, USERS } from "./check_rig.ts";
import { PATIENCE } from "./patience.ts";

/** Long enough for a busy machine, where an answer is to come. */
const TIMEOUT_MS = 2_000 * PATIENCE;

/** How much later than its time-out a result may be: one turn of the event loop, on a busy machine. */
const LATE_MS_MAX = 400 * PATIENCE;

/** A backend, and what is to be said of it: nothing where it is well. */
type Row = readonly [input: Input, reason: string | RegExp];

let built: Promise<CheckRig> | undefined;

Deno.test.afterAll(async () => {
  await (await built?.catch(() => undefined))?.close();
});

function row(health: Partial<Health>, port: number | undefined, reason: string | RegExp): Row {
  const input = { address: "127.0.0.1", port, health: { timeout_ms: TIMEOUT_MS, ...health } };
  return [input, reason];
}

function at(address: string, [input, reason]: Row): Row {
  return [{ ...input, address }, reason];
}

/** @param needs a program that may be missing: then the test ends early, and says so */
function checkTest(
  name: string,
  needs: ProgramName | undefined,
  act: (rig: CheckRig) => Promise<void>,
): void {
  Deno.test({
    ...able(name),
    sanitizeOps: false,
    sanitizeResources: false,
    async fn(test) {
      built ??= buildRig();
      const rig = await built;
      const missing = needs && rig.programs.missing(needs);
      if (missing) await test.step({ ...unless(missing, needs), fn: () => {} });
      else await act(rig);
    },
  });
}

function says(name: string, needs: ProgramName | undefined, rows: readonly Row[]): void {
  checkTest(name, needs, async (rig) => judge(rows, await rig.check(rows.map(([input]) => input))));
}

function judge(rows: readonly Row[], results: readonly CheckResult[]): void {
  assert.equal(results.length, rows.length);
  rows.forEach(([{ port, health }, wanted], index) => {
    const { ok, reason, took_ms } = results[index]!;
    const which = `${health.type} at ${port}: ${reason}, after ${took_ms} ms`;
    if (typeof wanted === "string") assert.equal(reason, wanted, which);
    else assert.match(reason, wanted, which);
    assert.equal(ok, wanted === "", which);
    assert.ok(took_ms <= (health.timeout_ms ?? 0) + LATE_MS_MAX, which);
  });
}

const SHORT = { timeout_ms: 500 } as const;
const LATE = "within 500 ms";

says("a tcp check knows who listens, who refuses and who is silent", undefined, [
  row({ type: "tcp" }, TCP_PORTS.silent, ""),
  row({ type: "tcp" }, NOBODY, "connection refused"),
  row({ type: "tcp", ...SHORT }, DROPPED, `no connection ${LATE}`),
  row({ type: "tcp", port: TCP_PORTS.silent }, NOBODY, ""),
  row({ type: "tcp" }, undefined, "no port to check: give the check a `port`"),
  at("198.51.100.7", row({ type: "tcp" }, NOBODY, "host unreachable")),
  at("203.0.113.7", row({ type: "tcp" }, NOBODY, "network unreachable")),
  at("::1", row({ type: "tcp" }, NOBODY, "connection refused")),
]);

says("an icmp check pings, by both IP versions", undefined, [
  row({ type: "icmp" }, undefined, ""),
  at("::1", row({ type: "icmp" }, undefined, "")),
  at(
    "127.0.0.66",
    row({ type: "icmp", ...SHORT }, undefined, /^no answer to a ping within|forbids/),
  ),
  at("198.51.100.7", row({ type: "icmp" }, undefined, "host unreachable")),
]);

says("an http check reads the answer to its end", undefined, [
  row({ type: "http" }, TCP_PORTS.chunked, ""),
  row({ type: "http", body: "<ok>" }, TCP_PORTS.chunked, ""),
  row({ type: "http", body: "<ok>" }, TCP_PORTS.early, ""),
  row({ type: "http" }, NOBODY, "connection refused"),
  row({ type: "http", ...SHORT }, DROPPED, `no connection ${LATE}`),
  row({ type: "http", ...SHORT }, TCP_PORTS.silent, `no answer ${LATE}`),
  row({ type: "http", ...SHORT }, TCP_PORTS.trickling, `no answer ${LATE}`),
  row({ type: "http", ...SHORT }, TCP_PORTS.stopping, `no end of the answer ${LATE}`),
  row({ type: "http" }, TCP_PORTS.closing, /^(it closed the connection|connection reset)/),
  row({ type: "http" }, TCP_PORTS.half_head, "its answer ends in the middle of the head"),
  row({ type: "http" }, TCP_PORTS.half_body, "its answer ends after 10 bytes"),
  row({ type: "http" }, TCP_PORTS.half_chunk, "its answer ends after 2 bytes"),
  row({ type: "http" }, TCP_PORTS.ssh, 'its answer is not HTTP: "SSH-2.0-OpenSSH_9.2"'),
  row({ type: "http" }, TCP_PORTS.endless, ""),
  row({ type: "http", body: "<ok>" }, TCP_PORTS.endless, 'its answer does not contain "<ok>"'),
]);

says("an http check judges nginx by status, body and name", "nginx", [
  row({ type: "http" }, REAL_PORTS.web, ""),
  at("::1", row({ type: "http" }, undefined, "")),
  row({ type: "http", body: "<ok>" }, REAL_PORTS.web, ""),
  row({ type: "http", body: "<no>" }, REAL_PORTS.web, 'its answer does not contain "<no>"'),
  row({ type: "http", path: "/broken" }, REAL_PORTS.web, "status 503, not 200, 300-399"),
  row({ type: "http", path: "/moved" }, REAL_PORTS.web, ""),
  row(
    { type: "http", path: "/moved", status: [{ first: 200, last: 200 }] },
    REAL_PORTS.web,
    "status 301, not 200",
  ),
  row({ type: "http", path: "/who", host: HOST, body: ` ${HOST}` }, REAL_PORTS.web, ""),
  row({ type: "http", host: HOST }, REAL_PORTS.web_tls, "status 400, not 200, 300-399"),
]);

says("a check comes from the address it is given, or from the interface", "nginx", [
  row({ type: "http", path: "/who", source: "127.0.0.9", body: "127.0.0.9 " }, 80, ""),
  row({ type: "http", source: "lo" }, 80, ""),
  row({ type: "http", source: "2001:db8::9", path: "/who", body: "127.0.0.1 " }, 80, ""),
  row({ type: "icmp", source: "127.0.0.9" }, 80, ""),
  row(
    { type: "http", source: "192.0.2.9" },
    80,
    "this machine has no address 192.0.2.9 to check from",
  ),
  row({ type: "http", source: "eth9" }, 80, "this machine has no interface eth9 to check from"),
]);

says("an https check takes a certificate that is valid, known and for the name", "nginx", [
  row({ type: "https", host: HOST, body: "<ok>" }, REAL_PORTS.web_tls, ""),
  row({ type: "https", host: HOST, path: "/who", body: HOST }, undefined, ""),
  row({ type: "https", host: HOST, path: "/broken" }, 443, "status 503, not 200, 300-399"),
  row(
    { type: "https", host: "other.example.com" },
    REAL_PORTS.web_tls,
    "its certificate is not for other.example.com",
  ),
  row({ type: "https" }, 443, "its certificate is not for its address: give the check a `host`"),
  row({ type: "https", verify: false, body: "<ok>" }, REAL_PORTS.web_tls, ""),
  row({ type: "https", host: HOST }, NOBODY, "connection refused"),
  row({ type: "https", host: HOST, ...SHORT }, TCP_PORTS.silent, `no TLS handshake ${LATE}`),
  row({ type: "https", host: HOST }, TCP_PORTS.closing, /^(it ended the TLS handshake|conn)/),
  row({ type: "https", host: HOST }, REAL_PORTS.web, /^no TLS: /),
]);

says("an https check tells what is wrong with openssl's certificates", "openssl", [
  row({ type: "https", host: HOST }, REAL_PORTS.tls_expired, "its certificate has expired"),
  row({ type: "https", host: HOST }, REAL_PORTS.tls_self_signed, "its certificate is self-signed"),
  row({ type: "https", host: HOST, verify: false }, REAL_PORTS.tls_expired, ""),
  row({ type: "https", host: HOST, verify: false }, REAL_PORTS.tls_self_signed, ""),
  row({ type: "https", host: HOST, ...SHORT }, REAL_PORTS.tls_mute, `no answer ${LATE}`),
]);

says("a udp check hears that nobody is there, and takes silence for health", undefined, [
  row({ type: "udp" }, UDP_PORTS.echo, ""),
  row({ type: "udp", ...SHORT }, UDP_PORTS.silent, ""),
  row({ type: "udp" }, NOBODY, "port unreachable"),
  row({ type: "udp" }, UNREACHABLE, "host unreachable"),
  row({ type: "udp", body: "\n" }, UDP_PORTS.echo, ""),
  row({ type: "udp", body: "pong" }, UDP_PORTS.echo, 'its answer does not contain "pong"'),
  row({ type: "udp", body: "\n", ...SHORT }, UDP_PORTS.silent, `no answer ${LATE}`),
]);

const DNS = { type: "dns", query: "example.com" } as const;

says("a dns check asks dnsmasq for a name", "dnsmasq", [
  row(DNS, REAL_PORTS.dns, ""),
  row(DNS, undefined, ""),
  row({ ...DNS, answer: "192.0.2.1" }, REAL_PORTS.dns, ""),
  row({ ...DNS, answer: "2001:db8::1" }, REAL_PORTS.dns, ""),
  row(
    { ...DNS, answer: "192.0.2.2" },
    REAL_PORTS.dns,
    "it answers 192.0.2.1 for example.com, not 192.0.2.2",
  ),
  row({ ...DNS, query: "absent.example" }, 53, /^it knows no such name \(NXDOMAIN\): absent/),
  row({ ...DNS, query: "elsewhere.test" }, 53, /^it refuses the query \(REFUSED\): elsewhere/),
]);

says("a dns check is not taken in by half an answer, nor by somebody else's", undefined, [
  row(DNS, NOBODY, "port unreachable"),
  row({ ...DNS, ...SHORT }, UDP_PORTS.silent, `no answer ${LATE}`),
  row({ ...DNS, ...SHORT }, UDP_PORTS.echo, `no answer ${LATE}`),
  row({ ...DNS, ...SHORT }, DNS_PORTS.half, `no answer ${LATE}`),
  row({ ...DNS, ...SHORT }, DNS_PORTS.of_another, `no answer ${LATE}`),
  row(DNS, DNS_PORTS.flooding, "it answers something else than what was asked"),
]);

checkTest(
  "the load of a machine is read from snmpd, by any object that tells of it",
  "snmpd",
  async (rig) => {
    const [community_file, port] = [`${rig.folder}/community`, REAL_PORTS.snmp];
    const snmp = { version: "2c", community_file, port } as const;
    const ask = (more: Partial<Snmp>): Input => ({
      address: "127.0.0.1",
      health: { timeout_ms: TIMEOUT_MS },
      load: { snmp: { ...snmp, ...more } },
    });
    const [idle, hundredths, text, name, refused] = await rig.check([
      ask({}),
      ask({ oid: "1.3.6.1.4.1.2021.10.1.5.1" }),
      ask({ oid: "1.3.6.1.4.1.2021.10.1.3.1" }),
      ask({ oid: "1.3.6.1.2.1.1.5.0" }),
      ask({ port: NOBODY }),
    ]);
    // Net-SNMP 5.9 has it from a minute after its start on.
    const busy = idle!.load?.value ?? 0;
    assert.ok(busy >= 0 && busy <= 1, `${busy}`);
    assert.match(idle!.reason, /^(it has no object 1\.3\.6\.1\.4\.1\.2021\.11\.11\.0)?$/);
    const [rounded, whole] = [hundredths!.load!.value, text!.load!.value];
    assert.ok(Math.abs(rounded - whole) < 0.1, `${rounded} and ${whole}`);
    const average = Number(Deno.readTextFileSync("/proc/loadavg").split(" ")[0]);
    assert.ok(Math.abs(whole - average) < 1 + average / 2, `${whole}`);
    assert.match(name!.reason, /^1\.3\.6\.1\.2\.1\.1\.5\.0 is no load: /);
    assert.equal(refused!.reason, "port unreachable");
  },
);

checkTest("an snmp check reads an object of snmpd, whoever it logs in as", "snmpd", async (rig) => {
  const v3 = { version: "3", auth_file: `${rig.folder}/auth` } as const;
  const privacy_file = `${rig.folder}/privacy`;
  const snmp = (more: Partial<Snmp>, reason: string | RegExp, health: Partial<Health> = {}) =>
    row({ type: "snmp", ...health, snmp: { version: "2c", ...more } }, 80, reason);
  const open = { community_file: `${rig.folder}/community` };
  const wrong = `${rig.folder}/wrong`;
  const rows: Row[] = [
    snmp(open, ""),
    snmp({ ...open, oid: "1.3.6.1.2.1.1.5.0" }, ""),
    snmp({ ...open, oid: ".1.3.6.1.4.1.99999.1" }, "it has no object 1.3.6.1.4.1.99999.1"),
    snmp({ community_file: wrong }, /^no answer \(nor to a wrong community\)/, SHORT),
    snmp({ ...open, port: NOBODY }, "port unreachable"),
    snmp({ ...open, port: UDP_PORTS.silent }, /^no answer .* within 500 ms/, SHORT),
    snmp({ community_file: `${rig.folder}/absent` }, /no such file/),
    snmp({ ...v3, user: "plain" }, ""),
    snmp({ ...v3, user: "md5", auth: "md5" }, ""),
    snmp({ ...v3, user: "sha", auth: "sha" }, ""),
    snmp({ ...v3, user: "md5des", auth: "md5", privacy: "des", privacy_file }, ""),
    snmp({ ...v3, user: "shaaes", auth: "sha", privacy: "aes", privacy_file }, ""),
    snmp({ ...v3, user: "sha256aes", auth: "sha256", privacy: "aes", privacy_file }, ""),
    snmp({ ...v3, user: "sha512des", auth: "sha512", privacy: "des", privacy_file }, ""),
    snmp({ ...v3, user: "nobody", auth: "md5" }, "it knows no such SNMP user"),
    snmp({ ...v3, user: "md5", auth: "md5", auth_file: wrong }, /auth secret$/),
    snmp({ ...v3, user: "md5", auth: "sha" }, /auth secret$/),
    snmp(
      { ...v3, user: "shaaes", auth: "sha", privacy: "aes", privacy_file: wrong },
      /^no answer to this user \(nor to a wrong privacy secret\) within 500 ms/,
      SHORT,
    ),
    snmp({ ...v3, user: "md5", auth: "md5", port: UDP_PORTS.echo }, /^no answer within/, SHORT),
  ];
  assert.equal(Object.keys(USERS).length, 7, "each of them is asked for above");
  judge(rows, await rig.check(rows.map(([input]) => input)));
});

checkTest(
  "an exec check runs a program, and ends it with all it started",
  undefined,
  async (rig) => {
    const write = (name: string, text: string, mode = 0o755) => {
      Deno.writeTextFileSync(`${rig.folder}/${name}`, `#!/bin/sh\n${text}\n`, { mode });
      Deno.chmodSync(`${rig.folder}/${name}`, mode);
      return `${rig.folder}/${name}`;
    };
    const hanging = write("hanging", `sleep 60 & echo $! > ${rig.folder}/child; wait`);
    const env = write("env", 'echo "$LB_SERVICE $LB_ADDRESS $LB_PORT $LB_SOURCE $1"; exit 3');
    const config = write("lb.toml", "", 0o600);
    const exec = (
      command: readonly string[],
      reason: string | RegExp,
      more: Partial<Health> = {},
    ) => row({ type: "exec", command, ...more }, 8080, reason);
    const rows: Row[] = [
      exec(["/bin/true"], ""),
      exec(["/bin/false"], "exit code 1"),
      exec([env, "$(id)"], "exit code 3: web 127.0.0.1 8080 127.0.0.9 $(id)", {
        source: "127.0.0.9",
      }),
      exec([write("loud", "exec yes")], `no end ${LATE}`, SHORT),
      exec([write("killed", "kill -SEGV $$")], "ended by signal 11"),
      exec([hanging], `no end ${LATE}`, SHORT),
      exec([write("open", "true", 0o777)], /^not run: .*open is writable by others than root/),
      exec([write("text", "true", 0o644)], /^cannot run .*text: permission denied/),
      exec([`${rig.folder}/absent`], /^not run: .*absent does not exist$/),
    ];
    judge(rows, await rig.check(rows.map(([input]) => input), config));
    const child = Deno.readTextFileSync(`${rig.folder}/child`).trim();
    assert.ok(await ends(child), "what it started has ended, too");
    Deno.chmodSync(config, 0o666);
    judge(
      [exec(["/bin/true"], /^not run: .*lb\.toml is writable/)],
      await rig.check([rows[0]![0]], config),
    );
  },
);

/** Whether a process is gone, or only waits to be buried. */
async function ends(pid: string): Promise<boolean> {
  for (let attempt = 0; attempt < 20; attempt++) {
    const status = await Deno.readTextFile(`/proc/${pid}/status`).catch(() => "State:\tZ");
    if (/^State:\s+[ZX]/m.test(status)) return true;
    await clock.sleep(50);
  }
  return false;
}

checkTest("hanging backends do not hold up the others", undefined, async (rig) => {
  const rows = Array.from({ length: 300 }, (_, index) => {
    const [port, reason] = index % 3 === 0
      ? [TCP_PORTS.silent, `no answer within ${TIMEOUT_MS / 1000} s`]
      : [TCP_PORTS.chunked, ""];
    return row({ type: "http" }, port, reason);
  });
  const started_ms = performance.now();
  judge(rows, await rig.check(rows.map(([input]) => input)));
  const took_ms = performance.now() - started_ms;
  assert.ok(took_ms < TIMEOUT_MS + 3_000 * PATIENCE, `${took_ms} ms`);
});
