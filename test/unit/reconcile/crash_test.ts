/**
 * A run that is cut off, wherever that may be, and what the next one makes of it. The moments are not
 * picked: each call of a port and each statement that writes to the database is one.
 */
import assert from "node:assert/strict";
import { type Fate, FATES, isCrash } from "../../fake/gate.ts";
import { BASE, CHANGED, NOTHING } from "./configs.ts";
import { type Rig, withRig } from "./rig.ts";

/** A run to be cut off, and how the machine comes to the point before it. */
interface Scenario {
  readonly name: string;
  readonly prepare: (rig: Rig) => Promise<void>;
  readonly config: string;
  /** What the next run is for. @default the same */
  readonly then?: string;
}

const SCENARIOS: readonly Scenario[] = [
  { name: "the first apply", prepare: async () => {}, config: BASE },
  { name: "a change", prepare: applyBase, config: CHANGED },
  { name: "an uninstall", prepare: applyBase, config: NOTHING },
  {
    name: "an uninstall thought better of",
    prepare: async (rig) => void await rig.run(BASE),
    config: NOTHING,
    then: CHANGED,
  },
  {
    name: "a repair",
    prepare: async (rig) => {
      await applyBase(rig);
      rig.host.nft.edit("delete table inet lb");
      rig.host.network.addresses.delete("eth0 192.0.2.10/32");
      rig.host.proc.sysctl("net.ipv4.ip_forward", "0");
    },
    config: BASE,
  },
];

/** With flows of all backends that {@linkcode CHANGED} takes away, and of one that it keeps. */
async function applyBase(rig: Rig): Promise<void> {
  await rig.run(BASE);
  const { flows } = rig.host.netfilter;
  const ids = rig.ids();
  const backends = ["web 198.51.100.11|8080", "web 198.51.100.12|8080", "dns 198.51.100.13|"];
  for (const [index, backend] of backends.entries()) {
    for (const protocol of ["tcp", "udp"] as const) {
      const id = 2 * index + (protocol === "tcp" ? 0 : 1);
      const [, answered_by] = / (.*)\|/.exec(backend)!;
      flows.push({ id, protocol, mark: ids[backend]! << 8, answered_by });
    }
  }
}

/** What an undisturbed run comes to. */
interface Reference {
  readonly calls: readonly string[];
  readonly end: unknown;
  readonly drift: readonly string[];
}

function endOf(rig: Rig) {
  return { host: rig.host.picture(), ids: rig.ids(), journalled: rig.journalled().sort() };
}

async function reference({ prepare, config, then }: Scenario): Promise<Reference> {
  let found: Reference | undefined;
  await withRig(async (rig) => {
    await prepare(rig);
    rig.host.gate.open();
    const { drift } = await rig.run(config);
    const calls = [...rig.host.gate.calls];
    if (then !== undefined) await rig.run(then);
    found = { calls, end: endOf(rig), drift: drift.toSorted() };
  })();
  return found!;
}

/** Runs it and cuts it off. @returns whether it came to its end all the same */
async function cutOff(rig: Rig, config: string, at: number, fate: Fate): Promise<boolean> {
  rig.host.gate.spoil(at, fate);
  try {
    await rig.run(config);
    return true;
  } catch (error) {
    if (!isCrash(error)) throw error;
    return false;
  } finally {
    rig.restart();
  }
}

/** Before and after these the machine and the database are the same. */
const READS = /^(receive|list|read|run nft -n)/;

/** What a statement inside a transaction did is gone without its end, which is a moment of its own. */
const INSIDE_TRANSACTION = /^sql (INSERT INTO|DELETE FROM)/;

function isMoment(fate: Fate, call: string, before = ""): boolean {
  if (INSIDE_TRANSACTION.test(call)) return false;
  if (fate !== "refused") return !READS.test(call);
  // One answer of a list that does not come is like another.
  return call !== "receive" || !READS.test(before);
}

for (const scenario of SCENARIOS) {
  for (const fate of FATES) {
    Deno.test(`${scenario.name}, ${fate} at any moment, is finished by the next run`, async () => {
      const whole = await reference(scenario);
      for (const [at, call] of whole.calls.entries()) {
        if (!isMoment(fate, call, whole.calls[at - 1])) continue;
        await withRig(async (rig) => {
          const start = rig.host.picture();
          await scenario.prepare(rig);
          const words = `${fate} at ${at}, ${call}`;
          const isDone = await cutOff(rig, scenario.config, at, fate);
          const next = scenario.then ?? scenario.config;
          const { drift } = await rig.run(next);
          if (isDone) assert.deepEqual(drift, [], words);
          else assert.deepEqual(drift.filter((object) => !whole.drift.includes(object)), [], words);
          assert.deepEqual(endOf(rig), whole.end, words);
          const after = await rig.run(next);
          assert.deepEqual([after.changes, after.drift, after.notes], [[], [], []], words);
          await rig.run(NOTHING);
          assert.deepEqual({ ...rig.host.picture(), flows: [] }, start, words);
          assert.deepEqual(rig.journalled(), [], words);
        })();
      }
    });
  }
}
