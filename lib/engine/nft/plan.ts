import type { Change } from "../../model/change.ts";
import type { EnginePlan } from "../engine.ts";
import { Script } from "./script.ts";
import {
  type Collection,
  type Counter,
  objectFingerprints,
  objectName,
  REVISION_SET,
  type Snapshot,
} from "./snapshot.ts";

/** Changes for people, and the one transaction that makes them. */
export interface NftPlan extends EnginePlan {
  /** Text for `nft -f`; empty where there is nothing to do. */
  readonly script: string;
  /** Whether the script writes this object. */
  readonly touches: (object: string) => boolean;
  /** How many rules each chain has afterwards. */
  readonly ruleCounts: ReadonlyMap<string, number>;
}

/**
 * The transaction from one state to the other.
 *
 * It begins by deleting the revision element it was planned against and ends by adding its own, so that
 * a table which changed in between makes the whole of it fail (architecture.md, "One data flow").
 */
export function planNft(want: Snapshot, have: Snapshot, token: string): NftPlan {
  const ruleCounts = new Map(
    [...want.chains].map(([name, { rules = [] }]) => [name, rules.length]),
  );
  const base = { token, sources: objectFingerprints(want), touches: () => true, ruleCounts };
  if (!want.present) return { ...base, ...removal(have) };
  if (!have.present) return { ...base, ...creation(want, token) };
  const reason = rebuildReason(want, have);
  if (reason) return { ...base, ...rebuild(want, have, token, reason) };
  const edits = new Edits(want, have);
  if (edits.changes.length === 0) return { ...base, changes: [], script: "" };
  const touched = new Set(edits.changes.map(({ object }) => object));
  const touches = (object: string) => touched.has(object);
  return { ...base, touches, changes: edits.changes, script: edits.script(token) };
}

function removal(have: Snapshot): { changes: Change[]; script: string } {
  if (!have.present) return { changes: [], script: "" };
  const script = new Script();
  if (have.token) script.expectToken(have.token);
  script.deleteTable();
  return {
    changes: [change("remove", "table inet lb", "no service is left")],
    script: script.text,
  };
}

function creation(want: Snapshot, token: string): { changes: Change[]; script: string } {
  const script = new Script().createTable();
  script.declareAll(want).fillAll(want).setToken(token);
  return {
    changes: [change("add", "table inet lb", "does not exist"), ...additions(want)],
    script: script.text,
  };
}

/**
 * Types and hooks cannot be changed in place, and what lb never makes cannot be told from what its maps
 * need. In both cases the table is replaced in one transaction; connections live on in conntrack.
 */
function rebuildReason(want: Snapshot, have: Snapshot): string | undefined {
  if (!have.known) return "there is no record of what is in it";
  if (!have.token) return "its revision is gone";
  if (have.foreign.length > 0) return `it holds ${have.foreign.join(", ")}`;
  for (const [name, { kind, source }] of want.collections) {
    const found = have.collections.get(name);
    if (found && (found.kind !== kind || found.source !== source)) {
      return `${objectName(kind, name)} is not as lb made it`;
    }
  }
  for (const [name, { header }] of want.chains) {
    const found = have.chains.get(name);
    if (found && found.header !== header) return `chain ${name} is not hooked as lb made it`;
  }
  return undefined;
}

function rebuild(
  want: Snapshot,
  have: Snapshot,
  token: string,
  reason: string,
): { changes: Change[]; script: string } {
  const script = new Script();
  if (have.token) script.expectToken(have.token);
  const counters = carriedCounters(want, have);
  script.deleteTable().createTable();
  script.declareAll({ ...want, counters }).fillAll(want).setToken(token);
  return {
    changes: [change("change", "table inet lb", `replaced in one transaction: ${reason}`)],
    script: script.text,
  };
}

/** Counters go on where they were, where the backend of that id is known to be the same one. */
function carriedCounters(want: Snapshot, have: Snapshot): Map<string, Counter> {
  const sameBackend = (counter: string) => {
    const chain = counter.replace(/^n-/, "b-");
    const found = have.chains.get(chain);
    return found !== undefined && found.source === want.chains.get(chain)?.source;
  };
  return new Map(
    [...want.counters].map(([name, zero]) => [
      name,
      sameBackend(name) ? have.counters.get(name) ?? zero : zero,
    ]),
  );
}

function additions(want: Snapshot): Change[] {
  const chains = [...want.chains].map(([name, { comment, hook }]) =>
    change("add", objectName("chain", name), comment ?? hook ?? "")
  );
  const collections = [...want.collections].map(([name, { kind, elements }]) =>
    change("add", objectName(kind, name), `${elements.size} elements`)
  );
  const counters = [...want.counters.keys()].map((name) =>
    change("add", objectName("counter", name), "")
  );
  return [...collections, ...counters, ...chains];
}

