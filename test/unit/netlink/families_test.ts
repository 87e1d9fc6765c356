import assert from "node:assert/strict";
import { KernelError } from "../../../lib/model/error.ts";
import { markLayout } from "../../../lib/model/mark.ts";
import { DecodeError, readMessages } from "../../../lib/netlink/codec.ts";
import { countActive } from "../../../lib/netlink/conntrack/count.ts";
import { deleteEntries } from "../../../lib/netlink/conntrack/delete.ts";
import { dumpEntries } from "../../../lib/netlink/conntrack/dump.ts";
import { readGeneration } from "../../../lib/netlink/nft/generation.ts";
import { addAddress, deleteAddress, listAddresses } from "../../../lib/netlink/route/address.ts";
import { listLinks } from "../../../lib/netlink/route/link.ts";
import * as sample from "./samples.ts";
import { ScriptedSockets } from "./scripted_socket.ts";

const LAYOUT = markLayout(0x00ffff00)!;

Deno.test("the generation is the number in the kernel's answer", () => {
  const sockets = new ScriptedSockets(sample.GENERATION, sample.ACK);
  assert.equal(readGeneration(sockets), 1);
  assert.deepEqual(sockets.protocols, [12]);
  assert.deepEqual(sockets.sent, [sample.bytes("14000000 100a 0500 01000000 00000000 00000000")]);
});

Deno.test("an acknowledgement without a generation is an error", () => {
  assert.throws(() => readGeneration(new ScriptedSockets(sample.ACK)), DecodeError);
});

Deno.test("an entry has both tuples, mark, status, time-out, state, id and zone", () => {
  const sockets = new ScriptedSockets(sample.TCP_ENTRY, sample.UDP6_ENTRY, sample.DONE);
  assert.deepEqual(dumpEntries(sockets), [
    {
      family: 4,
      protocol: 6,
      orig: { src: "192.0.2.1", dst: "203.0.113.1", sport: 1000, dport: 80 },
      reply: { src: "203.0.113.1", dst: "192.0.2.1", sport: 80, dport: 1000 },
      mark: 0x300,
      status: 8,
      timeout_s: 99,
      tcp_state: "ESTABLISHED",
      id: 0x1d5f92de,
      zone: 7,
    },
    {
      family: 6,
      protocol: 17,
      orig: { src: "2001:db8::1", dst: "2001:db8::2", sport: 1000, dport: 80 },
      reply: { src: "2001:db8::2", dst: "2001:db8::1", sport: 80, dport: 1000 },
      mark: 0,
      status: 8,
      timeout_s: 99,
      id: 0x20bee210,
    },
  ]);
});

Deno.test("a dump asks for one mark and one family in the kernel's terms", () => {
  const sockets = new ScriptedSockets(sample.DONE);
  dumpEntries(sockets, { family: 4, mark: { value: 0x300, mask: 0x7fff00 } });
  assert.deepEqual(sockets.sent, [sample.bytes(`
    24000000 0101 0103 01000000 00000000  # IPCTNL_MSG_CT_GET, NLM_F_REQUEST | NLM_F_DUMP
    02 00 0000                            # nfgenmsg: IPv4
    0800 0800 00000300                    # CTA_MARK
    0800 1500 007fff00                    # CTA_MARK_MASK
  `)]);
});

Deno.test("an entry without a tuple, or of another family, is an error", () => {
  const [message] = readMessages(sample.TCP_ENTRY);
  const bare = sample.TCP_ENTRY.slice(0, 20 + 52);
  bare[0] = bare.length;
  assert.ok(message);
  assert.throws(() => dumpEntries(new ScriptedSockets(bare, sample.DONE)), /both its tuples/);
  const foreign = sample.TCP_ENTRY.slice();
  foreign[16] = 7;
  assert.throws(() => dumpEntries(new ScriptedSockets(foreign, sample.DONE)), /address family 7/);
});

Deno.test("a delete names tuple, id and zone", () => {
  const [entry] = dumpEntries(new ScriptedSockets(sample.TCP_ENTRY, sample.DONE));
  assert.ok(entry);
  const sockets = new ScriptedSockets(sample.ACK);
  assert.equal(deleteEntries(sockets, [entry]), 1);
  assert.deepEqual(sockets.sent, [sample.bytes(`
    58000000 0201 0500 01000000 00000000  # IPCTNL_MSG_CT_DELETE, NLM_F_REQUEST | NLM_F_ACK
    02 00 0000                            # nfgenmsg: IPv4
    3400 0180                             # CTA_TUPLE_ORIG
    1400 0180 0800 0100 c0000201 0800 0200 cb007101
    1c00 0280 0500 0100 06 000000 0600 0200 03e8 0000 0600 0300 0050 0000
    0800 0c00 1d5f92de                    # CTA_ID
    0600 1200 0007 0000                   # CTA_ZONE
  `)]);
});

Deno.test("an entry that has gone already is not counted as deleted, and no error", () => {
  const [entry] = dumpEntries(new ScriptedSockets(sample.UDP6_ENTRY, sample.DONE));
  assert.ok(entry);
  assert.equal(deleteEntries(new ScriptedSockets(sample.REFUSED_DELETE), [entry]), 0);
});

