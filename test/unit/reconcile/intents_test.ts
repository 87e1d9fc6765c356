/** What operators want of backends, down to the kernel: the one path with intents on record. */
import assert from "node:assert/strict";
import { parseConfig } from "../../../lib/config/load.ts";
import { drainPass, nextWake } from "../../../lib/reconcile/drain/drain.ts";
import type { Standings } from "../../../lib/health/standing.ts";
import { EVERYBODY, healthPass } from "../../../lib/reconcile/health/health.ts";
import { grant, type Wanted } from "../../../lib/reconcile/drain/intents.ts";
import { settledOutcome } from "../../../lib/reconcile/settled.ts";
import { parseAddress } from "../../../lib/model/address.ts";
import type { IntentRow } from "../../../lib/model/intent.ts";
import { type Rig, withRig } from "./rig.ts";

const ADDRESSES = ["198.51.100.11", "198.51.100.12"] as const;
const [FIRST, SECOND] = ADDRESSES;

function config(more = "", addresses: readonly string[] = ADDRESSES): string {
  const backends = addresses.map((address) => `[[service.backend]]\naddress = "${address}"\n`);
  return `[[service]]\nname = "web"\nvip = "192.0.2.10"\nports = [80]\n${more}\n` +
    backends.join("");
}

/** Backends that have slots, by their addresses. */
function serving(rig: Rig): string[] {
  const map = rig.host.nft.table("inet lb")?.collections.get("sv-web4");
  const names = new Map(Object.entries(rig.ids()).map(([name, id]) => [`${id}`, name]));
  const ids = [...map?.elements.values() ?? []].map((value) => /(\d+)$/.exec(value)?.[1] ?? "");
  return [...new Set(ids)].map((id) => /^web (.*)\|/.exec(names.get(id) ?? "")?.[1] ?? id).sort();
}

/** Puts on record what is wanted of a backend, and runs. */
async function want(rig: Rig, text: string, address: string, wish: Wanted["wish"]) {
  const { config: parsed } = await parseConfig(text, "lb.toml");
  const now_ms = rig.host.kernel.clock.now_ms();
  const wants = [{ address: parseAddress(address)!, wish }];
  const { rows, changes } = grant(parsed, "web", wants, rig.store.intents.all(), now_ms);
  rig.store.intents.replace(rows);
  return { changes, outcome: await rig.run(text) };
}

for (const kind of ["drain", "maintenance"] as const) {
  Deno.test(
    `a backend in ${kind} has no slots, also after a reboot, until it is ready`,
    withRig(async (rig) => {
      await rig.run(config());
      const { outcome } = await want(rig, config(), FIRST, { kind });
      assert.deepEqual(serving(rig), [SECOND]);
      assert.deepEqual([outcome.revision, outcome.routine], [1, true], "it makes no revision");
      await rig.look(config());
      rig.reboot();
      await rig.run(config());
      assert.deepEqual(serving(rig), [SECOND]);
      await want(rig, config(), FIRST, { kind: "ready" });
      assert.deepEqual(serving(rig), ADDRESSES);
      assert.equal(rig.store.intents.isIdle(), true);
    }),
  );
}

Deno.test(
  "a plan shows what a wish would do, and puts nothing on record",
  withRig(async (rig) => {
    await rig.run(config());
    const { config: parsed } = await parseConfig(config(), "lb.toml");
    const wants = [{ address: parseAddress(FIRST)!, wish: { kind: "drain" } as const }];
    const { rows } = grant(parsed, "web", wants, [], 0);
    const plan = await rig.run(config(), { dryRun: true, intents: rows });
    assert.equal(plan.changed, true);
    assert.deepEqual(rig.store.intents.all(), []);
    assert.deepEqual(serving(rig), ADDRESSES);
  }),
);

Deno.test(
  "what is wanted is not taken for what was settled before",
  withRig(async (rig) => {
    await rig.run(config());
    await rig.run(config());
    assert.ok(await settledOutcome(rig.machine, config(), { dryRun: false }));
    rig.store.intents.put([{
      service: "web",
      backend: `${FIRST}|`,
      intent: "drain",
      since_ms: 0,
      deadline_ms: null,
      removes: false,
      ended: null,
    }]);
    assert.equal(await settledOutcome(rig.machine, config(), { dryRun: false }), undefined);
  }),
);

Deno.test(
  "a drain whose backend has no connections is over with the next pass, and told once",
  withRig(async (rig) => {
    await rig.run(config());
    await want(rig, config(), FIRST, { kind: "drain", removes: true });
    const { config: parsed } = await parseConfig(config(), "lb.toml");
    assert.notEqual(nextWake(rig.store), undefined);
    const first = await drainPass(rig.machine, parsed);
    assert.deepEqual(first.changes.map(({ message }) => message), [
      `web ${FIRST} is drained: no connection is left`,
    ]);
    assert.deepEqual(first.removals.map(({ address }) => address.text), [FIRST]);
    assert.deepEqual(rig.events("drain"), first.changes.map(({ message }) => message));
    assert.deepEqual((await drainPass(rig.machine, parsed)).changes, []);
    assert.equal(nextWake(rig.store), undefined);
  }),
);

Deno.test(
  "what is wanted of a backend is forgotten with it",
  withRig(async (rig) => {
    await rig.run(config());
    await want(rig, config(), FIRST, { kind: "maintenance" });
    const without = config("", [SECOND]);
    await rig.run(without);
    await drainPass(rig.machine, (await parseConfig(without, "lb.toml")).config);
    assert.deepEqual(rig.store.intents.all(), []);
    await rig.run(config());
    assert.deepEqual(serving(rig), ADDRESSES);
  }),
);

