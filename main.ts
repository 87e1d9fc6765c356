import { COMPLETE } from "./cmd/completion/request.ts";
import { VERSION_FLAGS, versionLine } from "./cmd/shared/version.ts";

// cron and install scripts ask for the version: answered before anything heavy is loaded.
if (Deno.args.length === 1 && VERSION_FLAGS.includes(Deno.args[0]!)) {
  console.log(versionLine());
} else if (Deno.args[0] === COMPLETE) {
  // Not a command of commander's: what follows is somebody's half of a command line.
  const { complete } = await import("./cmd/completion/complete.ts");
  await complete(Deno.args.slice(1));
} else {
  const { runCommandLine } = await import("./cmd/lb.ts");
  Deno.exit(await runCommandLine(Deno.args));
}
