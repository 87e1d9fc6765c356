/**
 * Names that other load balancers use, beside ours. Only offered where our name is among the
 * candidates, so one table serves keys and values.
 */
const SYNONYMS: Readonly<Record<string, string>> = {
  affinity: "persistence",
  algorithm: "scheduler",
  balance: "scheduler",
  destination: "backend",
  dnat: "nat",
  dsr: "dr",
  dst: "address",
  endpoint: "backend",
  farm: "service",
  interface: "vip_on",
  ip: "address",
  ipip: "tunnel",
  leastconn: "lc",
  least_conn: "lc",
  listen: "vip",
  masq: "nat",
  method: "forward",
  real: "backend",
  reject: "refuse",
  "round-robin": "rr",
  roundrobin: "rr",
  round_robin: "rr",
  server: "backend",
  snat: "masquerade",
  sticky: "persistence",
  target: "backend",
  vserver: "service",
  whitelist: "allow",
  blacklist: "deny",
};

/**
 * The candidate that was probably meant: one that another load balancer calls so, one that begins so,
 * or the nearest by edit distance if it is near enough to be a slip.
 *
 * @example `nearest("schedular", ["ports", "scheduler"])` is `"scheduler"`
 */
export function nearest(word: string, candidates: readonly string[]): string | undefined {
  const wanted = word.toLowerCase();
  const synonym = Object.hasOwn(SYNONYMS, wanted) ? SYNONYMS[wanted] : undefined;
  if (synonym !== undefined && candidates.includes(synonym)) return synonym;
  return closest(wanted, candidates) ?? completion(wanted, candidates);
}

/** `did you mean …?` for {@linkcode nearest}, or undefined. */
export function didYouMean(word: string, candidates: readonly string[]): string | undefined {
  const name = nearest(word, candidates);
  return name === undefined ? undefined : `did you mean \`${name}\`?`;
}

/** What to do about a service that is not among those there are. */
export function serviceHint(name: string, names: readonly string[]): string {
  return didYouMean(name, names) ?? `services: ${names.join(", ") || "none"}`;
}

function closest(word: string, candidates: readonly string[]): string | undefined {
  // A third of the letters: more would offer unrelated words, and "rr" for any two letters.
  const limit = Math.max(1, Math.floor(word.length / 3));
  const alike = (name: string) => Number(name[0] === word[0]);
  const ranked = candidates
    .map((name) => ({ name, distance: editDistance(word, name) }))
    .filter(({ name, distance }) => distance <= limit && distance < name.length)
    // Of equally near ones the one that begins alike: slips at the first letter are rare.
    .sort((a, b) => a.distance - b.distance || alike(b.name) - alike(a.name));
  return ranked[0]?.name;
}

function completion(word: string, candidates: readonly string[]): string | undefined {
  if (word.length < 3) return undefined;
  return candidates.find((name) => name.startsWith(word));
}

/** Insertions, deletions, replacements and swaps of neighbours that turn one word into the other. */
export function editDistance(a: string, b: string): number {
  let before: number[] = [];
  let above = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (let row = 1; row <= a.length; row++) {
    const current = [row];
    for (let column = 1; column <= b.length; column++) {
      const same = a[row - 1] === b[column - 1] ? 0 : 1;
      const swapped = row > 1 && a[row - 1] === b[column - 2] && a[row - 2] === b[column - 1];
      current[column] = Math.min(
        at(above, column) + 1,
        at(current, column - 1) + 1,
        at(above, column - 1) + same,
        swapped ? at(before, column - 2) + 1 : Infinity,
      );
    }
    before = above;
    above = current;
  }
  return at(above, b.length);
}

function at(row: readonly number[], column: number): number {
  return row[column] ?? Infinity;
}
