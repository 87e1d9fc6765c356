import type { LoadFigure } from "../../model/load.ts";
import type { Snmp } from "../../model/service.ts";
import { tame } from "../../model/text.ts";
import { type Call, connect, sourceOf } from "./call.ts";
import { inTime, Unwell } from "./failure.ts";
import { readSnmp } from "./snmp.ts";
import type { SnmpValue } from "./snmp/pdu.ts";

/** UCD-SNMP-MIB: ssCpuIdle, per cent of the last minute that processors were idle. Net-SNMP and others have it. */
const IDLE = "1.3.6.1.4.1.2021.11.11.0";

/**
 * What numbers of well-known objects mean, by the object or what it lies below, as one processor's or the
 * whole machine's load: 1 is all of it.
 */
const READINGS: readonly (readonly [oid: string, read: (value: number) => number])[] = [
  [IDLE, (percent) => 1 - percent / 100],
  // UCD-SNMP-MIB: laLoadInt, a hundred times the load average.
  ["1.3.6.1.4.1.2021.10.1.5", (hundredths) => hundredths / 100],
  // HOST-RESOURCES-MIB: hrProcessorLoad, per cent of the last minute.
  ["1.3.6.1.2.1.25.3.3.1.2", (percent) => percent / 100],
];

/** Asks a backend how busy it is. @throws {Unwell} @throws {KernelError} */
export async function readLoad(call: Call): Promise<LoadFigure> {
  const { snmp, agent_port } = call.load ?? {};
  if (agent_port !== undefined) return await readAgent(call, agent_port);
  if (snmp) return await readByObject(call, snmp);
  throw new Unwell("nobody to ask for its load: give the service `snmp` or `agent_port`");
}

async function readByObject(call: Call, snmp: Snmp): Promise<LoadFigure> {
  const oid = (snmp.oid ?? IDLE).replace(/^\./, "");
  return { kind: "load", value: loadOfObject(oid, await readSnmp(call, { ...snmp, oid })) };
}

/** What an object's value says of load. Pure. @throws {Unwell} where that is nothing */
export function loadOfObject(oid: string, value: SnmpValue): number {
  // The load averages of UCD-SNMP-MIB are texts (laLoad).
  const number = typeof value === "number" ? value : Number.parseFloat(value);
  const known = READINGS.find(([object]) => oid === object || oid.startsWith(`${object}.`));
  const load = known ? known[1](number) : number;
  if (Number.isFinite(load) && load >= 0) return load;
  throw new Unwell(`${oid} is no load: ${tame(String(value))}`);
}

/** A line of an agent is short; who sends more is no agent. */
const LINE_BYTES_MAX = 1024;

async function readAgent(call: Call, port: number): Promise<LoadFigure> {
  const { address, health, until_ms } = call;
  const socket = await connect(call, { address, port, source: sourceOf({ address, health }) });
  try {
    const line = readLine(() => socket.receive(until_ms));
    return figureOf(await inTime("no line of its agent", line));
  } finally {
    socket.close();
  }
}

/** As HAProxy has it, a line ends with either of the two, or with the connection. */
const LINE_END = /[\r\n]/;

async function readLine(receive: () => Promise<Uint8Array | undefined>): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  let bytes = 0;
  for (;;) {
    const piece = await receive();
    bytes += piece?.length ?? 0;
    text += decoder.decode(piece, { stream: piece !== undefined });
    if (piece === undefined || LINE_END.test(text)) return text.split(LINE_END, 1)[0]!;
    if (bytes > LINE_BYTES_MAX) throw new Unwell("its agent sends no end of a line");
  }
}

/**
 * What an agent's line says, among words which are HAProxy's business (its manual, "agent-check"): `75%` is the
 * part of its weight that the backend wants, a bare number is its load. Pure.
 *
 * @throws {Unwell} where it has neither
 */
export function figureOf(line: string): LoadFigure {
  for (const word of line.split(/[\s,]+/)) {
    const [, digits, percent] = /^(\d{1,9}(?:\.\d{1,9})?)(%?)$/.exec(word) ?? [];
    if (digits === undefined) continue;
    const number = Number(digits);
    return percent ? { kind: "share", value: number / 100 } : { kind: "load", value: number };
  }
  throw new Unwell(`its agent says "${tame(line)}", which has no figure`);
}
