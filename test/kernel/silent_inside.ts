/**
 * Runs inside a namespace: connections that end as the balancer does not expect. `server PORT` forgets each
 * connection at PORT as soon as it is there, without a word, as machines do that lose their power; at PORT + 1
 * it closes each, before the client does.
 *
 * `client VIP SOURCE HOW PORT FIRST PORTS ROUNDS` makes a connection from each of so many ports, ends it, says so,
 * and waits for a line; then it makes them again from the same ports, so many rounds, and prints how long each
 * took in ms. HOW they end: `close` waits for the server to close; `forget` tells nobody; `reset` forgets too,
 * after a reset that shows the balancer an end in which nobody else believes, and shows it that again while it waits.
 */
const LIBC = {
  socket: { parameters: ["i32", "i32", "i32"], result: "i32" },
  bind: { parameters: ["i32", "buffer", "u32"], result: "i32" },
  listen: { parameters: ["i32", "i32"], result: "i32" },
  accept: { parameters: ["i32", "pointer", "pointer"], result: "i32", nonblocking: true },
  recv: { parameters: ["i32", "buffer", "usize", "i32"], result: "isize" },
  connect: { parameters: ["i32", "buffer", "u32"], result: "i32" },
  setsockopt: { parameters: ["i32", "i32", "i32", "buffer", "u32"], result: "i32" },
  sendto: { parameters: ["i32", "buffer", "usize", "i32", "buffer", "u32"], result: "isize" },
  close: { parameters: ["i32"], result: "i32" },
  usleep: { parameters: ["u32"], result: "i32" },
  __errno_location: { parameters: [], result: "pointer" },
  alarm: { parameters: ["u32"], result: "u32" },
} as const;

const libc = Deno.dlopen("libc.so.6", LIBC).symbols;
const errno = new Deno.UnsafePointerView(libc.__errno_location()!);

const [AF_INET, SOCK_STREAM, SOCK_RAW, IPPROTO_TCP] = [2, 1, 3, 6] as const;
const [SOL_SOCKET, SO_REUSEADDR, SO_RCVTIMEO, SO_SNDTIMEO] = [1, 2, 20, 21] as const;
const TCP_REPAIR = 19;
const CONNECT_S = 4;
const EADDRNOTAVAIL = 99;
const TURN_US = 5_000;

/** After 10 s IPVS forgets a connection that it takes for reset, and an emulated machine may take longer to change. */
const REMIND_MS = 3_000;

/** Whoever started this may have died, and an accept waits for ever. */
const LIFE_S = 1_800;

/** As much as net.core.somaxconn grants, from linux 5.4 on. */
const BACKLOG = 4_096;

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

function listen(port: number): number {
  const fd = must(libc.socket(AF_INET, SOCK_STREAM, 0), "socket");
  libc.setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, Int32Array.of(1), 4);
  must(libc.bind(fd, sockaddr("0.0.0.0", port), 16), "bind");
  // A client that is faster than this server would lose a SYN where the queue is full.
  must(libc.listen(fd, BACKLOG), "listen");
  return fd;
}

async function serve(fd: number, end: (connection: number) => void): Promise<never> {
  for (;;) {
    end(must(await libc.accept(fd, null, null), "accept"));
  }
}

/** Who is asked, and from where. */
interface Way {
  readonly vip: string;
  readonly port: number;
  readonly source: string;
}

/** @returns the socket, and how long it took in ms */
function open({ vip, port, source }: Way, source_port: number): [number, number] {
  const fd = must(libc.socket(AF_INET, SOCK_STREAM, 0), "socket");
  libc.setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, Int32Array.of(1), 4);
  for (const option of [SO_RCVTIMEO, SO_SNDTIMEO]) {
    libc.setsockopt(fd, SOL_SOCKET, option, BigInt64Array.of(BigInt(CONNECT_S), 0n), 16);
  }
  must(libc.bind(fd, sockaddr(source, source_port), 16), "bind");
  return [fd, connect(fd, sockaddr(vip, port))];
}

/**
 * Where this kernel itself still holds the port for the last connection, it says so before it sends anything:
 * a server's kernel may lose a FIN while its own socket closes (its reason: TCP_CLOSE), and answers the next,
 * 200 ms later. That time is not the new connection's.
 *
 * @returns how long it took in ms
 */
function connect(fd: number, to: Uint8Array<ArrayBuffer>): number {
  const until = performance.now() + CONNECT_S * 1000;
  for (;;) {
    const began = performance.now();
    if (libc.connect(fd, to, 16) === 0) return performance.now() - began;
    if (errno.getInt32() !== EADDRNOTAVAIL) return CONNECT_S * 1000;
    if (began > until) throw new Error("the client's own port did not become free");
    libc.usleep(TURN_US);
  }
}

/** A reset far outside the window: whoever checks sequence numbers passes over it. */
function reset({ vip, port, source }: Way, source_port: number): void {
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

/** What becomes of a connection. */
const ENDS: Readonly<Record<string, (fd: number, way: Way, source_port: number) => void>> = {
  close(fd) {
    must(libc.recv(fd, new Uint8Array(1), 1n, 0), "waiting for the server to close");
    libc.close(fd);
  },
  forget,
  reset(fd, way, source_port) {
    reset(way, source_port);
    forget(fd);
  },
};

/** How many connections from how many ports. */
interface Size {
  readonly first_port: number;
  readonly ports: number;
  readonly rounds: number;
}

async function request(
  way: Way,
  { first_port, ports, rounds }: Size,
  how: string,
): Promise<void> {
  const source_ports = Array.from({ length: ports }, (_, index) => first_port + index);
  const once = () =>
    source_ports.map((source_port) => {
      const [fd, took_ms] = open(way, source_port);
      ENDS[how]!(fd, way, source_port);
      return Math.round(took_ms);
    });
  once();
  console.log("ended");
  const timer = setInterval(() => {
    if (how === "reset") source_ports.forEach((port) => reset(way, port));
  }, REMIND_MS);
  await Deno.stdin.read(new Uint8Array(1));
  clearInterval(timer);
  console.log(JSON.stringify(Array.from({ length: rounds }, once).flat()));
}

libc.alarm(LIFE_S);
const [role, ...rest] = Deno.args;
if (role === "server") {
  const port = Number(rest[0]);
  const loops = [serve(listen(port), forget), serve(listen(port + 1), (fd) => libc.close(fd))];
  console.log("ready");
  await Promise.all(loops);
} else {
  const [vip = "", source = "", how = "", ...numbers] = rest;
  const [port = 0, first_port = 0, ports = 0, rounds = 0] = numbers.map(Number);
  await request({ vip, port, source }, { first_port, ports, rounds }, how);
}
