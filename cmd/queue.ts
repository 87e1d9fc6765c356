import { Command, Option } from "@commander-js/extra-typings";
import { context } from "./context.ts";
import { LbError } from "../lib/model/error.ts";
import { print, say } from "./shared/io.ts";
import { examples, runDirOption } from "./shared/options.ts";
import { VERSION } from "./shared/version.ts";

/** `lb queue` */
export function queueCommand() {
  return new Command("queue")
    .summary("choose backends for new connections: the service of the engine nfqueue")
    .description(
      "Chooses a backend for the first packet of each connection to a service on the engine nfqueue. " +
        "Started by lb apply, or by the service manager, and looked after by lb reconcile; where it " +
        "dies, the kernel chooses until another one has taken its place. One that is started beside " +
        "another takes its place.",
    )
    .addOption(runDirOption())
    .option("--unit <path>", "print the unit for systemd of the lb that is installed there")
    .addOption(new Option("--worker <json>", "be the process that chooses").hideHelp())
    .addOption(
      new Option("--revivals <count>", "supervisors that died one after the other").hideHelp()
        .argParser(Number).default(0),
    )
    .addHelpText(
      "after",
      examples(
        ["lb queue", "in the foreground; Ctrl-C ends it, and loses nothing"],
        ["lb queue --run-dir /run/other", "of another load balancer of this machine"],
        ["lb queue --unit /usr/local/bin/lb", "install.sh puts that where systemd finds it"],
      ),
    )
    .action(async ({ runDir, worker, unit, revivals }) => {
      if (unit !== undefined) return print(unitFor(unit));
      context.needRoot("queue");
      const [program, ...args] = context.selfCommand();
      const self = [program, ...args, "queue", "--run-dir", runDir] as const;
      if (worker !== undefined) return await work(worker, runDir, self);
      context.secureRunDir(runDir);
      const { runSupervisor } = await import("../lib/queue/supervisor/main.ts");
      await runSupervisor({
        runDir,
        version: VERSION,
        self,
        revivals,
        say: log,
      });
    });
}

const UNIT = "templates/lb-queue.service";

function unitFor(path: string): string {
  const unit = context.files.read(`${context.home()}/${UNIT}`);
  if (unit === undefined) throw new LbError("bug", `${UNIT} is missing from this build of lb`);
  return unit.replace("/usr/local/bin/lb", path).trimEnd();
}

async function work(order: string, runDir: string, self: readonly [string, ...string[]]) {
  const { runWorker } = await import("../lib/queue/worker/main.ts");
  // A service manager starts another supervisor by itself.
  const supervisor = context.isManaged() ? undefined : self;
  await runWorker({ order, runDir, supervisor, say: log });
}

function log(line: string): void {
  say(`lb queue: ${line}`);
}
