/** `forward = "dr"` on packets: the witnesses are tcpdump at the backends, conntrack(8), nft and ip. */
import assert from "node:assert/strict";
import { vipAddress } from "../../lib/demo/layout.ts";
import { FAMILIES } from "../../lib/model/address.ts";
import { door } from "./config.ts";
import {
  arriving,
  type Ask,
  clientAddress,
  DIRECT,
  macOf,
  predicted,
  SECOND_VIP,
  tests,
  tracked,
  TRANSLATED,
} from "./dr_rig.ts";
import { allAnswered, apply, must, refusesTcp, refusesUdp, send } from "./steps.ts";

const test = tests();

for (const family of FAMILIES) {
  const vip = vipAddress(family, 10);

  for (const [protocol, port] of [["tcp", 80], ["udp", 53]] as const) {
    test(`${protocol} comes to the backend of its hash as it was sent but for link addresses, and conntrack knows nothing of it, IPv${family}`, async (lab) => {
      const service = { ...DIRECT, protocol, ports: `[${port}]`, weights: [3, 1, 1] };
      await apply(lab, service, TRANSLATED);
      const first_port = 30_000;
      const ask: Ask = {
        protocol,
        doors: [door(family, 10, port)],
        count: 60,
        concurrency: 1,
        sources: { first_port },
      };
      const ports = Array.from({ length: 60 }, (_, index) => first_port + index);
      const expected = await predicted(service, family, clientAddress(family), ports);
      assert.equal(new Set(expected).size, 3, "all backends are to be met");
      const frames = await arriving(lab, `dst host ${vip} and dst port ${port}`, async () => {
        const result = await send(lab, ask);
        allAnswered(result);
        assert.deepEqual(result.answers, expected);
      });
      const { balancer, backends } = lab.topology;
      const from_mac = await macOf(lab, balancer, "back");
      for (const [index, backend] of backends.entries()) {
        const to_mac = await macOf(lab, backend, "eth0");
        const own = ports.filter((_, at) => expected[at] === `b${index + 1}`);
        const seen = new Set(frames[index]!.map(({ from }) => Number(from.split(".").at(-1))));
        assert.deepEqual([...seen].sort(), own, `clients' ports at b${index + 1}`);
        for (const frame of frames[index]!) {
          assert.deepEqual([frame.from_mac, frame.to_mac], [from_mac, to_mac], frame.text);
          assert.equal(frame.from, `${clientAddress(family)}.${frame.from.split(".").at(-1)}`);
          assert.equal(frame.to, `${vip}.${port}`, frame.text);
        }
      }
      allAnswered(await send(lab, { doors: [door(family, SECOND_VIP)], count: 4 }));
      assert.equal(await tracked(lab, family, vip), "");
      assert.notEqual(await tracked(lab, family, vipAddress(family, SECOND_VIP)), "");
    });
  }

  test(`what has no backend is refused at once, IPv${family}`, async (lab) => {
    const { client } = lab.topology;
    await apply(
      lab,
      { ...DIRECT, weights: [] },
      { ...DIRECT, name: "dns", protocol: "udp", ports: "[53]", weights: [0, 0, 0] },
    );
    await refusesTcp(lab, client, vip, 80);
    await refusesUdp(lab, client, vip, 53);
    await refusesTcp(lab, client, vip, 81);
  });
}

test("what is let in, and how fast: allow, deny and max_new_per_second", async (lab) => {
  for (const family of FAMILIES) {
    const client = clientAddress(family);
    await apply(lab, { ...DIRECT, more: `${DIRECT.more}\ndeny = ["${client}"]` });
    const one = { doors: [door(family)], count: 2, timeout_ms: 300 };
    assert.deepEqual((await send(lab, one)).errors, { timeout: 2 });
    const allow = family === 4 ? "192.0.2.0/24" : "2001:db8:c::/64";
    await apply(lab, { ...DIRECT, more: `${DIRECT.more}\nallow = ["${allow}"]` });
    assert.deepEqual((await send(lab, one)).errors, { timeout: 2 });
    await apply(lab, { ...DIRECT, more: `${DIRECT.more}\nmax_new_per_second = 5` });
    const spec = { doors: [door(family)], count: 40, concurrency: 1 };
    const { errors, failed, duration_ms } = await send(lab, spec);
    assert.deepEqual(errors, { refused: failed });
    const most = 5 + Math.ceil(5 * duration_ms / 1000);
    assert.ok(40 - failed >= 5 && 40 - failed <= most, `${40 - failed} of at most ${most}`);
  }
});

test("status counts new tcp connections, and says of nothing else that it knows it", async (lab) => {
  await apply(lab, DIRECT, { ...DIRECT, name: "dns", protocol: "udp", ports: "[53]" });
  for (const family of FAMILIES) allAnswered(await send(lab, { doors: [door(family)], count: 20 }));
  const { services } = await lab.balancer.json<{
    services: { new_connections: number | null; active_connections: number | null }[];
  }>(0, "status");
  assert.deepEqual(
    services.map((
      { new_connections, active_connections },
    ) => [new_connections, active_connections]),
    [[40, null], [null, null]],
  );
  assert.match(await must(lab, "nft", "list", "tables"), /^table netdev lb\n$/);
});
