import { addressBytes, FAMILIES, type Family, fullLength } from "../../model/address.ts";
import { type PortRange, portRanges, PROTOCOL_NUMBERS } from "../../model/service.ts";
import type { Headers } from "../../packet/headers.ts";
import { WordMap } from "./word_map.ts";
import type { QueueService } from "./table.ts";

/** Which ports of one prefix are whose. */
interface Range extends PortRange {
  readonly service: number;
}

/** Prefixes of one family and length, by their first bits. */
interface Shelf {
  readonly family: Family;
  readonly masks: readonly number[];
  readonly length: number;
}

/**
 * Which service a packet is for: by exact address and port first, then by prefixes and port ranges, the longest
 * prefix first. The kernel's maps do the same (nft-layout.md, "Dispatch").
 */
export class Dispatch {
  readonly #exact: WordMap;
  readonly #prefixes: WordMap;
  readonly #ranges: Range[][] = [];
  readonly #shelves: readonly Shelf[];

  constructor(services: readonly QueueService[]) {
    const claims = services.flatMap(claimsOf);
    const ranges = claims.filter((claim) => !isExact(claim));
    this.#exact = new WordMap(claims.length - ranges.length);
    this.#prefixes = new WordMap(ranges.length);
    for (const claim of claims) if (isExact(claim)) this.#addExact(claim);
    for (const claim of ranges) this.#addRange(claim);
    this.#shelves = shelvesOf(ranges);
  }

  /** The service's index; -1 where there is none. */
  find(view: DataView, packet: Headers): number {
    const { family, destination_at: at } = packet;
    const [a, b, c, d] = [
      view.getInt32(at),
      family === 6 ? view.getInt32(at + 4) : 0,
      family === 6 ? view.getInt32(at + 8) : 0,
      family === 6 ? view.getInt32(at + 12) : 0,
    ];
    const exact = this.#exact.get(
      a,
      b,
      c,
      d,
      metaOf(family, packet.protocol, packet.destination_port),
    );
    return exact >= 0 ? exact : this.#findRange(packet, a, b, c, d);
  }

  #findRange(packet: Headers, a: number, b: number, c: number, d: number): number {
    for (const { family, masks, length } of this.#shelves) {
      if (family !== packet.family) continue;
      const meta = metaOf(family, packet.protocol, length);
      const [am, bm, cm, dm] = masks;
      const ranges = this.#prefixes.get(a & am!, b & bm!, c & cm!, d & dm!, meta);
      const service = ranges < 0 ? -1 : ownerOf(this.#ranges[ranges]!, packet.destination_port);
      if (service >= 0) return service;
    }
    return -1;
  }

  #addExact({ vip, protocol, ports, service }: Claim): void {
    const [a, b, c, d] = vip.words;
    this.#exact.set(a, b, c, d, metaOf(vip.family, protocol, ports.first), service);
  }

  #addRange({ vip, protocol, ports, service }: Claim): void {
    const [a, b, c, d] = vip.words;
    const meta = metaOf(vip.family, protocol, vip.length);
    const known = this.#prefixes.get(a, b, c, d, meta);
    const index = known >= 0 ? known : this.#ranges.push([]) - 1;
    this.#ranges[index]!.push({ ...ports, service });
    this.#prefixes.set(a, b, c, d, meta, index);
  }
}

type Words = readonly [number, number, number, number];

/** One prefix and one port range of a service. */
interface Claim {
  readonly vip: { readonly family: Family; readonly length: number; readonly words: Words };
  readonly protocol: number;
  readonly ports: PortRange;
  readonly service: number;
}

function claimsOf(service: QueueService, index: number): Claim[] {
  const protocol = PROTOCOL_NUMBERS[service.protocol];
  const ports = portRanges(service);
  return service.vip.flatMap((vip) => {
    const prefix = { family: vip.family, length: vip.length, words: wordsOf(addressBytes(vip)) };
    return ports.map((range) => ({ vip: prefix, protocol, ports: range, service: index }));
  });
}

function isExact({ vip, ports }: Claim): boolean {
  return vip.length === fullLength(vip.family) && ports.first === ports.last;
}

/** Four words, those behind an IPv4 address 0. */
function wordsOf(bytes: Uint8Array): Words {
  const view = new DataView(new ArrayBuffer(16));
  new Uint8Array(view.buffer).set(bytes);
  return [view.getInt32(0), view.getInt32(4), view.getInt32(8), view.getInt32(12)];
}

function metaOf(family: Family, protocol: number, port: number): number {
  return (family === 6 ? 1 << 24 : 0) | protocol << 16 | port;
}

function shelvesOf(claims: readonly Claim[]): Shelf[] {
  return FAMILIES.flatMap((family) => {
    const lengths = claims.filter(({ vip }) => vip.family === family).map(({ vip }) => vip.length);
    return [...new Set(lengths)].sort((one, other) => other - one)
      .map((length) => ({ family, length, masks: [0, 1, 2, 3].map((at) => maskOf(length, at)) }));
  });
}

/** The bits of word `at` that are in a prefix of that length. */
function maskOf(length: number, at: number): number {
  const bits = Math.min(32, Math.max(0, length - at * 32));
  return bits === 0 ? 0 : -1 << (32 - bits);
}

function ownerOf(ranges: readonly Range[], port: number): number {
  for (const { first, last, service } of ranges) if (first <= port && port <= last) return service;
  return -1;
}
