import assert from "node:assert/strict";
import { clientSource, vipAddress } from "../../lib/demo/layout.ts";
import { FAMILIES, type Family } from "../../lib/model/address.ts";
import { type Held, hold, manyNetworks, networkAddress } from "./clients.ts";
import { door, type ServiceText } from "./config.ts";
import { kernelTests, type Lab } from "./harness.ts";
import { allAnswered, apply, must, refusesTcp, refusesUdp, send } from "./steps.ts";

const test = kernelTests({ backends: 2 });

async function holdSeveral(lab: Lab, family: Family, count: number): Promise<Held[]> {
  const held: Held[] = [];
  for (let turn = 0; turn < count; turn++) {
    const one = await hold(lab, door(family));
    assert.ok(one, `connection ${turn + 1} of ${count} was refused`);
    held.push(one);
  }
  return held;
}

/** What happens to one request more. */
async function oneMore(lab: Lab, family: Family): Promise<string> {
  const { answers, errors } = await send(lab, { doors: [door(family)], count: 1, timeout_ms: 400 });
  return answers[0] || Object.keys(errors).join();
}

async function closeAll(held: readonly Held[]): Promise<void> {
  for (const one of held) await one.close();
}

for (const family of FAMILIES) {
  for (const [over_limit, error] of [["refuse", "refused"], ["drop", "timeout"]] as const) {
    test(`max_connections: three are held, the next is ${error}, one closed makes room for one, IPv${family}`, async (lab) => {
      const more = `max_connections = 3\nover_limit = "${over_limit}"`;
      await apply(lab, { weights: [1, 1], more });
      const held = await holdSeveral(lab, family, 3);
      // What was refused must not count: a client that tries on would keep everybody out.
      for (let turn = 0; turn < 5; turn++) assert.equal(await oneMore(lab, family), error);
      await held.pop()!.close();
      held.push(...await holdSeveral(lab, family, 1));
      assert.equal(await oneMore(lab, family), error);
      await closeAll(held);
      assert.match(await oneMore(lab, family), /^b[12]$/);
    });
  }

  test(`max_connections of a backend: full it refuses, the other one goes on, IPv${family}`, async (lab) => {
    const backend_more = ["max_connections = 2"];
    await apply(lab, { weights: [1, 1], backend_more });
    const held = await holdSeveral(lab, family, 4);
    const { per_backend, errors } = await send(lab, { doors: [door(family)], count: 10 });
    assert.deepEqual([per_backend, errors], [{ b2: 5 }, { refused: 5 }]);
    await closeAll(held);
    allAnswered(await send(lab, { doors: [door(family)], count: 2, concurrency: 1 }));
  });

  test(`max_connections: weights, schedulers and backends change, the count does not, IPv${family}`, async (lab) => {
    const service: ServiceText = {
      weights: [1, 1],
      more: "max_connections = 4",
      backend_more: ["max_connections = 2", "max_connections = 2"],
    };
    await apply(lab, service);
    const held = await holdSeveral(lab, family, 4);
    for (
      const change of [
        { weights: [5, 1] },
        { scheduler: "sh" },
        { more: `${service.more}\npersistence = "5m"\nallow = ["0.0.0.0/0", "::/0"]` },
        { more: `${service.more}\nmark = "0x1"\nmax_new_per_second = 1000` },
        { ports: '[80, "8000-8010"]' },
      ]
    ) {
      await apply(lab, { ...service, ...change });
      assert.equal(await oneMore(lab, family), "refused", JSON.stringify(change));
    }
    // Without the service's own limit the backends' are met: they were counted all the time.
    await apply(lab, { ...service, more: "" });
    assert.equal(await oneMore(lab, family), "refused");
    await closeAll(held);
    assert.match(await oneMore(lab, family), /^b[12]$/);
  });

  test(`max_connections for udp counts flows, and refuses the next by ICMP, IPv${family}`, async (lab) => {
    const more = "max_connections = 2";
    await apply(lab, { protocol: "udp", ports: "[53]", weights: [1], more });
    const spec = {
      protocol: "udp" as const,
      doors: [door(family, 10, 53)],
      count: 4,
      concurrency: 1,
      timeout_ms: 300,
      sources: { first_port: 32_000 },
    };
    assert.deepEqual((await send(lab, spec)).answers, ["b1", "b1", "", ""]);
    await refusesUdp(lab, lab.topology.client, vipAddress(family, 10), 53);
    assert.deepEqual((await send(lab, spec)).answers, ["b1", "b1", "", ""], "flows go on");
  });

  test(`max_new_per_second: a second's worth at once, then the rate, for each source, IPv${family}`, async (lab) => {
    await manyNetworks(lab);
    await apply(lab, { weights: [1], more: "max_new_per_second = 10" });
    const burst = async (network: number, host: number) => {
      const sources = { addresses: [networkAddress(family, network, host)] };
      const spec = { doors: [door(family)], count: 40, concurrency: 1, sources };
      const { per_backend, errors, duration_ms } = await send(lab, spec);
      const expected = 10 + Math.floor(duration_ms / 100);
      const got = per_backend["b1"] ?? 0;
      assert.equal(got + (errors["refused"] ?? 0), 40);
      assert.ok(got >= 10 && got <= expected, `${got} of at most ${expected}`);
    };
    await burst(1, 1);
    await burst(2, 1);
    const spent_at_ms = performance.now();
    // IPv6: a neighbour in the same /64 is the same client, and has only what has come in since.
    const sources = { addresses: [networkAddress(family, 2, 2)] };
    const spec = { doors: [door(family)], count: 12, concurrency: 1, sources };
    const got = (await send(lab, spec)).per_backend["b1"] ?? 0;
    const since = Math.ceil((performance.now() - spent_at_ms) / 100);
    if (family === 6) assert.ok(got <= since, `${got} of at most ${since}`);
    else assert.ok(got >= 10, `${got} of at least 10`);
    await new Promise((resolve) => setTimeout(resolve, 1_100));
    await burst(1, 1);
  });

  test(`max_new_per_second: a SYN that was dropped comes again a second later, and gets in, IPv${family}`, async (lab) => {
    const more = 'max_new_per_second = 5\nover_limit = "drop"';
    await apply(lab, { weights: [1], more });
    const result = await send(lab, { doors: [door(family)], count: 10, concurrency: 10 });
    assert.deepEqual([result.failed, result.slow], [0, 5]);
  });

  test(`max_new_per_second: twelve seconds of load get the rate, and not more, IPv${family}`, async (lab) => {
    await apply(lab, { weights: [1], more: "max_new_per_second = 5" });
    const spec = { doors: [door(family)], per_second: 40, seconds_max: 12 };
    const load = await lab.traffic.steady(lab.topology.client, spec);
    await new Promise((resolve) => setTimeout(resolve, 12_100));
    const { per_backend, duration_ms } = await load.stop();
    const most = 5 + 5 * duration_ms / 1000;
    const got = per_backend["b1"] ?? 0;
    assert.ok(got >= most - 8 && got <= most + 1, `${got}, where ${most} were to be had`);
  });

  test(`deny comes before allow, networks may contain each other, and refused is nobody: they are dropped, IPv${family}`, async (lab) => {
    await manyNetworks(lab);
    const [one, two] = [0, 1].map((index) => clientSource(family, index));
    const [net, wide] = family === 4
      ? ["198.18.1.0/24", "198.18.0.0/16"]
      : ["2001:db8:cc00:2::/64", "2001:db8:cc00::/48"];
    const more = `allow = ["${net}", "${wide}", "${one}", "${two}"]\ndeny = ["${two}", "${net}"]`;
    await apply(lab, { weights: [1], more });
    const from = async (address: string) => {
      const spec = {
        doors: [door(family)],
        count: 2,
        timeout_ms: 300,
        sources: { addresses: [address] },
      };
      const { per_backend, errors } = await send(lab, spec);
      return per_backend["b1"] === 2 ? "let in" : Object.keys(errors).join();
    };
    assert.equal(await from(one!), "let in");
    assert.equal(await from(two!), "timeout");
    assert.equal(await from(networkAddress(family, 1, 7)), "timeout", "denied and allowed");
    assert.equal(await from(networkAddress(family, 2, 7)), "let in", "the wide network");
    assert.equal(await from(clientSource(family, 9)), "timeout", "not allowed");
    // The other IP version has nobody who is allowed.
    const other = family === 4 ? 6 : 4;
    const spec = { doors: [door(other)], count: 1, timeout_ms: 300 };
    assert.deepEqual((await send(lab, spec)).errors, { timeout: 1 });
  });

  test(`established connections go on when their source is denied, IPv${family}`, async (lab) => {
    await apply(lab, { weights: [1] });
    const spec = { doors: [door(family)], count: 2, seconds: 3 };
    const downloads = await lab.traffic.download(lab.topology.client, spec);
    await apply(lab, { weights: [1], more: 'deny = ["0.0.0.0/0", "::/0"]' });
    assert.equal(await oneMore(lab, family), "timeout");
    assert.deepEqual((await downloads.result).errors, {});
  });
}

