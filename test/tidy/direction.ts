import { imports, type Source } from "./source.ts";

/** Rooms of lib/ by layer (architecture.md): a file imports from its own room and from higher rows. */
const LAYERS: readonly (readonly string[])[] = [
  ["model"],
  ["scheduler", "packet", "netlink", "kernel"],
  ["config", "engine", "host", "health", "capability", "store"],
  ["reconcile"],
  ["report", "tui", "notify"],
];

/** Rooms that stand aside, with the rooms each may import from. Only `cmd` imports from them. */
const ASIDE: Readonly<Record<string, readonly string[]>> = {
  sys: ["model"],
  demo: ["model"],
  queue: ["model", "kernel", "netlink", "engine"],
};

/** What the machine is: types, which everyone may import. */
const PORTS = "lib/sys/ports.ts";

/** The only files that may import the real `lib/sys/*`. */
const COMPOSITION_ROOTS: readonly string[] = [
  "cmd/context.ts",
  "lib/queue/supervisor/main.ts",
  "lib/queue/worker/main.ts",
  "lib/queue/thread/main.ts",
];

/** The engines: each in a folder that no other engine's folder knows. */
const ENGINE = /^lib\/engine\/([^/]+)\//;

/** Imports of this file that point the wrong way, each as a sentence. */
export function wrongImports(source: Source): string[] {
  if (!/^(?:lib|cmd)\/|^main\.ts$/.test(source.path)) return [];
  return imports(source).flatMap((to) => {
    const why = whyNot(source.path, to);
    return why === undefined ? [] : [`${source.path} imports ${to}: ${why}`];
  });
}

function whyNot(from: string, to: string): string | undefined {
  if (to === PORTS) return;
  const [source, destination] = [room(from), room(to)];
  if (destination === undefined) return outside(to);
  if (from === "main.ts") return destination === "cmd" ? undefined : "main.ts knows only cmd/";
  if (source === undefined) return "it belongs to no room of architecture.md";
  if (source === destination) return engineBoundary(from, to);
  if (destination === "cmd") return "nothing knows cmd/ but main.ts";
  if (destination === "sys") {
    return COMPOSITION_ROOTS.includes(from)
      ? undefined
      : "only composition roots import the real lib/sys; the types are in lib/sys/ports.ts";
  }
  if (source === "cmd") return;
  return ASIDE[source] ? besideOnly(source, destination) : downOnly(source, destination);
}

/** deno.json is data that everyone may read; the rest of the repository is none of the program's. */
function outside(to: string): string | undefined {
  return to === "deno.json" ? undefined : "it is not part of the program, or of no known room";
}

function besideOnly(source: string, destination: string): string | undefined {
  if (ASIDE[source]?.includes(destination)) return;
  return `lib/${source} may know only ${ASIDE[source]?.join(", ")} and ${PORTS}`;
}

function downOnly(source: string, destination: string): string | undefined {
  if (ASIDE[destination]) return `only cmd/ knows lib/${destination}`;
  return layer(destination) < layer(source)
    ? undefined
    : `lib/${source} does not stand above lib/${destination}`;
}

function engineBoundary(from: string, to: string): string | undefined {
  const [source, destination] = [ENGINE.exec(from)?.[1], ENGINE.exec(to)?.[1]];
  if (!destination || source === destination || from === "lib/engine/registry.ts") return;
  return "engines never import each other; lib/engine/registry.ts alone knows them";
}

/** `cmd`, or the folder below lib; undefined where there is no such room. */
function room(path: string): string | undefined {
  if (path.startsWith("cmd/")) return "cmd";
  const name = /^lib\/([^/]+)\//.exec(path)?.[1];
  return name !== undefined && (name in ASIDE || layer(name) >= 0) ? name : undefined;
}

function layer(name: string): number {
  return LAYERS.findIndex((rooms) => rooms.includes(name));
}
