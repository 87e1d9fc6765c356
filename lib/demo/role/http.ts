import { connect, type Socket } from "node:net";
import type { Door, Source } from "./spec.ts";

/** The answer to a request. */
export interface Answer {
  /** Value of the `x-backend` header. */
  readonly backend: string;
  readonly body: string;
}

export interface RequestOptions {
  readonly source?: Source;
  readonly timeout_ms: number;
  /** Called with the backend's name when the head of the answer is here. */
  readonly onHead?: (backend: string) => void;
  /** Once aborted, the next piece is the last one wanted: what came until then is the answer. */
  readonly stop?: AbortSignal;
}

/**
 * One HTTP/1.1 GET on a connection of its own, read to its declared length. Not fetch: that keeps
 * connections, refuses some ports, and cannot choose the source.
 *
 * @throws {Error} `refused`, `timeout`, `reset`, `unreachable`, `cut short`, or the status, as message
 */
export function get(door: Door, path: string, options: RequestOptions): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const socket = open(door, options);
    let text = "";
    let head: Head | undefined;
    socket.setEncoding("latin1");
    socket.on("data", (chunk) => {
      text += chunk;
      if (!head) {
        head = parseHead(text);
        if (head) options.onHead?.(head.backend);
      }
      if (!head || !options.stop?.aborted) return;
      resolve(answerOf(head, text));
      socket.destroy();
    });
    socket.on("end", () => settle(text, resolve, reject));
    socket.on("error", (error) => reject(new Error(nameOf(error))));
    socket.on("timeout", () => socket.destroy(new Error("timeout")));
    socket.write(`GET ${path} HTTP/1.1\r\nHost: demo.example\r\nConnection: close\r\n\r\n`);
  });
}

function open(door: Door, { source, timeout_ms }: RequestOptions): Socket {
  const socket = connect({
    host: door.address,
    port: door.port,
    localAddress: source?.address,
    localPort: source?.port,
  });
  // Of silence, not of the whole: a download may take as long as it flows.
  socket.setTimeout(timeout_ms);
  return socket;
}

function settle(text: string, resolve: (answer: Answer) => void, reject: (error: Error) => void) {
  const head = parseHead(text);
  if (!head || text.length - head.bytes !== head.length) return reject(new Error("cut short"));
  if (head.status !== 200) return reject(new Error(`status ${head.status}`));
  resolve(answerOf(head, text));
}

function answerOf(head: Head, text: string): Answer {
  return { backend: head.backend, body: text.slice(head.bytes) };
}

interface Head {
  readonly status: number;
  readonly backend: string;
  /** Of the body, as declared. */
  readonly length: number;
  /** Of the head itself. */
  readonly bytes: number;
}

function parseHead(text: string): Head | undefined {
  const end = text.indexOf("\r\n\r\n");
  if (end < 0) return undefined;
  const head = text.slice(0, end);
  const field = (name: string) =>
    new RegExp(`^${name}: *(.*)$`, "im").exec(head)?.[1]?.trim() ?? "";
  return {
    status: Number(/^HTTP\/1\.1 (\d{3})/.exec(head)?.[1]),
    backend: field("x-backend"),
    length: Number(field("content-length")),
    bytes: end + 4,
  };
}

const ERRNO_NAMES: Readonly<Record<string, string>> = {
  ECONNREFUSED: "refused",
  ECONNRESET: "reset",
  EPIPE: "reset",
  ETIMEDOUT: "timeout",
  ENETUNREACH: "unreachable",
  EHOSTUNREACH: "unreachable",
};

function nameOf(error: Error & { code?: string }): string {
  return ERRNO_NAMES[error.code ?? ""] ?? error.message;
}
