import assert from "node:assert/strict";
import type { WorkerStatus } from "../../../lib/model/worker.ts";
import { SOURCE_PORTS } from "../../../lib/reconcile/source_ports.ts";
import type { BackendStatus, Status } from "../../../lib/reconcile/status.ts";
import { statusJson } from "../../../lib/report/status.ts";
import { statusText } from "../../../lib/report/status_text.ts";
import { textWidth } from "../../../lib/model/width.ts";
import { painter } from "../../../lib/report/table.ts";
import { serviceOf } from "../../fake/services.ts";
import { APPLIED, backendStatus, service, serviceStatus, statusOf } from "./statuses.ts";

const plain = painter(false);

Deno.test("status as JSON has the names and units of the contract", () => {
  const backend = {
    weight_reason: "",
    backup: false,
    intent: "ready",
    drain: null,
    health: "healthy",
    health_reason: "",
    active_connections: 9,
    new_connections: 617,
    bytes_in: null,
    bytes_out: null,
    check_ms: null,
    changed_at: "2026-11-01T12:30:00.000Z",
  };
  assert.deepEqual(statusJson(statusOf()), {
    version: "0.1.0",
    revision: 7,
    applied_at: "2026-11-20T09:00:00.000Z",
    trial: null,
    last_pass_at: "2026-11-20T09:01:00.000Z",
    drift: 2,
    skipped_passes: 0,
    drifted: [],
    blocked: [],
    config_edited: false,
    notes: [],
    conntrack: null,
    shortages: [],
    services: [{
      name: "web",
      engine: "nft",
      reason: "in-kernel; wrr fits slot maps",
      protocol: "tcp",
      vip: ["203.0.113.10", "2001:db8:1::10"],
      ports: ["80", "443"],
      scheduler: "wrr",
      forward: "nat",
      new_connections: 1234,
      active_connections: 18,
      bytes_in: null,
      bytes_out: null,
      rates: null,
      panic_since: null,
      backends: [
        { address: "198.51.100.11", port: 8080, weight: 100, effective_weight: 100, ...backend },
        { address: "2001:db8:b::12", port: 8080, weight: 50, effective_weight: 50, ...backend },
      ],
    }],
  });
});

Deno.test("nothing applied is null in JSON, and words for people", () => {
  const status = statusOf([], { revision: null, applied_at_ms: null, services: [] });
  const { revision, applied_at, services } = statusJson(status);
  assert.deepEqual([revision, applied_at, services], [null, null, []]);
  assert.match(statusText(status, plain), /^Nothing was applied yet: .*"lb init".*"lb apply"/);
});

Deno.test("a sum of what cannot be counted is null, not a number", () => {
  const backends = [backendStatus(0), backendStatus(1, { active_connections: null })];
  const [json] = statusJson(statusOf(backends)).services as Record<string, unknown>[];
  assert.deepEqual([json?.active_connections, json?.new_connections], [null, 1234]);
});

Deno.test("a backend that keeps the client's port has none", () => {
  const kept = serviceOf({ backends: [{ id: 3, address: "198.51.100.13" }] });
  const status = statusOf();
  const [first] = status.services;
  const backends = [backendStatus(0, { backend: kept.backends[0]! })];
  const [json] = statusJson({ ...status, services: [{ ...first!, backends }] })
    .services as { backends: { port: unknown }[] }[];
  assert.equal(json?.backends[0]?.port, null);
});

Deno.test("a range of ports, and a VIP that is a prefix, are spelled as in the config", () => {
  const wide = {
    ...serviceOf({ vip: ["203.0.113.0/28"] }),
    ports: [{ first: 80, last: 80 }, { first: 8000, last: 8010 }],
  };
  const status = statusOf();
  const services = [{ ...status.services[0]!, service: wide, backends: [] }];
  const [json] = statusJson({ ...status, services }).services as Record<string, unknown>[];
  assert.deepEqual([json?.vip, json?.ports], [["203.0.113.0/28"], ["80", "8000-8010"]]);
  assert.match(
    statusText({ ...status, services }, plain),
    / 203\.0\.113\.0\/28 port 80,8000-8010 /,
  );
});

Deno.test("status for people is a table for each service", () => {
  const backends = [
    backendStatus(0),
    backendStatus(1, {
      effective_weight: 25,
      health_reason: "not checked",
      active_connections: null,
      new_connections: 3,
    }),
  ];
  assert.equal(
    statusText(statusOf(backends), plain),
    `revision 7, applied 2026-11-20T09:00:00.000Z

web  tcp 203.0.113.10 2001:db8:1::10 port 80,443  wrr  nft
  backend                weight    health                 new  active
  198.51.100.11:8080     100       healthy                617  9
  [2001:db8:b::12]:8080  25 of 50  healthy (not checked)  3    –`,
  );
});

