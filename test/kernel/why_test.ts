/** What `lb why` says is what then happens: asked first, with real packets after. */
import assert from "node:assert/strict";
import { backendAddress } from "../../lib/demo/layout.ts";
import type { Sources } from "../../lib/demo/role/spec.ts";
import { FAMILIES, type Family } from "../../lib/model/address.ts";
import { manyNetworks, networkAddress } from "./clients.ts";
import { door, scaleName, type ServiceText } from "./config.ts";
import { kernelTests } from "./harness.ts";
import { holdOpen } from "./held.ts";
import { queuedPackets } from "./queued_rig.ts";
import { allAnswered, apply, must, send } from "./steps.ts";
import { type Flow, linesOf, why } from "./why_rig.ts";

const BACKENDS = 4;

const test = kernelTests({ backends: BACKENDS, need: "queue" });

/** Clients of each engine, scheduler and IP version. */
const CLIENTS = 500;

/** `b1` and so on, by the backend's address. */
function nameOf(flow: Flow, family: Family): string {
  const numbers = Array.from({ length: BACKENDS }, (_, index) => index);
  const index = numbers.find((one) => backendAddress(family, one) === flow.backend?.address);
  return index === undefined ? "" : `b${index + 1}`;
}

function random(below: number): number {
  return crypto.getRandomValues(new Uint32Array(1))[0]! % below;
}

/** Of half as many addresses as there are clients, two ports each. */
function randomSources(family: Family): Sources {
  const addresses = new Set<string>();
  while (addresses.size < CLIENTS / 2) {
    addresses.add(networkAddress(family, random(255), 1 + random(254)));
  }
  return { addresses: [...addresses], first_port: 10_000 + random(20_000) };
}

for (const engine of ["nft", "nfqueue"]) {
  for (const scheduler of ["sh", "maglev"]) {
    for (const family of FAMILIES) {
      test(`${CLIENTS} random clients go where lb why says, before they connect and after: ${engine}, ${scheduler}, IPv${family}`, async (lab) => {
        await manyNetworks(lab);
        const more = `engine = "${engine}"`;
        await apply(lab, { weights: [1, 2, 3, 1], scheduler, families: [family], more });
        const sources = randomSources(family);
        const lines = linesOf(sources, family, CLIENTS);
        const before = await why(lab, lines);
        assert.ok(before.every((flow) => flow.answer === "backend" && flow.certain));
        assert.deepEqual(new Set(before.map((flow) => flow.engine)), new Set([engine]));
        const told = before.map((flow) => nameOf(flow, family));
        assert.equal(new Set(told).size, BACKENDS, "nothing was shown: all are at few backends");
        const doors = [door(family)];
        const held = await holdOpen(lab, { protocol: "tcp", doors, sources, count: CLIENTS });
        const queued = engine === "nfqueue" ? CLIENTS : 0;
        assert.equal(await queuedPackets(lab), queued, "who has chosen");
        assert.deepEqual(held.names, told);
        const after = await why(lab, lines);
        assert.deepEqual(after.map((flow) => nameOf(flow, family)), told);
        assert.ok(after.every(({ answer }) => answer === "connected"));
        assert.ok(after.every(({ connection }) => connection?.state === "ESTABLISHED"));
        assert.deepEqual(await held.ask(), told);
      });
    }
  }
}

const WEB: ServiceText = { weights: [1, 2, 1], families: [4] };
const CLIENT = "192.0.2.10:40000";

test("where nothing tells which backend it will be, the reason is told, and the shares", async (lab) => {
  await apply(lab, { ...WEB, scheduler: "wrr" });
  const [turn] = await why(lab, [CLIENT]);
  assert.equal(turn!.answer, "shared");
  assert.match(turn!.reason!, /wrr: whose turn it is/);
  assert.deepEqual(turn!.shares.map(({ share }) => share), [0.5, 0.25, 0.25]);
  await apply(lab, { ...WEB, scheduler: "maglev" });
  const [portless] = await why(lab, ["192.0.2.10"]);
  assert.match(portless!.reason!, /hashes the source port, too, and none is given/);
  assert.equal(portless!.shares.length, 3);
  await apply(lab, { ...WEB, scheduler: "sh" });
  assert.equal((await why(lab, ["192.0.2.10"]))[0]!.answer, "backend", "sh needs no port");
  await apply(lab, { ...WEB, scheduler: "wlc", more: 'engine = "nfqueue"' });
  assert.match((await why(lab, [CLIENT]))[0]!.reason!, /wlc: it depends on the connections/);
});

