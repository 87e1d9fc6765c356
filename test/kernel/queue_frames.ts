/**
 * Test equipment: sends IP packets as they are from the namespace it is started in, whatever its kernel would
 * say of them. `deno run -A queue_frames.ts JSON`
 */
import { listLinks } from "../../lib/netlink/route/link.ts";
import { ethernetFrame } from "../../lib/packet/ethernet.ts";
import { sockets } from "../../lib/sys/socket.ts";

/** Packets in hexadecimal, and the hardware address they go to. */
export interface FramesSpec {
  readonly link: string;
  readonly to_mac: string;
  readonly packets: readonly string[];
  /** How often each is sent. @default 1 */
  readonly times?: number;
}

const ETHERTYPE = { 4: 0x0800, 6: 0x86dd } as const;

function sendAll({ link, to_mac, packets, times = 1 }: FramesSpec): void {
  const own = listLinks(sockets).find(({ name }) => name === link);
  if (!own?.mac) throw new Error(`no ethernet interface ${link}`);
  const [source, destination] = [own.mac, Uint8Array.fromHex(to_mac.replaceAll(":", ""))];
  const frames = packets.map((hex) => Uint8Array.fromHex(hex)).map((payload) => {
    const type = ETHERTYPE[payload[0]! >>> 4 === 4 ? 4 : 6];
    return ethernetFrame({ destination, source, type, payload });
  });
  const socket = sockets.packet(own.index);
  for (let turn = 0; turn < times; turn++) for (const frame of frames) socket.send(frame);
  socket.close();
}

if (import.meta.main) sendAll(JSON.parse(Deno.args[0]!) as FramesSpec);
