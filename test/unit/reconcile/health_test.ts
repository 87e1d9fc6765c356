/** What checks find, down to the kernel: the one path with checks that a test answers. */
import assert from "node:assert/strict";
import { parseConfig } from "../../../lib/config/load.ts";
import {
  dueAfter,
  EVERYBODY,
  healthPass,
  type IsDue,
} from "../../../lib/reconcile/health/health.ts";
import { settledOutcome } from "../../../lib/reconcile/settled.ts";
import { readStatus } from "../../../lib/reconcile/status.ts";
import type { Outcome } from "../../../lib/reconcile/outcome.ts";
import { FACTS, type Rig, withRig } from "./rig.ts";

const ADDRESSES = ["198.51.100.11", "198.51.100.12", "198.51.100.13"];

/** A service whose backends are checked; `more` is put below `[service.health]`. */
function config(more = "", addresses: readonly string[] = ADDRESSES): string {
  const backends = addresses.map((address) => `[[service.backend]]\naddress = "${address}"\n`);
  return `[[service]]\nname = "web"\nvip = "192.0.2.10"\nports = [80]\n[service.health]\n${more}\n` +
    backends.join("");
}

/** From now on checks of these fail, and all others succeed. */
function fail(rig: Rig, ...addresses: readonly string[]): void {
  rig.verdict = ({ address }) => {
    const ok = !addresses.includes(address.text);
    return { ok, reason: ok ? "" : "refused", took_ms: 1 };
  };
}

/** A pass of `lb reconcile`: what it told of health, and what it did. */
async function pass(rig: Rig, text: string, isDue: IsDue = EVERYBODY) {
  const loaded = await parseConfig(text, "lb.toml");
  const told = await healthPass(rig.machine, loaded.config, isDue);
  const outcome = await rig.run(text);
  return { told: told.map(({ message }) => message), outcome };
}

/** Backends that have slots, by their addresses. */
function serving(rig: Rig): string[] {
  const map = rig.host.nft.table("inet lb")?.collections.get("sv-web4");
  const names = new Map(Object.entries(rig.ids()).map(([name, id]) => [`${id}`, name]));
  const ids = [...map?.elements.values() ?? []].map((value) => /(\d+)$/.exec(value)?.[1] ?? "");
  return [...new Set(ids)].map((id) => /^web (.*)\|/.exec(names.get(id) ?? "")?.[1] ?? id).sort();
}

const [FIRST, SECOND, THIRD] = ADDRESSES as [string, string, string];

Deno.test(
  "apply never sends to a new backend that is dead: it is told, and counts as attention",
  withRig(async (rig) => {
    fail(rig, SECOND);
    const outcome = await rig.run(config());
    assert.deepEqual(serving(rig), [FIRST, THIRD]);
    assert.deepEqual(outcome.health?.map(({ message }) => message), [
      `web ${SECOND} gets no connections yet: its first check failed: refused`,
    ]);
    assert.deepEqual(outcome.unwell, [`web: backend ${SECOND} is unknown: refused`]);
  }),
);

Deno.test(
  "apply checks only new backends, and each of them once",
  withRig(async (rig) => {
    const asked: string[] = [];
    rig.verdict = ({ address }) => {
      asked.push(address.text);
      return { ok: true, reason: "", took_ms: 1 };
    };
    await rig.run(config("", ADDRESSES.slice(0, 2)));
    await rig.run(config());
    await rig.run(config());
    assert.deepEqual(asked, ADDRESSES);
  }),
);

Deno.test(
  "who gets connections and was never checked is not checked by apply, and falls only after fall passes",
  withRig(async (rig) => {
    await rig.run(config());
    // As by an upgrade, or where there were too many for the first look.
    rig.store.health.forget(rig.store.health.all());
    fail(rig, SECOND);
    await rig.run(config("panic = 40"));
    assert.deepEqual(rig.store.health.all(), []);
    for (let failed = 1; failed < 3; failed++) {
      assert.deepEqual((await pass(rig, config("panic = 40"))).told, []);
      assert.deepEqual(serving(rig), ADDRESSES);
    }
    assert.equal((await pass(rig, config("panic = 40"))).told.length, 1);
    assert.deepEqual(serving(rig), [FIRST, THIRD]);
  }),
);