test("who is remembered is told by the kernel's own map, and moves with it", async (lab) => {
  const more = 'persistence = { timeout = "5m", mask = 24 }';
  await apply(lab, { ...WEB, scheduler: "wrr", more });
  const [before] = await why(lab, [CLIENT]);
  assert.equal(before!.answer, "shared", "it has not been here yet");
  const sources = { addresses: ["192.0.2.10"], first_port: 41_000 };
  const result = await send(lab, { doors: [door(4)], count: 1, sources });
  allAnswered(result);
  const [after, neighbour] = await why(lab, [CLIENT, "192.0.2.77"]);
  assert.deepEqual([after!.answer, neighbour!.answer], ["backend", "backend"]);
  assert.deepEqual([nameOf(after!, 4), nameOf(neighbour!, 4)], [
    result.answers[0],
    result.answers[0],
  ]);
  assert.match(after!.steps.find(({ step }) => step === "persistence")!.message, /in map st-web4/);
  const next = await send(lab, { doors: [door(4)], count: 5, concurrency: 1 });
  assert.deepEqual(new Set(next.answers), new Set(result.answers));
});

test("who is kept out, over a limit, or for nobody, hears so; exit code 1", async (lab) => {
  const more = 'deny = ["192.0.2.128/25"]\nallow = ["192.0.2.0/24"]';
  await apply(lab, { ...WEB, scheduler: "sh", more });
  const lines = ["192.0.2.10:40000", "192.0.2.200:40000", "198.18.0.1:40000"];
  const answers = (await why(lab, lines, 1)).map(({ answer }) => answer);
  assert.deepEqual(answers, ["backend", "dropped", "dropped"]);
  const ways = ["203.0.113.10:80", "203.0.113.10:81", "203.0.113.99:80"]
    .map((to) => `tcp ${CLIENT} ${to}`);
  const fates = (await why(lab, ways, 1)).map(({ answer }) => answer);
  assert.deepEqual(fates, ["backend", "refused", "unserved"]);
  await apply(lab, { ...WEB, scheduler: "sh", more: "max_connections = 2" });
  assert.equal((await why(lab, [CLIENT]))[0]!.answer, "backend");
  const sources = { addresses: ["192.0.2.10"], first_port: 42_000 };
  const held = await holdOpen(lab, { protocol: "tcp", doors: [door(4)], sources, count: 2 });
  const [full] = await why(lab, [CLIENT], 1);
  assert.equal(full!.answer, "refused");
  const refused = await send(lab, { doors: [door(4)], count: 1 });
  assert.deepEqual(refused.errors, { refused: 1 });
  await held.ask();
});

test("a slot that somebody changed is followed as the kernel does, and told as uncertain", async (lab) => {
  await apply(lab, { ...WEB, scheduler: "sh", weights: [1, 1] });
  const [flow] = await why(lab, [CLIENT]);
  const { message } = flow!.steps.find(({ step }) => step === "slot")!;
  const slot = /is slot (\d+) /.exec(message)![1]!;
  const map = await must(lab, "nft", "list", "map", "inet", "lb", "sl-web4");
  const id = new RegExp(`[ {]${slot} : (\\S+?)[, ]`).exec(map)![1]!;
  const other = [...map.matchAll(/\d : (\d\S*?)[,\s]/g)].map(([, one]) => one!).find((one) =>
    one !== id
  )!;
  await must(lab, "nft", "delete", "element", "inet", "lb", "sl-web4", `{ ${slot} }`);
  await must(lab, "nft", "add", "element", "inet", "lb", "sl-web4", `{ ${slot} : ${other} }`);
  const [changed] = await why(lab, [CLIENT], 1);
  assert.equal(changed!.certain, false);
  assert.notEqual(nameOf(changed!, 4), nameOf(flow!, 4));
  const sources = { addresses: ["192.0.2.10"], first_port: 40_000 };
  const { answers } = await send(lab, { doors: [door(4)], count: 1, sources });
  assert.deepEqual(answers, [nameOf(changed!, 4)]);
  // What is established is a fact, whatever has become of the tables.
  await must(lab, "nft", "delete", "element", "inet", "lb", "sl-web4", `{ ${slot} }`);
  const [last] = await why(lab, [CLIENT], 1);
  assert.match(last!.steps.find(({ step }) => step === "slot")!.message, /leads nowhere/);
  await must(lab, "conntrack", "-F");
  const again = await send(lab, {
    doors: [door(4)],
    count: 1,
    sources: { ...sources, first_port: 40_001 },
  });
  assert.deepEqual(again.answers, [nameOf(last!, 4)]);
});

test("with a worker that hangs the kernel's own choice is told, and it is the same one", async (lab) => {
  await apply(lab, { ...WEB, scheduler: "maglev", more: 'engine = "nfqueue"' });
  const [alive] = await why(lab, [CLIENT]);
  assert.match(alive!.steps.find(({ step }) => step === "worker")!.message, /chooses by the same/);
  const { stdout } = await lab.topology.run(lab.topology.balancer, [
    ...[
      "sh",
      "-c",
      'kill -STOP "$(cat "$1")"; cat "$1"',
      "sh",
      `${lab.topology.folder}/run/queue.pid`,
    ],
  ]);
  const [gone] = await why(lab, [CLIENT]);
  assert.match(
    gone!.steps.find(({ step }) => step === "worker")!.message,
    /does not answer: where/,
  );
  assert.deepEqual(gone!.backend, alive!.backend);
  await must(lab, "kill", "-CONT", stdout.trim());
});

