import { whyUnsafe } from "../kernel/file_safety.ts";
import { endInWords } from "../model/exit_code.ts";
import { tame } from "../model/text.ts";
import type { RunResult } from "../sys/ports.ts";
import type { Channel, Teller } from "./channel.ts";
import { hostName, type Message, messageOf } from "./message.ts";

const TIMEOUT_MS = 5_000;

/** Enough for the first line of what it says. */
const OUTPUT_BYTES_MAX = 16 * 1024;

/** Runs a program for each event, without a shell: JSON on its standard input, the like in its environment. */
export function program(argv: readonly string[], { ports, config, version }: Teller): Channel {
  const { files, process } = ports;
  const [name = "", ...args] = argv;
  return {
    name: "program",
    timeout_ms: TIMEOUT_MS,
    where: name,
    async tell(telling) {
      for (const path of [name, config]) {
        const why = whyUnsafe(files, path);
        if (why !== undefined) throw new Error(`not run: ${why}`);
      }
      const message = messageOf(telling, { host: hostName(files), version });
      const { timeout_ms } = telling;
      const result = await process.run([name, ...args], {
        stdin: `${JSON.stringify(message)}\n`,
        env: environmentOf(message),
        output_bytes_max: OUTPUT_BYTES_MAX,
        isApart: true,
        timeout_ms,
      });
      refuse(result, timeout_ms);
    },
  };
}

function environmentOf(message: Message): Record<string, string> {
  return {
    LB_EVENT_ID: `${message.id}`,
    LB_EVENT_AT: message.at,
    LB_EVENT_HOST: message.host,
    LB_EVENT_KIND: message.kind,
    LB_EVENT_SERVICE: message.service ?? "",
    LB_EVENT_BACKEND: message.backend ?? "",
    LB_EVENT_MESSAGE: message.message,
  };
}

function refuse({ code, stdout, stderr }: RunResult, timeout_ms: number): void {
  if (code === 0) return;
  const words = tame(stderr) || tame(stdout);
  const how = endInWords(code, timeout_ms);
  throw new Error(words === "" ? how : `${how}: ${words}`);
}
