/** The parts of valibot's schemas that hold other schemas. */
interface Holder {
  readonly entries?: Readonly<Record<string, Holder>>;
  readonly wrapped?: Holder;
  readonly item?: Holder;
  readonly pipe?: readonly Holder[];
  readonly getter?: (input: unknown) => Holder;
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

/** The keys of a table, however deep the schema wraps it; undefined where it is none. */
function entriesOf(schema: Holder): Holder["entries"] {
  if (schema.entries) return schema.entries;
  // What may be a value or a table shows its table when it is asked with one.
  const inner = [schema.wrapped, schema.item, ...schema.pipe ?? [], schema.getter?.({})];
  for (const each of inner) {
    if (each === undefined || each === schema) continue;
    const entries = entriesOf(each);
    if (entries) return entries;
  }
  return undefined;
}
