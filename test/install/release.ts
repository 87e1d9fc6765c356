/** Test equipment: a release folder with a stand-in for lb, and a web server that may do wrong. */
import type { Machine } from "./machine.ts";

/** What is at an address: bytes, or what the server does instead of giving them. */
export type Served = Uint8Array<ArrayBuffer> | ((request: Request) => Response | Promise<Response>);

export interface Server {
  readonly url: string;
  /** By name. What is not there is answered with 404. */
  readonly files: Map<string, Served>;
  /** Names asked for, in order. */
  readonly asked: string[];
}

/** Runs `work` beside a web server on 127.0.0.1. */
export async function withServer(work: (server: Server) => Promise<void>): Promise<void> {
  const files = new Map<string, Served>();
  const asked: string[] = [];
  const abort = new AbortController();
  const listening = Promise.withResolvers<number>();
  const server = Deno.serve({
    hostname: "127.0.0.1",
    port: 0,
    signal: abort.signal,
    onListen: ({ port }) => listening.resolve(port),
    // What a test cuts off on purpose is no news.
    onError: () => new Response(null, { status: 500 }),
  }, (request) => {
    const name = new URL(request.url).pathname.slice(1);
    asked.push(name);
    const served = files.get(name);
    if (served === undefined) return new Response("<h1>not here</h1>", { status: 404 });
    return served instanceof Uint8Array ? new Response(served) : served(request);
  });
  try {
    await work({ url: `http://127.0.0.1:${await listening.promise}`, files, asked });
  } finally {
    abort.abort();
    await server.finished;
  }
}

/** Half of the bytes, then nothing more. `gone` is told when the other side has left. */
export function half(bytes: Uint8Array<ArrayBuffer>, then: "cut" | "hang", gone = () => {}) {
  const body = new ReadableStream<Uint8Array>({
    start: (controller) => controller.enqueue(bytes.slice(0, bytes.length / 2)),
    // When that is on its way.
    pull: async (controller) => {
      if (then === "hang") return await new Promise<void>(() => {});
      await new Promise((resolve) => setTimeout(resolve, CUT_AFTER_MS));
      controller.error(new Error("cut off, as the test wants it"));
    },
    cancel: gone,
  });
  return new Response(body, { headers: { "content-length": `${bytes.length}` } });
}

const CUT_AFTER_MS = 50;
const ARCH = Deno.build.arch;

/** The name of a release's executable. */
export function fileName(version: string): string {
  return `lb-${version}-linux-${ARCH}`;
}

/** Longer than what sockets and pipes hold. */
const STAND_IN_BYTES = 3_000_000;

/**
 * Stands in for lb, so that a download takes no time: it "unpacks" itself as lb does, says which
 * version it is, or what its unit runs, and stops at its first start where `LB_TEST_STOP` names a file to make then.
 */
export function standIn(version: string, bytes = STAND_IN_BYTES): Uint8Array<ArrayBuffer> {
  const text = `#!/bin/sh
hash=${standInHash(version)}
if [ -n "\${LB_TEST_STOP-}" ]; then echo >"$LB_TEST_STOP"; exec sleep 30; fi
mkdir -p "$LB_CACHE/$hash" && echo >"$LB_CACHE/$hash/deno" && chmod 755 "$LB_CACHE/$hash/deno"
case "\${1-}" in
  queue) echo "ExecStart=$3 queue --run-dir /run/lb" ;;
  *) echo "lb ${version} (stand-in)" ;;
esac
exit
`;
  const all = new Uint8Array(Math.max(bytes, text.length)).fill(0x0a);
  all.set(new TextEncoder().encode(text));
  return all;
}

/** The folder that a stand-in unpacks itself into. */
export function standInHash(version: string): string {
  return version.replaceAll(/[^0-9a-f]/g, "").padEnd(32, "0");
}

/** Puts a release into the server's folder, as `.ci/release` would. */
export async function publish(
  { files }: Server,
  version: string,
  lb: Uint8Array<ArrayBuffer> = standIn(version),
): Promise<void> {
  files.set("VERSION", utf8(`${version}\n`));
  files.set(fileName(version), lb);
  const sums: string[] = [];
  for (const [name, served] of files) {
    if (!name.startsWith("lb-") || !(served instanceof Uint8Array)) continue;
    const hash = new Uint8Array(await crypto.subtle.digest("SHA-256", served)).toHex();
    sums.push(`${hash}  ${name}\n`);
  }
  files.set("SHA256SUMS", utf8(sums.join("")));
}

export function utf8(text: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(text);
}

/** Makes a stand-in the lb that is installed. */
export function putInPlace(machine: Machine, version: string): void {
  Deno.mkdirSync(`${machine.folder}/usr/bin`, { recursive: true });
  Deno.writeFileSync(machine.bin, standIn(version, 0), { mode: 0o755 });
}
