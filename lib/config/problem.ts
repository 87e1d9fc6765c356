/** Where in the parsed document something is: keys and list positions, `["service", 0, "vip", 1]`. */
export type Path = readonly (string | number)[];

/** Something wrong with the document, before its place in the text is known. */
export interface Problem {
  readonly severity: "error" | "warning";
  readonly path: Path;
  /** Whether the key itself is wrong, or its value. */
  readonly at: "key" | "value";
  readonly message: string;
  readonly hint?: string;
  /** The other party of a clash: its line is added to the message. */
  readonly other?: Path;
}

/** An error in a value, the usual problem. The message begins with the key. */
export function valueError(
  path: Path,
  message: string,
  extra: Pick<Problem, "hint" | "other"> = {},
): Problem {
  return { severity: "error", path, at: "value", message: withKey(path, message), ...extra };
}

/** The last key of a path before a message: `weight: expected …`. */
export function withKey(path: Path, message: string): string {
  const key = path.findLast((part) => typeof part === "string");
  return key === undefined ? message : `${key}: ${message}`;
}
