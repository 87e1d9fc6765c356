import assert from "node:assert/strict";
import { backendAddress, vipAddress } from "../../lib/demo/layout.ts";
import { FAMILIES } from "../../lib/model/address.ts";
import { door } from "./config.ts";
import { kernelTests } from "./harness.ts";
import { allAnswered, apply, must, send } from "./steps.ts";

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

  test(`a backend that is a client of another service keeps its address, IPv${family}`, async (lab) => {
    const other = { name: "other", vips: [11], weights: [undefined, 1] };
    await apply(lab, { weights: [1] }, other);
    const [client] = lab.topology.backends;
    await lab.traffic.send(client!, {
      doors: [door(family, 10), door(family, 11)],
      count: 2,
      timeout_ms: 500,
    });
    const reply = async (host: number) => {
      const list = await must(
        lab,
        "conntrack",
        "-L",
        "-f",
        `ipv${family}`,
        "-d",
        vipAddress(family, host),
      );
      return /dst=\S+ .*dst=(\S+)/.exec(list)?.[1];
    };
    const own = backendAddress(family, 0);
    assert.equal(await reply(11), own);
    assert.notEqual(await reply(10), own, "while as a client of its own service it is masqueraded");
  });

  test(`masquerade on a routed balancer shows its address to the backends, IPv${family}`, async (lab) => {
    await apply(lab, { weights: [1], more: "masquerade = true" });
    const result = await send(lab, { doors: [door(family)], count: 4, path: "/peer" });
    const own = family === 4 ? "198.51.100.1" : "2001:db8:b::1";
    assert.deepEqual(result.per_backend, { [own]: 4 });
  });
}
