import settings from "../../deno.json" with { type: "json" };

export const VERSION_FLAGS: readonly string[] = ["--version", "-V"];

/** Version of lb, from deno.json. */
export const VERSION: string = settings.version;

/** How this lb was built: `source`, `compiled` or `self-extracting` (docs/install.md). */
export function buildForm(): string {
  return Deno.env.get("LB_BUILD") ?? (Deno.build.standalone ? "compiled" : "source");
}

/** What `lb --version` prints: one line, version first. */
export function versionLine(): string {
  return `lb ${VERSION} (${buildForm()}, Deno ${Deno.version.deno}, ${Deno.build.arch})`;
}