Deno.test("a backup is shown as one, and with why it has no weight while it waits", () => {
  const backup = { ...service.backends[0]!, backup: true };
  const waits = { backend: backup, effective_weight: 0, weight_reason: "backup: others serve" };
  const all = [backendStatus(0), backendStatus(0, waits), backendStatus(0, { backend: backup })];
  const lines = statusText(statusOf(all), plain).split("\n").slice(-4, -1);
  assert.deepEqual(lines.map((line) => line.split(/ {2,}/)[2]), [
    "100",
    "0 of 100 (backup: others serve)",
    "100 (backup)",
  ]);
  const [json] = statusJson(statusOf(all)).services as { backends: Record<string, unknown>[] }[];
  assert.deepEqual(
    json?.backends.map((each) => [each.backup, each.effective_weight, each.weight_reason]),
    [[false, 100, ""], [true, 0, "backup: others serve"], [true, 100, ""]],
  );
});

Deno.test("a service without backends says what its clients get", () => {
  assert.match(statusText(statusOf([]), plain), /\n {2}no backends: connections are refused$/);
});

Deno.test("what no repair can bring about is told in words of its own", () => {
  const blocked = ['vip_on = "eth9" of service web: there is no such interface'];
  const text = statusText(statusOf(undefined, { blocked }), plain);
  assert.equal(text.split("\n")[1], `! ${blocked[0]}`);
  assert.doesNotMatch(text, /lb reconcile/);
  assert.match(statusText({ ...statusOf(), services: [], blocked }, plain), /^! vip_on/m);
  assert.deepEqual(statusJson(statusOf(undefined, { blocked })).blocked, blocked);
});

Deno.test("drift and waiting edits are told first, with what to do", () => {
  const status = statusOf(undefined, { drifted: ["chain s-web4"], config_edited: true });
  const lines = statusText(status, plain).split("\n");
  assert.match(lines[1] ?? "", /^! the config file has edits .*"lb apply --plan"/);
  assert.match(lines[2] ?? "", /^! chain s-web4 .*"lb reconcile"/);
  const { drifted, config_edited } = statusJson(status);
  assert.deepEqual([drifted, config_edited], [["chain s-web4"], true]);
});

Deno.test("a config file that is gone is told, and where to find what was in it", () => {
  const config_trouble = "there is no /etc/lb/lb.toml";
  const status = statusOf(undefined, { config_edited: true, config_trouble });
  const [, line] = statusText(status, plain).split("\n");
  assert.equal(
    line,
    '! there is no /etc/lb/lb.toml; "lb history 7" prints what is applied',
  );
  assert.equal(statusJson(status).config_edited, true);
});

Deno.test("health is shown with the time of the check, or with why and since when it is not well", () => {
  const ill = {
    health: "unhealthy",
    health_reason: "connection refused",
    check_ms: 0.21,
    effective_weight: 0,
    weight_reason: "unhealthy",
  } as const;
  const text = statusText(
    statusOf([backendStatus(0, { check_ms: 0.8 }), backendStatus(1, ill)]),
    plain,
  );
  assert.match(text, / healthy 0\.8 ms +617/);
  assert.match(
    text,
    /0 of 50 \(unhealthy\) +unhealthy \(connection refused\) since 2026-11-01T12:30:00/,
  );
});

Deno.test("who fails and is not believed has no time since when", () => {
  const held = {
    health: "unhealthy",
    health_reason: "refused; not believed",
    check_ms: 1,
    changed_at_ms: null,
  } as const;
  const status = statusOf([backendStatus(0, held)]);
  assert.match(statusText(status, plain), / unhealthy \(refused; not believed\) +617/);
  const [json] = statusJson(status).services as { backends: Record<string, unknown>[] }[];
  assert.equal(json?.backends[0]?.changed_at, null);
});

Deno.test("a panic is told with since when it is", () => {
  const status = statusOf();
  const services = [{ ...status.services[0]!, panic_since_ms: APPLIED }];
  assert.match(
    statusText({ ...status, services }, plain),
    /! panic since 2026-11-20T09:00:00\.000Z: more backends fail than is believed/,
  );
  const [json] = statusJson({ ...status, services }).services as Record<string, unknown>[];
  assert.equal(json?.panic_since, "2026-11-20T09:00:00.000Z");
});

