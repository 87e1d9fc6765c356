import type { BackendSpec, RoleEvent } from "./spec.ts";

/** Size of a piece, bytes. */
const PIECE_BYTES = 4096;

/** Serves until `stop`. */
export async function serveBackend(
  spec: BackendSpec,
  say: (event: RoleEvent) => void,
  stop: AbortSignal,
): Promise<void> {
  const hostname = anyAddress();
  const servers = spec.tcp.map((port) =>
    Deno.serve(
      { hostname, port, signal: stop, onListen() {} },
      (request, { remoteAddr }) => answer(spec.name, request, remoteAddr as Deno.NetAddr),
    )
  );
  if (spec.udp.length > 0) await answerDatagrams(spec, hostname, stop);
  say({ event: "ready" });
  await Promise.all(servers.map((server) => server.finished));
}

async function answerDatagrams(spec: BackendSpec, hostname: string, stop: AbortSignal) {
  const { echo } = await import("./datagram.ts");
  await Promise.all(spec.udp.map((port) => echo(hostname, port, spec.name, stop)));
}

/** `::` takes IPv4 too; a kernel without IPv6 has only 0.0.0.0. */
function anyAddress(): string {
  try {
    Deno.listen({ hostname: "::", port: 0 }).close();
    return "::";
  } catch {
    return "0.0.0.0";
  }
}

/** `/` answers the name, `/peer` the address the request seems to come from, `/download` streams. */
function answer(name: string, request: Request, peer: Deno.NetAddr): Response {
  const url = new URL(request.url);
  const headers = { "x-backend": name };
  if (url.pathname === "/download") {
    const [seconds, every_ms] = ["seconds", "every_ms"]
      .map((name) => Number(url.searchParams.get(name) ?? 1)) as [number, number];
    const pieces = Math.ceil(seconds * 1000 / every_ms);
    return new Response(slowly(pieces, every_ms), {
      headers: { ...headers, "content-length": String(pieces * PIECE_BYTES) },
    });
  }
  const body = url.pathname === "/peer" ? `${peer.hostname.replace("::ffff:", "")}\n` : `${name}\n`;
  return new Response(body, { headers });
}

function slowly(pieces: number, every_ms: number): ReadableStream<Uint8Array> {
  let sent = 0;
  return new ReadableStream({
    async pull(controller) {
      if (sent > 0) await new Promise((resolve) => setTimeout(resolve, every_ms));
      if (sent++ < pieces) controller.enqueue(new Uint8Array(PIECE_BYTES).fill(0x2e));
      else controller.close();
    },
  });
}
