import { VERSION_FLAGS, versionLine } from "./cmd/version.ts";

// cron and install scripts ask for the version: answered before anything heavy is loaded.
if (Deno.args.length === 1 && VERSION_FLAGS.includes(Deno.args[0]!)) {
  console.log(versionLine());
} else {
  const { runCommandLine } = await import("./cmd/lb.ts");
  Deno.exit(await runCommandLine(Deno.args));
}
