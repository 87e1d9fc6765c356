/** What plans tell of established connections. */
import assert from "node:assert/strict";
import { disruptions } from "../../../../lib/engine/nft/ingress/disruptions.ts";
import { type BackendSpec, type ServiceSpec, stateOf } from "../../../fake/services.ts";

const BACKENDS: readonly BackendSpec[] = [
  { id: 1, address: "198.51.100.11" },
  { id: 2, address: "198.51.100.12" },
  { id: 3, address: "2001:db8:b::11" },
];

const DIRECT: ServiceSpec = {
  forward: "dr",
  scheduler: "maglev",
  vip: ["203.0.113.10", "2001:db8:1::10"],
  backends: BACKENDS,
};

const told = (before: readonly ServiceSpec[], after: readonly ServiceSpec[]) =>
  disruptions(stateOf(after), stateOf(before));

Deno.test("disruptions: without a table of connections those move whose slot moves", () => {
  const halved = [{ ...BACKENDS[0]!, weight: 0 }, ...BACKENDS.slice(1)];
  assert.deepEqual(told([DIRECT], [{ ...DIRECT, backends: halved }]), [
    "about 50 % of the established IPv4 connections of web move: dr keeps no table of them",
  ]);
  const single = { ...DIRECT, vip: ["203.0.113.10"], backends: BACKENDS.slice(0, 2) };
  assert.deepEqual(told([single], [{ ...single, backends: halved.slice(0, 2) }]), [
    "about 50 % of the established connections of web move: dr keeps no table of them",
  ]);
});

Deno.test("disruptions: few are said to be few, not none", () => {
  const many = Array.from({ length: 20 }, (_, index) => ({
    id: index + 1,
    address: `198.51.100.${index + 1}`,
    weight: 1000,
  }));
  const lighter = [{ ...many[0]!, weight: 990 }, ...many.slice(1)];
  const one = { ...DIRECT, vip: ["203.0.113.10"] };
  const [words] = told([{ ...one, backends: many }], [{ ...one, backends: lighter }]);
  assert.match(words!, /^less than 1 % of the established connections of web move/);
});

Deno.test("disruptions: another way to the backends is the end of all", () => {
  const nat: ServiceSpec = { ...DIRECT, forward: "nat" };
  assert.deepEqual(told([nat], [DIRECT]), [
    "the established connections of web break: forward changes from nat to dr",
  ]);
  assert.deepEqual(told([DIRECT], [nat]), [
    "the established connections of web break: forward changes from dr to nat",
  ]);
});

Deno.test("disruptions: nothing is told of what moves nobody", () => {
  const nat: ServiceSpec = { backends: BACKENDS.slice(0, 2) };
  assert.deepEqual(told([nat], [{ ...nat, backends: BACKENDS.slice(0, 1) }]), [], "conntrack");
  assert.deepEqual(told([DIRECT], [{ ...DIRECT, dscp: 46 }]), []);
  assert.deepEqual(told([], [DIRECT]), [], "it was not there");
  assert.deepEqual(told([DIRECT], []), []);
  const elsewhere = BACKENDS.map((backend) => ({ ...backend, ifindex: 9 }));
  assert.deepEqual(told([DIRECT], [{ ...DIRECT, backends: elsewhere }]), []);
  const more = { ...DIRECT, vip: ["203.0.113.10"] };
  assert.deepEqual(told([more], [DIRECT]), [], "an IP version that was not served");
});