/** Keys that come and go in one collection. A changed value is a delete and an add: add alone is EEXIST. */
interface ElementEdit {
  readonly name: string;
  readonly remove: string[];
  readonly add: (readonly [string, string])[];
}

class Edits {
  readonly #want: Snapshot;
  readonly #have: Snapshot;
  readonly #elements: ElementEdit[];
  readonly changes: Change[];

  constructor(want: Snapshot, have: Snapshot) {
    this.#want = want;
    this.#have = have;
    this.#elements = [...want.collections]
      .filter(([name]) => name !== REVISION_SET)
      .map(([name, collection]) => editElements(name, collection, have.collections.get(name)));
    this.changes = [...this.#added(), ...this.#changed(), ...this.#removed()];
  }

  script(token: string): string {
    const fresh: Snapshot = {
      ...this.#want,
      chains: missing(this.#want.chains, this.#have.chains),
      collections: missing(this.#want.collections, this.#have.collections),
      counters: missing(this.#want.counters, this.#have.counters),
    };
    const stale = this.#staleChains();
    const script = new Script().expectToken(this.#have.token!).declareAll(fresh);
    for (const [name] of stale) script.flushChain(name);
    for (const edit of this.#elements) script.deleteElements(edit.name, edit.remove);
    for (const edit of this.#elements) script.addElements(edit.name, edit.add);
    for (const [name, chain] of [...fresh.chains, ...stale]) {
      script.addRules(name, chain.rules ?? []);
    }
    return script.deleteAll(this.#leftOver()).setToken(token).text;
  }

  #staleChains() {
    return [...this.#want.chains].filter(([name, { source }]) => {
      const found = this.#have.chains.get(name);
      return found && found.source !== source;
    });
  }

  #leftOver() {
    return {
      chains: [...missing(this.#have.chains, this.#want.chains).keys()],
      collections: [...missing(this.#have.collections, this.#want.collections)]
        .map(([name, { kind }]) => ({ name, kind })),
      counters: [...missing(this.#have.counters, this.#want.counters).keys()],
    };
  }

  #added(): Change[] {
    return additions({
      ...this.#want,
      chains: missing(this.#want.chains, this.#have.chains),
      collections: missing(this.#want.collections, this.#have.collections),
      counters: missing(this.#want.counters, this.#have.counters),
    });
  }

  #changed(): Change[] {
    const chains = this.#staleChains().map(([name, { comment }]) =>
      change("change", objectName("chain", name), `rules written anew (${comment ?? "base chain"})`)
    );
    const elements = this.#elements
      .filter(({ name, add, remove }) =>
        this.#have.collections.has(name) && add.length + remove.length > 0
      )
      .map((edit) =>
        change(
          "change",
          objectName(this.#want.collections.get(edit.name)!.kind, edit.name),
          describeElements(edit),
        )
      );
    return [...chains, ...elements];
  }

  #removed(): Change[] {
    const { chains, collections, counters } = this.#leftOver();
    return [
      ...chains.map((name) => change("remove", objectName("chain", name), "")),
      ...collections.map(({ kind, name }) => change("remove", objectName(kind, name), "")),
      ...counters.map((name) => change("remove", objectName("counter", name), "")),
    ];
  }
}

function editElements(name: string, want: Collection, have?: Collection): ElementEdit {
  const found = have?.elements ?? new Map<string, string>();
  const differs = ([key, value]: readonly [string, string]) => found.get(key) !== value;
  const add = [...want.elements].filter(differs);
  const replaced = add.filter(([key]) => found.has(key)).map(([key]) => key);
  const gone = [...found.keys()].filter((key) => !want.elements.has(key));
  return { name, remove: [...gone, ...replaced], add };
}

const ELEMENTS_SHOWN_MAX = 4;

function describeElements({ add, remove }: ElementEdit): string {
  const added = new Set(add.map(([key]) => key));
  const lines = [
    ...remove.filter((key) => !added.has(key)).map((key) => `- ${key}`),
    ...add.map(([key, value]) => `+ ${key}${value ? ` : ${value}` : ""}`),
  ];
  const more = lines.length - ELEMENTS_SHOWN_MAX;
  return lines.slice(0, ELEMENTS_SHOWN_MAX).join(", ") + (more > 0 ? `, ${more} more` : "");
}

function missing<T>(from: ReadonlyMap<string, T>, where: ReadonlyMap<string, unknown>) {
  return new Map([...from].filter(([name]) => !where.has(name)));
}

function change(op: Change["op"], object: string, detail: string): Change {
  return { engine: "nft", op, object, detail };
}
