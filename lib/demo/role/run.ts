import { LbError } from "../../model/error.ts";
import type { RoleEvent, RoleSpec } from "./spec.ts";

const ROLES: readonly string[] = ["backend", "requests", "steady", "downloads"];

/**
 * Plays one role to its end. This is a composition root of its own: it runs as a child process inside a
 * namespace and has the sockets of that namespace.
 *
 * @throws {LbError} `usage` where the argument is no role
 */
export async function runRole(text: string): Promise<void> {
  const spec = parseRole(text);
  const stop = new AbortController();
  const stays = spec.role === "backend" && spec.stay === true;
  if (!stays) watchInput(stop);
  try {
    await play(spec, stop.signal);
  } finally {
    stop.abort();
  }
}

async function play(spec: RoleSpec, stop: AbortSignal): Promise<void> {
  switch (spec.role) {
    case "backend":
      return await (await import("./backend.ts")).serveBackend(spec, say, stop);
    case "requests":
      return await (await import("./requests.ts")).sendRequests(spec, say, stop);
    case "steady":
      return await (await import("./requests.ts")).sendSteadily(spec, say, stop);
    case "downloads":
      return await (await import("./downloads.ts")).download(spec, say, stop);
  }
}

function parseRole(text: string): RoleSpec {
  const spec = parseJson(text);
  if (spec && ROLES.includes(spec.role)) return spec;
  throw new LbError("usage", `no such role: ${text}`);
}

/** What we wrote ourselves: only the role is looked at. */
function parseJson(text: string): RoleSpec | undefined {
  try {
    return JSON.parse(text) as RoleSpec;
  } catch {
    return undefined;
  }
}

/** Stdin closes when whoever started us wants us to end, and also when it dies without a word. */
async function watchInput(stop: AbortController): Promise<void> {
  const reader = Deno.stdin.readable.getReader();
  stop.signal.addEventListener("abort", () => reader.cancel().catch(() => {}));
  while (!(await reader.read()).done);
  stop.abort();
}

function say(event: RoleEvent): void {
  Deno.stdout.writeSync(new TextEncoder().encode(JSON.stringify(event) + "\n"));
}
