/** Whole runs on a machine whose kernel has IPVS as a module that is not loaded. */
import assert from "node:assert/strict";
import { KernelError, LbError } from "../../../lib/model/error.ts";
import { settledOutcome } from "../../../lib/reconcile/settled.ts";
import { listIpvsadm, runIpvsadm } from "../../fake/ipvsadm.ts";
import { NOTHING, single } from "./configs.ts";
import { FACTS, type Rig, withRig } from "./rig.ts";

const ON_IPVS = 'engine = "ipvs"';

/** What the module brings along, as it comes with linux 6.1. */
const MODULE_VALUES = {
  "net.ipv4.vs.conntrack": "0",
  "net.ipv4.vs.conn_reuse_mode": "1",
  "net.ipv4.vs.expire_nodest_conn": "0",
  "net.ipv4.vs.expire_quiescent_template": "0",
  "net.ipv4.vs.snat_reroute": "1",
  "net.ipv4.vs.run_estimation": "1",
};

/** Facts of a machine that can have IPVS, and, if so said, has no NAT in nft. */
function withIpvs(hasNft = true): typeof FACTS {
  const facts = FACTS.capabilities.filter(({ id }) => id !== "ipvs");
  const found = { purpose: "testing", evidence: "test equipment" };
  const nft = hasNft ? [] : ["nft-nat", "nft-notrack", "xt-legacy"].map((id) => ({
    ...{ id, answer: "no" as const, ...found },
  }));
  const others = hasNft ? facts : facts.filter(({ id }) => id !== "nft-nat");
  return {
    ...FACTS,
    capabilities: [...others, ...nft, { id: "ipvs", answer: "loadable", ...found }],
  };
}

/** A test on such a machine. */
function ipvsTest(name: string, work: (rig: Rig) => Promise<void>): void {
  Deno.test(
    name,
    withRig(async (rig) => {
      rig.facts = withIpvs();
      const { inside: { ipvs }, proc } = rig.host;
      ipvs.onLoad = () => {
        Object.assign(proc.values, MODULE_VALUES);
        rig.host.inside.files.replace("/proc/modules", "ip_vs 1 0 - Live\n", 0o444);
      };
      rig.host.answerRun = (argv) => {
        if (argv[0] !== "rmmod") return undefined;
        ipvs.loaded = false;
        for (const key of Object.keys(MODULE_VALUES)) delete proc.values[key];
        rig.host.inside.files.replace("/proc/modules", "", 0o444);
        return { code: 0, stdout: "", stderr: "" };
      };
      await work(rig);
    }),
  );
}

const listed = ({ host: { inside: { ipvs } } }: Rig) => listIpvsadm(ipvs).split("\n").length;

ipvsTest("a plan names the module and loads nothing", async (rig) => {
  const { changes } = await rig.plan(single(ON_IPVS));
  const named = changes.map(({ op, object }) => `${op} ${object}`);
  assert.ok(named.includes("add module ip_vs"), named.join("\n"));
  assert.ok(named.includes("add service tcp 192.0.2.10:80"), named.join("\n"));
  assert.equal(rig.host.inside.ipvs.loaded, false);
});

ipvsTest(
  "a plan names the sysctls that come with the module, and an apply sets just these",
  async (rig) => {
    const text = single(`${ON_IPVS}\npersistence = "60s"`);
    const { sysctls } = await rig.plan(text);
    const named = sysctls.filter(({ key }) => key.startsWith("net.ipv4.vs."));
    assert.deepEqual(named.map(({ key, before, after }) => `${key} ${before} → ${after}`), [
      "net.ipv4.vs.expire_nodest_conn 0 → 1",
      "net.ipv4.vs.expire_quiescent_template 0 → 1",
    ]);
    assert.equal(rig.host.inside.ipvs.loaded, false);
    assert.deepEqual((await rig.run(text)).sysctls, sysctls);
  },
);

ipvsTest(
  "a run with nothing to do lists the services once, and the backends of each once",
  async (rig) => {
    const { ipvs } = rig.host.inside;
    const ports = [80, 81, 82, 83, 84];
    const text = single(ON_IPVS).replace("ports = [80]", `ports = [${ports}]`);
    await rig.run(text);
    await rig.run(text);
    ipvs.dumps.length = 0;
    const outcome = await settledOutcome(rig.machine, text, { dryRun: false });
    assert.equal(outcome?.changed, false);
    // The kernel lists destinations of one service at a time (ip_vs_genl_dump_dests()).
    assert.deepEqual(ipvs.dumps, ["services", ...ports.map(() => "destinations")]);
  },
);

