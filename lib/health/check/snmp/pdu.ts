import { Unwell } from "../failure.ts";
import { BerReader, element, integer, oid, oidText, signed, TAG, unsigned } from "./ber.ts";

/** What an object holds. */
export type SnmpValue = number | string;

/** What is asked or answered, in every version. */
export interface Pdu {
  readonly tag: number;
  readonly id: number;
  /** RFC 3416's error-status; 0 where it went well. */
  readonly status: number;
  readonly variables: readonly Variable[];
}

interface Variable {
  readonly oid: string;
  readonly tag: number;
  readonly value: Uint8Array;
}

/** RFC 3416, 3, as far as a read can meet them. */
const STATUS: Readonly<Record<number, string>> = {
  1: "its answer would be too long",
  2: "it has no such object",
  5: "it failed to read the object",
  6: "it gives no access to the object",
  16: "it does not let us in",
};

/** RFC 3416, 3: there, but without a value. */
const ABSENT = [0x80, 0x81, 0x82];
const COUNTS = [0x41, 0x42, 0x43, 0x46, 0x47];
const OPAQUE = 0x44;
const IP_ADDRESS = 0x40;

/** Net-SNMP's way to say a float, inside an opaque: its load averages. */
const FLOAT = [0x9f, 0x78, 0x04];

/** Asks for one object. */
export function getPdu(id: number, object: string): Uint8Array<ArrayBuffer> {
  const variable = element(TAG.sequence, oid(object), element(TAG.null));
  const variables = element(TAG.sequence, variable);
  return element(TAG.get, integer(id), integer(0), integer(0), variables);
}

/** @throws {RangeError} where it is none */
export function readPdu(reader: BerReader): Pdu {
  const { tag, value } = reader.next();
  const parts = new BerReader(value);
  const [id, status] = [parts.integer(), parts.integer()];
  parts.integer();
  const list = parts.inside(TAG.sequence);
  const variables: Variable[] = [];
  while (!list.isAtEnd) {
    const variable = list.inside(TAG.sequence);
    const name = oidText(variable.next(TAG.oid).value);
    variables.push({ oid: name, ...variable.next() });
  }
  return { tag, id, status, variables };
}

/** What the object holds. @throws {Unwell} where the answer is that there is none */
export function valueOf({ status, variables: [first] }: Pdu, object: string): SnmpValue {
  if (status !== 0) throw new Unwell(`${STATUS[status] ?? `error status ${status}`}: ${object}`);
  if (!first || ABSENT.includes(first.tag)) throw new Unwell(`it has no object ${object}`);
  const { tag, value } = first;
  if (tag === TAG.integer) return signed(value);
  if (COUNTS.includes(tag)) return unsigned(value);
  if (tag === TAG.oid) return oidText(value);
  if (tag === IP_ADDRESS) return value.join(".");
  if (tag === OPAQUE && FLOAT.every((byte, index) => value[index] === byte)) {
    return new DataView(value.buffer, value.byteOffset).getFloat32(FLOAT.length);
  }
  return new TextDecoder().decode(value);
}