Deno.test("a drain is told with what is left, and how it ended", () => {
  const drain = { connections_left: 17, seconds_left: 42, deadline_ms: APPLIED, removes: false };
  const shown = (more: Partial<NonNullable<BackendStatus["drain"]>>) => {
    const draining = backendStatus(0, {
      effective_weight: 0,
      weight_reason: "drain",
      intent: "drain",
      drain: { ...drain, ended: null, ...more },
    });
    return statusText(statusOf([draining]), plain);
  };
  assert.match(shown({}), /0 of 100 \(drain: 17 left, 42 s\)/);
  assert.match(shown({ removes: true }), /\(drain: 17 left, 42 s, then removed\)/);
  assert.match(shown({ ended: "cut" }), /\(drain: rest cut\)/);
  assert.match(shown({ ended: "drained" }), /\(drained\)/);
  const resting = backendStatus(0, { effective_weight: 0, intent: "maintenance" });
  assert.match(statusText(statusOf([resting]), plain), /\(maintenance\)/);
});

const ILL = {
  health: "unhealthy",
  health_reason: "connection refused",
  check_ms: 0.21,
  effective_weight: 0,
  weight_reason: "unhealthy",
  new_connections: 123_456_789,
} as const;

const RATES = { new_per_second: 12.5, bytes_in_per_second: 1_234_567, bytes_out_per_second: null };

Deno.test("what came about a second stands below the table, or in the only row", () => {
  const [web] = statusOf().services;
  const text = (one: typeof web) => statusText({ ...statusOf(), services: [one!] }, plain);
  assert.doesNotMatch(text(web), /\/s|together/);
  const rows = text({ ...web!, rates: RATES }).split("\n").slice(-4);
  assert.match(rows[0]!, / new +active +new\/s +in\/s$/);
  assert.match(rows[1]!, / 617 +9$/);
  assert.match(rows[3]!, /^ {2}together +1234 +18 +12\.5 +1\.2 MB$/);
  const alone = text({ ...web!, backends: [backendStatus(0)], rates: RATES });
  assert.match(alone, / 617 +9 +12\.5 +1\.2 MB\n/);
  assert.doesNotMatch(alone, /together/);
});

Deno.test("on a terminal no line is longer than it is wide, and what matters most is left", () => {
  const [web] = statusOf([backendStatus(0), backendStatus(1, ILL)]).services;
  const status = statusOf(undefined, {
    drifted: ["chain s-web4"],
    notes: [
      "a note that has a good deal to say of what may not be as it was meant, at some length",
    ],
    services: [{ ...web!, rates: RATES, panic_since_ms: APPLIED }],
  });
  for (const width of [20, 60, 80, 200]) {
    for (const line of statusText(status, painter(true), width).split("\n")) {
      assert.ok(textWidth(line) <= width, `${width}: ${line}`);
    }
  }
  const row = (width: number) =>
    statusText(status, plain, width).split("\n").find((line) => line.includes("[2001"))!;
  assert.equal(row(60), "  [2001:db8:b::12…  0 of 50  unhealthy (co…  9");
  assert.match(row(80), /^ {2}\[2001:db8:b::12\]… +0 of 50 +unhealthy \(co… +123456789 +9$/);
  assert.match(
    row(200),
    /\(unhealthy\) +unhealthy \(connection refused\) since 2026.* 123456789 +9$/,
  );
});

Deno.test("what the queue worker counts is told with since when, restarts with it", () => {
  const status: WorkerStatus = {
    ...{ version: "0.1.0", pid: 4, worker_pid: 5, token: "t", since_ms: APPLIED, restarts: 1 },
    ...{ seen: 9, chosen: {}, left_to_kernel: 0, events_lost: 0, released: 0, queues: [] },
  };
  const text = statusText(statusOf([], { worker: { state: "answers", pid: 4, status } }), plain);
  assert.match(text, /^queue worker 4 since 2026-11-20T09:00:00.000Z: 9 first .*, 1 restart$/m);
});

Deno.test("what connections are about to run short of is told, with what can be done", () => {
  const text = (status: Status) => statusText(status, (part) => part);
  const full = (count: number) => statusOf(undefined, { conntrack: { count, max: 1000 } });
  assert.doesNotMatch(text(full(799)), /^! the table/m);
  assert.match(
    text(full(800)),
    /^! the table of connections is 80 % full \(800 of 1000\): .*raise/m,
  );
  const taking = (active_connections: number, masquerade: boolean) => {
    const one = serviceStatus([backendStatus(0, { active_connections })]);
    return statusOf([], { services: [{ ...one, service: { ...one.service, masquerade } }] });
  };
  const nearly = Math.ceil(SOURCE_PORTS * 0.8);
  assert.match(
    text(taking(nearly, true)),
    /^! web 198\.51\.100\.11:8080 has \d+ connections, and masq/m,
  );
  for (const none of [taking(nearly - 1, true), taking(nearly, false)]) {
    assert.deepEqual(statusJson(none).shortages, []);
  }
});
