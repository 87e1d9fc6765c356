import assert from "node:assert/strict";
import { ipvsEngine } from "../../../../lib/engine/ipvs/engine.ts";
import { kernelWeights } from "../../../../lib/engine/ipvs/schedulers.ts";
import { serviceOf, type ServiceSpec, stateOf } from "../../../fake/services.ts";

const TWO = [
  { id: 1, address: "198.51.100.11", weight: 300 },
  { id: 2, address: "198.51.100.12", port: 8080, weight: 100 },
  { id: 3, address: "2001:db8:b::11" },
];

function virtualsOf(...services: ServiceSpec[]) {
  return ipvsEngine.desired(stateOf(services)).virtuals;
}

/** Virtual services with their settings and their backends' weights, as lines. */
function lines(...services: ServiceSpec[]): string[] {
  return [...virtualsOf(...services)].map(
    ([key, { scheduler, flags, timeout_s, mask, places }]) => {
      const weights = Array.from(
        places,
        ([name, { destination }]) => `${name}=${destination.weight}`,
      );
      return [key, scheduler, flags, timeout_s, mask, ...weights].join(" ");
    },
  );
}

Deno.test("each VIP and port is a virtual service with the backends of its family", () => {
  const vip = ["203.0.113.10", "2001:db8:1::10"];
  assert.deepEqual(lines({ vip, ports: [80, 443], backends: TWO }), [
    "tcp 203.0.113.10:80 wrr 0 0 32 198.51.100.11:80=300 198.51.100.12:8080=100",
    "tcp 203.0.113.10:443 wrr 0 0 32 198.51.100.11:443=300 198.51.100.12:8080=100",
    "tcp [2001:db8:1::10]:80 wrr 0 0 128 [2001:db8:b::11]:80=100",
    "tcp [2001:db8:1::10]:443 wrr 0 0 128 [2001:db8:b::11]:443=100",
  ]);
});

Deno.test("a hash that leads to a backend that takes nothing goes on to the next", () => {
  const settings = (scheduler: ServiceSpec["scheduler"]) => lines({ scheduler })[0];
  assert.equal(settings("sh"), "tcp 203.0.113.10:80 sh 8 0 32");
  assert.equal(settings("maglev"), "tcp 203.0.113.10:80 mh 24 0 32", "and by port");
  assert.equal(settings("wlc"), "tcp 203.0.113.10:80 wlc 0 0 32");
});

Deno.test("persistence is a flag, whole seconds and a mask", () => {
  const persistence = { timeout_ms: 1_500, mask: 24, mask6: 64 };
  const vip = ["203.0.113.10", "2001:db8:1::10"];
  assert.deepEqual(lines({ vip, persistence }), [
    "tcp 203.0.113.10:80 wrr 1 2 24",
    "tcp [2001:db8:1::10]:80 wrr 1 2 64",
  ]);
  assert.deepEqual(lines({ ports: "all", persistence, backends: TWO.slice(0, 1) }), [
    "tcp 203.0.113.10:0 wrr 1 2 24 198.51.100.11=300",
  ]);
});

Deno.test("a limit holds to the last connection: no backend waits until it is a quarter empty", () => {
  const [virtual] = virtualsOf({
    backends: [{ id: 1, address: "198.51.100.11", max_connections: 50 }],
  }).values();
  const [{ destination }] = [...virtual!.places.values()] as [{ destination: unknown }];
  assert.deepEqual(destination, {
    key: { address: { family: 4, text: "198.51.100.11" }, port: 80 },
    forwarding: "nat",
    weight: 100,
    upper_threshold: 50,
    lower_threshold: 50,
    tunnel_type: 0,
  });
});

Deno.test("a limit that no backend can reach is one that every kernel takes", () => {
  const [virtual] = virtualsOf({
    backends: [{ id: 1, address: "198.51.100.11", max_connections: 0xffff_ffff }],
  }).values();
  const [place] = virtual!.places.values();
  const { destination } = place!;
  assert.equal(destination.upper_threshold, 2 ** 31 - 1);
  assert.equal(destination.lower_threshold, 2 ** 31 - 1);
});

