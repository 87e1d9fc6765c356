import assert from "node:assert/strict";
import { differences, lookAround } from "../../lib/demo/witness.ts";
import { FAMILIES } from "../../lib/model/address.ts";
import { door, serviceText } from "./config.ts";
import { kernelTests, type Lab } from "./harness.ts";
import { holdLock } from "./lock_rig.ts";
import { tableText, transactionsDuring } from "./listing.ts";
import { allAnswered, type Applied, apply, must, send } from "./steps.ts";

const test = kernelTests({ backends: 2 });

/** Asserts that `act` leaves the balancer as it is, rules, sysctls and all. */
async function changesNothing(lab: Lab, act: () => Promise<void>): Promise<void> {
  const before = await lookAround(lab.balancer.run);
  assert.deepEqual(await transactionsDuring(lab, act), []);
  assert.deepEqual(differences(before, await lookAround(lab.balancer.run)), []);
}

test("where another run holds the lock, --lock-timeout 0s ends with 6 and changes nothing", async (lab) => {
  lab.balancer.writeConfig(serviceText({ weights: [1] }));
  const lock = await holdLock(lab);
  await changesNothing(lab, async () => {
    const { code, stderr } = await lab.balancer.lb("apply", "--lock-timeout", "0s");
    assert.equal(code, 6, stderr);
    assert.match(stderr, /lock/);
  });
  await lock.release();
});

test("a run waits for the lock and then does its work", async (lab) => {
  lab.balancer.writeConfig(serviceText({ weights: [1] }));
  const lock = await holdLock(lab);
  const applied = lab.balancer.json<Applied>(0, "apply");
  await new Promise((resolve) => setTimeout(resolve, 1_000));
  assert.equal(await tableText(lab), "", "nothing while the lock is held");
  await lock.release();
  assert.equal((await applied).changed, true);
});

test("of several applies at once one does the work, and all end well", async (lab) => {
  lab.balancer.writeConfig(serviceText({ weights: [3, 1] }));
  const all = await Promise.all(
    Array.from(
      { length: 4 },
      () => lab.balancer.json<Applied>(0, "apply", "--lock-timeout", "60s"),
    ),
  );
  assert.deepEqual(all.map(({ changed }) => changed).sort(), [false, false, false, true]);
});

test("--plan says what would change, and changes nothing", async (lab) => {
  lab.balancer.writeConfig(serviceText({ weights: [1], more: 'vip_on = "front"' }));
  await changesNothing(lab, async () => {
    const plan = await lab.balancer.json<Applied>(0, "apply", "--plan");
    assert.deepEqual(
      new Set(plan.changes.map(({ engine }) => engine)),
      new Set(["nft", "sysctl", "address"]),
    );
  });
  const planned = await lab.balancer.json<Applied>(0, "apply", "--plan");
  const applied = await lab.balancer.json<Applied>(0, "apply");
  assert.deepEqual(planned.changes, applied.changes, "what was planned is what is done");
  lab.balancer.writeConfig(serviceText({ weights: [1, 1], more: 'vip_on = "front"' }));
  await changesNothing(lab, async () => {
    const plan = await lab.balancer.json<Applied>(0, "apply", "--plan");
    assert.ok(plan.changes.length > 0);
    assert.deepEqual(await lab.balancer.json<Applied>(0, "plan"), plan);
    const { code } = await lab.balancer.lb(
      "scale",
      "web",
      "--weight",
      "198.51.100.11:8080=9",
      "--plan",
    );
    assert.equal(code, 0);
  });
  assert.ok(!lab.balancer.readConfig().includes("= 9"));
});

/** Keys whose data path is not built yet: accepted by the config, refused before anything is changed. */
const NOT_BUILT = [
  'forward = "tunnel"',
  'engine = "ipvs"',
  'engine = "relay"',
  'scheduler = "sed"\nengine = "nft"',
];

test("what is not built yet ends with 4, says which key it is, and changes nothing", async (lab) => {
  await apply(lab, { weights: [1, 1] });
  await changesNothing(lab, async () => {
    for (const more of NOT_BUILT) {
      // Before the backends, where a key of the service or a table of it may stand.
      const scheduler = more.startsWith("scheduler") ? "" : 'scheduler = "wrr"\n';
      const text = serviceText({ weights: [3, 1], more }).replace('scheduler = "wrr"\n', scheduler);
      lab.balancer.writeConfig(text);
      const { code, stderr } = await lab.balancer.lb("apply");
      assert.equal(code, 4, `${more}: ${code} ${stderr}`);
      const key = /(\w+)\]?(?: =|$)/m.exec(more)![1]!;
      assert.match(stderr, new RegExp(`lb\\.toml:\\d+:\\d+.*${key}|${key}`), more);
    }
  });
  allAnswered(await send(lab, { doors: [door(4)], count: 10 }));
});

