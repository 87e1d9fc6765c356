import assert from "node:assert/strict";
import { clientSource } from "../../lib/demo/layout.ts";
import { FAMILIES, type Family } from "../../lib/model/address.ts";
import { door } from "./config.ts";
import { kernelTests, UDP_PORTS } from "./harness.ts";
import { allAnswered, apply, send } from "./steps.ts";

const test = kernelTests({ backends: 4 });

const CONNECTIONS = 4_000;

/** As it may where the kernel picks them: one seen within 3 s passes nfqueue's worker by, and then two take turns. */
const NO_PORT_TWICE = { first_port: 20_000 };

function addresses(family: Family, count: number): string[] {
  return Array.from({ length: count }, (_, index) => clientSource(family, index));
}

for (const family of FAMILIES) {
  test(`wrr 3:1 over ${CONNECTIONS} connections is exact, IPv${family}`, async (lab) => {
    await apply(lab, { weights: [3, 1] });
    const result = await send(lab, {
      doors: [door(family)],
      count: CONNECTIONS,
      sources: NO_PORT_TWICE,
    });
    allAnswered(result);
    assert.deepEqual(result.per_backend, { b1: 3_000, b2: 1_000 });
  });

  test(`every turn of wrr 3:1 has three and one, IPv${family}`, async (lab) => {
    await apply(lab, { weights: [300, 100] });
    const { answers } = await send(lab, {
      doors: [door(family)],
      count: 400,
      concurrency: 1,
      sources: NO_PORT_TWICE,
    });
    for (let first = 0; first + 4 <= answers.length; first++) {
      const turn = answers.slice(first, first + 4).sort();
      assert.deepEqual(turn, ["b1", "b1", "b1", "b2"], `connections ${first} to ${first + 3}`);
    }
  });

  test(`maglev 3:1 over ${CONNECTIONS} connections is met within 2 %, IPv${family}`, async (lab) => {
    await apply(lab, { weights: [3, 1], scheduler: "maglev" });
    const result = await send(lab, {
      doors: [door(family)],
      count: CONNECTIONS,
      sources: { addresses: addresses(family, 100), first_port: 20_000 },
    });
    allAnswered(result);
    const off = Math.abs((result.per_backend["b1"] ?? 0) - CONNECTIONS * 3 / 4);
    assert.ok(
      off <= CONNECTIONS * 0.02,
      `b1 is off by ${off}: ${JSON.stringify(result.per_backend)}`,
    );
  });

  test(`rr gives all the same, whatever their weights, IPv${family}`, async (lab) => {
    await apply(lab, { weights: [10, 20, 30, 40], scheduler: "rr" });
    const result = await send(lab, {
      doors: [door(family)],
      count: 400,
      sources: NO_PORT_TWICE,
    });
    allAnswered(result);
    assert.deepEqual(result.per_backend, { b1: 100, b2: 100, b3: 100, b4: 100 });
  });

  test(`random follows the weights, and is not a turn, IPv${family}`, async (lab) => {
    await apply(lab, { weights: [3, 1], scheduler: "random" });
    const result = await send(lab, {
      doors: [door(family)],
      count: 2_000,
      concurrency: 1,
    });
    allAnswered(result);
    // Five standard deviations of a binomial of 2,000 and 3/4 are 97.
    assert.ok(Math.abs((result.per_backend["b1"] ?? 0) - 1_500) < 97);
    const threeInARow = /b2,b2,b2/.test(result.answers.join());
    assert.ok(threeInARow, "2,000 random choices of 1 in 4 have three in a row");
  });

  test(`sh gives one client address one backend, and uses them all, IPv${family}`, async (lab) => {
    await apply(lab, { weights: [1, 1, 1, 1], scheduler: "sh" });
    const { answers, ...result } = await send(lab, {
      doors: [door(family)],
      count: 400,
      sources: { addresses: addresses(family, 100) },
    });
    allAnswered({ answers, ...result });
    const first = answers.slice(0, 100);
    for (let round = 1; round < 4; round++) {
      assert.deepEqual(answers.slice(round * 100, round * 100 + 100), first, `round ${round}`);
    }
    assert.equal(new Set(first).size, 4);
  });

  test(`one service takes several tcp ports, and a backend without one keeps the client's, IPv${family}`, async (lab) => {
    await apply(lab, { weights: [1, 1], ports: "[80, 443, 8000]", port: 0 });
    for (const port of [80, 443, 8000]) {
      const result = await send(lab, {
        doors: [door(family, 10, port)],
        count: 20,
      });
      allAnswered(result);
      assert.deepEqual(Object.keys(result.per_backend), ["b1", "b2"], `port ${port}`);
    }
    const beside = await send(lab, {
      doors: [door(family, 10, 8001), door(family, 10, 8080)],
      count: 4,
    });
    assert.deepEqual(beside.errors, { refused: 4 });
  });

  test(`udp is balanced by weight on several ports, IPv${family}`, async (lab) => {
    await apply(lab, { protocol: "udp", ports: "[53, 5353]", weights: [3, 1], port: 0 });
    for (const port of UDP_PORTS) {
      const result = await send(lab, {
        protocol: "udp",
        doors: [door(family, 10, port)],
        count: 400,
        // A port used twice within conntrack's time-out would be the same flow again.
        sources: { first_port: 30_000 },
      });
      allAnswered(result);
      assert.deepEqual(result.per_backend, { b1: 300, b2: 100 }, `port ${port}`);
    }
  });

  test(`tcp and udp of one port are two services, IPv${family}`, async (lab) => {
    await apply(
      lab,
      { name: "dns-tcp", ports: "[53]", weights: [1], port: 8080 },
      { name: "dns-udp", ports: "[53]", protocol: "udp", weights: [undefined, 1], port: 5353 },
    );
    const doors = [door(family, 10, 53)];
    const tcp = await send(lab, { doors, count: 20 });
    const udp = await send(lab, { doors, count: 20, protocol: "udp" });
    assert.deepEqual([tcp.per_backend, udp.per_backend], [{ b1: 20 }, { b2: 20 }]);
  });

  test(`a backend sees the client's own address, IPv${family}`, async (lab) => {
    await apply(lab, { weights: [1] });
    const address = clientSource(family, 5);
    const result = await send(lab, {
      doors: [door(family)],
      count: 3,
      path: "/peer",
      sources: { addresses: [address] },
    });
    assert.deepEqual(result.per_backend, { [address]: 3 });
  });
}

test("two VIPs and two services do not mix", async (lab) => {
  await apply(
    lab,
    { name: "one", vips: [10, 11], weights: [1] },
    { name: "two", vips: [12], weights: [undefined, 1] },
  );
  const answersOf = async (host: number) =>
    (await send(lab, {
      doors: FAMILIES.map((family) => door(family, host)),
      count: 20,
    })).per_backend;
  assert.deepEqual(
    [await answersOf(10), await answersOf(11), await answersOf(12)],
    [{ b1: 20 }, { b1: 20 }, { b2: 20 }],
  );
});
