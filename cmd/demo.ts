import { Command, Option } from "@commander-js/extra-typings";
import type { Demo, DemoListener, DemoResult } from "../lib/demo/demo.ts";
import { EXIT_ATTENTION, EXIT_OK, LbError } from "../lib/model/error.ts";
import { ENGINE_NAMES } from "../lib/model/service.ts";
import { context } from "./context.ts";
import { printJson, say, stderrPaint } from "./shared/io.ts";
import { type End, examples } from "./shared/options.ts";

const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/** Clears the line that shows what is under way. */
const CLEAR_LINE = "\r\x1b[K";

/** `lb demo` */
export function demoCommand(end: End) {
  return new Command("demo")
    .summary("show the main job on real packets, in namespaces of its own")
    .description(
      "Builds a client, a load balancer and backends in network namespaces, applies a config, sends " +
        "traffic, scales, removes a backend in the middle of downloads, repairs, uninstalls, and " +
        "removes the namespaces. The machine's own network is not touched.",
    )
    .addOption(
      new Option("--engine <name>", "data path to show").choices(["auto", ...ENGINE_NAMES] as const)
        .default("auto" as const),
    )
    .option("--keep", "leave the namespaces, to look around in them", false)
    .option("--json", "one JSON document on stdout, nothing else", false)
    .addOption(new Option("--role <json>", "play a part inside a namespace").hideHelp())
    .addHelpText(
      "after",
      examples(
        ["lb demo", "takes a few seconds"],
        ["lb demo --keep", "and look around afterwards"],
        ["lb demo --json | jq .steps", "for scripts"],
      ),
    )
    .action(async (options) => {
      if (options.role !== undefined) return await playRole(options.role);
      const engine = options.engine;
      if (engine === "ipvs" || engine === "relay") throw notBuilt(engine);
      context.needRoot("demo");
      const { demo, result } = await show({ engine, keep: options.keep });
      if (options.json) printJson(result);
      await farewell(demo, result, options.keep);
      end(result.ok ? EXIT_OK : EXIT_ATTENTION);
    });
}

async function playRole(role: string): Promise<void> {
  const { runRole } = await import("../lib/demo/role/run.ts");
  await runRole(role);
}

function notBuilt(engine: string): LbError {
  return new LbError(
    "unsupported",
    `a demo of the engine ${engine} is not built yet: use nft, nfqueue or auto`,
  );
}

async function show(options: { engine: "auto" | "nft" | "nfqueue"; keep: boolean }) {
  const { startDemo } = await import("../lib/demo/demo.ts");
  const { process, children, files, clock } = context;
  const machine = { process, children, files, clock, self: context.selfCommand(), pid: Deno.pid };
  const demo = startDemo(machine, options, await listener());
  const interrupt = () => demo.interrupt();
  for (const signal of SIGNALS) Deno.addSignalListener(signal, interrupt);
  try {
    return { demo, result: await demo.result };
  } finally {
    for (const signal of SIGNALS) Deno.removeSignalListener(signal, interrupt);
    // An error is not printed behind a step that never ended.
    live("");
  }
}

/** On a terminal, the last line lives; elsewhere, one line per step. */
async function listener(): Promise<DemoListener> {
  const { pendingLine, stepLine } = await import("../lib/demo/view.ts");
  const paint = stderrPaint();
  let title = "";
  return {
    onStart: (text) => live(pendingLine(title = text)),
    onProgress: (done, total) => live(pendingLine(title, done, total)),
    onEnd(step) {
      live("");
      say(stepLine(step, paint));
    },
  };
}

async function farewell(demo: Demo, result: DemoResult, keep: boolean): Promise<void> {
  const { keepLines, summaryLine } = await import("../lib/demo/view.ts");
  say(summaryLine(result, stderrPaint()));
  const topology = demo.topology();
  if (!keep || !topology) return;
  const { makeBalancer } = await import("../lib/demo/balancer.ts");
  const status = makeBalancer(topology, context.files, context.selfCommand()).argv("status");
  say(keepLines(topology, status));
}

/** Replaces the last line; nothing happens where stderr is no terminal. */
function live(line: string): void {
  if (Deno.stderr.isTerminal()) Deno.stderr.writeSync(new TextEncoder().encode(CLEAR_LINE + line));
}