test("a bad config ends with 3, names every place, and changes nothing", async (lab) => {
  await apply(lab, { weights: [1, 1] });
  const bad = serviceText({ weights: [1, 1] }).replace("protocol", "protokoll")
    .replace("weight = 1", "weight = 99999");
  await changesNothing(lab, async () => {
    lab.balancer.writeConfig(bad);
    const { code, stdout, stderr } = await lab.balancer.lb("apply");
    assert.equal(code, 3);
    assert.equal(stdout, "");
    assert.match(stderr, /lb\.toml:\d+:\d+.*protokoll/);
    assert.match(stderr, /lb\.toml:\d+:\d+.*weight/);
    assert.match(stderr, /protocol/, "did you mean");
  });
});

test("a config that others may write is refused with 5", async (lab) => {
  lab.balancer.writeConfig(serviceText({ weights: [1] }));
  Deno.chmodSync(lab.balancer.config_path, 0o666);
  const { code, stderr } = await lab.balancer.lb("apply");
  Deno.removeSync(lab.balancer.config_path);
  assert.equal(code, 5, stderr);
  assert.equal(await tableText(lab), "");
});

test("a check's program that others may write is refused with 5, and runs once it is root's alone", async (lab) => {
  const program = `${lab.topology.folder}/check`;
  Deno.writeTextFileSync(program, "#!/bin/sh\nexit 0\n");
  Deno.chmodSync(program, 0o777);
  const more = `[service.health]\ntype = "exec"\ncommand = ["${program}"]`;
  lab.balancer.writeConfig(serviceText({ weights: [1], more }));
  const { code, stderr } = await lab.balancer.lb("apply");
  assert.equal(code, 5, stderr);
  assert.match(stderr, /service web: .*check is writable by others than root.*Nothing was changed/);
  assert.equal(await tableText(lab), "");
  Deno.chmodSync(program, 0o755);
  await lab.balancer.json<Applied>(0, "apply");
});

test("a scale that names no backend, or several, is a usage error and changes nothing", async (lab) => {
  await apply(lab, { weights: [1, 1] });
  const text = lab.balancer.readConfig();
  await changesNothing(lab, async () => {
    for (const name of ["198.51.100.99=5", "198.51.100.11:9=5"]) {
      const { code, stderr } = await lab.balancer.lb("scale", "web", "--weight", name);
      assert.equal(code, 2, stderr);
    }
    assert.equal((await lab.balancer.lb("scale", "wev", "--weight", "198.51.100.11=5")).code, 2);
  });
  assert.equal(lab.balancer.readConfig(), text);
});

interface Told {
  readonly notes: readonly string[];
  readonly warnings: readonly string[];
}

test("a scale says which edits of others come with it, in its plan too", async (lab) => {
  await apply(lab, { weights: [1, 1], more: 'vip_on = "none"' });
  const scale = (weight: number, ...more: string[]) => {
    const words = ["web", "--weight", `198.51.100.11:8080=${weight}`, ...more];
    return lab.balancer.json<Told>(0, "scale", ...words);
  };
  assert.deepEqual((await scale(2)).notes, [], "its own edits are none of others");
  const edited = lab.balancer.readConfig().replace("ports = [80]", "ports = [80, 81]");
  lab.balancer.writeConfig(edited);
  const words =
    /lb\.toml also has changes that were not applied yet: service web \(ports\); they come/;
  assert.match((await scale(3, "--plan")).notes.join("\n"), words);
  assert.match((await scale(3)).notes.join("\n"), words);
  lab.balancer.writeConfig(`# A remark.\n${lab.balancer.readConfig()}`);
  assert.deepEqual((await scale(4)).notes, [], "a remark changes nothing");
});

test("a config that lost all its services is warned of, with what goes", async (lab) => {
  lab.balancer.writeConfig("");
  assert.deepEqual((await lab.balancer.json<Told>(0, "apply")).warnings, [], "there were none");
  const of = (name: string, vip: number) => ({
    name,
    vips: [vip],
    weights: [1],
    more: 'vip_on = "none"',
  });
  await apply(lab, of("web", 10), of("api", 11));
  lab.balancer.writeConfig("# all gone\n");
  const words =
    /lb\.toml has no \[\[service\]\]: all 2 services in force go \(web, api\), and connections/;
  const { stderr } = await lab.balancer.lb("apply", "--plan");
  assert.match(stderr, words);
  assert.match((await lab.balancer.json<Told>(0, "apply")).warnings.join("\n"), words);
  assert.equal(await tableText(lab), "");
});