Deno.test(
  "a config that is refused forgets nothing of those in force",
  withRig(async (rig) => {
    fail(rig, SECOND);
    await rig.run(config());
    const before = rig.store.health.all();
    await assert.rejects(
      rig.run(config("", ["203.0.113.99"]).replace("ports", 'vip_on = "eth9"\nports')),
    );
    for (const row of before) {
      assert.ok(rig.store.health.all().some((now) => now.backend === row.backend));
    }
    assert.deepEqual(serving(rig), [FIRST, THIRD]);
  }),
);

Deno.test(
  "a plan checks nobody, and puts nothing on record",
  withRig(async (rig) => {
    rig.verdict = () => assert.fail("a check");
    await rig.plan(config());
    assert.deepEqual(rig.store.health.all(), []);
  }),
);

Deno.test(
  "a backend that stops answering leaves after fall passes and is back after rise, an event for each",
  withRig(async (rig) => {
    await rig.run(config());
    fail(rig, FIRST);
    for (const left of [ADDRESSES, ADDRESSES, [SECOND, THIRD]]) {
      await pass(rig, config());
      assert.deepEqual(serving(rig), left);
    }
    fail(rig);
    for (const left of [[SECOND, THIRD], ADDRESSES]) {
      await pass(rig, config());
      assert.deepEqual(serving(rig), left);
    }
    assert.deepEqual(rig.events("health"), [
      `web ${FIRST} is unhealthy: refused (3 failed checks)`,
      `web ${FIRST} is healthy again (2 good checks)`,
    ]);
  }),
);

Deno.test(
  "what checks do to weights is routine: only the checks' own line is told",
  withRig(async (rig) => {
    const text = config("fall = 1");
    await rig.run(text);
    fail(rig, FIRST);
    const { told, outcome } = await pass(rig, text);
    assert.equal(told.length, 1);
    assert.deepEqual([outcome.changed, outcome.routine, outcome.drift], [true, true, []]);
    assert.equal(outcome.revision, 1, "it makes no revision");
  }),
);

Deno.test(
  "a rule that was deleted is not routine, also while a backend falls",
  withRig(async (rig) => {
    const text = config("fall = 1");
    await rig.run(text);
    fail(rig, FIRST);
    rig.host.inside.nft.edit("delete table inet lb");
    const { outcome } = await pass(rig, text);
    assert.notDeepEqual(outcome.drift, []);
    assert.deepEqual(serving(rig), [SECOND, THIRD]);
  }),
);

Deno.test(
  "passes in which nothing changes are told without a look, and those in which something does are not",
  withRig(async (rig) => {
    const text = config("fall = 1");
    await rig.run(text);
    await pass(rig, text);
    const settled = () => settledOutcome(rig.machine, text, { dryRun: false });
    assert.ok(await settled());
    const { config: parsed } = await parseConfig(text, "lb.toml");
    await healthPass(rig.machine, parsed, EVERYBODY);
    assert.ok(await settled(), "new times and reasons change nothing");
    fail(rig, FIRST);
    await healthPass(rig.machine, parsed, EVERYBODY);
    assert.equal(await settled(), undefined);
  }),
);

Deno.test(
  "a recovered backend grows with every pass, though nothing else changes",
  withRig(async (rig) => {
    const text = config('fall = 1\nrise = 1\n[service.balance]\nslow_start = "5m"');
    await rig.run(text);
    fail(rig, FIRST);
    await pass(rig, text);
    fail(rig);
    const shares: number[] = [];
    for (let minute = 0; minute < 7; minute++) {
      await pass(rig, text);
      assert.equal(Boolean(await settledOutcome(rig.machine, text, { dryRun: false })), minute > 3);
      shares.push(share(rig, FIRST));
    }
    assert.deepEqual(shares, shares.toSorted((a, b) => a - b));
    assert.ok(shares[0]! < 0.1 && Math.abs(shares.at(-1)! - 1 / 3) < 0.02, shares.join());
    assert.ok(new Set(shares).size > 3, shares.join());
  }),
);

Deno.test(
  "in a panic, since when somebody fails is not told by when it came to be healthy",
  withRig(async (rig) => {
    const loaded = await parseConfig(config(), "lb.toml");
    await rig.run(config());
    const [well] = rig.store.health.all();
    fail(rig, FIRST, SECOND);
    await pass(rig, config());
    const applied = { loaded, facts: FACTS };
    const { services: [web] } = await readStatus(rig.machine, applied, { config_text: config() });
    assert.deepEqual(web?.backends.map(({ changed_at_ms }) => changed_at_ms), [
      null,
      null,
      well?.since_ms,
    ]);
  }),
);