test("the text has the answer first, and every step; a flow may be several words", async (lab) => {
  await apply(lab, { ...WEB, scheduler: "sh" });
  const { code, stdout } = await lab.balancer.lb("why", "tcp", CLIENT, "203.0.113.10:80");
  assert.equal(code, 0);
  assert.match(
    stdout,
    /^tcp 192\.0\.2\.10:40000 → 203\.0\.113\.10:80 {2}would go to 198\.51\.100\.1\d:8080 \(web, \w+\)/,
  );
  for (const step of ["vip", "access", "limit", "persistence", "slot", "backend", "engine"]) {
    assert.match(stdout, new RegExp(`^  ${step} +\\S`, "m"));
  }
  const wrong = await lab.balancer.lb("why", "not-a-flow");
  assert.equal(wrong.code, 2);
  assert.match(wrong.stderr, /is no client/);
  assert.equal((await lab.balancer.lb("why", CLIENT, "--service", "wbe")).code, 2);
});

test("an exact port inside a range is a service of its own, and a prefix has all its addresses", async (lab) => {
  const range = {
    ...WEB,
    name: "range",
    vip: ["203.0.113.0/28"],
    ports: '["8000-8010"]',
    scheduler: "sh",
  };
  const exact = {
    ...WEB,
    name: "exact",
    vip: ["203.0.113.5"],
    ports: "[8001]",
    scheduler: "sh",
    port: 0,
  };
  await apply(lab, { ...range, port: 8080, weights: [1, 1] }, {
    ...exact,
    weights: [undefined, undefined, 1, 1],
  });
  const doors = [["203.0.113.5", 8001], ["203.0.113.5", 8002], ["203.0.113.9", 8001]] as const;
  const lines = doors.map(([address, port]) => `tcp ${CLIENT} ${address}:${port}`);
  const flows = await why(lab, lines);
  assert.deepEqual(flows.map(({ service }) => service), ["exact", "range", "range"]);
  const sources = { addresses: ["192.0.2.10"], first_port: 40_000 };
  for (const [index, [address, port]] of doors.entries()) {
    const { answers } = await send(lab, { doors: [{ address, port }], count: 1, sources });
    assert.deepEqual(answers, [nameOf(flows[index]!, 4)], lines[index]);
  }
});

test("a connection that is over is told, and where the next one from its port goes", async (lab) => {
  await apply(lab, { ...WEB, scheduler: "sh" });
  const sources = { addresses: ["192.0.2.10"], first_port: 43_000 };
  const { answers } = await send(lab, { doors: [door(4)], count: 1, sources });
  const [flow] = await why(lab, ["192.0.2.10:43000"]);
  assert.deepEqual([flow!.answer, nameOf(flow!, 4)], ["backend", answers[0]]);
  assert.equal(flow!.connection!.state, "TIME_WAIT");
  const [first, ...others] = flow!.steps.map(({ step }) => step);
  assert.equal(first, "connection");
  assert.ok(others.includes("slot"));
});

test("a udp flow that goes on is told by conntrack, wherever new ones go", async (lab) => {
  await apply(lab, { ...WEB, protocol: "udp", ports: "[53]", scheduler: "sh" });
  const sources = { addresses: ["192.0.2.10"], first_port: 44_000 };
  const doors = [door(4, 10, 53)];
  const held = await holdOpen(lab, { protocol: "udp", doors, sources, count: 1 });
  const index = Number(held.names[0]!.slice(1)) - 1;
  await lab.balancer.json(0, "scale", "web", "--weight", `${scaleName(4, index, 53)}=0`);
  const [flow, other] = await why(lab, ["192.0.2.10:44000", "192.0.2.10:44001"]);
  assert.deepEqual([flow!.answer, nameOf(flow!, 4)], ["connected", held.names[0]]);
  assert.equal(other!.answer, "backend");
  assert.notEqual(nameOf(other!, 4), held.names[0]);
  assert.deepEqual(await held.ask(), held.names);
});

test("where nothing is in force, or the table has gone, no backend is made up", async (lab) => {
  const flow = ["why", `tcp ${CLIENT} 203.0.113.10:80`] as const;
  const never = await lab.balancer.lb(...flow);
  assert.equal(never.code, 2);
  assert.match(never.stderr, /nothing was ever applied/);
  await apply(lab, { ...WEB, scheduler: "sh" });
  await must(lab, "nft", "delete", "table", "inet", "lb");
  const [gone] = await why(lab, [`tcp ${CLIENT} 203.0.113.10:80`], 1);
  assert.deepEqual([gone!.answer, gone!.certain, gone!.service], ["unserved", false, "web"]);
  await lab.balancer.json(0, "uninstall", "--yes");
  const after = await lab.balancer.lb(...flow);
  assert.equal(after.code, 2);
  assert.match(after.stderr, /nothing is in force/);
});
