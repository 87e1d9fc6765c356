/** What comes after a run: drains that end, whatever stands in their way. */
import assert from "node:assert/strict";
import { lookAfterDrains } from "../../../cmd/change/drains.ts";
import { KernelError } from "../../../lib/model/error.ts";
import type { Outcome } from "../../../lib/reconcile/outcome.ts";
import type { Machine } from "../../../lib/reconcile/request.ts";
import { DONE, due, FIRST, nftEnds, TEXT } from "../reconcile/cut_rig.ts";
import { type Rig, withRig } from "../reconcile/rig.ts";

/** As `config.md` allows it, and lb cannot edit it. */
const INLINE = `service = [{ name = "web", vip = "192.0.2.10", ports = [80], backend = [` +
  `{ address = "${FIRST}" }, { address = "198.51.100.12" }] }]\n`;

const RUN = {
  places: { config: "/nowhere/lb.toml", state: "", runDir: "" },
  lockTimeout_ms: 10_000,
};

/** The same with a file that says what is in force, gone afterwards. */
function withFile(
  work: (rig: Rig, run: typeof RUN) => Promise<void>,
): (rig: Rig) => Promise<void> {
  return async (rig) => {
    const config = Deno.makeTempFileSync({ prefix: `lb-drains-${Deno.pid}-` });
    try {
      Deno.writeTextFileSync(config, TEXT);
      await work(rig, { ...RUN, places: { ...RUN.places, config } });
    } finally {
      Deno.writeTextFileSync(config, "");
      Deno.removeSync(config);
    }
  };
}

/** A backend that is to leave, and has no connection. */
function leaving(rig: Rig): void {
  const row = { service: "web", backend: `${FIRST}|`, intent: "drain", removes: true } as const;
  rig.store.intents.put([{ ...row, since_ms: 0, deadline_ms: null, ended: null }]);
}

/** Looks after drains once, when a run has found this. */
function look(machine: Machine, outcome: Outcome): Promise<Outcome> {
  return lookAfterDrains(machine, outcome, RUN);
}

/** With netlink that is refused once so many calls have come after a drain has ended. */
function refusing(rig: Rig, calls: number, more: Partial<Machine> = {}): Machine {
  const { kernel } = rig.machine;
  let left = calls;
  const netlink: typeof kernel.sockets.netlink = (protocol) => {
    if (rig.store.intents.all().some(({ ended }) => ended !== null) && left-- <= 0) {
      const what = { operation: "list", object: "links", errno: "ENOBUFS" };
      throw new KernelError({ ...what, message: "testing" });
    }
    return kernel.sockets.netlink(protocol);
  };
  const sockets = { ...kernel.sockets, netlink };
  return { ...rig.machine, ...more, kernel: { ...kernel, sockets } };
}

Deno.test(
  "what a run has found is told where drains cannot be looked after, and that too",
  withRig(async (rig) => {
    const outcome = { ...await rig.run(TEXT), drift: ["sl-web4"] };
    due(rig, FIRST);
    nftEnds(rig, DONE);
    const told = await look(refusing(rig, 0), outcome);
    assert.deepEqual(told.drift, ["sl-web4"]);
    assert.match(told.blocked.join(), /ENOBUFS/);
  }),
);

Deno.test(
  "both ends hear of a cut, and it is told, where the engines cannot clear away",
  withRig(async (rig) => {
    const outcome = await rig.run(TEXT);
    due(rig, FIRST);
    nftEnds(rig, DONE);
    let sent = 0;
    const packets = () => ({ send: () => void sent++, close: () => {} });
    const told = await look(refusing(rig, 1, { packets }), outcome);
    assert.match(told.blocked.join(), /ENOBUFS/);
    assert.match(told.health?.[0]?.message ?? "", /2 connections cut/);
    assert.ok(sent > 0);
  }),
);

Deno.test(
  "a backend that cannot leave the config is one more thing to look at, for every pass",
  withRig(async (rig) => {
    const outcome = await rig.run(INLINE);
    leaving(rig);
    const [first, second] = [await look(rig.machine, outcome), await look(rig.machine, outcome)];
    assert.match(first.health?.[0]?.message ?? "", /is drained/);
    for (const { blocked } of [first, second]) {
      assert.match(
        blocked.join(),
        /^web 198\.51\.100\.11: drained, and still in the config: .*hand/,
      );
    }
  }),
);

Deno.test(
  "a backend that was removed and is added again stays",
  withRig(withFile(async (rig, run) => {
    const outcome = await rig.run(TEXT);
    leaving(rig);
    const told = await lookAfterDrains(rig.machine, outcome, run);
    assert.deepEqual(told.blocked, []);
    assert.doesNotMatch(Deno.readTextFileSync(run.places.config), new RegExp(FIRST));
    assert.equal(rig.store.intents.isIdle(), true, "forgotten with the backend, in the same run");
    const again = await lookAfterDrains(rig.machine, await rig.run(TEXT), run);
    assert.deepEqual(again.changes.filter(({ op }) => op === "remove"), []);
    assert.ok(`web ${FIRST}|` in rig.ids());
  })),
);

/** Rows of: what has become of lb.toml by the end of a drain, and what is said. */
const FILES = [
  ["deleted", (file: string) => Deno.removeSync(file), /edited: no config file at/],
  [
    "broken",
    (file: string) => Deno.writeTextFileSync(file, `${TEXT}[[`),
    /edited: .*:9:3: error: /,
  ],
] as const;

for (const [how, spoil, words] of FILES) {
  Deno.test(
    `a backend whose drain ends while lb.toml is ${how} stays, every pass says so, and one takes it out`,
    withRig(withFile(async (rig, run) => {
      const outcome = await rig.run(TEXT);
      leaving(rig);
      spoil(run.places.config);
      for (let pass = 0; pass < 2; pass++) {
        const { blocked } = await lookAfterDrains(rig.machine, outcome, run);
        assert.match(blocked.join(), /^web 198\.51\.100\.11: drained, and still in the config, /);
        assert.match(blocked.join(), words);
        assert.ok(`web ${FIRST}|` in rig.ids(), "not in force any more, an apply brought it back");
      }
      Deno.writeTextFileSync(run.places.config, TEXT);
      const { blocked } = await lookAfterDrains(rig.machine, outcome, run);
      assert.deepEqual(blocked, []);
      assert.doesNotMatch(Deno.readTextFileSync(run.places.config), new RegExp(FIRST));
      assert.equal(`web ${FIRST}|` in rig.ids(), false);
    })),
  );
}
