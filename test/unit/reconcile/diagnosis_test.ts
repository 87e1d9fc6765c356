/** What `lb doctor` tells of a machine. */
import assert from "node:assert/strict";
import { parseConfig } from "../../../lib/config/load.ts";
import { diagnoseMachine, type Findings } from "../../../lib/reconcile/diagnosis.ts";
import { BASE, single } from "./configs.ts";
import { FACTS, type Rig, withRig } from "./rig.ts";

const NOTHING_AROUND = { chains: [], filteredBridges: [] };

async function diagnose(rig: Rig, text?: string, more: Partial<Findings> = {}) {
  const loaded = text === undefined ? undefined : await parseConfig(text, "lb.toml");
  const { kernel, host, store } = rig.machine;
  const journal = store.journal(host, () => 0).open("sysctl");
  const [facts, around, config] = [rig.facts, NOTHING_AROUND, loaded?.config];
  const held = new Map();
  return diagnoseMachine(kernel, { facts, around, config, problems: [], journal, held, ...more });
}

Deno.test(
  "without a config there are no sysctls to want, and nothing needs attention",
  withRig(async (rig) => {
    const { engines, sysctls, attention } = await diagnose(rig);
    assert.deepEqual([sysctls, attention], [[], []]);
    assert.deepEqual(engines.filter(({ possible }) => possible).map(({ name }) => name), ["nft"]);
  }),
);

Deno.test(
  "who may not read what the queue worker's queues have lost is told all else",
  withRig(async (rig) => {
    const { kernel } = rig.machine;
    const files = {
      ...kernel.files,
      read(path: string) {
        if (!path.endsWith("/nfnetlink_queue")) return kernel.files.read(path);
        throw new Deno.errors.PermissionDenied(path);
      },
    };
    const confined = { ...rig, machine: { ...rig.machine, kernel: { ...kernel, files } } };
    const { queues, attention } = await diagnose(confined as Rig);
    assert.deepEqual([queues, attention], [[], []]);
  }),
);

Deno.test(
  "a backend whose connections take most source ports needs attention",
  withRig(async (rig) => {
    const [max, backend] = [1000, "198.51.100.11:8080"];
    const ports = [800, 799].map((used) => ({ service: `web${used}`, backend, used, max }));
    const found = await diagnose(rig, undefined, { ports });
    assert.deepEqual(found.ports, ports);
    assert.match(found.attention.join("\n"), /^web800 198\.51\.100\.11:8080 has 800 .* 1000 .*$/);
  }),
);

Deno.test(
  "sysctls that the config wants are told beside what they are, and apply sets them",
  withRig(async (rig) => {
    const before = await diagnose(rig, single());
    const forward = before.sysctls.find(({ key }) => key === "net.ipv4.ip_forward");
    assert.deepEqual([forward?.wanted, forward?.found, forward?.ok], ["1", "0", false]);
    assert.match(before.attention.join("\n"), /^net\.ipv4\.ip_forward is 0.*"lb apply"/m);
    assert.ok(!before.sysctls.some(({ key }) => key.startsWith("net.ipv6")), "IPv4 only");
    await rig.run(single());
    const after = await diagnose(rig, single());
    assert.deepEqual([after.attention, after.sysctls.every(({ ok }) => ok)], [[], true]);
  }),
);

Deno.test(
  "what lb has set for router advertisements is not asked for again",
  withRig(async (rig) => {
    await rig.run(BASE);
    const { sysctls, attention } = await diagnose(rig, BASE);
    const kept = sysctls.filter(({ key }) => key.endsWith("accept_ra"));
    assert.deepEqual(kept.map(({ key, found, ok }) => [key, found, ok]), [
      ["net.ipv6.conf.eth0.accept_ra", "2", true],
      ["net.ipv6.conf.eth1.accept_ra", "2", true],
    ]);
    assert.deepEqual(attention, []);
  }),
);

Deno.test(
  "a VIP for which auto finds no interface is told in plan, apply and doctor, and is no fault",
  withRig(async (rig) => {
    const routed = single("", "203.0.113.10");
    const words =
      /^203\.0\.113\.10 is on no interface here: a router must send it .*vip_on = "none"/;
    const planned = await rig.plan(routed);
    assert.match(planned.notes.join("\n"), words);
    const { notes, blocked } = await rig.run(routed);
    assert.deepEqual([notes, blocked], [planned.notes, []]);
    assert.deepEqual(rig.events("engine"), [], "it is nothing that has happened");
    const found = await diagnose(rig, routed);
    assert.deepEqual([found.notes, found.attention], [planned.notes, []]);
    for (const meant of [single('vip_on = "none"', "203.0.113.10"), single()]) {
      assert.deepEqual((await diagnose(rig, meant)).notes, []);
      assert.deepEqual((await rig.plan(meant)).notes, []);
    }
  }),
);

Deno.test(
  "what the machine lacks needs attention, with what it is for and how that is known",
  withRig(async (rig) => {
    const lacking = {
      id: "nft-jhash",
      purpose: "schedulers sh",
      answer: "no",
      evidence: "refused",
    };
    const others = FACTS.capabilities.filter(({ id }) => id !== lacking.id);
    rig.facts = { ...FACTS, capabilities: [...others, { ...lacking, answer: "no" }] };
    const { attention, engines } = await diagnose(rig);
    assert.deepEqual(attention, ["nft-jhash (schedulers sh): refused"]);
    assert.ok(engines.every(({ possible }) => !possible));
  }),
);

Deno.test(
  "what the machine lacks needs attention only where a service needs it",
  withRig(async (rig) => {
    const evidence = "not set";
    const lacking = ["nft-connlimit", "proc-sys", "conntrack-netlink"].map((id) => (
      { id, purpose: "testing", answer: "no" as const, evidence }
    ));
    const others = FACTS.capabilities.filter(({ id }) => !lacking.some((each) => each.id === id));
    rig.facts = { ...FACTS, capabilities: [...others, ...lacking] };
    assert.deepEqual((await diagnose(rig)).attention, []);
    const limited = single("max_connections = 9");
    const told = (await diagnose(rig, limited)).attention.filter((line) => /not set/.test(line));
    assert.deepEqual(told, [
      "no engine here can serve web (engine nft: testing needs nft-connlimit: not set; " +
      "engine nfqueue: queue: not set; engine ipvs: ipvs: not set); the nearest that works here: leave max_connections out (engine nft)",
      "nft-connlimit (testing): not set",
    ]);
    const plain = (await diagnose(rig, single())).attention;
    assert.ok(!plain.some((line) => line.includes("not set")), plain.join("\n"));
  }),
);

Deno.test(
  "an interface that was closed after forwarding was opened needs attention",
  withRig(async (rig) => {
    await rig.run(single());
    rig.host.proc.values["net.ipv4.conf.eth0.forwarding"] = "0";
    const { attention } = await diagnose(rig, single());
    assert.match(
      attention.join("\n"),
      /^net\.ipv4\.conf\.eth0\.forwarding is 0: what comes in at eth0/,
    );
  }),
);

Deno.test(
  "an interface of the config that is not there needs attention, and ends no diagnosis",
  withRig(async (rig) => {
    const { attention, sysctls } = await diagnose(rig, single('vip_on = "eth9"'));
    assert.match(
      attention.join("\n"),
      /^vip_on = "eth9" of service web: there is no such interface/m,
    );
    assert.notEqual(sysctls.length, 0);
  }),
);
