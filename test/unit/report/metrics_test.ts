/** Metrics, read by the parser of Prometheus' own library, and the templates that are made of them. */
import assert from "node:assert/strict";
import { METRICS, statusMetrics } from "../../../lib/report/status_metrics.ts";
import { labelsText, metricsText } from "../../../lib/report/metrics.ts";
import type { WorkerStatus } from "../../../lib/model/worker.ts";
import type { Status } from "../../../lib/reconcile/status.ts";
import { files } from "../../../lib/sys/files.ts";
import { process } from "../../../lib/sys/process.ts";
import { APPLIED, backendStatus, service, statusOf } from "./statuses.ts";

const PYTHON = "/usr/bin/python3";
const LIBRARY = "/usr/lib/python3/dist-packages/prometheus_client/parser.py";
const hasParser = [PYTHON, LIBRARY].every((path) => files.stat(path) !== undefined);

/** Prints what it has read as JSON: name, type, help and samples of each family. */
const PARSE = `
import json, sys
from prometheus_client.parser import text_string_to_metric_families
print(json.dumps([
    [f.name, f.type, f.documentation, [[s.name, s.labels, s.value] for s in f.samples]]
    for f in text_string_to_metric_families(sys.stdin.read())
]))
`;

interface Parsed {
  readonly name: string;
  readonly type: string;
  readonly help: string;
  readonly samples: readonly {
    readonly name: string;
    readonly labels: Readonly<Record<string, string>>;
    readonly value: number;
  }[];
}

async function parse(text: string): Promise<Parsed[]> {
  const { code, stdout, stderr } = await process.run([PYTHON, "-c", PARSE], { stdin: text });
  assert.equal(code, 0, stderr);
  type Row = [string, string, string, [string, Record<string, string>, number][]];
  return (JSON.parse(stdout) as Row[]).map(([name, type, help, samples]) => ({
    ...{ name, type, help },
    samples: samples.map(([name, labels, value]) => ({ name, labels, value })),
  }));
}

function parserTest(name: string, fn: () => Promise<void>): void {
  Deno.test({
    name: hasParser ? name : `${name} (skipped: needs python3-prometheus-client)`,
    ignore: !hasParser,
    fn,
  });
}

const WORKER: WorkerStatus = {
  version: "0.1.0",
  pid: 4,
  worker_pid: 5,
  token: "t",
  since_ms: APPLIED,
  restarts: 2,
  seen: 1_000_000,
  chosen: {},
  left_to_kernel: 3,
  events_lost: 1,
  released: 7,
  queues: [{ queue: 23_000, waiting: 1, dropped_full: 2, dropped_user: 3, packets: 4 }],
};

/** With everything that can be known. */
const FULL: Status = statusOf(undefined, {
  drifted: ["chain s-web4"],
  conntrack: { count: 12, max: 262_144 },
  worker: { state: "answers", pid: 4, status: WORKER },
  services: [{
    service,
    engine: "nft",
    reason: "",
    fallbacks: 6,
    backends: [
      backendStatus(0, { bytes_in: 1_500, bytes_out: 2 ** 53 - 1, check_ms: 0.8 }),
      backendStatus(1, {
        health: "unhealthy",
        intent: "drain",
        effective_weight: 0,
        drain: {
          connections_left: 3,
          seconds_left: 9,
          deadline_ms: APPLIED,
          ended: null,
          removes: false,
        },
      }),
    ],
  }],
});

const CONTEXT = { build: "source", needsAttention: true, at_ms: APPLIED };

parserTest("Prometheus' own parser reads every metric there is, as it was meant", async () => {
  const found = await parse(statusMetrics(FULL, CONTEXT));
  assert.deepEqual(
    found.map(({ name, type, help }) => ({
      name: type === "counter" ? `${name}_total` : name,
      type,
      help,
    })),
    METRICS.map(({ name, type, help }) => ({ name, type, help })),
  );
  const value = (name: string, labels: Readonly<Record<string, string>> = {}) =>
    found.flatMap(({ samples }) => samples).find((sample) =>
      sample.name === name &&
      Object.entries(labels).every(([key, text]) => sample.labels[key] === text)
    )?.value;
  const first = {
    service: "web",
    vip: "203.0.113.10,2001:db8:1::10",
    backend: "198.51.100.11:8080",
  };
  const second = { ...first, backend: "[2001:db8:b::12]:8080" };
  assert.equal(value("lb_backend_new_connections_total", first), 617);
  assert.equal(value("lb_backend_sent_bytes_total", first), 2 ** 53 - 1);
  assert.equal(value("lb_backend_check_duration_seconds", first), 0.0008);
  assert.equal(value("lb_backend_healthy", first), 1);
  assert.equal(value("lb_backend_healthy", second), 0);
  assert.equal(value("lb_backend_draining", second), 1);
  assert.equal(value("lb_backend_sent_bytes_total", second), undefined, "not counted");
  assert.equal(value("lb_needs_attention"), 1);
  assert.equal(value("lb_last_pass_timestamp_seconds"), APPLIED / 1000 + 60);
  assert.equal(value("lb_queue_socket_drops_total", { queue: "23000" }), 3);
});

parserTest("whatever stands in a label or a help comes back as it was", async () => {
  const hostile = 'a "quoted" \\ back\\nslash\nand {a} line = 1 # not a comment é 東京';
  const family = {
    name: "lb_x_total",
    type: "counter",
    help: hostile.replaceAll('"', "'"),
  } as const;
  const [found] = await parse(
    metricsText([[family, [[labelsText({ a: hostile, b: "" }), 1], ["", null]]]]),
  );
  assert.equal(found?.help, family.help);
  assert.deepEqual(found?.samples, [{
    name: "lb_x_total",
    labels: { a: hostile, b: "" },
    value: 1,
  }]);
});

