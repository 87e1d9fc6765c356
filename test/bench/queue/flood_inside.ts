/** Equipment of the bench: sends SYNs from the namespace it is started in. `deno run -A flood_inside.ts JSON` */
import { listLinks } from "../../../lib/netlink/route/link.ts";
import { sockets } from "../../../lib/sys/socket.ts";
import type { FloodResult, FloodSpec } from "./flood_spec.ts";
import { SynFrame } from "./syn.ts";

/** So many in a row before the time is looked at, where none is to be waited for. */
const BURST = 16;

/** Each run begins with other flows: the ones before may be remembered for seconds. */
const FIRST_MAX = 2 ** 32;

function flood({ link, to_mac, address, port, seconds, per_second }: FloodSpec): FloodResult {
  const own = listLinks(sockets).find(({ name }) => name === link);
  if (!own?.mac) throw new Error(`no ethernet interface ${link}`);
  const macs = { source: own.mac, destination: Uint8Array.fromHex(to_mac.replaceAll(":", "")) };
  const frame = new SynFrame(macs, { address: { family: 4, text: address }, port });
  const socket = sockets.packet(own.index);
  const began_ms = performance.now();
  const first = Math.floor(Math.random() * FIRST_MAX);
  const burst = per_second > 0 ? 1 : BURST;
  let sent = 0;
  for (let passed_s = 0; passed_s < seconds;) {
    passed_s = (performance.now() - began_ms) / 1000;
    if (per_second > 0 && sent > passed_s * per_second) continue;
    for (const end = sent + burst; sent < end; sent++) {
      frame.become(first + sent);
      socket.send(frame.bytes);
    }
  }
  socket.close();
  return { sent, seconds: (performance.now() - began_ms) / 1000 };
}

console.log(JSON.stringify(flood(JSON.parse(Deno.args[0]!) as FloodSpec)));