ipvsTest("who never stops at IPVS is given up on, and nftables is not blamed", async (rig) => {
  const { ipvs } = rig.host.inside;
  await rig.run(single(ON_IPVS));
  ipvs.beforeWrite = () => ipvs.services.clear();
  await assert.rejects(
    rig.run(single(ON_IPVS, "192.0.2.11"), { patience_ms: 1_000 }),
    (error) =>
      error instanceof LbError && /198\.51\.100\.11.* of service web/.test(error.message) &&
      /changes IPVS .*"watch ipvsadm -Ln"/.test(error.message) &&
      !/nft/.test(error.message),
  );
});

ipvsTest(
  "one apply loads it, sets the sysctls that come with it, and puts the service there",
  async (rig) => {
    const { changes, sysctls, blocked, services } = await rig.run(single(ON_IPVS));
    assert.deepEqual(blocked, []);
    assert.deepEqual(services.map(({ engine }) => engine), ["ipvs"]);
    assert.equal(changes[0]?.object, "module ip_vs");
    assert.ok(sysctls.some(({ key }) => key === "net.ipv4.vs.expire_nodest_conn"));
    assert.equal(rig.host.proc.values["net.ipv4.vs.expire_nodest_conn"], "1");
    assert.equal(listed(rig), 2);
    assert.equal((await rig.plan(single(ON_IPVS))).changed, false);
  },
);

ipvsTest("an uninstall takes services, sysctls, address and module away", async (rig) => {
  const before = JSON.stringify(rig.host.picture());
  await rig.run(single(ON_IPVS));
  const { changes } = await rig.run(NOTHING);
  assert.ok(changes.some(({ op, object }) => op === "remove" && object === "module ip_vs"));
  assert.equal(JSON.stringify(rig.host.picture()), before);
  assert.equal(rig.host.inside.ipvs.loaded, false);
});

ipvsTest("a prefix is made local by a route, which goes with its service", async (rig) => {
  const { network } = rig.host;
  const before = JSON.stringify(rig.host.picture());
  const { changes } = await rig.run(single(ON_IPVS, "192.0.2.128/28"));
  assert.ok(changes.some(({ op, object }) => `${op} ${object}` === "add lo 192.0.2.128/28"));
  assert.deepEqual([...network.local_routes], ["lo 192.0.2.128/28"]);
  assert.match(listIpvsadm(rig.host.inside.ipvs), /^-A -f \d+ -s wrr/);
  assert.equal((await rig.plan(single(ON_IPVS, "192.0.2.128/28"))).changed, false);
  network.local_routes.clear();
  const { drift } = await rig.run(single(ON_IPVS, "192.0.2.128/28"));
  assert.deepEqual(drift, ["lo 192.0.2.128/28"]);
  assert.deepEqual([...network.local_routes], ["lo 192.0.2.128/28"], "it is back");
  await rig.run(NOTHING);
  assert.equal(JSON.stringify(rig.host.picture()), before);
});

ipvsTest("a route of somebody else's that makes a prefix local is left alone", async (rig) => {
  rig.host.network.local_routes.add("lo 192.0.2.128/28");
  const { changes } = await rig.run(single(ON_IPVS, "192.0.2.128/28"));
  assert.ok(!changes.some(({ object }) => object.startsWith("lo ")), JSON.stringify(changes));
  await rig.run(NOTHING);
  assert.deepEqual([...rig.host.network.local_routes], ["lo 192.0.2.128/28"]);
});

ipvsTest("a module that was there before lb stays", async (rig) => {
  const { ipvs } = rig.host.inside;
  ipvs.loaded = true;
  ipvs.onLoad();
  await rig.run(single(ON_IPVS));
  await rig.run(NOTHING);
  assert.equal(ipvs.loaded, true);
  assert.equal(rig.host.proc.values["net.ipv4.vs.expire_nodest_conn"], "0", "its values go back");
});

ipvsTest("a module that is in use stays, and that is said", async (rig) => {
  await rig.run(single(ON_IPVS));
  rig.host.answerRun = (argv) =>
    argv[0] === "rmmod"
      ? { code: 1, stdout: "", stderr: "rmmod: ERROR: Module ip_vs is in use\n" }
      : undefined;
  const { notes } = await rig.run(NOTHING);
  assert.deepEqual(notes, ["module ip_vs stays loaded: rmmod: ERROR: Module ip_vs is in use"]);
});