parserTest(
  "where nothing was applied there is what is known: no revision, no services",
  async () => {
    const nothing = { revision: null, applied_at_ms: null, last_pass_at_ms: null, services: [] };
    const found = await parse(statusMetrics(statusOf([], nothing), CONTEXT));
    const names = found.map(({ name }) => name);
    assert.ok(names.includes("lb_build_info"));
    assert.ok(
      !names.some((name) => /revision|applied|last_pass_timestamp|backend|queue/.test(name)),
    );
  },
);

Deno.test("metrics are named as Prometheus asks for: lb_, the unit last, counters with _total", () => {
  const names = METRICS.map(({ name }) => name);
  assert.equal(new Set(names).size, names.length);
  for (const { name, type, help } of METRICS) {
    assert.match(name, /^lb_[a-z]+(_[a-z]+)*$/);
    assert.equal(name.endsWith("_total"), type === "counter", name);
    assert.doesNotMatch(name, /_(ms|milliseconds|kb|percent)(_|$)/);
    assert.match(help, /^[^\n]+\.$/);
  }
});

const ROOT = new URL("../../..", import.meta.url).pathname;
const KNOWN = new Set(METRICS.map(({ name }) => name));

/** Names of metrics of ours in a text. */
function metricsIn(text: string): string[] {
  return [...text.matchAll(/\blb_[a-z_]+/g)].map(([name]) => name);
}

for (const path of ["templates/prometheus/lb.rules.yml", "templates/grafana/lb.json"]) {
  Deno.test(`every metric in ${path} is one that lb prints`, () => {
    const named = metricsIn(Deno.readTextFileSync(ROOT + path));
    assert.ok(new Set(named).size >= 5, `${named}`);
    assert.deepEqual(named.filter((name) => !KNOWN.has(name)), []);
  });
}

const RULES = `${ROOT}templates/prometheus/lb.rules.yml`;
const hasYaml = [PYTHON, "/usr/lib/python3/dist-packages/yaml"].every((path) => files.stat(path));

Deno.test({
  name: `the alert rules are what Prometheus takes${
    hasYaml ? "" : " (skipped: needs python3-yaml)"
  }`,
  ignore: !hasYaml,
  async fn() {
    const script = "import json, sys, yaml; print(json.dumps(yaml.safe_load(sys.stdin)))";
    const stdin = Deno.readTextFileSync(RULES);
    const { code, stdout, stderr } = await process.run([PYTHON, "-c", script], { stdin });
    assert.equal(code, 0, stderr);
    const [group] =
      (JSON.parse(stdout) as { groups: { rules: Record<string, unknown>[] }[] }).groups;
    const names = group!.rules.map(({ alert }) => alert);
    assert.equal(new Set(names).size, names.length);
    for (const { alert, expr, labels, annotations, ...rest } of group!.rules) {
      assert.match(`${alert}`, /^Lb[A-Za-z]+$/);
      assert.match(`${expr}`, /lb_|node_textfile/);
      assert.match((labels as { severity: string }).severity, /^(critical|warning|info)$/);
      assert.deepEqual(Object.keys(annotations as object), ["summary", "description"]);
      assert.deepEqual(Object.keys(rest).filter((key) => key !== "for"), []);
    }
  },
});

const hasPromtool = ["/usr/bin/promtool", "/usr/local/bin/promtool"].some((path) =>
  files.stat(path)
);

Deno.test({
  name: `promtool finds nothing wrong${
    hasPromtool ? "" : " (skipped: needs promtool, of Debian's prometheus)"
  }`,
  ignore: !hasPromtool,
  async fn() {
    const rules = await process.run(["promtool", "check", "rules", RULES]);
    assert.equal(rules.code, 0, rules.stderr);
    const stdin = statusMetrics(FULL, CONTEXT);
    const metrics = await process.run(["promtool", "check", "metrics"], { stdin });
    assert.deepEqual([metrics.code, metrics.stderr], [0, ""]);
  },
});

Deno.test("the dashboard's panels have targets, and places of their own", () => {
  interface Panel {
    readonly id: number;
    readonly gridPos: {
      readonly x: number;
      readonly y: number;
      readonly w: number;
      readonly h: number;
    };
    readonly targets: readonly { readonly expr: string }[];
  }
  const text = Deno.readTextFileSync(`${ROOT}templates/grafana/lb.json`);
  const { panels } = JSON.parse(text) as { panels: Panel[] };
  const taken = new Set<string>();
  for (const { gridPos: { x, y, w, h }, targets } of panels) {
    assert.ok(targets.length > 0 && targets.every(({ expr }) => expr.includes("lb_")));
    for (let at = 0; at < w * h; at++) {
      const place = `${x + at % w} ${y + Math.floor(at / w)}`;
      assert.ok(x + w <= 24 && !taken.has(place), place);
      taken.add(place);
    }
  }
  assert.equal(new Set(panels.map(({ id }) => id)).size, panels.length);
});

Deno.test("docs/monitoring.md lists every metric with its meaning, and no other", () => {
  const page = Deno.readTextFileSync(`${ROOT}docs/monitoring.md`);
  const rows = [...page.matchAll(/^\| `(lb_[a-z_]+)`\s+\| (\w+)\s+\| (.*?)\s*\|$/gm)]
    .map(([, name, type, help]) => ({ name, type, help }));
  assert.deepEqual(rows, METRICS.map(({ name, type, help }) => ({ name, type, help })));
});
