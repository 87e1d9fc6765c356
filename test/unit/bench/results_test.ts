import assert from "node:assert/strict";
import type { ApplyResult } from "../../bench/apply.ts";
import { checks } from "../../bench/checks.ts";
import { DIRECT, LB_DR, LB_NAT, MAP, NGINX } from "../../bench/contenders.ts";
import { CONNECTION_LOAD, type Sample } from "../../bench/load.ts";
import { parseOptions } from "../../bench/options.ts";
import { pageMarkdown, pageText } from "../../bench/page.ts";
import { type Results, standings } from "../../bench/results.ts";

/** `rate` connections/s for a second, at `cost_us` of CPU each. */
function sample(rate: number, cost_us: number): Sample {
  const busy_s = rate * cost_us / 1e6;
  const cpu = { client_s: 0, backends_s: 0, balancer_s: 0, idle_s: 2 - busy_s, steal_s: 0, busy_s };
  return { amount: rate, seconds: 1, errors: 0, cpu };
}

function results(lb: readonly Sample[], apply: readonly ApplyResult[] = []): Results {
  const samples = new Map([
    [DIRECT, [sample(20_000, 100), sample(10_000, 200)]],
    [MAP, [sample(16_000, 120), sample(8_000, 240)]],
    [LB_NAT, lb],
    [NGINX, [sample(10_000, 200), sample(5_000, 400)]],
  ]);
  return {
    machine: { kernel: "6.18" },
    options: parseOptions(apply.length > 0 ? [] : ["--only", "connections"]),
    traffic: [{ load: CONNECTION_LOAD, samples, skipped: new Map() }],
    apply,
    startup: [],
    status: [],
    health: [],
    live: [],
    ipvs: [],
    skipped: ["nftlb (connections): no nftlb"],
  };
}

/** Ten thousand services, with these times. */
function applied(first_ms: number, nft_ms: number, later_ms: number, mb: number): ApplyResult {
  const cost = (ms: number) => [{ ms, peak_bytes: mb * 1e6 }];
  const step = (name: string, ms: number) => ({ name, lb: cost(ms), nft: cost(nft_ms) });
  return {
    services: 10_000,
    config_bytes: 1,
    script_bytes: 1,
    steps: [
      step("first apply", first_ms),
      step("no change", later_ms),
      step("one backend changed (lb scale)", later_ms),
      step("one backend changed (file)", later_ms),
    ],
  };
}

const GOOD = [sample(15_680, 121), sample(7_840, 242)];
const SLOW = [sample(15_000, 121), sample(7_500, 242)];
const COSTLY = [sample(16_000, 160), sample(8_000, 320)];

function outcomes(all: Results): boolean[] {
  return checks(all).map(({ ok }) => ok);
}

Deno.test("a contender stands beside the direct route, the map and nginx, pair by pair", () => {
  const lb = standings(results(GOOD).traffic[0]!).find(({ name }) => name === LB_NAT)!;
  assert.equal(lb.rate.median, 11_760);
  assert.deepEqual([lb.of_map?.min, lb.of_map?.max], [0.98, 0.98]);
  assert.equal(lb.of_direct.median, 0.784);
  assert.ok(Math.abs(lb.added.min - 21) < 1e-6 && Math.abs(lb.added.max - 42) < 1e-6);
  assert.ok(Math.abs(lb.of_nginx_added!.median - 0.21) < 1e-6);
});

Deno.test("too few connections or too much CPU misses a goal, each its own", () => {
  assert.deepEqual(outcomes(results(GOOD)), [true, true]);
  assert.deepEqual(outcomes(results(SLOW)), [false, true]);
  assert.deepEqual(outcomes(results(COSTLY)), [true, false]);
});

Deno.test("direct routing is held against the direct route", () => {
  const judge = (rates: readonly number[]) => {
    const { traffic, ...rest } = results(GOOD);
    const samples = new Map([
      ...traffic[0]!.samples,
      [LB_DR, rates.map((rate) => sample(rate, 100))],
    ]);
    return outcomes({ ...rest, traffic: [{ ...traffic[0]!, samples }] });
  };
  assert.deepEqual(judge([19_800, 9_900]), [true, true, true]);
  assert.deepEqual(judge([19_400, 9_700]), [true, false, true]);
});

Deno.test("what was not measured is not judged", () => {
  const { traffic, ...rest } = results(GOOD);
  const samples = new Map([...traffic[0]!.samples].filter(([name]) => name !== LB_NAT));
  assert.deepEqual(checks({ ...rest, traffic: [{ ...traffic[0]!, samples }] }), []);
  assert.deepEqual(checks({ ...rest, traffic: [] }), []);
});

Deno.test("apply is judged at 10,000 services: multiple of nft, three times, memory", () => {
  const judge = (apply: ApplyResult) => outcomes({ ...results(GOOD, [apply]), traffic: [] });
  assert.deepEqual(judge(applied(1400, 1000, 100, 299)), [true, true, true, true, true]);
  assert.deepEqual(judge(applied(1600, 1000, 100, 299)), [false, true, true, true, true]);
  assert.deepEqual(judge(applied(1400, 1000, 200, 299)), [true, true, true, false, true]);
  assert.deepEqual(judge(applied(1400, 1000, 1100, 301)), [true, false, false, false, false]);
  // It was asked for, but did not come to its end.
  assert.deepEqual(judge({ ...applied(1400, 1000, 100, 299), services: 1000 }), [false]);
});

Deno.test("the page and the terminal show the same rows, and what is missing", () => {
  const all = results(GOOD);
  const [page, text] = [pageMarkdown(all), pageText(all)];
  for (const shown of ["6.18", "0.980 (0.980–0.980)", "no nftlb", "15680"]) {
    assert.ok(page.includes(shown), `page: ${shown}`);
    assert.ok(text.includes(shown), `terminal: ${shown}`);
  }
  assert.match(page, /\| lb-nat \| 11760 \(7840–15680\) \|/);
});

Deno.test("IPVS is held against ipvsadm in each guest: connections, and the time of an apply", () => {
  const guest = (lb: number, lb_ms: number) => ({
    ...{ machine: "UML", kernel: "6.1" },
    connections: { lb: [lb, lb], ipvsadm: [1000, 1000] },
    apply: { lb: [lb_ms, lb_ms], ipvsadm: [500, 500], unchanged: [10, 10] },
  });
  const judge = (...ipvs: ReturnType<typeof guest>[]) =>
    outcomes({ ...results(GOOD), traffic: [], ipvs });
  assert.deepEqual(judge(guest(980, 999)), [true, true]);
  assert.deepEqual(judge(guest(979, 1000)), [false, false]);
  assert.match(pageText({ ...results(GOOD), ipvs: [guest(990, 800)] }), /UML, 6\.1 +connections/);
});
