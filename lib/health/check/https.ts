import { type Call, connect, peerOf } from "./call.ts";
import { inTime } from "./failure.ts";
import { converse } from "./http.ts";

const HTTPS_PORT = 443;

/** {@linkcode checkHttp} by TLS, with a certificate for `host`, or for the address where there is no host. */
export async function checkHttps(call: Call): Promise<void> {
  const { address, health: { host, verify }, ports, until_ms } = call;
  const peer = peerOf(call, HTTPS_PORT);
  const tls = await ports.tls();
  const socket = await connect(call, peer);
  try {
    const options = { name: host === undefined ? address.text : nameOf(host), verify };
    const secured = await inTime("no TLS handshake", tls.over(socket, options, until_ms));
    await converse(call, secured, peer, HTTPS_PORT).finally(() => secured.close());
  } finally {
    socket.close();
  }
}

/** A host without its port, an IPv6 address without its brackets. */
function nameOf(host: string): string {
  const [, bracketed, plain] = /^(?:\[([^\]]*)\]|([^:]*))(?::\d*)?$/.exec(host) ?? [];
  return bracketed ?? plain ?? host;
}
