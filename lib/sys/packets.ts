import { type Address, addressBytes } from "../model/address.ts";
import { SocketDescriptor } from "./descriptor.ts";
import { lastErrno, libc } from "./ffi.ts";
import type { OpenPackets } from "./ports.ts";

/** linux/socket.h, linux/in.h. */
const AF_INET = 2;
const AF_INET6 = 10;
const IPPROTO_RAW = 255;

/** Whole IP packets, sent wherever routes lead: with IPPROTO_RAW the header is the sender's own (raw(7)). */
export const openPackets: OpenPackets = (family) => {
  const domain = family === 4 ? AF_INET : AF_INET6;
  const socket = SocketDescriptor.open(domain, IPPROTO_RAW, `raw IPv${family} socket`);
  return {
    send(packet, to) {
      const address = socketAddress(to);
      if (libc().connect(socket.fd, address, address.length) !== 0) {
        throw socket.refused("connect", lastErrno(), `no way to ${to.text}`);
      }
      socket.send(packet, packet.length);
    },
    close: () => socket.close(),
  };
};

/** struct sockaddr_in or sockaddr_in6, without a port. */
function socketAddress(address: Address): Uint8Array<ArrayBuffer> {
  const isV4 = address.family === 4;
  const view = new DataView(new ArrayBuffer(isV4 ? 16 : 28));
  view.setUint16(0, isV4 ? AF_INET : AF_INET6, true);
  const bytes = new Uint8Array(view.buffer);
  bytes.set(addressBytes(address), isV4 ? 4 : 8);
  return bytes;
}