Deno.test(
  "who is ready again grows back as who has recovered",
  withRig(async (rig) => {
    const text = config('[service.balance]\nslow_start = "5m"');
    await rig.run(text);
    await want(rig, text, FIRST, { kind: "drain" });
    await want(rig, text, FIRST, { kind: "ready" });
    const weights: number[] = [];
    for (let minute = 0; minute < 6; minute++) {
      await rig.run(text);
      const [row] = [...rig.store.commits.services("nft", rig.machine.host).values()];
      const { backends } = JSON.parse(row!) as { backends: { effective_weight: number }[] };
      weights.push(backends[0]!.effective_weight);
    }
    assert.deepEqual(weights, weights.toSorted((a, b) => a - b));
    assert.ok(weights[0]! < 50 && weights.at(-1) === 100, weights.join());
  }),
);

Deno.test(
  "in maintenance a backend is not checked, is no event and no reason for attention",
  withRig(async (rig) => {
    const text = config("[service.health]\nfall = 1\npanic = 0");
    await rig.run(text);
    await want(rig, text, FIRST, { kind: "maintenance" });
    const asked: string[] = [];
    rig.verdict = ({ address }) => {
      asked.push(address.text);
      return { ok: address.text !== FIRST, reason: "refused", took_ms: 1 };
    };
    const { config: parsed } = await parseConfig(text, "lb.toml");
    assert.deepEqual(await healthPass(rig.machine, parsed, EVERYBODY), []);
    assert.deepEqual(asked, [SECOND]);
    await want(rig, text, FIRST, { kind: "drain" });
    const [told] = await healthPass(rig.machine, parsed, EVERYBODY);
    assert.match(told?.message ?? "", /is unhealthy/, "one that drains is checked");
    await want(rig, text, FIRST, { kind: "maintenance" });
    assert.equal((await rig.run(text)).unwell, undefined);
  }),
);

/** What is told of a wish for a backend, besides what becomes of it. */
async function levelsTold(text: string, rows: readonly IntentRow[], address: string, kind: Kind) {
  const { config: parsed } = await parseConfig(text, "lb.toml");
  const wants = [{ address: parseAddress(address)!, wish: { kind } }];
  const granted = grant(parsed, "web", wants, rows, 0);
  const told = granted.changes.filter(({ backend }) => backend === undefined);
  assert.ok(told.every((change) => change.kind === "drain"));
  return { rows: granted.rows, words: told.map(({ message }) => message) };
}

type Kind = Wanted["wish"]["kind"];

Deno.test("a wish that brings backups in, or leaves nobody, says so, and so does the way back", async () => {
  const text = config() + "backup = true\n";
  const told: string[][] = [];
  let rows: readonly IntentRow[] = [];
  const steps = [[FIRST, "drain"], [SECOND, "maintenance"], [SECOND, "ready"], [FIRST, "ready"]];
  for (const [address, kind] of steps) {
    const granted = await levelsTold(text, rows, address!, kind as Kind);
    rows = granted.rows;
    told.push(granted.words);
  }
  assert.deepEqual(told, [
    ["web: no primary takes connections: backups take over"],
    ["web: no backend takes connections: they are refused"],
    ["web: a backend takes connections again"],
    ["web: a primary takes connections again: backups leave"],
  ]);
  assert.deepEqual((await levelsTold(config(), [], FIRST, "drain")).words, []);
});

Deno.test("who is ready again is said to get connections only where it does", async () => {
  const text = config().replace(`"${FIRST}"`, `"${FIRST}"\nweight = 0`) +
    'backup = true\n[[service.backend]]\naddress = "198.51.100.13"\n' +
    '[[service.backend]]\naddress = "198.51.100.14"\n';
  const { config: parsed } = await parseConfig(text, "lb.toml");
  const addresses = [...ADDRESSES, "198.51.100.13", "198.51.100.14"];
  const wants = (kind: Kind) =>
    addresses.map((one) => ({ address: parseAddress(one)!, wish: { kind } }));
  const ill: Standings = (_, { address }) => ({
    state: "unhealthy",
    isAble: address.text !== "198.51.100.13",
    slow_start: 1,
  });
  const { rows } = grant(parsed, "web", wants("maintenance"), [], 0, ill);
  const { changes } = grant(parsed, "web", wants("ready"), rows, 1_000, ill);
  const told = changes.filter(({ backend }) => backend !== undefined)
    .map(({ message }) => message.replace(/^.* is ready again: /, ""));
  assert.deepEqual(told, [
    "it gets no connections, for its weight is 0",
    "it gets connections when no primary does",
    "it gets connections when its checks succeed",
    "it gets connections now",
  ]);
});

Deno.test("wishes for nobody, for several or for one twice are usage errors", async () => {
  const text = config("", [FIRST, SECOND]) +
    `[[service.backend]]\naddress = "${SECOND}"\nport = 81\n`;
  const { config: parsed } = await parseConfig(text, "lb.toml");
  const ask = (...addresses: string[]) => () =>
    grant(
      parsed,
      "web",
      addresses.map((one) => ({ address: parseAddress(one)!, wish: { kind: "drain" } })),
      [],
      0,
    );
  assert.throws(ask("198.51.100.9"), /is none of its backends: .*11, .*12, .*12:81/);
  assert.throws(ask(SECOND), /fits several backends of `web`/);
  assert.throws(ask(FIRST, FIRST), /two things are wanted of .* at once/);
});