Deno.test("weights for sh are shares that fit its 256 slots, and nobody with a weight is left out", () => {
  assert.deepEqual(kernelWeights("sh", [300, 100, 0]), [3, 1, 0]);
  assert.deepEqual(kernelWeights("sh", []), []);
  assert.deepEqual(kernelWeights("sh", [0, 0]), [0, 0]);
  const uneven = kernelWeights("sh", [65_535, 1, 999]);
  assert.ok(uneven.every((weight) => weight >= 1), `${uneven}`);
  assert.ok(uneven.reduce((sum, weight) => sum + weight) <= 257);
  const many = kernelWeights("sh", [65_535, ...new Array<number>(200).fill(1)]);
  assert.equal(many.reduce((all, one) => all + one), 256);
  assert.deepEqual([many[0], new Set(many.slice(1))], [56, new Set([1])]);
  assert.deepEqual(kernelWeights("sh", [1000, 0, 1000, 1001]), [85, 0, 85, 86]);
  assert.deepEqual(kernelWeights("lr", [33.3, 100, 0]), [15, 45, 0], "small whole numbers");
  assert.deepEqual(kernelWeights("cpu", [0.5, 65_535]), [1, 240]);
  assert.deepEqual(kernelWeights("cpu", [0, 0]), [0, 0]);
  assert.deepEqual(kernelWeights("wrr", [65_535, 1]), [65_535, 1], "others take them as they are");
});

Deno.test("a service IPVS cannot serve is told every reason, at its place in the config", () => {
  const reasonsOf = (spec: ServiceSpec, forward: "nat" | "dr" = "nat") => {
    const verdict = ipvsEngine.supports({ ...serviceOf(spec), forward });
    return verdict.ok ? [] : verdict.reasons.map(({ path }) => path.join("."));
  };
  const persistence = { timeout_ms: 1_000, mask: 32, mask6: 128 };
  const cases: readonly (readonly [ServiceSpec, readonly string[]])[] = [
    [{}, []],
    [{ scheduler: "random" }, ["scheduler"]],
    [{ scheduler: "lr" }, []],
    [{ scheduler: "cpu" }, []],
    [{ vip: ["203.0.113.0/28"] }, []],
    [{ ports: ["80-81"] }, []],
    [{ ports: "all" }, []],
    [{ ports: "all", persistence }, []],
    [{ ports: [80, 443], persistence }, []],
    [{ persistence: { ...persistence, timeout_ms: 4_000_000_001 } }, ["persistence"]],
    [{ masquerade: true }, []],
    [{ mark: 1, dscp: 0, priority: "1:1" }, ["mark", "dscp", "priority"]],
    [{ allow: ["192.0.2.0/24"], deny: ["192.0.2.1"] }, ["allow", "deny"]],
    [{ max_connections: 1, max_new_per_second: 1 }, ["max_connections", "max_new_per_second"]],
    [{ over_limit: "drop" }, []],
    [{ over_limit: "drop", backends: [{ id: 1, address: "198.51.100.1", max_connections: 1 }] }, [
      "over_limit",
    ]],
    [{ ports: "all", persistence, backends: TWO }, ["backend.1.port"]],
    [{ ports: [80, 443], persistence, backends: TWO }, ["backend.1.port"]],
    [{ ports: "all", backends: TWO }, []],
    [{ ports: [80], persistence, backends: TWO }, []],
  ];
  for (const [spec, paths] of cases) {
    assert.deepEqual(reasonsOf(spec), paths, JSON.stringify(spec));
  }
  assert.deepEqual(reasonsOf({ backends: TWO }, "dr"), ["backend.1.port"]);
  assert.deepEqual(reasonsOf({ ports: [8080], backends: TWO }, "dr"), []);
  assert.deepEqual(reasonsOf({ ports: ["8080-8081"], backends: TWO }, "dr"), ["backend.1.port"]);
  assert.deepEqual(reasonsOf({ ports: "all", backends: TWO }, "dr"), ["backend.1.port"]);
  assert.deepEqual(reasonsOf({ masquerade: true }, "dr"), ["masquerade"]);
});

Deno.test("a scheduler takes its module, sctp a kernel that has it", () => {
  assert.deepEqual(ipvsEngine.needs(serviceOf({ scheduler: "maglev" })), ["ipvs-mh"]);
  assert.deepEqual(ipvsEngine.needs(serviceOf({ protocol: "sctp" })), ["ipvs-wrr", "ipvs-sctp"]);
  assert.deepEqual(ipvsEngine.needs(serviceOf({ ports: "all" })), ["ipvs-wrr", "ipvs-rules"]);
});
