/** The parts of schemas that hold other schemas. */
interface Holder {
  readonly entries?: Readonly<Record<string, Holder>>;
  readonly item?: Holder;
}

/** Where docs/config.md describes the table that a key holds. */
const TITLES: Readonly<Record<string, string>> = {
  lb: "[lb]",
  tier: "[tier]",
  notify: "[notify]",
  service: "[[service]]",
  persistence: "persistence",
  backend: "[[service.backend]]",
  health: "[service.health]",
  drain: "[service.drain]",
  balance: "[service.balance]",
  snmp: "snmp",
};

/** Keys of every table of `lb.toml`, by the title of the table. */
export function keysByTable(file: unknown): Map<string, string[]> {
  const found = new Map<string, string[]>();
  for (const [name, schema] of Object.entries(entriesOf(file as Holder) ?? {})) {
    collect(name, schema, found);
  }
  return found;
}

function collect(name: string, schema: Holder, found: Map<string, string[]>): void {
  const entries = entriesOf(schema);
  if (!entries) return;
  const title = TITLES[name];
  if (title === undefined) throw new Error(`${name} is a table without a section in config.md`);
  if (found.has(title)) return;
  found.set(title, Object.keys(entries));
  for (const [key, inner] of Object.entries(entries)) collect(key, inner, found);
}

/** The keys of a table, or of the tables in a list; undefined where it is neither. */
function entriesOf({ entries, item }: Holder): Holder["entries"] {
  return entries ?? (item && entriesOf(item));
}
