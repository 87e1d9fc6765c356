import { BerReader, element, integer, octets, TAG } from "./ber.ts";
import { type Pdu, readPdu } from "./pdu.ts";
import { type Authority, type Keys, macLength, macOf, seal, unseal } from "./usm.ts";

/** RFC 3412. */
const VERSION = 3;
const USM = 3;
const SIZE_BYTES_MAX = 65_507;
const FLAGS = { auth: 1, privacy: 2, reportable: 4 } as const;

/** What a message of version 3 is made of, beside what is asked. */
export interface Envelope {
  readonly id: number;
  readonly user: string;
  readonly authority: Authority;
  readonly keys: Keys;
}

/** One that was read. */
export interface Opened {
  readonly authority: Authority;
  /** Whether it is proved that the authority wrote it. */
  readonly isProved: boolean;
  readonly pdu: Pdu;
}

/** Whom we speak to before he has said who he is. */
export const NOBODY: Authority = { id: new Uint8Array(), boots: 0, time_s: 0 };

/** A message that holds what is asked: authenticated and sealed where there are keys for it. */
export function writeMessage(envelope: Envelope, pdu: Uint8Array): Uint8Array<ArrayBuffer> {
  const { authority, keys } = envelope;
  const scoped = element(TAG.sequence, octets(authority.id), octets(""), pdu);
  const sealed = seal(keys, authority, scoped);
  const body = keys.privacy ? octets(sealed.text) : scoped;
  const write = (mac: Uint8Array) =>
    element(
      TAG.sequence,
      integer(VERSION),
      headerOf(envelope),
      octets(securityOf(envelope, mac, sealed.salt)),
      body,
    );
  return write(macOf(keys, write(new Uint8Array(macLength(keys)))));
}

/**
 * Opens what came back.
 *
 * @returns undefined where it does not answer the message of this id, or is not what it pretends to be
 */
export function readMessage(bytes: Uint8Array, id: number, keys: Keys): Opened | undefined {
  try {
    return open(bytes, id, keys);
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}

function open(bytes: Uint8Array, id: number, keys: Keys): Opened | undefined {
  const message = new BerReader(bytes).inside(TAG.sequence);
  if (message.integer() !== VERSION) return undefined;
  const header = message.inside(TAG.sequence);
  if (header.integer() !== id) return undefined;
  header.integer();
  const flags = header.next(TAG.octets).value[0] ?? 0;
  const security = readSecurity(message.inside(TAG.octets));
  const isProved = (flags & FLAGS.auth) !== 0 && isOwnMac(bytes, security, keys);
  if ((flags & FLAGS.auth) !== 0 && !isProved) return undefined;
  const { authority, salt } = security;
  const scoped = (flags & FLAGS.privacy) === 0
    ? message
    : new BerReader(unseal(keys, authority, { text: message.next(TAG.octets).value, salt }));
  const parts = scoped.inside(TAG.sequence);
  for (const _of of ["engine", "context"]) parts.next(TAG.octets);
  return { authority, isProved, pdu: readPdu(parts) };
}

interface Security {
  readonly authority: Authority;
  readonly mac: Uint8Array;
  readonly mac_at: number;
  readonly salt: Uint8Array;
}

function readSecurity(outer: BerReader): Security {
  const parts = outer.inside(TAG.sequence);
  const id = parts.next(TAG.octets).value;
  const authority = { id, boots: parts.integer(), time_s: parts.integer() };
  parts.next(TAG.octets);
  const { value: mac, at: mac_at } = parts.next(TAG.octets);
  return { authority, mac, mac_at, salt: parts.next(TAG.octets).value };
}

function isOwnMac(bytes: Uint8Array, { mac, mac_at }: Security, keys: Keys): boolean {
  if (!keys.auth || mac.length !== macLength(keys)) return false;
  const open = bytes.slice();
  open.fill(0, mac_at, mac_at + mac.length);
  return macOf(keys, open).every((byte, index) => byte === mac[index]);
}

function headerOf({ id, keys }: Envelope): Uint8Array {
  const flags = FLAGS.reportable | (keys.auth ? FLAGS.auth : 0) |
    (keys.privacy ? FLAGS.privacy : 0);
  return element(TAG.sequence, integer(id), integer(SIZE_BYTES_MAX), octets([flags]), integer(USM));
}

function securityOf({ user, authority }: Envelope, mac: Uint8Array, salt: Uint8Array): Uint8Array {
  const { id, boots, time_s } = authority;
  const numbers = [integer(boots), integer(time_s)];
  return element(TAG.sequence, octets(id), ...numbers, octets(user), octets(mac), octets(salt));
}
