import { whyUnsafe } from "../../kernel/file_safety.ts";
import { endInWords } from "../../model/exit_code.ts";
import { tame } from "../../model/text.ts";
import type { RunResult } from "../../sys/ports.ts";
import { type Call, sourceOf } from "./call.ts";
import { spell, Unwell } from "./failure.ts";

/** Enough for its first line. */
const OUTPUT_BYTES_MAX = 16 * 1024;

/** Well where a program says so: exit code 0. It hears of the backend by its environment. */
export async function checkExec(call: Call): Promise<void> {
  const { health: { command = [], timeout_ms }, ports: { process, files, peers }, config } = call;
  const [program, ...args] = command;
  if (program === undefined) throw new Unwell("no command to check with");
  for (const path of config === undefined ? [program] : [program, config]) {
    const why = whyUnsafe(files, path);
    if (why !== undefined) throw new Unwell(`not run: ${why}`);
  }
  const result = await process.run([program, ...args], {
    timeout_ms: Math.max(1, call.until_ms - peers.now_ms()),
    env: environmentOf(call),
    output_bytes_max: OUTPUT_BYTES_MAX,
    isApart: true,
  });
  if (peers.now_ms() >= call.until_ms) throw new Unwell(`no end within ${spell(timeout_ms)}`);
  judge(result, timeout_ms);
}

function environmentOf(call: Call): Record<string, string> {
  const { service, address, port, health } = call;
  const at = health.port ?? port;
  return {
    LB_SERVICE: service,
    LB_ADDRESS: address.text,
    LB_PORT: at === undefined ? "" : `${at}`,
    LB_SOURCE: sourceOf(call) ?? "",
    LB_TIMEOUT_MS: `${health.timeout_ms}`,
  };
}

/** What monitoring plugins have to say is on standard output, and what went wrong on the other. */
function judge({ code, stdout, stderr }: RunResult, timeout_ms: number): void {
  if (code === 0) return;
  const words = tame(stdout) || tame(stderr);
  const how = endInWords(code, timeout_ms);
  throw new Unwell(words === "" ? how : `${how}: ${words}`);
}
