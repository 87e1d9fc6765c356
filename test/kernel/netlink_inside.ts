/**
 * Test equipment: does one thing with lib/netlink or lib/packet in the network namespace it is started
 * in, and prints the result as JSON. `deno run -A netlink_inside.ts ACT [JSON]`
 */
import { parseAddress, parsePrefix } from "../../lib/model/address.ts";
import { KernelError } from "../../lib/model/error.ts";
import { DEFAULT_MARK_MASK, markLayout } from "../../lib/model/mark.ts";
import { countActive } from "../../lib/netlink/conntrack/count.ts";
import { deleteEntries } from "../../lib/netlink/conntrack/delete.ts";
import { dumpEntries } from "../../lib/netlink/conntrack/dump.ts";
import { readGeneration } from "../../lib/netlink/nft/generation.ts";
import { addAddress, deleteAddress, listAddresses } from "../../lib/netlink/route/address.ts";
import { type Link, listLinks } from "../../lib/netlink/route/link.ts";
import { addLocalRoute, deleteLocalRoute, localPrefixes } from "../../lib/netlink/route/local.ts";
import { askNeighbours, listNeighbours } from "../../lib/netlink/route/neighbour.ts";
import { routesTo } from "../../lib/netlink/route/route.ts";
import { arpAnnouncement } from "../../lib/packet/arp.ts";
import { neighborAdvertisement } from "../../lib/packet/ndisc.ts";
import { sockets } from "../../lib/sys/socket.ts";

const LAYOUT = markLayout(DEFAULT_MARK_MASK)!;

const ACTS = {
  generation: () => readGeneration(sockets),
  links: () =>
    listLinks(sockets).map((link) => ({ ...link, mac: link.mac && Array.from(link.mac) })),
  addresses: () => listAddresses(sockets),
  add: ({ link, address }) => addAddress(sockets, linkOf(link).index, addressOf(address)),
  delete: ({ link, address }) => deleteAddress(sockets, linkOf(link).index, addressOf(address)),
  add_prefix: ({ link, address }) => addLocalRoute(sockets, linkOf(link).index, prefixOf(address)),
  delete_prefix: ({ link, address }) =>
    deleteLocalRoute(sockets, linkOf(link).index, prefixOf(address)),
  is_local: ({ address }) => localPrefixes(sockets, [prefixOf(address)]).length === 1,
  neighbours: () =>
    listNeighbours(sockets).map((one) => ({
      ...one,
      lladdr: one.lladdr && Array.from(one.lladdr),
    })),
  ask: ({ link, address }) =>
    askNeighbours(sockets, [{ ifindex: linkOf(link).index, address: addressOf(address) }]),
  route: ({ address }) => routesTo(sockets, [addressOf(address)])[0],
  entries: ({ filter }) => dumpEntries(sockets, filter),
  delete_entries: ({ entries }) => deleteEntries(sockets, entries ?? []),
  count: () => timed(() => [...countActive(sockets, LAYOUT)]),
  time_dump: () => timed(() => dumpEntries(sockets).length),
  announce: ({ link, address }) => announce(linkOf(link), addressOf(address)),
  sniff: ({ link }) => sniff(linkOf(link)),
  refusal: ({ address }) => refusalOf(() => addAddress(sockets, 9_999, addressOf(address))),
} satisfies Record<string, (input: Input) => unknown>;

export type Act = keyof typeof ACTS;

/** What an act may be told. */
export interface Input {
  readonly link?: string;
  readonly address?: string;
  readonly filter?: Parameters<typeof dumpEntries>[1];
  readonly entries?: Parameters<typeof deleteEntries>[1] & readonly unknown[];
}

function linkOf(name: string | undefined): Link {
  const link = listLinks(sockets).find((link) => link.name === name);
  if (!link) throw new Error(`no interface ${name}`);
  return link;
}

function addressOf(text: string | undefined) {
  const address = parseAddress(text ?? "");
  if (!address) throw new Error(`no address ${text}`);
  return address;
}

function prefixOf(text: string | undefined) {
  const prefix = parsePrefix(text ?? "");
  if (!prefix) throw new Error(`no prefix ${text}`);
  return prefix;
}

function timed<T>(act: () => T): { result: T; took_ms: number } {
  const begun = performance.now();
  const result = act();
  return { result, took_ms: performance.now() - begun };
}

function announce({ index, mac }: Link, address: ReturnType<typeof addressOf>): void {
  if (!mac) throw new Error("an interface without hardware address");
  const socket = sockets.packet(index);
  socket.send(
    address.family === 4
      ? arpAnnouncement(mac, address)
      : neighborAdvertisement(mac, address, { isRouter: true }),
  );
  socket.close();
}

/** The type of the next frame that comes in or goes out. */
function sniff({ index }: Link): number {
  const socket = sockets.packet(index);
  console.error("ready");
  const frame = socket.receive();
  socket.close();
  return new DataView(frame.buffer).getUint16(12);
}

function refusalOf(act: () => unknown) {
  try {
    return act();
  } catch (error) {
    if (error instanceof KernelError) return error.refusal;
    throw error;
  }
}

if (import.meta.main) {
  const [name, input = "{}"] = Deno.args;
  const act: ((input: Input) => unknown) | undefined = ACTS[name as Act];
  console.log(JSON.stringify(act?.(JSON.parse(input)) ?? null));
}
