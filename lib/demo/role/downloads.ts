import { get, type RequestOptions } from "./http.ts";
import { sourceOf } from "./requests.ts";
import type { DownloadsSpec, RoleEvent } from "./spec.ts";
import { count, type RequestEnd, tallyDownloads } from "./tally.ts";

/** A download is broken when it has been silent for this long, ms: a hundred pieces late. */
const SILENCE_MS = 10_000;

/** Downloads several files at once, slowly, and tells whether each of them came whole. */
export async function download(
  spec: DownloadsSpec,
  say: (event: RoleEvent) => void,
  stop: AbortSignal,
): Promise<void> {
  const flowing: string[] = [];
  const heard = (backend: string) => {
    flowing.push(backend);
    if (flowing.length === spec.count) say({ event: "ready", per_backend: count(flowing) });
  };
  const ends = await Promise.all(
    Array.from({ length: spec.count }, (_, index) => one(spec, index, { onHead: heard, stop })),
  );
  say({ event: "result", result: tallyDownloads(ends) });
}

async function one(
  spec: DownloadsSpec,
  index: number,
  options: Pick<RequestOptions, "onHead" | "stop">,
): Promise<RequestEnd> {
  const began = performance.now();
  const door = spec.doors[index % spec.doors.length]!;
  try {
    const path = `/download?seconds=${spec.seconds}&every_ms=${spec.every_ms ?? 100}`;
    const source = spec.sources && sourceOf(spec.sources, index);
    const { backend } = await get(door, path, { timeout_ms: SILENCE_MS, source, ...options });
    return { ok: true, backend, ms: performance.now() - began };
  } catch (error) {
    return { ok: false, error: error instanceof Error ? error.message : String(error) };
  }
}