Deno.test("active connections are counted by backend, without those that have ended", () => {
  const TIME_WAIT = 7;
  const CLOSE = 8;
  const sockets = new ScriptedSockets(
    tcpEntry({ mark: 0x000300 }),
    tcpEntry({ mark: 0x000300 }),
    tcpEntry({ mark: 0x000300, state: TIME_WAIT }),
    tcpEntry({ mark: 0x000300, state: CLOSE }),
    tcpEntry({ mark: 0x800500 }),
    tcpEntry({ mark: 0xff0000ff }),
    sample.UDP6_ENTRY,
    udpEntry({ mark: 0x000300 }),
    sample.DONE,
  );
  assert.deepEqual(countActive(sockets, LAYOUT), new Map([[3, 3], [5, 1]]));
});

Deno.test("addresses have interface, family, prefix length, scope and flags", () => {
  assert.deepEqual(listAddresses(new ScriptedSockets(sample.ADDRESSES, sample.DONE)), [
    {
      ifindex: 1,
      address: { family: 4, text: "127.0.0.1" },
      prefix_length: 8,
      scope: 254,
      flags: 0x80,
    },
    {
      ifindex: 1,
      address: { family: 6, text: "::1" },
      prefix_length: 128,
      scope: 254,
      flags: 0x80,
    },
  ]);
});

Deno.test("on a point-to-point link the address is our end's", () => {
  const tunnel = sample.ADDRESSES.slice(0, 76);
  tunnel[31] = 99; // the last byte of IFA_ADDRESS: the other end
  const [address] = listAddresses(new ScriptedSockets(tunnel, sample.DONE));
  assert.equal(address?.address.text, "127.0.0.1");
});

Deno.test("an interface has index, name, type, state, hardware address and kind", () => {
  assert.deepEqual(listLinks(new ScriptedSockets(sample.LINK, sample.DONE)), [{
    index: 5,
    type: 1,
    isUp: true,
    isLoopback: false,
    name: "eth0",
    mac: Uint8Array.of(2, 0, 0, 0, 0, 1),
    kind: "veth",
  }]);
});

Deno.test("an IPv6 address is usable at once, and not chosen as a source", () => {
  const sockets = new ScriptedSockets(sample.ACK);
  assert.equal(addAddress(sockets, 9, { family: 6, text: "2001:db8::1" }), "added");
  assert.deepEqual(sockets.sent, [sample.bytes(`
    54000000 1400 0506 01000000 00000000          # RTM_NEWADDR, REQUEST | ACK | CREATE | EXCL
    0a 80 02 00 09000000                          # ifaddrmsg: IPv6, /128, IFA_F_NODAD, interface 9
    1400 0200 20010db8000000000000000000000001    # IFA_LOCAL
    1400 0100 20010db8000000000000000000000001    # IFA_ADDRESS
    1400 0600 00000000 ffffffff 00000000 00000000 # IFA_CACHEINFO: preferred never, valid for ever
  `)]);
});

Deno.test("adding what is there and deleting what is not are results, other refusals are errors", () => {
  const vip = { family: 4, text: "203.0.113.1" } as const;
  const EADDRNOTAVAIL = 99;
  const ENODEV = 19;
  assert.equal(addAddress(new ScriptedSockets(sample.REFUSED_ADDRESS), 1, vip), "exists");
  assert.equal(deleteAddress(new ScriptedSockets(sample.ACK), 1, vip), "deleted");
  assert.equal(deleteAddress(new ScriptedSockets(refused(EADDRNOTAVAIL)), 1, vip), "absent");
  assert.equal(deleteAddress(new ScriptedSockets(refused(ENODEV)), 1, vip), "absent");
  assert.throws(() => addAddress(new ScriptedSockets(refused(ENODEV)), 1, vip), KernelError);
  assert.throws(
    () => deleteAddress(new ScriptedSockets(refused(1)), 1, vip),
    /not-permitted|EPERM/,
  );
});

function refused(errno: number): Uint8Array {
  const bytes = sample.REFUSED_DELETE.slice();
  new DataView(bytes.buffer).setInt32(16, -errno, true);
  return bytes;
}

/** TCP_ENTRY with another mark and state. */
function tcpEntry({ mark, state = 3 }: { mark: number; state?: number }): Uint8Array {
  const bytes = withMark(sample.TCP_ENTRY, mark);
  bytes[bytes.length - 28 - 40 + 4] = state;
  return bytes;
}

function udpEntry({ mark }: { mark: number }): Uint8Array {
  return withMark(sample.UDP6_ENTRY, mark);
}

/** The sample with another number in its CTA_MARK, found by its header. */
function withMark(original: Uint8Array, mark: number): Uint8Array {
  const bytes = original.slice();
  const at = bytes.findIndex((_, index) =>
    index % 4 === 0 && bytes[index] === 8 && bytes[index + 1] === 0 && bytes[index + 2] === 8 &&
    bytes[index + 3] === 0
  );
  new DataView(bytes.buffer).setUint32(at + 4, mark);
  return bytes;
}
