import assert from "node:assert/strict";
import { retiredBackends, trackingOf } from "../../../lib/reconcile/tracking.ts";
import { serviceOf, type ServiceSpec } from "../../fake/services.ts";

const FIRST = { id: 1, address: "198.51.100.11", port: 8080 } as const;
const SECOND = { id: 2, address: "198.51.100.12", port: 8080 } as const;
const WEB: ServiceSpec = { masquerade: true, backends: [FIRST, SECOND] };

function retired(before: ServiceSpec, after: readonly ServiceSpec[], watched?: string): string[] {
  return retiredBackends([serviceOf(before)], after.map(serviceOf), watched)
    .map(({ vip, ports, backend, backend_port }) =>
      `${vip.text}:${ports.first}-${ports.last} ${backend}:${backend_port}`
    );
}

Deno.test("a backend retires with its weight, with its place in the config, and with its service", () => {
  const gone = ["203.0.113.10:80-80 198.51.100.12:8080"];
  assert.deepEqual(retired(WEB, [{ ...WEB, backends: [FIRST, { ...SECOND, weight: 0 }] }]), gone);
  assert.deepEqual(retired(WEB, [{ ...WEB, backends: [FIRST] }]), gone);
  assert.equal(retired(WEB, []).length, 2);
  assert.deepEqual(retired(WEB, [WEB]), []);
});

Deno.test("one that took nothing before does not retire, nor does one that conntrack does not see", () => {
  const idle = { ...WEB, backends: [{ ...FIRST, weight: 0 }] };
  assert.deepEqual(retired(idle, []), []);
  const plain = { ...WEB, masquerade: false };
  assert.deepEqual(retired(plain, []), []);
  assert.equal(retired(plain, [], "chain c").length, 2);
  assert.deepEqual(retired({ ...WEB, protocol: "udp" }, []), []);
  assert.deepEqual(retired({ ...plain, forward: "dr" }, [], "chain c"), []);
});

Deno.test("answers of a backend that nft translates for another service are told from the rest", () => {
  const services = [
    serviceOf({ ...WEB, name: "web" }),
    serviceOf({ name: "other", ports: [81], backends: [SECOND] }),
  ];
  const engineOf = new Map([["web", "ipvs"], ["other", "nft"]] as const);
  assert.deepEqual(trackingOf({ services }, engineOf), {
    shared: [SECOND.address],
    awaits: false,
  });
  assert.deepEqual(
    trackingOf({ services }, engineOf, { answering: [FIRST.address, "192.0.2.9"] }),
    {
      shared: [FIRST.address, SECOND.address],
      awaits: true,
    },
  );
  const all = new Map([["web", "ipvs"], ["other", "ipvs"]] as const);
  assert.deepEqual(trackingOf({ services }, all, { watched: "chain c" }), {
    ...{ shared: [], awaits: false, watched: "chain c" },
  });
  assert.equal(trackingOf({ services }, new Map([["web", "nft"]])), undefined);
});
