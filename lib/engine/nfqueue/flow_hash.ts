/** What tells flows apart, as both a packet and a conntrack entry have it: places of addresses in bytes. */
export interface FlowFields {
  readonly protocol: number;
  readonly source_at: number;
  readonly destination_at: number;
  readonly source_port: number;
  readonly destination_port: number;
}

/**
 * A hash of a flow, as its client sent the first packet of it: 32 bits, unsigned. MurmurHash3's steps over words.
 *
 * @param address_bytes 4 or 16
 * @param seed by which those outside cannot tell which flows have the same hash
 */
export function flowHash(
  view: DataView,
  flow: FlowFields,
  address_bytes: number,
  seed: number,
): number {
  let hash = seed ^ flow.protocol;
  for (let at = 0; at < address_bytes; at += 4) {
    hash = step(hash, view.getInt32(flow.source_at + at));
    hash = step(hash, view.getInt32(flow.destination_at + at));
  }
  return finish(step(hash, flow.source_port << 16 | flow.destination_port));
}

/** A number whose bits each depend on all bits of this one. Unsigned. */
export function finish(hash: number): number {
  hash = Math.imul(hash ^ hash >>> 16, 0x85ebca6b);
  hash = Math.imul(hash ^ hash >>> 13, 0xc2b2ae35);
  return (hash ^ hash >>> 16) >>> 0;
}

/** One word more. */
export function step(hash: number, word: number): number {
  word = Math.imul(word, 0xcc9e2d51);
  word = Math.imul(word << 15 | word >>> 17, 0x1b873593);
  hash ^= word;
  return Math.imul(hash << 13 | hash >>> 19, 5) + 0xe6546b64 | 0;
}
