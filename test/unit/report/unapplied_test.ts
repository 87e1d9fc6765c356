import assert from "node:assert/strict";
import { parseConfig } from "../../../lib/config/load.ts";
import { configChanges, unappliedNote } from "../../../lib/report/unapplied.ts";

const BEFORE = `
[[service]]
name = "web"
vip = "203.0.113.10"
ports = [80]
[[service.backend]]
address = "198.51.100.11"
[[service.backend]]
address = "198.51.100.12"
port = 8080
[[service.backend]]
address = "198.51.100.13"

[[service]]
name = "dns"
vip = "203.0.113.53"
protocol = "udp"
ports = [53]
[[service.backend]]
address = "198.51.100.11"
`;

const AFTER = `
[lb]
sysctl = "check"

[[service]]
name = "web"
vip = "203.0.113.10"
ports = [80, 443]
scheduler = "rr"
[[service.backend]]
address = "198.51.100.11"
[[service.backend]]
address = "198.51.100.12"
port = 8080
weight = 50
[[service.backend]]
address = "198.51.100.14"

[[service]]
name = "api"
vip = "203.0.113.11"
ports = [80]
`;

async function changes(before: string, after: string): Promise<string[]> {
  const [old, fresh] = await Promise.all(
    [before, after].map((text) => parseConfig(text, "lb.toml")),
  );
  return configChanges(old!.config, fresh!.config);
}

Deno.test("what a config changes is told by setting, service and backend", async () => {
  assert.deepEqual(await changes(BEFORE, AFTER), [
    "sysctl",
    "service web (ports, scheduler, backend 198.51.100.12:8080 weight, " +
    "backend 198.51.100.14 new, backend 198.51.100.13 gone)",
    "service api (new)",
    "service dns (gone)",
  ]);
});

Deno.test("comments, layout and defaults that are written out change nothing", async () => {
  const same = BEFORE.replace("ports = [80]", "ports = [ 80 ] # http\nscheduler = 'wrr'");
  assert.notEqual(same, BEFORE);
  assert.deepEqual(await changes(BEFORE, same), []);
  assert.deepEqual(unappliedNote("lb.toml", []), []);
});

Deno.test("many changes make one sentence, with the number of those that it does not name", () => {
  const many = Array.from({ length: 8 }, (_, at) => `service s${at} (new)`);
  assert.deepEqual(unappliedNote("lb.toml", many), [
    "lb.toml also has changes that were not applied yet: service s0 (new), service s1 (new), " +
    "service s2 (new), service s3 (new), service s4 (new), service s5 (new), 2 more; " +
    "they come with it",
  ]);
});
