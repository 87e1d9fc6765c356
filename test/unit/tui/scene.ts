/** Test equipment: what looks at a machine could have shown. */
import type { BackendStatus, ServiceStatus } from "../../../lib/reconcile/status.ts";
import type { Picture } from "../../../lib/tui/picture.ts";
import {
  type Event,
  initialState,
  type Size,
  type State,
  type Step,
} from "../../../lib/tui/state.ts";
import { plainText } from "../../../lib/tui/line.ts";
import { update } from "../../../lib/tui/update.ts";
import { screen } from "../../../lib/tui/view/screen.ts";
import { type BackendSpec, serviceOf } from "../../fake/services.ts";

/** When the last look was. */
export const NOW_MS = Date.UTC(2026, 10, 20, 9, 12, 44);

const MINUTE_MS = 60_000;

/** A backend as a look shows it: healthy for an hour, but for `more`. */
export function backendAt(
  id: number,
  address: string,
  more: Partial<BackendStatus> & { readonly weight?: number } = {},
): { readonly spec: BackendSpec; readonly more: Partial<BackendStatus> } {
  const { weight = 100, ...rest } = more;
  return { spec: { id, address, port: 8080, weight }, more: rest };
}

/** A service with these backends, and what was counted of them. */
export function serviceAt(
  name: string,
  vip: string,
  backends: readonly ReturnType<typeof backendAt>[],
  more: Partial<ServiceStatus> = {},
): ServiceStatus {
  const service = serviceOf({
    name,
    vip: [vip],
    ports: [80],
    backends: backends.map(({ spec }) => spec),
  });
  const statuses = service.backends.map((backend, index): BackendStatus => ({
    backend,
    effective_weight: backend.effective_weight,
    weight_reason: "",
    intent: "ready",
    drain: null,
    health: "healthy",
    health_reason: "",
    active_connections: 9,
    new_connections: 1_000,
    bytes_in: null,
    bytes_out: null,
    check_ms: 0.8,
    changed_at_ms: NOW_MS - 60 * MINUTE_MS,
    chosen: null,
    ...backends[index]!.more,
  }));
  const reason = "in-kernel; wrr fits slot maps";
  return { service, engine: "nft", reason, backends: statuses, fallbacks: null, ...more };
}

const WEB = [
  backendAt(1, "198.51.100.11", { active_connections: 17 }),
  backendAt(2, "198.51.100.12", {
    weight: 50,
    health: "unhealthy",
    health_reason: "connection refused",
    effective_weight: 0,
    weight_reason: "unhealthy",
    changed_at_ms: NOW_MS - 3 * MINUTE_MS,
    active_connections: 0,
  }),
  backendAt(3, "198.51.100.13", {
    intent: "drain",
    effective_weight: 0,
    weight_reason: "drain",
    drain: {
      connections_left: 12,
      seconds_left: 42,
      deadline_ms: NOW_MS + 42_000,
      ended: null,
      removes: false,
    },
  }),
  backendAt(4, "2001:db8:b::14", { active_connections: 1_234_567, new_connections: 52_000 }),
];

/** Two services with something of everything. */
export const SERVICES: readonly ServiceStatus[] = [
  serviceAt("web", "203.0.113.10", WEB),
  serviceAt("mail", "2001:db8:1::25", [
    backendAt(5, "198.51.100.21", { check_ms: null, health_reason: "not checked" }),
    backendAt(6, "198.51.100.22", { intent: "maintenance", effective_weight: 0 }),
  ]),
];

/** What a look at them shows. */
export function pictureOf(
  services: readonly ServiceStatus[] = SERVICES,
  at_ms = NOW_MS,
  more: Partial<Picture> = {},
): Picture {
  return {
    at_ms,
    status: {
      version: "0.1.0",
      revision: 7,
      applied_at_ms: Date.UTC(2026, 10, 20, 9),
      drift_last_pass: 0,
      last_pass_at_ms: at_ms - 4_000,
      skipped_passes: 0,
      drifted: [],
      blocked: [],
      config_edited: false,
      notes: [],
      services,
      conntrack: { count: 31_000, max: 262_144 },
    },
    happenings: HAPPENINGS,
    queues: [],
    activity: {},
    ...more,
  };
}

const HAPPENINGS: Picture["happenings"] = [
  {
    id: 3,
    at_ms: NOW_MS - 18_000,
    kind: "drain",
    message: "web 198.51.100.13:8080 drains: no new connections, what is left is cut in 60 s",
  },
  {
    id: 2,
    at_ms: NOW_MS - 3 * MINUTE_MS,
    kind: "health",
    message: "web 198.51.100.12:8080 is unhealthy: connection refused (3 failed checks)",
  },
  {
    id: 1,
    at_ms: NOW_MS - 12 * MINUTE_MS,
    kind: "apply",
    message: "revision 7 applied by root (lb apply): 39 changes",
  },
];

/** New connections of ten minutes: up, down, a gap of nothing known, and up again. */
function historyOf(name: string, total: number): Event {
  const counted = Array.from({ length: 61 }, (_, index) => {
    const rest = 60 - index;
    return {
      service: name,
      at_ms: NOW_MS - rest * 10_000,
      new_connections: total - rest * 40 - Math.round(Math.sin(rest / 6) * 200),
      bytes_in: null,
      bytes_out: null,
    };
  });
  return { kind: "history", counted: counted.slice(name === "web" ? 0 : 40, -1) };
}

/** After events, from the beginning; what was to be done outside is lost. */
export function after(events: readonly Event[], size: Size = { columns: 80, rows: 24 }): State {
  const begin = initialState({ size, now_ms: NOW_MS, can_explain: true });
  return events.reduce((state, event) => update(state, event).state, begin);
}

/** The screen of somebody who has watched for a while, after these keys. */
export function watched(keys: readonly string[] = [], size?: Size): State {
  const earlier = SERVICES.map((one) => ({
    ...one,
    backends: one.backends.map((backend) => ({
      ...backend,
      new_connections: backend.new_connections! - (backend.effective_weight > 0 ? 80 : 0),
    })),
  }));
  return after([
    historyOf("web", 55_000),
    historyOf("mail", 2_000),
    { kind: "picture", picture: pictureOf(earlier, NOW_MS - 2_000) },
    { kind: "picture", picture: pictureOf() },
    ...keys.map((key): Event => ({ kind: "key", key })),
  ], size);
}

/** One more key. */
export function press(state: State, key: string): Step {
  return update(state, { kind: "key", key });
}

/** What is on the screen, as people read it. */
export function shown(state: State): string {
  return screen(state).map(plainText).join("\n") + "\n";
}
