import assert from "node:assert/strict";
import { parseConfig } from "../../../lib/config/load.ts";
import { DEFAULT_MARK_MASK } from "../../../lib/model/mark.ts";
import { parsePeak } from "../../bench/command.ts";
import { bottleneck, type CpuUse, parseCpuTimes, parseProcessStat } from "../../bench/cpu.ts";
import { parseWrk } from "../../bench/load.ts";
import { parseOptions, SECTIONS } from "../../bench/options.ts";
import { leftText } from "../../bench/progress.ts";
import { configText, firstBackend, serviceName } from "../../bench/services.ts";

const WRK = `Running 2s test @ http://203.0.113.10/
  4 threads and 64 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency     2.88ms    1.62ms  22.18ms   77.18%
    Req/Sec     5.45k   331.12     6.22k    72.62%
  45568 requests in 2.10s, 7.13MB read
  Socket errors: connect 1, read 20, write 3, timeout 4
  Non-2xx or 3xx responses: 500
Requests/sec:  21698.96
Transfer/sec:      3.39MB
`;

Deno.test("wrk's connections, time and every kind of error are read", () => {
  assert.deepEqual(parseWrk(WRK), { amount: 45568, seconds: 2.1, errors: 528 });
  const clean = WRK.replace(/ +Socket.*\n/, "").replace(/ +Non-2xx.*\n/, "");
  assert.equal(parseWrk(clean).errors, 0);
  assert.equal(parseWrk(WRK.replace("2.10s", "1.50m")).seconds, 90);
  assert.throws(() => parseWrk("unable to connect"), /not what wrk prints: unable to connect/);
});

Deno.test("waiting for a disk is idle, stolen time is neither idle nor busy", () => {
  assert.deepEqual(parseCpuTimes("cpu  100 200 300 400 50 60 70 80 0 0\ncpu0 1 1 1 1\n"), {
    busy_s: 7.3,
    idle_s: 4.5,
    steal_s: 0.8,
  });
});

Deno.test("a process's name may hold brackets and blanks", () => {
  const stat = "42 (a) b (c) S 7 42 42 0 -1 4194560 9 0 0 0 150 50 30 10 20 0 1 0";
  assert.deepEqual(parseProcessStat(stat), { parent: 7, own_s: 2, children_s: 0.4 });
});

Deno.test("the peak of memory is the high-water mark", () => {
  assert.equal(
    parsePeak("Name:\tnft\nVmPeak:\t  900 kB\nVmHWM:\t  120 kB\nVmRSS:\t 80 kB\n"),
    122_880,
  );
  assert.equal(parsePeak(""), 0);
});

Deno.test("the bottleneck is the host, all cores, one core of somebody, or waiting", () => {
  const idle: CpuUse = {
    ...{ busy_s: 2, idle_s: 18, steal_s: 0 },
    ...{ client_s: 1, backends_s: 1, balancer_s: 0 },
  };
  assert.equal(bottleneck(idle, 10), "waiting");
  assert.equal(bottleneck({ ...idle, busy_s: 19.9, idle_s: 0.1 }, 10), "all cores");
  assert.equal(bottleneck({ ...idle, steal_s: 5 }, 10), "the host (steal)");
  const full = { ...idle, busy_s: 11, idle_s: 9 };
  assert.equal(bottleneck({ ...full, client_s: 9.9 }, 10), "one core of the client");
  assert.equal(bottleneck({ ...full, balancer_s: 9.9 }, 10), "one core of the balancer");
});

Deno.test("the time left goes by how fast the plan was kept so far", () => {
  assert.equal(leftText(10, 40, 20), "60 s left");
  assert.equal(leftText(10, 130, 10), "2 min left");
  assert.equal(leftText(50, 40, 20), "0 s left");
});

Deno.test("contenders named alone are measured beside the direct route, under traffic only", () => {
  const { sections, contenders } = parseOptions(["--only", "lb-nat"]);
  assert.deepEqual(sections, ["connections", "downloads"]);
  assert.deepEqual(contenders, ["direct", "lb-nat"]);
});

Deno.test("a part named alone is measured with every contender", () => {
  const { sections, contenders } = parseOptions(["--only", "downloads"]);
  assert.deepEqual(sections, ["downloads"]);
  assert.ok(contenders.length > 4);
  assert.deepEqual(parseOptions([]).sections, SECTIONS);
});

Deno.test("a wrong option is refused with what would be right", () => {
  assert.throws(() => parseOptions(["--only", "lb_nat"]), /use connections, .*lb-nat/);
  assert.throws(() => parseOptions(["--pairs", "0"]), /--pairs 0/);
  assert.throws(() => parseOptions(["--seconds", "1.5"]), /--seconds 1.5/);
  assert.throws(() => parseOptions(["--services", "10,many"]), /--services many/);
  assert.throws(() => parseOptions(["--speed"]));
});

Deno.test("a config with more backends than the default mask has ids brings a mask that has them", async () => {
  const mask = async (services: number) =>
    (await parseConfig(configText(services), "lb.toml")).config.marks.mask;
  assert.equal(await mask(6_000), DEFAULT_MARK_MASK);
  assert.equal(await mask(6_600), 0xffffff00);
});

Deno.test("the configs are what lb takes, and an edit changes one backend or adds one service", async () => {
  const services = async (text: string) => (await parseConfig(text, "lb.toml")).config.services;
  const all = await services(configText(300));
  assert.equal(all.length, 300);
  assert.ok(all.every(({ backends }) => backends.length === 5));
  assert.equal(new Set(all.flatMap(({ vip }) => vip.map(({ text }) => text))).size, 300);
  const edited = await services(configText(300, { weight: { service: 7, value: 50 }, more: 1 }));
  assert.equal(edited.length, 301);
  const changed = edited.slice(0, 300).filter((service, index) =>
    JSON.stringify(service) !== JSON.stringify(all[index])
  );
  assert.deepEqual(changed.map(({ name }) => name), [serviceName(7)]);
  const { address, port, weight } = changed[0]!.backends[0]!;
  assert.deepEqual([`${address.text}:${port}`, weight], [firstBackend(7), 50]);
});
