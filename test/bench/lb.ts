/** This checkout, run by the Deno that runs the bench. */
export const SOURCE: readonly string[] = [
  ...[Deno.execPath(), "run", "--quiet", "--no-prompt", "-A"],
  new URL("../../main.ts", import.meta.url).pathname,
];

/** The lb that is measured: `$LB`, or what was built, or this checkout: the executable is what users run. */
export const LB: readonly string[] = lbCommand();

function lbCommand(): readonly string[] {
  const given = Deno.env.get("LB");
  return given ? [given] : builtCommand() ?? SOURCE;
}

/** What `deno task build` makes; undefined where it has not. */
export function builtCommand(): readonly string[] | undefined {
  const path = new URL("../../dist/lb", import.meta.url).pathname;
  try {
    return Deno.statSync(path).isFile ? [path] : undefined;
  } catch {
    return undefined;
  }
}
