import { type Draft, isUnreadable } from "./draft.ts";
import type { Inspection } from "./inspection.ts";
import { type Path, type Problem, valueError } from "./problem.ts";
import type { WrittenHealth } from "./schema.ts";

const HTTP = ["http", "https"];

/** Keys that checks of some types look at, and no others. */
const TYPES_OF = Object.entries(
  {
    path: HTTP,
    host: HTTP,
    status: HTTP,
    body: HTTP,
    verify: ["https"],
    query: ["dns"],
    answer: ["dns"],
    command: ["exec"],
  } satisfies Partial<Record<keyof WrittenHealth, readonly string[]>>,
);

/** Where no type is written (docs/config.md). */
const USUAL = "tcp";

/** Warns of what is said of a check and nothing looks at: mostly its `type` was forgotten. */
export function checkIdle({ service, path, problems }: Inspection): void {
  const { health, backend = [] } = service;
  const own = backend.map((one) => one?.health);
  if ([health, ...own].some((one) => one && isUnreadable(one, "type"))) return;
  const type = health?.type ?? USUAL;
  const types = own.map((one) => one?.type ?? type);
  problems.push(...idle(health, [type, ...types], [...path, "health"]));
  own.forEach((one, index) => {
    problems.push(...idle(one, [types[index]!], [...path, "backend", index, "health"]));
  });
}

/** @param types of the checks that go by this table */
function idle(
  health: Draft<WrittenHealth> | undefined,
  types: readonly string[],
  path: Path,
): Problem[] {
  if (!health) return [];
  // What could not be read has been told of.
  const isRead = (key: string) => ![Reflect.get(health, key)].flat().includes(undefined);
  return TYPES_OF.filter(([key, by]) => isRead(key) && !types.some((type) => by.includes(type)))
    .map(([key, by]) => {
      const message = `nothing looks at it without type = ${
        by.map((type) => `"${type}"`).join(" or ")
      }`;
      return { ...valueError([...path, key], message), severity: "warning" };
    });
}