ipvsTest(
  "a module that cannot be loaded ends the run before anything else is changed",
  async (rig) => {
    const before = JSON.stringify(rig.host.picture());
    rig.host.inside.ipvs.onLoad = () => {
      rig.host.inside.ipvs.loaded = false;
    };
    await assert.rejects(rig.run(single(ON_IPVS)), KernelError);
    assert.equal(JSON.stringify(rig.host.picture()), before);
    assert.equal(rig.store.revisions.latestApplied(), undefined);
  },
);

ipvsTest("a VIP that a router sends is put on lo for IPVS, and not for nft", async (rig) => {
  const routed = (more: string) => single(`vip_on = "none"\n${more}`, "203.0.113.10");
  await rig.run(routed(ON_IPVS));
  assert.ok(rig.host.network.addresses.has("lo 203.0.113.10/32"), "it is on lo");
  await rig.run(routed('engine = "nft"'));
  assert.ok(!rig.host.network.addresses.has("lo 203.0.113.10/32"), "it is not on lo");
});

ipvsTest("a service moves from one engine to the other", async (rig) => {
  await rig.run(single());
  await rig.run(single(ON_IPVS));
  assert.equal(rig.host.nft.table("inet lb"), undefined);
  assert.equal(listed(rig), 2);
  await rig.run(single('engine = "nft"'));
  assert.ok(rig.host.nft.table("inet lb"));
  assert.equal(listIpvsadm(rig.host.inside.ipvs), "");
  const left = Object.keys(rig.host.proc.values).filter((key) => key.startsWith("net.ipv4.vs."));
  assert.deepEqual(left, [], "with the last service its sysctls go, and the module");
  assert.deepEqual(rig.journalled().filter((key) => key.startsWith("net.ipv4.vs.")), []);
});

ipvsTest("without nft's NAT, auto is IPVS, and nft is not even asked", async (rig) => {
  rig.facts = withIpvs(false);
  rig.host.gate.open();
  const { services } = await rig.run(single());
  assert.deepEqual(services.map(({ engine }) => engine), ["ipvs"]);
  assert.deepEqual(rig.host.gate.calls.filter((call) => /^run nft|generation/.test(call)), []);
  assert.equal((await rig.plan(single())).changed, false);
});

ipvsTest(
  "what somebody else has at a VIP and port refuses the apply, and nothing is changed",
  async (rig) => {
    const { ipvs } = rig.host.inside;
    ipvs.loaded = true;
    ipvs.onLoad();
    runIpvsadm(ipvs, ["-A", "-t", "192.0.2.10:80", "-s", "rr"]);
    const before = JSON.stringify(rig.host.picture());
    await assert.rejects(
      rig.run(single(ON_IPVS)),
      (error) => error instanceof LbError && error.code === "unsupported",
    );
    assert.equal(JSON.stringify(rig.host.picture()), before);
    assert.equal(listed(rig), 1);
  },
);

ipvsTest("a backend deleted by hand is drift, and comes back", async (rig) => {
  await rig.run(single(ON_IPVS));
  const { ipvs } = rig.host.inside;
  runIpvsadm(ipvs, ["-d", "-t", "192.0.2.10:80", "-r", "198.51.100.11:80"]);
  const { drift } = await rig.run(single(ON_IPVS));
  assert.deepEqual(drift, ["backend 198.51.100.11:80 of tcp 192.0.2.10:80"]);
  assert.equal(listed(rig), 2);
});

ipvsTest("who switches masquerade on or off is told what becomes of connections", async (rig) => {
  const masqueraded = single(`${ON_IPVS}\nmasquerade = true`);
  assert.deepEqual((await rig.run(masqueraded)).notes.filter(isOfConnections), []);
  const { notes } = await rig.run(single(ON_IPVS));
  assert.match(notes.join("\n"), /established connections of web break: masquerade ends/);
  const planned = await rig.plan(masqueraded);
  assert.match(planned.notes.join("\n"), /established connections of web break: masquerade begins/);
  const weighted = single(ON_IPVS).replace("[[service.backend]]", "$&\n  weight = 7");
  assert.deepEqual((await rig.run(weighted)).notes.filter(isOfConnections), []);
});

const isOfConnections = (note: string) => note.includes("connections");
