import { isRefusal, KernelError, LbError, TlsError } from "../../model/error.ts";
import type { HealthType } from "../../model/service.ts";
import { tame } from "../../model/text.ts";
import type { CheckTarget } from "./check.ts";

/** The backend is not well, for a reason in words. */
export class Unwell extends Error {
  override readonly name = "Unwell";
}

/** What did not come in time. */
class Late extends Error {
  override readonly name = "Late";
}

/**
 * Waits for something that has until the end of the check.
 *
 * @param missing what there is not where it comes too late: "no connection"
 */
export async function inTime<T>(missing: string, act: Promise<T>): Promise<T> {
  try {
    return await act;
  } catch (cause) {
    throw isLate(cause) ? new Late(missing, { cause }) : cause;
  }
}

/** Whether it is a time-out of a socket. */
export function isLate(error: unknown): boolean {
  return isRefusal(error, ["ETIMEDOUT"]);
}

/** What the kernel says of other machines, and of this one where it keeps us from checking. */
const WORDS: Readonly<Record<string, string>> = {
  ECONNREFUSED: "connection refused",
  ECONNRESET: "connection reset",
  ECONNABORTED: "connection aborted",
  EPIPE: "connection closed",
  EHOSTUNREACH: "host unreachable",
  EHOSTDOWN: "host unreachable",
  ENETUNREACH: "network unreachable",
  ENETDOWN: "network down",
  ENONET: "host unreachable",
  ENOPROTOOPT: "protocol not available there",
  EACCES: "a rule or route forbids it",
  EPERM: "a rule of this machine forbids it",
  EMFILE: "too many open files here",
  ENFILE: "too many open files here",
  ENOBUFS: "no memory for sockets here",
};

/** OpenSSL's names, as node:tls gives them. */
const TLS_WORDS: Readonly<Record<string, string>> = {
  CERT_HAS_EXPIRED: "its certificate has expired",
  CERT_NOT_YET_VALID: "its certificate is not valid yet",
  CERT_REVOKED: "its certificate is revoked",
  CERT_UNTRUSTED: "its certificate is not trusted",
  DEPTH_ZERO_SELF_SIGNED_CERT: "its certificate is self-signed",
  SELF_SIGNED_CERT_IN_CHAIN: "its certificate comes from an unknown authority",
  UNABLE_TO_GET_ISSUER_CERT: "its certificate comes from an unknown authority",
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: "its certificate comes from an unknown authority",
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: "its certificate comes from an unknown authority",
  INVALID_PURPOSE: "its certificate is not for servers",
  ended: "it ended the TLS handshake",
};

/** Why a check failed, in words for the operator. */
export function reasonOf(
  error: unknown,
  { health, load }: Pick<CheckTarget, "health" | "load">,
): string {
  if (error instanceof Unwell) return error.message;
  if (error instanceof Late) return `${error.message} within ${spell(health.timeout_ms)}`;
  if (error instanceof TlsError) return tlsReason(error, health.host);
  if (error instanceof KernelError) return kernelReason(error, { health, load });
  if (error instanceof LbError) return error.message;
  return `lb could not check it: ${error instanceof Error ? error.message : String(error)}`;
}

/** A time in the largest unit that has it whole. */
export function spell(duration_ms: number): string {
  return duration_ms % 1000 === 0 ? `${duration_ms / 1000} s` : `${duration_ms} ms`;
}

/** What asks by datagrams: nobody refuses a connection there. */
const BY_DATAGRAM: readonly HealthType[] = ["udp", "dns", "snmp"];

function kernelReason(
  { refusal, message }: KernelError,
  { health, load }: Pick<CheckTarget, "health" | "load">,
): string {
  const { errno = "" } = refusal;
  const { type, source = "there" } = health;
  const isDatagram = load ? load.agent_port === undefined : BY_DATAGRAM.includes(type);
  if (errno === "ECONNREFUSED" && isDatagram) return "port unreachable";
  if (errno === "EADDRNOTAVAIL") return `this machine has no address ${source} to check from`;
  if (errno === "ENODEV") return `this machine has no interface ${source} to check from`;
  return WORDS[errno] ?? message;
}

function tlsReason({ reason, message }: TlsError, host?: string): string {
  if (reason === "ERR_TLS_CERT_ALTNAME_INVALID") {
    return `its certificate is not for ${host ?? "its address: give the check a `host`"}`;
  }
  return TLS_WORDS[reason] ?? `no TLS: ${tame(message.replace(/ \(SSL routines:.*$/, ""))}`;
}
