/**
 * Runs inside a namespace: connections that both ends forget without a word, as machines do that lose their
 * power. `server PORT` forgets each connection as soon as it is there, and says so. `client VIP PORT COUNT`
 * makes some, shows the balancer a reset that no end believes, forgets them, waits for a line, makes them
 * again from the same ports, and prints how long each took in ms.
 */
const LIBC = {
  socket: { parameters: ["i32", "i32", "i32"], result: "i32" },
  bind: { parameters: ["i32", "buffer", "u32"], result: "i32" },
  listen: { parameters: ["i32", "i32"], result: "i32" },
  accept: { parameters: ["i32", "pointer", "pointer"], result: "i32" },
  connect: { parameters: ["i32", "buffer", "u32"], result: "i32" },
  setsockopt: { parameters: ["i32", "i32", "i32", "buffer", "u32"], result: "i32" },
  sendto: { parameters: ["i32", "buffer", "usize", "i32", "buffer", "u32"], result: "isize" },
  close: { parameters: ["i32"], result: "i32" },
  alarm: { parameters: ["u32"], result: "u32" },
} as const;

const libc = Deno.dlopen("libc.so.6", LIBC).symbols;

const [AF_INET, SOCK_STREAM, SOCK_RAW, IPPROTO_TCP] = [2, 1, 3, 6] as const;
const [SOL_SOCKET, SO_REUSEADDR, SO_SNDTIMEO] = [1, 2, 21] as const;
const TCP_REPAIR = 19;
const FIRST_PORT = 41_000;
const CONNECT_S = 4;

/** Whoever started this may have died, and an accept waits for ever. */
const LIFE_S = 120;

/** struct sockaddr_in. */
function sockaddr(address: string, port: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(16);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, AF_INET, true);
  view.setUint16(2, port);
  bytes.set(address.split(".").map(Number), 4);
  return bytes;
}

function must(result: number | bigint, what: string): number {
  if (Number(result) < 0) throw new Error(`${what} failed`);
  return Number(result);
}

/** Without a FIN, a reset or anything else. */
function forget(fd: number): void {
  must(libc.setsockopt(fd, IPPROTO_TCP, TCP_REPAIR, Int32Array.of(1), 4), "TCP_REPAIR");
  libc.close(fd);
}

function serve(port: number): never {
  const fd = must(libc.socket(AF_INET, SOCK_STREAM, 0), "socket");
  libc.setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, Int32Array.of(1), 4);
  must(libc.bind(fd, sockaddr("0.0.0.0", port), 16), "bind");
  must(libc.listen(fd, 128), "listen");
  console.log("ready");
  for (;;) {
    forget(must(libc.accept(fd, null, null), "accept"));
    console.log("accepted");
  }
}

/** @returns the socket, and how long it took in ms */
function open(vip: string, port: number, source: string, source_port: number): [number, number] {
  const fd = must(libc.socket(AF_INET, SOCK_STREAM, 0), "socket");
  libc.setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, Int32Array.of(1), 4);
  libc.setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, BigInt64Array.of(BigInt(CONNECT_S), 0n), 16);
  must(libc.bind(fd, sockaddr(source, source_port), 16), "bind");
  const began = performance.now();
  const isOpen = libc.connect(fd, sockaddr(vip, port), 16) === 0;
  return [fd, isOpen ? performance.now() - began : CONNECT_S * 1000];
}

/** A reset far outside the window: whoever checks sequence numbers passes over it. */
function reset(vip: string, port: number, source: string, source_port: number): void {
  const segment = new Uint8Array(20);
  const view = new DataView(segment.buffer);
  view.setUint16(0, source_port);
  view.setUint16(2, port);
  view.setUint32(4, crypto.getRandomValues(new Uint32Array(1))[0]!);
  view.setUint16(12, 5 << 12 | 0x04);
  view.setUint16(16, checksum(segment, source, vip));
  const fd = must(libc.socket(AF_INET, SOCK_RAW, IPPROTO_TCP), "raw socket");
  must(libc.bind(fd, sockaddr(source, 0), 16), "bind");
  must(libc.sendto(fd, segment, 20n, 0, sockaddr(vip, 0), 16), "sendto");
  libc.close(fd);
}

/** Over the pseudo header, too (RFC 9293). */
function checksum(segment: Uint8Array, source: string, destination: string): number {
  const addresses = [source, destination].flatMap((address) => address.split(".").map(Number));
  const bytes = [...addresses, 0, IPPROTO_TCP, 0, segment.length, ...segment];
  let sum = 0;
  for (let at = 0; at < bytes.length; at += 2) sum += bytes[at]! << 8 | bytes[at + 1]!;
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}

function request(vip: string, port: number, source: string, count: number): void {
  const ports = Array.from({ length: count }, (_, index) => FIRST_PORT + index);
  for (const source_port of ports) {
    const [fd] = open(vip, port, source, source_port);
    reset(vip, port, source, source_port);
    forget(fd);
  }
  console.log("forgotten");
  Deno.stdin.readSync(new Uint8Array(1));
  const times = ports.map((source_port) => {
    const [fd, took_ms] = open(vip, port, source, source_port);
    forget(fd);
    return Math.round(took_ms);
  });
  console.log(JSON.stringify(times));
}

libc.alarm(LIFE_S);
const [role, ...rest] = Deno.args;
if (role === "server") serve(Number(rest[0]));
else request(rest[0]!, Number(rest[1]), rest[2]!, Number(rest[3]));
