import assert from "node:assert/strict";
import { settledOutcome, type SettledRequest } from "../../../lib/reconcile/settled.ts";
import { BASE, single } from "./configs.ts";
import { type Rig, withRig } from "./rig.ts";

/** What is told without a look at the kernel. */
function told(rig: Rig, text = BASE, more: Partial<SettledRequest> = {}) {
  return settledOutcome(rig.machine, text, { file: "lb.toml", dryRun: false, ...more });
}

Deno.test(
  "after a run that changed everything, the next one is told without a look",
  withRig(async (rig) => {
    const { services, revision } = await rig.run(BASE);
    rig.host.gate.open();
    const outcome = await told(rig);
    assert.deepEqual([outcome?.services, outcome?.revision], [services, revision]);
    assert.deepEqual([outcome?.changed, outcome?.changes, outcome?.sysctls], [false, [], []]);
    assert.deepEqual(rig.host.gate.calls.filter((call) => call.startsWith("nft")), []);
  }),
);

/** What somebody may do between two runs. Each of them asks for a real look. */
const DISTURBANCES: Readonly<Record<string, (rig: Rig) => unknown>> = {
  "a transaction on any table": (rig) => rig.host.inside.nft.edit("add table ip other"),
  "a sysctl": (rig) => rig.host.proc.values["net.ipv4.ip_forward"] = "0",
  "an address": (rig) => rig.host.network.addresses.add("eth0 192.0.2.77/32"),
  "ten minutes": (rig) => rig.host.inside.clock.advance(11 * 60_000),
  "a clock put back": (rig) => rig.host.inside.clock.advance(-60_000),
  "another boot": (rig) => rig.boot_id = "boot-9",
  "other facts": (rig) => rig.facts = { ...rig.facts, nft: "9.9" },
};

for (const [name, disturb] of Object.entries(DISTURBANCES)) {
  Deno.test(
    `${name} asks for a look at the kernel`,
    withRig(async (rig) => {
      await rig.run(BASE);
      assert.ok(await told(rig));
      disturb(rig);
      assert.equal(await told(rig), undefined);
    }),
  );
}

Deno.test(
  "another text, or another version of lb, asks for a look at the kernel",
  withRig(async (rig) => {
    await rig.run(BASE);
    assert.equal(await told(rig, `${BASE}# edited\n`), undefined);
    const other = { ...rig.machine, version: "other" };
    assert.equal(await settledOutcome(other, BASE, { dryRun: false }), undefined);
  }),
);

Deno.test(
  "a plan settles nothing",
  withRig(async (rig) => {
    await rig.plan(BASE);
    assert.equal(await told(rig), undefined);
  }),
);

Deno.test(
  "warnings name the file that was asked about, whoever looked at the kernel",
  withRig(async (rig) => {
    const familiesApart = single("", '192.0.2.10", "2001:db8::10').replace(
      /vip = (.*)/,
      "vip = [$1]",
    );
    const { warnings } = await rig.run(familiesApart);
    assert.match(warnings.join(), /^lb\.toml:\d+:\d+: /);
    assert.deepEqual((await told(rig, familiesApart))?.warnings, warnings);
    const atApplied = warnings.map((warning) => warning.replace("lb.toml", "revision 1"));
    const asApplied = await told(rig, familiesApart, { file: undefined });
    assert.deepEqual(asApplied?.warnings, atApplied);
  }),
);

Deno.test(
  "a pass without a look ends what the last one repaired; a plan does not",
  withRig(async (rig) => {
    await rig.run(BASE);
    rig.host.proc.sysctl("net.ipv4.ip_forward", "0");
    await rig.run(BASE);
    const drift = () => rig.store.passes.last()?.drift;
    assert.ok(await told(rig, BASE, { dryRun: true }));
    assert.equal(drift(), 1);
    assert.ok(await told(rig));
    assert.equal(drift(), 0);
  }),
);
