/**
 * Runs inside a client's namespace: many downloads at once, and connections that ask once and then say nothing.
 * `deno run -A drain_inside.ts ADDRESS PORT SHORT LONG IDLE SECONDS EVERY_MS`; short downloads take so many seconds, and
 * pieces come so often. Says `ready` when all of them have heard of their backend, and prints how each ended when its input closes.
 */
import { connect, type Socket } from "node:net";

/** How a connection ended, or `open` where it did not. */
export interface Ending {
  readonly kind: "short" | "long" | "idle";
  readonly backend: string;
  readonly end: "whole" | "cut short" | "reset" | "open";
  /** Milliseconds since 1970. */
  readonly at_ms: number;
}

/** Longer than any test lasts. */
const LONG_S = 600;

const ENDS: Readonly<Record<Ending["kind"], (seconds: number) => string>> = {
  short: (seconds) => `/download?seconds=${seconds}&every_ms=${every_ms}`,
  long: () => `/download?seconds=${LONG_S}&every_ms=${every_ms}`,
  // Its first piece comes at once, and the second one never.
  idle: () => `/download?seconds=${2 * LONG_S}&every_ms=${LONG_S * 1000}`,
};

const [address = "", port = "", ...numbers] = Deno.args;
const [short = 0, long = 0, idle = 0, seconds = 0, every_ms = 0] = numbers.map(Number);

/** A connection while it lasts. */
class Client {
  readonly ready: Promise<void>;
  readonly #socket: Socket;
  readonly #kind: Ending["kind"];
  #text = "";
  #end: Pick<Ending, "end" | "at_ms"> = { end: "open", at_ms: 0 };

  constructor(kind: Ending["kind"]) {
    this.#kind = kind;
    this.#socket = connect({ host: address, port: Number(port) });
    this.#socket.setEncoding("latin1");
    this.#socket.write(
      `GET ${ENDS[kind](seconds)} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`,
    );
    this.ready = new Promise((resolve) => {
      this.#socket.on("data", (chunk) => {
        this.#text += chunk;
        if (this.#text.includes("\r\n\r\n")) resolve();
      });
      this.#socket.on("end", () => this.#ended(this.#isWhole() ? "whole" : "cut short"));
      this.#socket.on("error", () => this.#ended("reset"));
      this.#socket.on("close", () => resolve());
    });
  }

  close(): Ending {
    this.#socket.destroy();
    const backend = /^x-backend: *(\S+)/im.exec(this.#text)?.[1] ?? "";
    return { kind: this.#kind, backend, ...this.#end };
  }

  #ended(end: Ending["end"]): void {
    if (this.#end.end === "open") this.#end = { end, at_ms: Date.now() };
  }

  #isWhole(): boolean {
    const head = this.#text.indexOf("\r\n\r\n") + 4;
    const length = Number(/^content-length: *(\d+)/im.exec(this.#text)?.[1]);
    return this.#text.length - head === length;
  }
}

const counts = { short, long, idle };
const kinds = (["short", "long", "idle"] as const).flatMap((kind) =>
  Array.from({ length: counts[kind] }, () => kind)
);
const clients: Client[] = [];
// One after the other: a scheduler that takes turns gives each backend as many of each kind.
for (const kind of kinds) {
  const client = new Client(kind);
  clients.push(client);
  await client.ready;
}
console.log("ready");
await Deno.stdin.read(new Uint8Array(1));
console.log(JSON.stringify(clients.map((client) => client.close())));
Deno.exit();
