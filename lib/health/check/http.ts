import { formatEndpoint } from "../../model/address.ts";
import type { StatusRange } from "../../model/service.ts";
import type { Peer, PeerSocket } from "../../sys/ports.ts";
import { type Call, connect, peerOf } from "./call.ts";
import { inTime, Unwell } from "./failure.ts";
import { readBody, readHead } from "./http_answer.ts";

const HTTP_PORT = 80;

/** Well where a request is answered with a good status, whole, and with the right text in it. */
export async function checkHttp(call: Call): Promise<void> {
  const peer = peerOf(call, HTTP_PORT);
  const socket = await connect(call, peer);
  try {
    await converse(call, socket, peer, HTTP_PORT);
  } finally {
    socket.close();
  }
}

/** Asks for the path, and judges the answer. @throws {Unwell} @throws {KernelError} */
export async function converse(
  call: Call,
  socket: PeerSocket,
  peer: Peer,
  usual: number,
): Promise<void> {
  const { health: { path, host, status, body }, until_ms } = call;
  const name = host ?? hostOf(peer, usual);
  await inTime("no answer", socket.send(requestFor(path, name), until_ms));
  const receive = () => socket.receive(until_ms);
  const head = await inTime("no answer", readHead(receive));
  if (!status.some(({ first, last }) => head.status >= first && head.status <= last)) {
    throw new Unwell(`status ${head.status}, not ${spelt(status)}`);
  }
  await inTime("no end of the answer", readBody(head, receive, body));
}

/** RFC 9112, 3.2: what the client takes for the server's name. */
function hostOf({ address, port }: Peer, usual: number): string {
  if (port !== usual) return formatEndpoint(address, port);
  return address.family === 4 ? address.text : `[${address.text}]`;
}

/** In one piece: some servers take a request in two for two. */
function requestFor(path: string, host: string): Uint8Array<ArrayBuffer> {
  const lines = [
    `GET ${path} HTTP/1.1`,
    `Host: ${host}`,
    "User-Agent: lb",
    "Accept: */*",
    "Connection: close",
  ];
  return new TextEncoder().encode(lines.map((line) => `${line}\r\n`).join("") + "\r\n");
}

function spelt(status: readonly StatusRange[]): string {
  return status.map(({ first, last }) => first === last ? first : `${first}-${last}`).join(", ");
}
