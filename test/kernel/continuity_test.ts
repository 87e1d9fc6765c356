import assert from "node:assert/strict";
import { backendAddress } from "../../lib/demo/layout.ts";
import { FAMILIES } from "../../lib/model/address.ts";
import { door, scaleName, serviceText } from "./config.ts";
import { kernelTests, type Lab } from "./harness.ts";
import { transactionsDuring } from "./listing.ts";
import { allAnswered, apply, must, send } from "./steps.ts";

const test = kernelTests({ backends: 4 });

const DOORS = FAMILIES.map((family) => door(family));

/** Flags of `lb scale` that name one backend in both IP versions. */
function each(flag: string, index: number, weight?: number): string[] {
  const tail = weight === undefined ? "" : `=${weight}`;
  return FAMILIES.flatMap((family) => [flag, scaleName(family, index) + tail]);
}

async function scale({ balancer }: Lab, ...flags: string[]): Promise<void> {
  await balancer.json(0, "scale", "web", ...flags);
}

/** A counter of the client's TCP that only grows. */
async function clientCounter(lab: Lab, name: string): Promise<number> {
  const argv = ["nstat", "-a", "-s", "-z", name];
  const { stdout } = await lab.topology.run(lab.topology.client, argv);
  return Number(/^\S+\s+(\d+)/m.exec(stdout.replace(/^#.*\n/, ""))?.[1]);
}

test("no scale and no apply breaks an established connection", async (lab) => {
  await apply(lab, { weights: [2, 1, 1, undefined] });
  const spec = { doors: DOORS, count: 60, seconds: 8 };
  const downloads = await lab.traffic.download(lab.topology.client, spec);
  assert.equal(Object.keys(downloads.per_backend).length, 3);
  let ended = false;
  downloads.result.then(() => ended = true);
  await scale(lab, ...each("--weight", 0, 1));
  await scale(lab, ...each("--add", 3, 5));
  await scale(lab, ...each("--weight", 1, 0));
  await scale(lab, ...each("--remove", 2), "--now");
  await apply(lab, { weights: [1, 1, undefined, 1], scheduler: "maglev" });
  await apply(lab, { weights: [1, undefined, undefined, 1], scheduler: "sh" });
  await apply(lab, { weights: [undefined, undefined, undefined, 1] }, {
    name: "other",
    vips: [11],
    weights: [1],
  });
  await lab.balancer.lb("reconcile");
  assert.equal(ended, false, "the downloads ended before all changes were made: nothing was shown");
  const { completed, broken, errors } = await downloads.result;
  assert.deepEqual({ completed, broken, errors }, { completed: 60, broken: 0, errors: {} });
  assert.deepEqual((await send(lab, { doors: DOORS, count: 20 })).per_backend, { b4: 20 });
});

test("weight 0 gets no new connection while its established ones go on", async (lab) => {
  await apply(lab, { weights: [1, 1] });
  const spec = { doors: DOORS, count: 20, seconds: 3 };
  const downloads = await lab.traffic.download(lab.topology.client, spec);
  await scale(lab, ...each("--weight", 1, 0));
  const result = await send(lab, { doors: DOORS, count: 100 });
  allAnswered(result);
  assert.deepEqual(result.per_backend, { b1: 100 });
  assert.equal(downloads.per_backend["b2"], 10);
  assert.deepEqual((await downloads.result).errors, {});
  await scale(lab, ...each("--weight", 1, 1));
  const again = await send(lab, { doors: DOORS, count: 100 });
  assert.deepEqual(again.per_backend, { b1: 50, b2: 50 });
});

test("a removed backend gets no new connection, and an added one its share", async (lab) => {
  await apply(lab, { weights: [1, 1] });
  await scale(lab, ...each("--remove", 0), "--now");
  assert.deepEqual((await send(lab, { doors: DOORS, count: 40 })).per_backend, { b2: 40 });
  await scale(lab, ...each("--add", 2, 3));
  const result = await send(lab, { doors: DOORS, count: 80 });
  assert.deepEqual(result.per_backend, { b2: 20, b3: 60 });
  // A file that is applied again says the same: the edits are in it.
  assert.equal((await lab.balancer.json<{ changed: boolean }>(0, "apply")).changed, false);
});

test("100 applies under load: no request fails, no SYN is sent twice", async (lab) => {
  await apply(lab, { weights: [1, 1, 1] });
  const retransmitted = await clientCounter(lab, "TcpExtTCPSynRetrans");
  const load = await lab.traffic.steady(lab.topology.client, {
    doors: DOORS,
    per_second: 100,
    seconds_max: 180,
  });
  for (let turn = 1; turn <= 100; turn++) {
    // Each changes slots; every tenth also chains and maps, by taking a backend out or in.
    const third = Math.floor(turn / 10) % 2 === 0 ? 1 : undefined;
    await apply(lab, { weights: [1, 1 + turn % 7, third] });
  }
  const result = await load.stop();
  allAnswered(result);
  assert.equal(await clientCounter(lab, "TcpExtTCPSynRetrans") - retransmitted, 0);
  assert.ok(result.requests > 1_000, `${result.requests} requests: too few to show anything`);
});

test("ids stay with their backends, whatever is added, removed or moved", async (lab) => {
  const marks = async () => {
    await must(lab, "conntrack", "-F");
    await send(lab, { doors: DOORS, count: 24 });
    const lines = (await must(lab, "conntrack", "-L")).split("\n");
    return Object.fromEntries(lines.flatMap((line) => {
      const [, source, mark] = / src=(198\.51\.100\.\d+) .* mark=(\d+)/.exec(line) ?? [];
      return source && mark && mark !== "0" ? [[source, mark]] : [];
    }));
  };
  await apply(lab, { weights: [undefined, 1, 1] });
  const first = await marks();
  assert.equal(Object.keys(first).length, 2);
  await apply(lab, { name: "before", vips: [9], weights: [1] }, {
    weights: [1, 1, 1, 1],
    scheduler: "rr",
  });
  const second = await marks();
  assert.equal(Object.keys(second).length, 4);
  assert.equal(new Set(Object.values(second)).size, 4);
  for (const [backend, mark] of Object.entries(first)) assert.equal(second[backend], mark, backend);
});

for (const family of FAMILIES) {
  test(`a removed udp backend is out at once, for flows that it had too, IPv${family}`, async (lab) => {
    await apply(lab, { protocol: "udp", ports: "[53]", weights: [1, 1] });
    const spec = {
      protocol: "udp" as const,
      doors: [door(family, 10, 53)],
      count: 40,
      concurrency: 1,
      sources: { first_port: 30_000 },
    };
    const before = await send(lab, spec);
    assert.deepEqual(before.per_backend, { b1: 20, b2: 20 });
    assert.deepEqual((await send(lab, spec)).answers, before.answers, "a flow keeps its backend");
    await scale(lab, "--remove", scaleName(family, 1, 53), "--now");
    const entries = await must(lab, "conntrack", "-L", "-f", `ipv${family}`, "-p", "udp");
    assert.ok(!entries.includes(`src=${backendAddress(family, 1)} `), entries);
    const after = await send(lab, spec);
    allAnswered(after);
    assert.deepEqual(after.per_backend, { b1: 40 });
    const stayed = before.answers.filter((name, index) =>
      name === "b1" && after.answers[index] === "b1"
    );
    assert.equal(stayed.length, 20, "flows of the others stay");
  });
}

test("a scale of several backends at once is one change", async (lab) => {
  await apply(lab, { weights: [1, 1] });
  const flags = [...each("--weight", 0, 3), ...each("--add", 2, 2), ...each("--remove", 1)];
  const transactions = await transactionsDuring(lab, () => scale(lab, ...flags, "--now"));
  assert.equal(transactions.length, 1);
  const result = await send(lab, { doors: DOORS, count: 100 });
  assert.deepEqual(result.per_backend, { b1: 60, b3: 40 });
});

test("a config that lb scale edited is the one that was written, but for the change", async (lab) => {
  const text = `# ours\n${serviceText({ weights: [1, 1] })}\n# the end\n`;
  lab.balancer.writeConfig(text);
  await lab.balancer.json(0, "apply");
  await scale(lab, "--weight", `${scaleName(4, 1)}=7`);
  const edited = lab.balancer.readConfig().split("\n");
  const changed = text.split("\n").flatMap((line, index) =>
    line === edited[index] ? [] : [[line, edited[index]]]
  );
  assert.deepEqual(changed, [["weight = 1", "weight = 7"]]);
});
