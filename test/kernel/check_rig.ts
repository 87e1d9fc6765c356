/** Test equipment: a namespace with real servers in it, and some that misbehave, to be checked by lb. */
import { inside, mustRun, namespaceName, removeNamespaces } from "../../lib/demo/namespace.ts";
import type { CheckResult } from "../../lib/health/check/check.ts";
import { children } from "../../lib/sys/children.ts";
import { clock } from "../../lib/sys/clock.ts";
import type { Child } from "../../lib/sys/ports.ts";
import { process } from "../../lib/sys/process.ts";
import { findPrograms, type ProgramName, type Programs } from "../bench/programs.ts";
import type { Input } from "./check_inside.ts";
import { DROPPED, REAL_PORTS, UNREACHABLE } from "./check_ports.ts";
import { PATIENCE } from "./patience.ts";

const CONFIG = new URL("../../deno.json", import.meta.url).pathname;
const DENO: readonly string[] = [
  Deno.execPath(),
  ...["run", "-A", "--unstable-net", "--quiet", "--no-check", "--config", CONFIG],
];

/** The name that is in the certificate that is right. */
export const HOST = "www.example.com";

/** Secrets of the SNMP agent, at least eight characters each. */
const SECRETS = { community: "open-sesame", auth: "auth-secret", privacy: "privacy-secret" };

/** By how they log in: user, `createUser` of snmpd.conf. */
export const USERS = {
  plain: "",
  md5: `MD5 ${SECRETS.auth}`,
  sha: `SHA ${SECRETS.auth}`,
  md5des: `MD5 ${SECRETS.auth} DES ${SECRETS.privacy}`,
  shaaes: `SHA ${SECRETS.auth} AES ${SECRETS.privacy}`,
  sha256aes: `SHA-256 ${SECRETS.auth} AES ${SECRETS.privacy}`,
  sha512des: `SHA-512 ${SECRETS.auth} DES ${SECRETS.privacy}`,
} as const;

/** The namespace, with everybody in it. */
export interface CheckRig {
  /** A folder that only root can get into: secrets are in it, and programs may be. */
  readonly folder: string;
  readonly programs: Programs;
  /** What lb says of these backends. */
  check(inputs: readonly Input[], config?: string): Promise<readonly CheckResult[]>;
  close(): Promise<void>;
}

const NEEDED: readonly ProgramName[] = ["nginx", "openssl", "dnsmasq", "snmpd"];

const RULES = `
table inet t {
  chain c {
    type filter hook output priority 0;
    tcp dport ${DROPPED} drop
    udp dport ${DROPPED} drop
    ip daddr 127.0.0.66 drop
  }
  chain d {
    type filter hook input priority 0;
    udp dport ${UNREACHABLE} reject with icmpx type host-unreachable
  }
}`;

/** Builds it. Whoever does closes it. */
export async function buildRig(): Promise<CheckRig> {
  const programs = await findPrograms(NEEDED);
  const serial = crypto.getRandomValues(new Uint16Array(1))[0]!;
  const name = namespaceName(Deno.pid, serial, "checks");
  const folder = await Deno.makeTempDir({ dir: "/run", prefix: "lb-checks-" });
  const servers: Child[] = [];
  const rig: CheckRig = {
    folder,
    programs,
    check: (inputs, config) => check(name, folder, inputs, config),
    async close() {
      for (const server of servers) server.kill();
      await removeNamespaces(process, [name]);
      await Promise.all(servers.map(({ ended }) => ended));
      await Deno.remove(folder, { recursive: true });
    },
  };
  try {
    await lay(name);
    await writeCertificates(programs, folder);
    for (const argv of serverArgv(programs, folder)) {
      servers.push(children.spawn(inside(name, argv)));
    }
    await Promise.all([
      ...servers.slice(0, 1).map(({ lines }) => lines.next()),
      ...listeners(programs).map((port) => listening(name, port)),
    ]);
  } catch (error) {
    await rig.close();
    throw error;
  }
  return rig;
}

async function check(name: string, folder: string, inputs: readonly Input[], config?: string) {
  const program = new URL("./check_inside.ts", import.meta.url).pathname;
  const trust = ["env", `SSL_CERT_FILE=${folder}/authority.pem`];
  const argv = [...trust, ...DENO, program, JSON.stringify([inputs, config])];
  const timeout_ms = 60_000 * PATIENCE;
  const { stdout } = await mustRun(process, inside(name, argv), { timeout_ms });
  const results: readonly CheckResult[] = JSON.parse(stdout);
  return results;
}

async function lay(name: string): Promise<void> {
  const run = (...argv: string[]) => mustRun(process, inside(name, argv));
  await mustRun(process, ["ip", "netns", "add", name]);
  await run("ip", "link", "set", "lo", "up");
  await run("ip", "route", "add", "unreachable", "198.51.100.0/24");
  await mustRun(process, inside(name, ["nft", "-f", "-"]), { stdin: RULES });
}

