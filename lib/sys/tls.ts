import { Buffer } from "node:buffer";
import { Duplex } from "node:stream";
import { connect, type TLSSocket } from "node:tls";
import { KernelError, TlsError } from "../model/error.ts";
import { authorities } from "./authorities.ts";
import type { PeerSocket, TlsPort } from "./ports.ts";

/**
 * Real TLS, by node:tls: Deno's own takes no connection that is not its own, and cannot leave the certificate
 * unchecked. To be imported when it is used.
 */
export const tls: TlsPort = {
  async over(socket, options, until_ms) {
    const carrier = new Carrier(socket, until_ms);
    const session = connect({
      socket: carrier,
      // Asked for (SNI) where it is a name, and looked for in the certificate.
      host: options.name,
      rejectUnauthorized: options.verify,
      ...options.verify && { ca: authorities() },
    });
    // An error that comes when nobody waits any more would end the program.
    for (const stream of [session, carrier]) stream.on("error", () => {});
    try {
      await secured(session);
    } catch (error) {
      session.destroy();
      throw carrier.failure ?? tlsError(error);
    }
    return new Session(session, carrier);
  },
};

function secured(session: TLSSocket): Promise<void> {
  return new Promise((resolve, reject) => {
    session.once("secureConnect", resolve);
    session.once("error", reject);
    session.once("end", () => reject(new TlsError("ended", "the connection ended")));
    session.once("close", () => reject(new TlsError("ended", "the connection ended")));
  });
}

function tlsError(error: unknown): unknown {
  if (error instanceof TlsError || !(error instanceof Error)) return error;
  const reason = "code" in error && typeof error.code === "string" ? error.code : "unknown";
  return new TlsError(reason, error.message, { cause: error });
}

/** Carries what TLS says over a socket of ours. */
class Carrier extends Duplex {
  readonly #socket: PeerSocket;
  /** Until when a call may take. */
  until_ms: number;
  /** What the socket failed with: node:tls would put it into words of its own. */
  failure: unknown;

  constructor(socket: PeerSocket, until_ms: number) {
    super({ allowHalfOpen: false });
    this.#socket = socket;
    this.until_ms = until_ms;
  }

  override async _read(): Promise<void> {
    try {
      const bytes = await this.#socket.receive(this.until_ms);
      this.push(bytes ? Buffer.from(bytes) : null);
    } catch (error) {
      this.#fail(error);
    }
  }

  override async _write(bytes: Uint8Array, _encoding: string, done: (error?: Error) => void) {
    try {
      await this.#socket.send(new Uint8Array(bytes), this.until_ms);
      done();
    } catch (error) {
      done(this.#fail(error));
    }
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#socket.close();
    done(error);
  }

  #fail(error: unknown): Error {
    this.failure ??= error;
    const failure = error instanceof Error ? error : new Error(String(error));
    this.destroy(failure);
    return failure;
  }
}

class Session implements PeerSocket {
  readonly #session: TLSSocket;
  readonly #carrier: Carrier;
  readonly #pieces: AsyncIterator<Uint8Array>;

  constructor(session: TLSSocket, carrier: Carrier) {
    this.#session = session;
    this.#carrier = carrier;
    this.#pieces = session[Symbol.asyncIterator]();
  }

  send(bytes: Uint8Array<ArrayBuffer>, until_ms: number): Promise<void> {
    this.#carrier.until_ms = until_ms;
    return new Promise((resolve, reject) => {
      this.#session.write(bytes, (error) => error ? reject(this.#why(error)) : resolve());
    });
  }

  async receive(until_ms: number): Promise<Uint8Array<ArrayBuffer> | undefined> {
    this.#carrier.until_ms = until_ms;
    try {
      const { done, value } = await this.#pieces.next();
      return done ? undefined : new Uint8Array(value);
    } catch (error) {
      throw this.#why(error);
    }
  }

  close(): void {
    this.#session.destroy();
    this.#carrier.destroy();
  }

  #why(error: unknown): unknown {
    const { failure } = this.#carrier;
    return failure instanceof KernelError ? failure : tlsError(error);
  }
}
