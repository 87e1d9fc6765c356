import type { Address } from "../../model/address.ts";
import { arpAnnouncement } from "../../packet/arp.ts";
import { neighborAdvertisement } from "../../packet/ndisc.ts";
import type { Kernel, RawSocket } from "../../sys/ports.ts";
import type { Interface } from "../interface.ts";

/** Broadcasts get lost, and are never asked for again. */
const ANNOUNCEMENTS = 2;
const ANNOUNCEMENT_INTERVAL_MS = 100;

/** An address that has just come to an interface. */
export interface Arrival {
  readonly link: Interface;
  readonly address: Address;
}

/**
 * Tells the neighbours where addresses are now: their caches may still name another machine. The
 * kernel says nothing of an added IPv4 address (arp_notify is about links), and of an IPv6 one only
 * with ndisc_notify. Links that are down, or have no ethernet address, have no neighbours to tell.
 *
 * @returns a sentence for each address that could not be announced
 */
export async function announce(kernel: Kernel, arrivals: readonly Arrival[]): Promise<string[]> {
  const audible = arrivals.filter(({ link }) => link.up && link.mac);
  const byLink = Map.groupBy(audible, ({ link }) => link);
  const failures = new Set<string>();
  for (let round = 0; round < ANNOUNCEMENTS && audible.length > 0; round++) {
    if (round > 0) await kernel.clock.sleep(ANNOUNCEMENT_INTERVAL_MS);
    for (const [link, theirs] of byLink) {
      for (const failure of announceOn(kernel, link, theirs)) failures.add(failure);
    }
  }
  return [...failures];
}

function announceOn(kernel: Kernel, link: Interface, arrivals: readonly Arrival[]): string[] {
  let socket: RawSocket | undefined;
  const failures: string[] = [];
  for (const arrival of arrivals) {
    try {
      const frame = announcement(kernel, arrival);
      socket ??= kernel.sockets.packet(link.index);
      socket.send(frame);
    } catch (error) {
      // The address is in place and works for whoever asks: not worth failing the run.
      const reason = error instanceof Error ? error.message : String(error);
      failures.push(`${arrival.address.text} could not be announced on ${link.name}: ${reason}`);
    }
  }
  socket?.close();
  return failures;
}

function announcement(kernel: Kernel, { link, address }: Arrival): Uint8Array {
  const mac = link.mac ?? new Uint8Array();
  if (address.family === 4) return arpAnnouncement(mac, address);
  const forwarding = kernel.files.read(`/proc/sys/net/ipv6/conf/${link.name}/forwarding`);
  return neighborAdvertisement(mac, address, { isRouter: Number(forwarding ?? 0) !== 0 });
}
