/**
 * Runs inside a namespace: servers that misbehave, each at a port of its own (test equipment). Ends with its
 * standard input.
 */
import { DNS_PORTS, TCP_PORTS, UDP_PORTS } from "./check_ports.ts";

type Behaviour = (connection: Deno.TcpConn) => Promise<void>;

const HOSTNAME = "127.0.0.1";
const LIFE_MS = 300_000;

const TCP: Readonly<Record<keyof typeof TCP_PORTS, Behaviour>> = {
  silent: () => sleep(LIFE_MS),
  closing: (connection) => Promise.resolve(connection.close()),
  half_head: says("HTTP/1.1 200 OK\r\nContent-Le", "close"),
  half_body: says("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n0123456789", "close"),
  stopping: says("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n0123456789", "stay"),
  half_chunk: says("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab", "close"),
  chunked: says(
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\n<o\r\n\r\n2;x=y\r\nk>\r\n0\r\n\r\n"
      .replace("3\r\n<o\r\n\r\n", "2\r\n<o\r\n"),
    "close",
  ),
  ssh: says("SSH-2.0-OpenSSH_9.2\r\n", "stay"),
  early: says("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\n\r\n<ok>", "close"),
  trickling: async (connection) => {
    for (let left = LIFE_MS / 50; left > 0; left--) {
      await write(connection, left === LIFE_MS / 50 ? "HTTP/1.1 200 OK\r\nX: " : "x");
      await sleep(50);
    }
  },
  endless: async (connection) => {
    await write(connection, "HTTP/1.1 200 OK\r\n\r\n");
    for (let left = 10_000; left > 0; left--) await write(connection, "x".repeat(64 * 1024));
  },
};

/** What comes back to a datagram. */
const UDP: Readonly<Record<keyof typeof UDP_PORTS, (datagram: Uint8Array) => Uint8Array[]>> = {
  echo: (datagram) => [datagram],
  silent: () => [],
};

const DNS: Readonly<Record<keyof typeof DNS_PORTS, (query: Uint8Array) => Uint8Array[]>> = {
  half: (query) => [Uint8Array.of(query[0]!, query[1]!, 0x81, 0x80, 0, 1, 0, 9)],
  of_another: () => [Uint8Array.of(0, 0, 0x81, 0x80, 0, 0, 0, 0, 0, 0, 0, 0)],
  flooding: () => Array.from({ length: 200 }, () => new Uint8Array(20)),
};

for (const name of keysOf(TCP_PORTS)) serveTcp(TCP_PORTS[name], TCP[name]);
for (const name of keysOf(UDP_PORTS)) serveUdp(UDP_PORTS[name], UDP[name]);
for (const name of keysOf(DNS_PORTS)) serveUdp(DNS_PORTS[name], DNS[name]);
console.log("ready");
for await (const _ of Deno.stdin.readable);
Deno.exit(0);

async function serveTcp(port: number, behave: Behaviour): Promise<void> {
  const connections: Deno.TcpConn[] = [];
  for await (const connection of Deno.listen({ hostname: HOSTNAME, port })) {
    // Kept, or it would be closed when it is forgotten.
    connections.push(connection);
    // Whoever asked may have gone.
    behave(connection).catch(() => {});
  }
}

async function serveUdp(port: number, answer: (datagram: Uint8Array) => Uint8Array[]) {
  const socket = Deno.listenDatagram({ transport: "udp", hostname: HOSTNAME, port });
  for await (const [datagram, from] of socket) {
    for (const one of answer(datagram)) await socket.send(one, from).catch(() => {});
  }
}

/** Says this to a request, whatever that is. */
function says(text: string, then: "close" | "stay"): Behaviour {
  return async (connection) => {
    await connection.read(new Uint8Array(4096));
    await write(connection, text);
    if (then === "close") connection.close();
  };
}

async function write(connection: Deno.TcpConn, text: string): Promise<void> {
  const bytes = new TextEncoder().encode(text);
  for (let at = 0; at < bytes.length;) at += await connection.write(bytes.subarray(at));
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

function keysOf<Key extends string>(table: Readonly<Record<Key, unknown>>): Key[] {
  return Object.keys(table) as Key[];
}
