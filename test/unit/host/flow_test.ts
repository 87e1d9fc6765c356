/** Whose a connection is: by its mark, and where several backends share one, by more. */
import assert from "node:assert/strict";
import { findFlows, type Sought } from "../../../lib/host/cut/flow.ts";
import { parsePrefix } from "../../../lib/model/address.ts";
import { markLayout, markOfId } from "../../../lib/model/mark.ts";
import { FakeHost } from "../../fake/host.ts";

const VIP = "192.0.2.10";
const BACKEND = "198.51.100.11";

/** The smallest: ids from 255 on share a mark. */
const LAYOUT = markLayout(0x1ff)!;

function sought(id: number, port?: number): Sought {
  const ports = [{ first: 80, last: 80 }];
  return { id, protocol: "tcp", vips: [parsePrefix(VIP)!], ports, address: BACKEND, port };
}

/** A machine with connections to {@linkcode BACKEND}, each of a backend id, from one port to another. */
function machine(...flows: readonly { id: number; port: number; to: number }[]): FakeHost {
  const host = new FakeHost();
  host.netfilter.flows.push(...flows.map(({ id, port, to }, index) => ({
    id: index + 1,
    protocol: "tcp" as const,
    mark: markOfId(LAYOUT, id),
    vip: VIP,
    port,
    answered_by: BACKEND,
    answered_from: to,
  })));
  return host;
}

function found(host: FakeHost, ...all: readonly Sought[]): string[] {
  const flows = findFlows(host.kernel, [LAYOUT], all);
  return flows.map(({ id, reply }) => `${id} from ${reply.sport}`);
}

Deno.test("backends that share a mark and an address are told apart by their ports", () => {
  const host = machine({ id: 300, port: 80, to: 8080 }, { id: 301, port: 80, to: 8081 });
  assert.deepEqual(found(host, sought(300, 8080)), ["300 from 8080"]);
  assert.deepEqual(found(host, sought(301, 8081)), ["301 from 8081"]);
  assert.deepEqual(found(host, sought(301, 8081), sought(300, 8080)), [
    "300 from 8080",
    "301 from 8081",
  ]);
  assert.deepEqual(found(host, sought(300)), [], "it would keep the client's port");
});

Deno.test("a mark that one backend has alone says it all", () => {
  const host = machine({ id: 7, port: 81, to: 8080 });
  assert.deepEqual(found(host, sought(7)), ["7 from 8080"]);
});

Deno.test("of several backends the kernel sends what their marks have in common", () => {
  const host = machine(
    { id: 4, port: 80, to: 80 },
    { id: 5, port: 80, to: 80 },
    { id: 6, port: 80, to: 80 },
  );
  assert.deepEqual(found(host, sought(4), sought(5)), ["4 from 80", "5 from 80"]);
  assert.deepEqual(host.netfilter.sent, [2]);
});
