import assert from "node:assert/strict";
import { clientSource } from "../../lib/demo/layout.ts";
import { FAMILIES, type Family } from "../../lib/model/address.ts";
import { manyNetworks, networkAddress } from "./clients.ts";
import { door, scaleName } from "./config.ts";
import { kernelTests, type Lab } from "./harness.ts";
import { tableText } from "./listing.ts";
import { allAnswered, apply, must, send } from "./steps.ts";

const test = kernelTests({ backends: 3 });

const STAY = 'persistence = { timeout = "5m", mask = 24, mask6 = 64 }';

/** Answers to connections from these addresses, one after the other. */
async function ask(
  lab: Lab,
  family: Family,
  addresses: readonly string[],
  count = addresses.length,
) {
  const spec = { doors: [door(family)], count, concurrency: 1, sources: { addresses } };
  const result = await send(lab, spec);
  allAnswered(result);
  return result.answers;
}

async function entries(lab: Lab, family: Family): Promise<string[]> {
  const text = await must(lab, "nft", "list", "map", "inet", "lb", `st-web${family}`);
  return [...text.matchAll(/(\S+) (?:timeout \S+ )?expires \S+ : (\S+?)[\s,]/g)]
    .map(([, key, value]) => `${key} ${value}`);
}

const wait = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

for (const family of FAMILIES) {
  test(`clients of one network get one backend, whatever the scheduler, IPv${family}`, async (lab) => {
    await manyNetworks(lab);
    for (const scheduler of ["wrr", "random", "maglev"]) {
      await apply(lab, { weights: [1, 1, 1], scheduler, more: STAY });
      // Entries from the scheduler before would answer for this one.
      await must(lab, "nft", "flush", "map", "inet", "lb", `st-web${family}`);
      for (let network = 0; network < 6; network++) {
        const hosts = [1, 2, 77, 254].map((host) => networkAddress(family, network, host));
        const seen = new Set(await ask(lab, family, hosts, 12));
        assert.equal(seen.size, 1, `${scheduler}: network ${network} saw ${[...seen]}`);
      }
      assert.equal((await entries(lab, family)).length, 6);
    }
  });

  test(`a removed backend's client gets another one and keeps it, IPv${family}`, async (lab) => {
    await apply(lab, { weights: [1, 1, 1], more: STAY });
    const client = [clientSource(family, 0)];
    const [first] = await ask(lab, family, client);
    const index = Number(first!.slice(1)) - 1;
    const [before] = await entries(lab, family);
    await lab.balancer.json(0, "scale", "web", "--remove", scaleName(family, index), "--now");
    assert.deepEqual(await entries(lab, family), [before], "the entry is found dead by its client");
    const after = await ask(lab, family, client, 10);
    assert.equal(new Set(after).size, 1);
    assert.notEqual(after[0], first);
    await lab.balancer.json(0, "scale", "web", "--add", `${scaleName(family, index)}=1`);
    assert.deepEqual(await ask(lab, family, client, 10), after, "the one that came back lost it");
  });

  test(`a client of a backend with weight 0 gets another one, its connections go on, IPv${family}`, async (lab) => {
    await apply(lab, { weights: [1, 1], more: STAY });
    const spec = { doors: [door(family)], count: 4, seconds: 3 };
    const downloads = await lab.traffic.download(lab.topology.client, spec);
    const [first, ...others] = Object.keys(downloads.per_backend);
    assert.deepEqual(others, [], "all of one client are at one backend");
    const index = Number(first!.slice(1)) - 1;
    await lab.balancer.json(0, "scale", "web", "--weight", `${scaleName(family, index)}=0`);
    const { answers } = await send(lab, { doors: [door(family)], count: 6 });
    assert.deepEqual(new Set(answers), new Set([first === "b1" ? "b2" : "b1"]));
    assert.deepEqual((await downloads.result).errors, {});
  });

  test(`the time-out counts from the last new connection, IPv${family}`, async (lab) => {
    await apply(lab, { weights: [1, 1], more: 'persistence = "5s"' });
    const client = [clientSource(family, 0)];
    const [first] = await ask(lab, family, client);
    // The slack is for a machine that has much else to do.
    for (const seconds of [2, 4, 6]) {
      await wait(2_000);
      assert.deepEqual(await ask(lab, family, client), [first], `after ${seconds} s`);
    }
    await wait(5_300);
    assert.notDeepEqual(await ask(lab, family, client), [first], "wrr goes on to the next one");
  });

  test(`udp flows of a client stay together, and move together when their backend goes, IPv${family}`, async (lab) => {
    const service = { protocol: "udp", ports: "[53]", more: STAY } as const;
    await apply(lab, { ...service, weights: [1, 1, 1] });
    const spec = {
      protocol: "udp" as const,
      doors: [door(family, 10, 53)],
      count: 20,
      sources: { first_port: 31_000 },
    };
    const before = await send(lab, spec);
    allAnswered(before);
    const [first, ...others] = Object.keys(before.per_backend);
    assert.deepEqual(others, []);
    const weights = [1, 2, 3].map((number) => `b${number}` === first ? undefined : 1);
    await apply(lab, { ...service, weights });
    const after = await send(lab, spec);
    allAnswered(after);
    assert.equal(Object.keys(after.per_backend).length, 1);
    assert.notEqual(Object.keys(after.per_backend)[0], first);
  });
}

test("entries of clients are no drift, and applies leave them alone", async (lab) => {
  await apply(lab, { weights: [1, 1, 1], more: STAY });
  await ask(lab, 4, [clientSource(4, 0)]);
  const before = await entries(lab, 4);
  assert.equal(before.length, 1);
  const text = await tableText(lab);
  const { changed, drift } = await apply(lab, { weights: [1, 1, 1], more: STAY });
  assert.deepEqual([changed, drift], [false, []]);
  const status = await lab.balancer.lb("status");
  assert.equal(status.code, 0, status.stdout);
  assert.equal(
    (await tableText(lab)).replaceAll(/expires \S+/g, ""),
    text.replaceAll(/expires \S+/g, ""),
  );
  for (const change of [{ weights: [1, 5, 2] }, { weights: [1, 1, 1], scheduler: "sh" }]) {
    await apply(lab, { ...change, more: STAY });
    assert.deepEqual(await entries(lab, 4), before, JSON.stringify(change));
  }
});

test("a full map does no harm: others are balanced, who has an entry keeps it", async (lab) => {
  await apply(lab, { weights: [1, 1, 1], more: 'persistence = "5m"' });
  const [first] = await ask(lab, 4, [clientSource(4, 0)]);
  const strangers = Array.from(
    { length: 65_534 },
    (_, index) => `10.9.${index >> 8}.${index & 255} timeout 1h : 0:1`,
  );
  const stdin = `add element inet lb st-web4 { ${strangers.join(", ")} }\n`;
  const { code, stderr } = await lab.balancer.run(["nft", "-f", "-"], { stdin });
  assert.equal(code, 0, stderr);
  const late = await ask(lab, 4, [clientSource(4, 1)], 9);
  assert.deepEqual([...new Set(late)].sort(), ["b1", "b2", "b3"]);
  assert.deepEqual(await ask(lab, 4, [clientSource(4, 0)], 3), [first, first, first]);
  assert.equal(
    (await apply(lab, { weights: [1, 1, 1], more: 'persistence = "5m"' })).changed,
    false,
  );
});