test("max_connections of a service counts IPv4 and IPv6 together", async (lab) => {
  await apply(lab, { weights: [1, 1], more: "max_connections = 3" });
  const held = [...await holdSeveral(lab, 4, 2), ...await holdSeveral(lab, 6, 1)];
  for (const family of FAMILIES) assert.equal(await oneMore(lab, family), "refused");
  await held.pop()!.close();
  held.push(...await holdSeveral(lab, 4, 1));
  assert.equal(await oneMore(lab, 6), "refused");
  await closeAll(held);
});

test("max_connections does not count what only waits out its time", async (lab) => {
  await apply(lab, { weights: [1], more: "max_connections = 8" });
  // One by one, with room for those that a busy machine delays: the kernel forgets the closed ones once per
  // timer tick.
  const spec = { doors: [door(4)], per_second: 40, seconds_max: 3 };
  const load = await lab.traffic.steady(lab.topology.client, spec);
  await new Promise((resolve) => setTimeout(resolve, 2_000));
  allAnswered(await load.stop());
  const waiting = await must(lab, "conntrack", "-L", "-p", "tcp", "--state", "TIME_WAIT");
  assert.ok(waiting.split("TIME_WAIT").length > 40, "they are there");
});

test("a refused client is refused at once, over either limit", async (lab) => {
  await apply(lab, { weights: [1], more: "max_connections = 1" });
  const held = await holdSeveral(lab, 4, 1);
  for (const family of FAMILIES) {
    await refusesTcp(lab, lab.topology.client, vipAddress(family, 10), 80);
    await refusesTcp(lab, lab.topology.balancer, vipAddress(family, 10), 80);
  }
  await closeAll(held);
});