interface Status {
  readonly revision: number;
  readonly drift: number;
  readonly services: readonly {
    readonly backends: readonly {
      readonly address: string;
      readonly new_connections: number;
      readonly active_connections: number;
    }[];
  }[];
}

test("status counts new and active connections per backend, and goes on counting over applies", async (lab) => {
  await apply(lab, { weights: [3, 1] });
  await send(lab, { doors: [door(4)], count: 40 });
  const spec = { doors: [door(4)], count: 8, seconds: 2 };
  const downloads = await lab.traffic.download(lab.topology.client, spec);
  const counts = async () => {
    const { services } = await lab.balancer.json<Status>(0, "status");
    const backends = services[0]!.backends.filter(({ address }) => address.includes("."));
    return backends.map((
      { new_connections, active_connections },
    ) => [new_connections, active_connections]);
  };
  assert.deepEqual(await counts(), [[36, 6], [12, 2]]);
  await apply(lab, { weights: [1, 1] });
  assert.deepEqual((await counts()).map(([fresh]) => fresh), [36, 12]);
  await downloads.result;
  // Whatever somebody does to nftables makes the next pass a look at the kernel, which adds up.
  await must(lab, "nft", "add", "table", "inet", "somebody");
  await lab.balancer.json(0, "reconcile");
  await must(lab, "nft", "delete", "table", "inet", "lb");
  await lab.balancer.json(1, "reconcile");
  await send(lab, { doors: [door(4)], count: 10 });
  const total = (await counts()).reduce((sum, [fresh]) => sum + fresh!, 0);
  // What came between the last look and the loss of the table cannot be known.
  assert.equal(total, 58);
});

test("status says what is missing before it is repaired", async (lab) => {
  await apply(lab, { weights: [1] });
  await must(lab, "nft", "flush", "chain", "inet", "lb", "refuse");
  assert.equal((await lab.balancer.lb("status")).code, 1);
  await lab.balancer.json(1, "reconcile");
  assert.equal((await lab.balancer.json<Status>(0, "status")).drift, 1);
});

test("init looks around, touches no traffic, and what it writes applies", async (lab) => {
  await must(lab, "rm", "-f", lab.balancer.config_path);
  await changesNothing(lab, async () => {
    const found = await lab.balancer.json<{ engines: { name: string; possible: boolean }[] }>(
      0,
      "init",
      "--yes",
      "--timer",
      "none",
    );
    assert.equal(found.engines.find(({ name }) => name === "nft")?.possible, true);
  });
  assert.match(lab.balancer.readConfig(), /^\s*#/m);
  assert.equal((await lab.balancer.lb("apply", "--plan")).code, 0);
});

test("doctor shows each capability with evidence, and the sysctls that are wanted", async (lab) => {
  await apply(lab, { weights: [1] });
  const report = await lab.balancer.json<
    { capabilities: { id: string; ok: boolean; evidence: string }[] }
  >(
    0,
    "doctor",
  );
  assert.ok(report.capabilities.length > 3);
  for (const { id, evidence } of report.capabilities) assert.ok(evidence.length > 0, id);
  assert.match((await lab.balancer.lb("doctor")).stdout, /net\.ipv4\.ip_forward/);
});

test("two namespaces with two state folders are two load balancers", async (lab) => {
  // The client's namespace becomes one as well: its own rules, its own state, the same lb.
  const { topology, balancer } = lab;
  await apply(lab, { weights: [1] });
  const before = await tableText(lab);
  const places = ["--state", `${topology.folder}/state2`, "--run-dir", `${topology.folder}/run2`];
  const argv = balancer.argv("apply").slice(0, -4);
  const second = await topology.run(topology.client, [...argv, ...places]);
  assert.equal(second.code, 0, second.stderr);
  await topology.run(topology.client, ["nft", "flush", "ruleset"]);
  assert.equal((await lab.balancer.json<Applied>(0, "reconcile")).changed, false);
  assert.equal(await tableText(lab), before);
  allAnswered(await send(lab, { doors: FAMILIES.map((family) => door(family)), count: 10 }));
  const undone = await topology.run(topology.client, [
    ...balancer.argv("uninstall", "--yes").slice(0, -4),
    ...places,
  ]);
  assert.equal(undone.code, 0, undone.stderr);
});