Deno.test(
  "in a panic nobody leaves, it is an event, and it needs attention",
  withRig(async (rig) => {
    const text = config("fall = 1");
    await rig.run(text);
    fail(rig, FIRST, SECOND);
    const { outcome } = await pass(rig, text);
    assert.deepEqual(serving(rig), ADDRESSES);
    assert.equal(rig.events("panic").length, 1);
    assert.deepEqual(outcome.unwell, ["web: more of its backends fail than is believed"]);
    fail(rig);
    assert.equal((await pass(rig, text)).outcome.unwell, undefined);
    assert.equal(rig.events("panic").length, 2);
    assert.deepEqual(rig.events("health"), []);
  }),
);

Deno.test(
  "a backend whose interval is not over is not checked, and keeps its state",
  withRig(async (rig) => {
    const text = config("fall = 1").replace(
      `address = "${SECOND}"\n`,
      `address = "${SECOND}"\nhealth = { interval = "10m" }\n`,
    );
    await rig.run(text);
    fail(rig, FIRST, SECOND);
    const now_ms = rig.host.kernel.clock.now_ms();
    await pass(rig, text, dueAfter(now_ms + 60_000, 2_500));
    assert.deepEqual(serving(rig), [SECOND, THIRD]);
  }),
);

Deno.test(
  "where there is no time for all, each pass goes on with those who were left out",
  withRig(async (rig) => {
    const text = config();
    await rig.run(text);
    const { config: parsed } = await parseConfig(text, "lb.toml");
    const begun: string[][] = [];
    const check: Rig["machine"]["check"] = (targets, limits) => {
      assert.ok(limits!.begin_within_ms! <= 5_000, "who wants the lock waits for it");
      begun.push(targets.map(({ address }) => address.text));
      return Promise.resolve(
        targets.map((_, index) => index === 0 ? { ok: true, reason: "", took_ms: 1 } : undefined),
      );
    };
    for (let time = 0; time < 4; time++) {
      rig.host.inside.clock.advance(5_000);
      const due = dueAfter(rig.host.kernel.clock.now_ms(), 2_500);
      await healthPass({ ...rig.machine, check }, parsed, due);
    }
    assert.deepEqual(begun, [
      [FIRST, SECOND, THIRD],
      [SECOND, THIRD, FIRST],
      [THIRD, FIRST, SECOND],
      [FIRST, SECOND, THIRD],
    ]);
  }),
);

Deno.test(
  "what is known of a removed backend is forgotten, and who comes back is new",
  withRig(async (rig) => {
    const text = config("fall = 1");
    await rig.run(text);
    fail(rig, FIRST);
    await pass(rig, text);
    await rig.run(config("fall = 1", [SECOND, THIRD]));
    assert.deepEqual(rig.store.health.all().map(({ backend }) => backend), [
      `${SECOND}|`,
      `${THIRD}|`,
    ]);
    fail(rig);
    const outcome: Outcome = await rig.run(text);
    assert.deepEqual(serving(rig), ADDRESSES);
    assert.equal(outcome.unwell, undefined);
  }),
);

Deno.test(
  "udp flows of a backend that falls are forgotten; those of one that loses its weight go on",
  withRig(async (rig) => {
    const udp = (more = "") =>
      config("fall = 1").replace("ports", 'protocol = "udp"\nports') + more;
    await rig.run(udp());
    for (const address of [FIRST, THIRD]) {
      const mark = rig.ids()[`web ${address}|`]! << 8;
      const { flows } = rig.host.netfilter;
      flows.push({ id: flows.length + 1, protocol: "udp", mark, answered_by: address });
    }
    await rig.run(udp("weight = 0\n"));
    assert.equal(rig.host.netfilter.flows.length, 2);
    fail(rig, FIRST);
    const { outcome } = await pass(rig, udp("weight = 0\n"));
    assert.deepEqual(rig.host.netfilter.flows.map(({ id }) => id), [2]);
    assert.deepEqual(outcome.notes, ["forgot 1 udp flow of unhealthy backends"]);
  }),
);

/** A backend's part of the slots. */
function share(rig: Rig, address: string): number {
  const map = rig.host.nft.table("inet lb")!.collections.get("sv-web4")!;
  const values = [...map.elements.values()];
  const id = rig.ids()[`web ${address}|`];
  return values.filter((value) => value.endsWith(`-${id}`)).length / values.length;
}