/** An authority of its own, and what it says of others: the truth, too late, nothing. */
async function writeCertificates(programs: Programs, folder: string): Promise<void> {
  if (programs.missing("openssl")) return;
  const run = (...args: string[]) =>
    mustRun(process, [...programs.argv("openssl") as [string], ...args]);
  const key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
  const make = (name: string, subject: string, ...more: string[]) =>
    run(
      ...["req", ...key, "-keyout", `${folder}/${name}.key`, "-subj", `/CN=${subject}`, ...more],
    );
  const san = `subjectAltName=DNS:${HOST}`;
  await make("authority", "Test CA", "-x509", "-days", "2", "-out", `${folder}/authority.pem`);
  await make("self", HOST, "-x509", "-days", "2", "-addext", san, "-out", `${folder}/self.pem`);
  await Deno.writeTextFile(`${folder}/san`, san);
  for (const [name, days] of [["right", "2"], ["expired", "-1"]] as const) {
    await make(name, HOST, "-out", `${folder}/${name}.csr`);
    await run(
      ...["x509", "-req", "-in", `${folder}/${name}.csr`, "-days", days, "-CAcreateserial"],
      ...["-CA", `${folder}/authority.pem`, "-CAkey", `${folder}/authority.key`],
      ...["-extfile", `${folder}/san`, "-out", `${folder}/${name}.pem`],
    );
  }
}

/** How to start everybody, those that misbehave first; writes what they read. */
function serverArgv(programs: Programs, folder: string): string[][] {
  const wrong = [...DENO, new URL("./check_servers_inside.ts", import.meta.url).pathname];
  const rows: [ProgramName, string[]][] = [
    ["nginx", nginx(folder)],
    ["openssl", secured(folder, "expired", REAL_PORTS.tls_expired, "-www")],
    ["openssl", secured(folder, "self", REAL_PORTS.tls_self_signed, "-www")],
    ["openssl", secured(folder, "right", REAL_PORTS.tls_mute)],
    ["dnsmasq", dnsmasq()],
    ["snmpd", snmpd(folder)],
  ];
  const there = rows.filter(([name]) => !programs.missing(name));
  return [wrong, ...there.map(([name, args]) => [...programs.argv(name), ...args])];
}

function nginx(folder: string): string[] {
  const server = `
    location / { return 200 "nginx says <ok>"; }
    location /moved { return 301 /; }
    location /broken { return 503; }`;
  // Folders that the package would make are not there where it is only unpacked.
  const temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
    .map((name) => `${name}_temp_path ${folder}/${name};`).join(" ");
  const text = `daemon off; user root; pid ${folder}/nginx.pid; error_log stderr;
    events {}
    http {
      access_log off; ${temporary}
      server { listen ${REAL_PORTS.web}; listen [::1]:${REAL_PORTS.web}; ${server}
        location /who { return 200 "$remote_addr $host"; } }
      server { listen ${REAL_PORTS.web_tls} ssl; server_name ${HOST};
        ssl_certificate ${folder}/right.pem; ssl_certificate_key ${folder}/right.key; ${server}
        location /who { return 200 "$ssl_server_name"; } }
    }`;
  Deno.writeTextFileSync(`${folder}/nginx.conf`, text);
  return ["-p", folder, "-c", `${folder}/nginx.conf`];
}

function secured(folder: string, name: string, port: number, ...more: string[]): string[] {
  const files = ["-cert", `${folder}/${name}.pem`, "-key", `${folder}/${name}.key`];
  return ["s_server", "-quiet", "-accept", `127.0.0.1:${port}`, ...files, ...more];
}

function dnsmasq(): string[] {
  return [
    ...[
      "--keep-in-foreground",
      "--no-daemon",
      "--no-resolv",
      "--no-hosts",
      "--conf-file=/dev/null",
    ],
    ...["--listen-address=127.0.0.1", "--bind-interfaces", "--pid-file=", "--user=root"],
    ...["--address=/example.com/192.0.2.1", "--address=/example.com/2001:db8::1"],
    ...["--local=/absent.example/"],
  ];
}

function snmpd(folder: string): string[] {
  for (const [name, secret] of Object.entries(SECRETS)) {
    Deno.writeTextFileSync(`${folder}/${name}`, `${secret}\n`, { mode: 0o600 });
  }
  Deno.writeTextFileSync(`${folder}/wrong`, "not-this-one\n", { mode: 0o600 });
  const users = Object.entries(USERS).flatMap(([user, how]) => [
    `createUser ${user} ${how}`,
    `rouser ${user} ${how === "" ? "noauth" : "auth"}`,
  ]);
  const lines = [`rocommunity ${SECRETS.community}`, ...users, `persistentDir ${folder}/agent`];
  Deno.writeTextFileSync(`${folder}/snmpd.conf`, lines.join("\n") + "\n");
  return ["-f", "-Lo", "-C", "-c", `${folder}/snmpd.conf`, `127.0.0.1:${REAL_PORTS.snmp}`];
}

/** Ports of `ss`, by who has to be there. */
function listeners(programs: Programs): number[] {
  const rows: [ProgramName, readonly number[]][] = [
    ["nginx", [REAL_PORTS.web, REAL_PORTS.web_tls]],
    ["openssl", [REAL_PORTS.tls_expired, REAL_PORTS.tls_self_signed, REAL_PORTS.tls_mute]],
    ["dnsmasq", [REAL_PORTS.dns]],
    ["snmpd", [REAL_PORTS.snmp]],
  ];
  return rows.filter(([name]) => !programs.missing(name)).flatMap(([, ports]) => ports);
}

async function listening(name: string, port: number): Promise<void> {
  for (let attempt = 0; attempt < 100 * PATIENCE; attempt++) {
    const { stdout } = await process.run(inside(name, ["ss", "-Hltnu"]));
    if (new RegExp(`:${port} `).test(stdout)) return;
    await clock.sleep(100);
  }
  throw new Error(`nobody listens at port ${port}`);
}
