/** Drains as operators have them: what is kept, what is followed, what is taken back. */
import assert from "node:assert/strict";
import { stream } from "./clients.ts";
import { door, scaleName } from "./config.ts";
import {
  applyText,
  draining,
  drainWords,
  first,
  heldBy,
  newOnes,
  openAll,
  scale,
  type Told,
  wait,
} from "./drain_rig.ts";
import { kernelTests, type Lab } from "./harness.ts";
import { PATIENCE } from "./patience.ts";
import { must } from "./steps.ts";

const test = kernelTests({ backends: 2 });

interface BackendText {
  readonly intent: string;
  readonly weight_reason: string;
  readonly effective_weight: number;
  readonly health: string;
  readonly drain: {
    readonly connections_left: number;
    readonly seconds_left: number;
    readonly ended: string | null;
  } | null;
}

/** What `lb status` tells of the first backend. */
async function statusOf({ balancer }: Lab, code = 0): Promise<BackendText> {
  const { services } = await balancer.json<{ services: { backends: BackendText[] }[] }>(
    code,
    "status",
  );
  return services[0]!.backends[0]!;
}

const B1 = first(4).name;

/** Of each backend. */
const ONE_LONG = { short: 0, long: 1, idle: 0 };

test("a persistent client moves with its next connection while the one it has goes on, and ready takes it back", async (lab) => {
  await applyText(lab, draining("nft", 60, { families: [4], more: 'persistence = "5m"' }));
  const connections = await openAll(lab, 4, ONE_LONG);
  const [before] = await newOnes(lab, 4, 4);
  const index = before === "b1" ? 0 : 1;
  await scale(lab, "--drain", scaleName(4, index));
  const [after, ...others] = await newOnes(lab, 4, 4);
  assert.deepEqual([after, others], [before === "b1" ? "b2" : "b1", []]);
  assert.equal(await heldBy(lab, index), 2);
  await scale(lab, "--ready", scaleName(4, index), "--drain", scaleName(4, 1 - index));
  assert.deepEqual(await newOnes(lab, 4, 4), [before]);
  const endings = await connections.close();
  assert.deepEqual(endings.map(({ end }) => end), ["open", "open"]);
});

test("what is wanted outlives runs, and is told: connections and seconds left", async (lab) => {
  await applyText(lab, draining("nft", 60, { families: [4] }));
  const connections = await openAll(lab, 4, ONE_LONG);
  await scale(lab, "--drain", B1);
  await lab.balancer.json(0, "reconcile");
  await lab.balancer.json(0, "apply");
  const { intent, weight_reason, effective_weight, drain } = await statusOf(lab);
  assert.deepEqual([intent, weight_reason, effective_weight], ["drain", "drain", 0]);
  assert.equal(drain?.connections_left, 1);
  assert.ok(drain.seconds_left > 60 - 20 * PATIENCE && drain.seconds_left <= 60);
  await scale(lab, "--maintenance", B1);
  assert.deepEqual(await newOnes(lab, 4), ["b2"]);
  const resting = await statusOf(lab);
  assert.deepEqual([resting.intent, resting.drain], ["maintenance", null]);
  await connections.close();
});

test("of a drain that is over nothing will be cut, and no seconds are left", async (lab) => {
  await applyText(lab, draining("nft", 60, { families: [4] }));
  await scale(lab, "--drain", B1);
  const { drain } = await statusOf(lab);
  assert.deepEqual([drain?.ended, drain?.seconds_left], ["drained", null]);
});

test("in maintenance a backend is not checked, and nobody calls it ill", async (lab) => {
  const more = "[service.health]\nfall = 1\npanic = 0";
  await applyText(lab, draining("nft", 60, { families: [4], more }));
  await scale(lab, "--maintenance", B1);
  const { topology, balancer } = lab;
  const drop = "add table inet t; add chain inet t c { type filter hook input priority 0; }; " +
    "add rule inet t c tcp dport 8080 reject with tcp reset";
  await topology.run(topology.backends[0]!, ["nft", drop]);
  try {
    const { stdout, code } = await balancer.lb("reconcile");
    assert.deepEqual([stdout, code], ["", 0]);
    assert.equal((await statusOf(lab)).health, "healthy");
    const back = await scale(lab, "--ready", B1);
    assert.match(drainWords(back).join(), /is ready again/);
    assert.match((await balancer.lb("reconcile")).stdout, /is unhealthy/);
  } finally {
    await topology.run(topology.backends[0]!, ["nft", "delete table inet t"]);
  }
});

