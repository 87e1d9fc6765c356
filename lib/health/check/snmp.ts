import type { Snmp } from "../../model/service.ts";
import type { FilesPort } from "../../sys/ports.ts";
import { type Call, sourceOf } from "./call.ts";
import { inTime, Unwell } from "./failure.ts";
import { type Pdu, type SnmpValue, valueOf } from "./snmp/pdu.ts";
import { getV2c } from "./snmp/v2c.ts";

const SNMP_PORT = 161;

/** sysUpTime: every agent has it (RFC 3418). */
const ANY_OBJECT = "1.3.6.1.2.1.1.3.0";

/** Well where the agent answers with a value of the object. */
export async function checkSnmp(call: Call): Promise<void> {
  const { snmp } = call.health;
  if (!snmp) throw new Unwell("no `snmp` to check with");
  await readSnmp(call, snmp);
}

/**
 * What the object holds: numbers as numbers, texts as texts.
 *
 * @throws {Unwell} where the agent does not say it, or the secrets cannot be read
 * @throws {KernelError}
 */
export async function readSnmp(
  call: Pick<Call, "address" | "health" | "ports" | "until_ms">,
  snmp: Snmp,
): Promise<SnmpValue> {
  const { address, health, ports: { peers, files }, until_ms } = call;
  const object = (snmp.oid ?? ANY_OBJECT).replace(/^\./, "");
  const port = snmp.port ?? health.port ?? SNMP_PORT;
  const secrets = readSecrets(files, snmp);
  const socket = peers.udp({ address, port, source: sourceOf({ address, health }) });
  try {
    const question = { snmp, secrets, object, id: randomId() };
    return valueOf(await get(socket, question, { peers, until_ms }), object);
  } finally {
    socket.close();
  }
}

type Socket = Parameters<typeof getV2c>[0];
type Term = Parameters<typeof getV2c>[2];

interface Question {
  readonly snmp: Snmp;
  readonly secrets: Secrets;
  readonly object: string;
  readonly id: number;
}

async function get(socket: Socket, question: Question, term: Term): Promise<Pdu> {
  if (question.snmp.version === "3") {
    const { getV3 } = await import("./snmp/v3.ts");
    return await inTime("no answer", getV3(socket, question, term));
  }
  const { object, id, secrets: { community = "" } } = question;
  // Of a community that it does not know, an agent says nothing (RFC 3584, 5.2.1).
  const words = "no answer (nor to a wrong community)";
  return await inTime(words, getV2c(socket, { community, object, id }, term));
}

interface Secrets {
  readonly community?: string;
  readonly auth?: string;
  readonly privacy?: string;
}

function readSecrets(files: FilesPort, snmp: Snmp): Secrets {
  return {
    community: readSecret(files, snmp.version === "2c" ? snmp.community_file : undefined),
    auth: readSecret(files, snmp.auth && snmp.auth_file),
    privacy: readSecret(files, snmp.privacy && snmp.privacy_file),
  };
}

/** Its first line. */
function readSecret(files: FilesPort, path: string | undefined): string | undefined {
  if (path === undefined) return undefined;
  try {
    const text = files.read(path);
    if (text !== undefined) return text.split(/\r?\n/, 1)[0];
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new Unwell(`cannot read the secret in ${path}: ${why}`, { cause });
  }
  throw new Unwell(`there is no secret in ${path}: no such file`);
}

/** Three ids in a row are used, and 31 bits are there. */
function randomId(): number {
  return crypto.getRandomValues(new Uint32Array(1))[0]! >>> 2;
}
