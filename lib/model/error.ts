/** Every way lb can end, by the stable code scripts match on, with the exit code of docs/cli.md. */
export const EXIT_CODES = {
  "usage": 2,
  "config-invalid": 3,
  "unsupported": 4,
  "not-permitted": 5,
  "busy": 6,
  "kernel-refused": 7,
  "bug": 70,
} as const;

/** Stable code of an {@linkcode LbError}. */
export type ErrorCode = keyof typeof EXIT_CODES;

/** Exit code of a run that did what was asked and found nothing wrong. */
export const EXIT_OK = 0;

/** Exit code of a run that did what was asked, but something needs a look (cli.md, code 1). */
export const EXIT_ATTENTION = 1;

/**
 * An error meant for the operator. The message says what was tried, what was found and what to do;
 * it is printed without a stack trace.
 */
export class LbError extends Error {
  override readonly name: string = "LbError";
  readonly code: ErrorCode;

  constructor(code: ErrorCode, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.code = code;
  }
}

/** What the kernel (or the program that speaks to it) refused. */
export interface KernelRefusal {
  /** What was tried, for instance `nft -f` or `write /proc/sys/net/ipv4/ip_forward`. */
  readonly operation: string;
  /** The object it was tried on, for instance `sl-web4` or a sysctl key. */
  readonly object: string;
  /** Symbolic errno where known, for instance `ENOENT`. */
  readonly errno?: string;
  /** The kernel's or the program's own words. */
  readonly message: string;
}

/** Whether the kernel refused by one of these errnos. */
export function isRefusal(error: unknown, errnos: readonly string[]): error is KernelError {
  return error instanceof KernelError && errnos.includes(error.refusal.errno ?? "");
}

/** The kernel refused a change or a read. `code` is `kernel-refused` unless privilege was missing. */
export class KernelError extends LbError {
  override readonly name = "KernelError";
  readonly refusal: KernelRefusal;

  constructor(refusal: KernelRefusal, options?: { cause?: unknown }) {
    const errno = refusal.errno ? ` (${refusal.errno})` : "";
    // EACCES is said to root too: of an address where IPv6 is off, of a sysctl in a container.
    const denied = refusal.errno === "EPERM";
    const hint = denied ? "; it takes root, or CAP_NET_ADMIN" : "";
    super(
      denied ? "not-permitted" : "kernel-refused",
      `${refusal.operation} on ${refusal.object}: ${refusal.message}${errno}${hint}`,
      options,
    );
    this.refusal = refusal;
  }
}

/** The other side of a TLS connection was not accepted; `reason` is OpenSSL's name for it, or Node's. */
export class TlsError extends Error {
  override readonly name = "TlsError";
  readonly reason: string;

  constructor(reason: string, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.reason = reason;
  }
}

/** The kernel was changed, and that could not be put on record: what was there before is not to come back. */
export class InForceError extends LbError {
  override readonly name = "InForceError";

  constructor(cause: unknown) {
    const words = cause instanceof Error ? cause.message : String(cause);
    const stands = "The new rules are in force, but not on record; " +
      'once this is mended, "lb apply" puts that right.';
    super(cause instanceof LbError ? cause.code : "bug", `${words}\n${stands}`, { cause });
  }
}
