import type { LoadedConfig } from "../../config/load.ts";
import { whyUnsafe } from "../../kernel/file_safety.ts";
import { LbError } from "../../model/error.ts";
import type { Service } from "../../model/service.ts";
import type { Machine } from "../request.ts";

/**
 * Programs that check backends are run as root: those that somebody else could change are refused before a new config
 * changes anything. One that is not there yet is for the checks to tell, and so is one of what is in force.
 *
 * @throws {LbError} `not-permitted`
 */
export function refuseUnsafePrograms(
  { kernel: { files }, store: { revisions } }: Pick<Machine, "kernel" | "store">,
  { text, config }: LoadedConfig,
): void {
  if (revisions.latestApplied()?.config_text === text) return;
  for (const service of config.services) {
    const unsafe = programsOf(service).filter((program) => files.stat(program))
      .map((program) => whyUnsafe(files, program)).find((why) => why !== undefined);
    if (unsafe === undefined) continue;
    throw new LbError(
      "not-permitted",
      `service ${service.name}: ${unsafe}, and lb would run it as root to check backends; make it, and ` +
        "the folders above it, root's alone. Nothing was changed.",
    );
  }
}

/** Of the service, and of backends that are checked in their own way. */
function programsOf({ health, backends }: Service): string[] {
  const ways = [health, ...backends.map((backend) => ({ ...health, ...backend.health }))];
  const programs = ways.flatMap((way) => way?.type === "exec" ? way.command?.[0] ?? [] : []);
  return [...new Set(programs)];
}