test("an uninstall says of whom it forgets that they were in maintenance", async (lab) => {
  await applyText(lab, draining("nft", 60, { families: [4] }));
  await scale(lab, "--maintenance", B1);
  const { notes } = await lab.balancer.json<Told>(0, "uninstall", "--yes");
  assert.match(notes.join(), /^forgot .* serve: web 198\.51\.100\.11:8080 \(maintenance\)$/);
  await lab.balancer.json(0, "apply");
  assert.equal((await statusOf(lab)).intent, "ready");
});

test("--remove waits for the last connection, then the backend is out of the config, comments kept", async (lab) => {
  const { balancer } = lab;
  const text = `# mine\n${draining("nft", 60, { families: [4] })}`;
  await applyText(lab, text);
  const connections = await openAll(lab, 4, { short: 1, long: 0, idle: 0 });
  const begun_ms = performance.now();
  const told = await scale(lab, "--remove", B1, "--wait");
  assert.ok(performance.now() - begun_ms < 30_000 * PATIENCE, "not until the deadline");
  assert.match(drainWords(told).join("\n"), /drains: .*leaves the config\n.*is drained/);
  const { address } = first(4);
  assert.doesNotMatch(balancer.readConfig(), new RegExp(address));
  assert.match(balancer.readConfig(), /^# mine\n/);
  assert.deepEqual(await newOnes(lab, 4), ["b2"]);
  await scale(lab, "--add", `${B1}=1`);
  assert.deepEqual(await newOnes(lab, 4), ["b1", "b2"], "who comes back stays");
  const { changed } = await balancer.json<{ changed: boolean }>(0, "apply");
  assert.equal(changed, false, "the file says what is in force");
  assert.deepEqual((await connections.close()).map(({ end }) => end), ["whole", "whole"]);
});

test("a removal whose drain ends while lb.toml is broken is told by every pass and by lb status, and made up for", async (lab) => {
  const { balancer } = lab;
  const text = draining("nft", 60, { families: [4] });
  await applyText(lab, text);
  const connections = await openAll(lab, 4, ONE_LONG);
  await scale(lab, "--remove", B1);
  balancer.writeConfig("[[");
  await connections.close();
  await wait(300 * PATIENCE);
  for (let pass = 0; pass < 2; pass++) {
    const { code, stderr } = await balancer.lb("reconcile");
    assert.equal(code, 1);
    assert.match(stderr, /^attention: web .*: drained, and still in the config, .* edited: /);
  }
  const { blocked } = await balancer.json<{ blocked: string[] }>(1, "status");
  assert.match(blocked.join(), /drained, and still in the config/);
  balancer.writeConfig(text);
  assert.equal((await balancer.lb("reconcile")).code, 0);
  assert.doesNotMatch(balancer.readConfig(), new RegExp(first(4).address));
  await balancer.json(0, "status");
});

for (const [name, more] of [["", ""], [", with masquerade", "masquerade = true"]] as const) {
  test(`--remove --cut resets what is established at once, and an uninstall leaves nothing of it${name}`, async (lab) => {
    await applyText(lab, draining("nft", 60, { families: [4], more }));
    const connections = await openAll(lab, 4, { short: 0, long: 2, idle: 2 });
    const told = await scale(lab, "--remove", B1, "--cut");
    assert.match(drainWords(told).join("\n"), /4 connections cut/);
    await wait(500 * PATIENCE);
    assert.equal(await heldBy(lab, 0), 0);
    assert.doesNotMatch(lab.balancer.readConfig(), new RegExp(first(4).address));
    assert.match(await must(lab, "nft", "list", "tables"), /inet lb-cut/);
    await lab.balancer.json(0, "uninstall", "--yes");
    assert.doesNotMatch(await must(lab, "nft", "list", "tables"), /lb/);
    const ends = (await connections.close()).map(({ backend, end }) => `${backend} ${end}`);
    assert.deepEqual(ends.sort(), [...Array(4).fill("b1 reset"), ...Array(4).fill("b2 open")]);
  });
}

test("a client that was cut comes again from the same port at once, to another backend", async (lab) => {
  const backends = { families: [4], weights: [1, 0] } as const;
  await applyText(lab, draining("nft", 60, backends));
  const { address, port } = door(4);
  const url = (path: string) => `http://${address}:${port}${path}`;
  const argv = ["curl", "-sSN", "--local-port", "45000", "-m", "60"];
  const download = url("/download?seconds=50&every_ms=100");
  const child = lab.traffic.program(lab.topology.client, [...argv, "-i", download]);
  assert.match((await child.lines.next()).value ?? "", /200/);
  await scale(lab, "--weight", `${scaleName(4, 1)}=1`, "--drain", B1, "--cut");
  assert.equal((await child.ended).code, 56, "curl(1): it was reset");
  const again = await lab.topology.run(lab.topology.client, [...argv, "-D-", url("/")]);
  assert.match(again.stdout, /x-backend: *b2/i, again.stderr);
  assert.match(await must(lab, "nft", "list", "tables"), /inet lb-cut/);
});

test("a deadline does not wait for checks of backends that do not answer", async (lab) => {
  const timeout_ms = 5_000 * PATIENCE;
  const more = `[service.health]\ntimeout = "${timeout_ms}ms"`;
  await applyText(lab, draining("nft", 1, { families: [4], more }));
  const connections = await openAll(lab, 4, ONE_LONG);
  await scale(lab, "--drain", B1);
  await wait(1_500);
  const { topology, balancer } = lab;
  const drop = "add table inet t; add chain inet t c { type filter hook input priority 0; }; " +
    "add rule inet t c tcp flags & (syn | ack) == syn drop";
  await topology.run(topology.backends[1]!, ["nft", drop]);
  try {
    const begin_ms = performance.now();
    const pass = balancer.lb("reconcile");
    while (await heldBy(lab, 0) > 0) await wait(100);
    assert.ok(performance.now() - begin_ms < timeout_ms, "it was cut only after the checks");
    assert.match((await pass).stdout, /^! .* is at its deadline: 1 connection cut\n! .*\n$/);
  } finally {
    await topology.run(topology.backends[1]!, ["nft", "delete table inet t"]);
    await connections.close();
  }
});

test("with bare cron what is left is cut by the first pass after the deadline, and told once", async (lab) => {
  await applyText(lab, draining("nft", 1, { families: [4] }));
  const connections = await openAll(lab, 4, ONE_LONG);
  await scale(lab, "--drain", B1);
  await wait(1_500);
  assert.equal(await heldBy(lab, 0), 1, "nobody was there to cut it");
  const { stdout } = await lab.balancer.lb("reconcile");
  assert.match(stdout, /^! web 198\.51\.100\.11:8080 is at its deadline: 1 connection cut\n$/);
  await wait(300 * PATIENCE);
  assert.equal(await heldBy(lab, 0), 0);
  assert.equal((await lab.balancer.lb("reconcile")).stdout, "");
  await connections.close();
});

test("udp flows that go on at the deadline are forgotten, and go on elsewhere from the same port", async (lab) => {
  const service = { families: [4], protocol: "udp", ports: "[53]" } as const;
  await applyText(lab, draining("nft", 2, { ...service, weights: [1, 0] }));
  const datagrams = stream(lab, door(4, 10, 53));
  assert.equal((await datagrams.lines.next()).value, "ready");
  await wait(300 * PATIENCE);
  const b1 = scaleName(4, 0, 53);
  const told = await scale(lab, "--weight", `${scaleName(4, 1, 53)}=1`, "--drain", b1, "--wait");
  assert.match(drainWords(told).join("\n"), /1 connection cut/);
  await wait(300 * PATIENCE);
  const listing = await must(lab, "conntrack", "-L", "-p", "udp", "--dport", "53");
  assert.match(listing, new RegExp(`src=${first(4).address.replace(".11", ".12")} `));
  assert.doesNotMatch(listing, new RegExp(`src=${first(4).address} `));
  await datagrams.closeInput();
  await datagrams.ended;
});

test("Ctrl-C ends the waiting and not the drain", async (lab) => {
  await applyText(lab, draining("nft", 60, { families: [4] }));
  const connections = await openAll(lab, 4, ONE_LONG);
  const argv = lab.balancer.argv("scale", "web", "--drain", B1, "--wait");
  const script = 'exec "$@" 2>&1';
  const child = lab.traffic.program(lab.topology.balancer, ["sh", "-c", script, "sh", ...argv]);
  const lines: string[] = [];
  for await (const line of child.lines) {
    lines.push(line);
    if (!/1 connection left, \d+ s$/.test(line)) continue;
    await lab.topology.run(lab.topology.balancer, ["kill", "-INT", `${child.pid}`]);
  }
  const { code } = await child.ended;
  assert.equal(code, 1);
  assert.match(lines.at(-1) ?? "", /^The drain goes on: /);
  assert.equal((await statusOf(lab)).intent, "drain");
  await connections.close();
});

test("--wait outlives a state that cannot be read for a moment, and says of a drain that it was called off, exit 1", async (lab) => {
  await applyText(lab, draining("nft", 60, { families: [4] }));
  const connections = await openAll(lab, 4, ONE_LONG);
  const argv = lab.balancer.argv("scale", "web", "--drain", B1, "--wait");
  const script = 'exec "$@" 2>&1';
  const child = lab.traffic.program(lab.topology.balancer, ["sh", "-c", script, "sh", ...argv]);
  const lines: string[] = [];
  for await (const line of child.lines) {
    lines.push(line);
    if (!/1 connection left, \d+ s$/.test(line)) continue;
    const state = `${lab.topology.folder}/state/lb.db`;
    Deno.chmodSync(state, 0o666);
    await new Promise((wake) => setTimeout(wake, 1_500));
    Deno.chmodSync(state, 0o600);
    await scale(lab, "--ready", B1);
  }
  assert.equal((await child.ended).code, 1);
  assert.match(lines.at(-1) ?? "", /^attention: web .* is ready again: its drain was called off$/);
  await connections.close();
});

test("on a terminal --wait draws a bar, and takes it away again", async (lab) => {
  await applyText(lab, draining("nft", 2, { families: [4] }));
  const connections = await openAll(lab, 4, ONE_LONG);
  const argv = lab.balancer.argv("scale", "web", "--drain", B1, "--wait");
  const { stdout } = await lab.balancer.run(["script", "-qefc", argv.join(" "), "/dev/null"]);
  const shown = stdout.replaceAll("\x1b[K", "(clear)");
  assert.match(shown, /\r\[░{24}\] 1 of 1 connection left, [12] s\(clear\)/);
  assert.match(shown, /\r\(clear\).*is at its deadline: 1 connection cut/);
  assert.equal((await connections.close()).find(({ backend }) => backend === "b1")?.end, "reset");
});

test("who adds a backend that is being removed is told so, and how to keep it", async (lab) => {
  await applyText(lab, draining("nft", 60, { families: [4] }));
  const connections = await openAll(lab, 4, ONE_LONG);
  await scale(lab, "--remove", B1);
  const { code, stderr } = await lab.balancer.lb("scale", "web", "--add", B1);
  assert.equal(code, 2);
  assert.match(stderr, /:8080 is being removed; "lb scale web --ready .*:8080" keeps it/);
  await scale(lab, "--ready", B1);
  assert.equal((await statusOf(lab)).intent, "ready");
  await connections.close();
});

test("an address that fits several backends is a usage error, and nothing is wanted then", async (lab) => {
  const more = `\n[[service.backend]]\naddress = "${first(4).address}"\nport = 8000\n`;
  await applyText(lab, draining("nft", 60, { families: [4] }) + more);
  const { code, stderr } = await lab.balancer.lb("scale", "web", "--drain", first(4).address);
  assert.equal(code, 2);
  assert.match(stderr, /fits several backends of `web`: .*:8080, .*:8000/);
  assert.equal((await statusOf(lab)).intent, "ready");
  const plan = await lab.balancer.json<Told>(0, "scale", "web", "--drain", B1, "--plan");
  assert.match(plan.notes.join("\n"), /drains: no new connections/);
  assert.equal((await statusOf(lab)).intent, "ready");
});

test("--remove of a backend that lb cannot take out of the config is refused before it drains", async (lab) => {
  const { address, port } = door(4);
  const backends = [0, 1].map((index) => {
    const [host, at] = scaleName(4, index).split(":");
    return `{ address = "${host}", port = ${at} }`;
  });
  const service =
    `{ name = "web", vip = "${address}", ports = [${port}], backend = [${backends}] }`;
  await applyText(lab, `service = [${service}]\n`);
  for (const more of [["--plan"], []]) {
    const { code, stderr } = await lab.balancer.lb("scale", "web", "--remove", B1, ...more);
    assert.equal(code, 3, stderr);
    assert.match(stderr, /cannot edit safely/);
  }
  assert.equal((await statusOf(lab)).intent, "ready");
  await scale(lab, "--drain", B1);
  assert.equal((await statusOf(lab)).intent, "drain");
});

test("--tier sets the nodes of lb.toml and applies them", async (lab) => {
  const text = draining("nft", 60, { families: [4], scheduler: "maglev" });
  await applyText(lab, text);
  const { code, stderr } = await lab.balancer.lb("scale", "--tier", "2");
  assert.equal(code, 0, stderr);
  assert.match(lab.balancer.readConfig(), /\n\[tier\]\nnodes = 2\n/);
  assert.deepEqual(await newOnes(lab, 4), ["b1", "b2"]);
});
