import assert from "node:assert/strict";
import fc from "fast-check";
import { addressFromBytes, parseAddress } from "../../../lib/model/address.ts";
import { arpAnnouncement } from "../../../lib/packet/arp.ts";
import { internetChecksum } from "../../../lib/packet/checksum.ts";
import { neighborAdvertisement } from "../../../lib/packet/ndisc.ts";
import { bytes } from "../netlink/samples.ts";

const MAC = bytes("02 00 5e 10 00 01");
const VIP4 = parseAddress("203.0.113.1")!;
const VIP6 = parseAddress("2001:db8:1::1")!;

Deno.test("an ARP announcement is a broadcast request for the sender's own address", () => {
  assert.deepEqual(
    arpAnnouncement(MAC, VIP4),
    bytes(`
      ffffffffffff 02005e100001 0806  # ethernet: broadcast, from the interface, ARP
      0001 0800 06 04                 # ethernet and IPv4, 6 and 4 bytes long
      0001                            # request
      02005e100001 cb007101           # sender: the interface, 203.0.113.1
      000000000000 cb007101           # target: nobody (RFC 5227), 203.0.113.1
    `),
  );
});

Deno.test("an unsolicited advertisement goes to all nodes, overrides, and names the hardware address", () => {
  assert.deepEqual(
    neighborAdvertisement(MAC, VIP6, { isRouter: false }),
    bytes(`
      333300000001 02005e100001 86dd    # ethernet: the group of ff02::1, from the interface, IPv6
      60000000 0020 3a ff               # version 6, 32 bytes, ICMPv6, hop limit 255
      20010db8000100000000000000000001  # from 2001:db8:1::1
      ff020000000000000000000000000001  # to ff02::1
      88 00 9b18 20000000               # neighbour advertisement, checksum, override
      20010db8000100000000000000000001  # target 2001:db8:1::1
      02 01 02005e100001                # option: target's hardware address, 8 bytes
    `),
  );
});

Deno.test("a router says so", () => {
  const flags = (isRouter: boolean) => neighborAdvertisement(MAC, VIP6, { isRouter })[14 + 40 + 4];
  assert.equal(flags(true), 0xa0);
  assert.equal(flags(false), 0x20);
});

Deno.test("the sum over pseudo header and advertisement comes out as zero, as receivers check it", () => {
  const octets = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });
  // IPv4-mapped and the like are addresses too: any 16 bytes are.
  fc.assert(fc.property(octets(6), octets(16), fc.boolean(), (mac, ip, isRouter) => {
    const frame = neighborAdvertisement(mac, addressFromBytes(ip), { isRouter });
    const pseudoHeader = [...frame.slice(22, 54), 0, 0, 0, 32, 0, 0, 0, 58];
    assert.equal(internetChecksum(Uint8Array.from([...pseudoHeader, ...frame.slice(54)])), 0);
  }));
});

Deno.test("the checksum is that of RFC 1071's example, odd lengths are filled up", () => {
  assert.equal(internetChecksum(bytes("0001 f203 f4f5 f6f7")), 0xffff - 0xddf2);
  assert.equal(
    internetChecksum(bytes("0001 f203 f4f5 f6")),
    internetChecksum(bytes("0001 f203 f4f5 f600")),
  );
});

Deno.test("the wrong family and the wrong length are refused", () => {
  assert.throws(() => arpAnnouncement(MAC, VIP6), RangeError);
  assert.throws(() => neighborAdvertisement(MAC, VIP4, { isRouter: false }), RangeError);
  assert.throws(() => arpAnnouncement(MAC.slice(1), VIP4), RangeError);
  assert.throws(
    () => neighborAdvertisement(new Uint8Array(8), VIP6, { isRouter: true }),
    RangeError,
  );
});
