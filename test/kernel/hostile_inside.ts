/**
 * Test equipment: sends hostile packets from the namespace it is started in. `deno run -A hostile_inside.ts JSON`
 */
import { listLinks } from "../../lib/netlink/route/link.ts";
import { ethernetFrame } from "../../lib/packet/ethernet.ts";
import { sockets } from "../../lib/sys/socket.ts";
import { Random } from "../fuzz/random.ts";
import { type Ends, hostilePacket } from "./hostile_packets.ts";

/** What to send, and where to. */
export interface HostileSpec {
  readonly link: string;
  readonly to_mac: string;
  readonly ends: Ends;
  readonly packets: number;
  readonly seed: number;
}

const ETHERTYPE = { 4: 0x0800, 6: 0x86dd } as const;

/** After so many a moment's rest: what a full queue lets pass by is not looked at. */
const BURST = 128;
const REST_MS = 3;

async function sendAll({ link, to_mac, ends, packets, seed }: HostileSpec): Promise<void> {
  const own = listLinks(sockets).find(({ name }) => name === link);
  if (!own?.mac) throw new Error(`no ethernet interface ${link}`);
  const [source, destination] = [own.mac, Uint8Array.fromHex(to_mac.replaceAll(":", ""))];
  const socket = sockets.packet(own.index);
  const random = new Random(seed);
  for (let sent = 1; sent <= packets; sent++) {
    const payload = hostilePacket(ends, random);
    const type = ETHERTYPE[payload[0]! >>> 4 === 4 ? 4 : 6];
    socket.send(ethernetFrame({ destination, source, type, payload }));
    if (sent % BURST === 0) await new Promise((resolve) => setTimeout(resolve, REST_MS));
  }
  socket.close();
}

if (import.meta.main) await sendAll(JSON.parse(Deno.args[0]!) as HostileSpec);
