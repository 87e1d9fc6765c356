import assert from "node:assert/strict";
import { backendKey, familiesOf, formatPorts } from "../../../lib/model/service.ts";
import { backendOf, serviceOf } from "../../fake/services.ts";

Deno.test("formatPorts: one port, a range, all", () => {
  assert.deepEqual(formatPorts([{ first: 80, last: 80 }, { first: 8000, last: 8010 }]), [
    "80",
    "8000-8010",
  ]);
  assert.deepEqual(formatPorts("all"), ["all"]);
});

Deno.test("familiesOf: IPv4 first, whatever the order of the VIPs", () => {
  const families = (...vip: string[]) => familiesOf(serviceOf({ vip }));
  assert.deepEqual(families("2001:db8::1", "203.0.113.1"), [4, 6]);
  assert.deepEqual(families("2001:db8::1"), [6]);
  assert.deepEqual(families("203.0.113.1", "203.0.113.2"), [4]);
});

Deno.test("backendKey: the address and the port, and nothing else", () => {
  const key = (id: number, address: string, port?: number, weight?: number) =>
    backendKey(backendOf({ id, address, port, weight }));
  assert.equal(key(1, "198.51.100.11", 80), "198.51.100.11|80");
  assert.equal(key(1, "2001:DB8:B::11"), "2001:db8:b::11|");
  assert.equal(key(1, "198.51.100.11", 80, 1), key(2, "198.51.100.11", 80, 2));
});
