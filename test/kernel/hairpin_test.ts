import assert from "node:assert/strict";
import { FAMILIES } from "../../lib/model/address.ts";
import { door } from "./config.ts";
import { kernelTests } from "./harness.ts";
import { allAnswered, apply, send } from "./steps.ts";

const test = kernelTests({ backends: 2 });

for (const family of FAMILIES) {
  test(`a backend reaches its own service through a routed balancer, IPv${family}`, async (lab) => {
    await apply(lab, { weights: [1, 1] });
    for (const backend of lab.topology.backends) {
      const result = await lab.traffic.send(backend, { doors: [door(family)], count: 40 });
      allAnswered(result);
      assert.deepEqual(result.per_backend, { b1: 20, b2: 20 });
    }
  });

  test(`udp from a backend to its own service comes back, IPv${family}`, async (lab) => {
    await apply(lab, { protocol: "udp", ports: "[53]", weights: [1, 1] });
    const result = await lab.traffic.send(lab.topology.backends[0]!, {
      protocol: "udp",
      doors: [door(family, 10, 53)],
      count: 40,
      sources: { first_port: 30_000 },
    });
    allAnswered(result);
    assert.deepEqual(result.per_backend, { b1: 20, b2: 20 });
  });

  test(`masquerade on a routed balancer shows its address to the backends, IPv${family}`, async (lab) => {
    await apply(lab, { weights: [1], more: "masquerade = true" });
    const result = await send(lab, { doors: [door(family)], count: 4, path: "/peer" });
    const own = family === 4 ? "198.51.100.1" : "2001:db8:b::1";
    assert.deepEqual(result.per_backend, { [own]: 4 });
  });
}
