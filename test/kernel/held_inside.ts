/**
 * Runs inside a client's namespace: many tcp connections, or udp sockets, that stay. `deno run -A held_inside.ts JSON`, which
 * is a {@linkcode HeldSpec}. Prints who answered each of them, in their order, as one JSON line; when its input closes, asks each
 * again and prints that, too. "" is nobody.
 */
import { createSocket, type Socket as DatagramSocket } from "node:dgram";
import { connect, type Socket } from "node:net";
import { sourceOf } from "../../lib/demo/role/requests.ts";
import type { Door, Source, Sources } from "../../lib/demo/role/spec.ts";

/** What is opened. */
export interface HeldSpec {
  readonly protocol: "tcp" | "udp";
  /** Taken in turn. */
  readonly doors: readonly Door[];
  readonly sources: Sources;
  readonly count: number;
  /** Who has no answer by then has none. */
  readonly timeout_ms: number;
}

/** Something that stays open and can be asked who is at its other end. */
interface Held {
  ask(): Promise<string>;
  close(): void;
}

/** So many are opened at a time: each has to be taken. */
const CONCURRENCY = 100;
const UDP_TRIES = 4;

class Connection implements Held {
  readonly #socket: Socket;
  readonly #timeout_ms: number;
  #text = "";
  #heard: () => void = () => {};
  #isOver = false;

  constructor(
    { address, port }: Door,
    { address: localAddress, port: localPort }: Source,
    timeout_ms: number,
  ) {
    this.#timeout_ms = timeout_ms;
    this.#socket = connect({ host: address, port, localAddress, localPort });
    this.#socket.setEncoding("latin1");
    this.#socket.on("data", (chunk) => this.#hear(chunk));
    for (const event of ["end", "error", "close"]) this.#socket.on(event, () => this.#end());
  }

  async ask(): Promise<string> {
    this.#text = "";
    if (this.#isOver) return "";
    this.#socket.write("GET / HTTP/1.1\r\nHost: demo.example\r\n\r\n");
    await within(this.#timeout_ms, new Promise<void>((resolve) => this.#heard = resolve));
    return /^x-backend: *(\S+)/im.exec(this.#text)?.[1] ?? "";
  }

  /** Without a last word: what a cut connection has not got rid of would come again, and be a connection to others. */
  close(): void {
    this.#socket.resetAndDestroy();
  }

  #hear(chunk: unknown): void {
    this.#text += chunk;
    if (/\r\n\r\n[^\n]*\n/.test(this.#text)) this.#heard();
  }

  #end(): void {
    this.#isOver = true;
    this.#heard();
  }
}

class Datagrams implements Held {
  readonly #socket: DatagramSocket;
  readonly #bound: Promise<void>;
  readonly #door: Door;
  readonly #timeout_ms: number;

  constructor(door: Door, { address, port }: Source, timeout_ms: number) {
    this.#socket = createSocket(door.address.includes(":") ? "udp6" : "udp4");
    this.#bound = new Promise((resolve) => this.#socket.bind(port ?? 0, address, () => resolve()));
    this.#door = door;
    this.#timeout_ms = timeout_ms;
  }

  async ask(): Promise<string> {
    await this.#bound;
    const answer = new Promise<string>((resolve) =>
      this.#socket.once("message", (bytes) => resolve(bytes.toString()))
    );
    // As a resolver does: a backend that is busy drops what its socket has no room for.
    for (let time = 0; time < UDP_TRIES; time++) {
      this.#socket.send("?", this.#door.port, this.#door.address);
      const name = await within(this.#timeout_ms / UDP_TRIES, answer);
      if (name !== undefined) return name;
    }
    return "";
  }

  close(): void {
    this.#socket.close();
  }
}

async function within<T>(timeout_ms: number, work: Promise<T>): Promise<T | undefined> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<undefined>((resolve) => {
    timer = setTimeout(() => resolve(undefined), timeout_ms);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}

async function askAll(held: readonly (() => Held)[], concurrency: number): Promise<string[]> {
  const names: string[] = [];
  let next = 0;
  const worker = async () => {
    for (let index = next++; index < held.length; index = next++) {
      names[index] = await held[index]!().ask();
    }
  };
  await Promise.all(Array.from({ length: concurrency }, worker));
  return names;
}

const spec = JSON.parse(Deno.args[0]!) as HeldSpec;
const open: Held[] = [];
const { protocol, doors, sources, count, timeout_ms } = spec;
const openers = Array.from({ length: count }, (_, index) => () => {
  const door = doors[index % doors.length]!;
  const source = sourceOf(sources, index);
  return open[index] = protocol === "udp"
    ? new Datagrams(door, source, timeout_ms)
    : new Connection(door, source, timeout_ms);
});
console.log(JSON.stringify(await askAll(openers, CONCURRENCY)));
while (await Deno.stdin.read(new Uint8Array(64)) !== null);
const again = await askAll(open.map((one) => () => one), count);
for (const one of open) one.close();
// Resets are sent in the loop's next turn.
await new Promise((resolve) => setTimeout(resolve, 50));
console.log(JSON.stringify(again));
Deno.exit();
