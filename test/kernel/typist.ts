/** Test equipment: a program on a real terminal, and somebody who types. */
import { PATIENCE } from "./patience.ts";

/** Longer than a start of lb that has to look at a whole kernel. */
const LIMIT_MS = 20_000 * PATIENCE;
const POLL_MS = 20;

/** Everything that steers a terminal: what is left is what is to be read. */
const CONTROL = /(?!\n)\p{Cc}(?:\[[0-9;?]*[A-Za-z]|[()][AB0])?/gu;

/** What the terminal's settings were before and after, and how the program ended. */
export interface Ending {
  readonly code: number;
  readonly isRestored: boolean;
}

/** Runs an argument list, and tells of the terminal's settings around it. */
const SCRIPT = `
stty rows 40 cols 110
before=$(stty -g)
sh -c 'echo BEGUN $$; exec "$@"' sh "$@"
code=$?
[ "$before" = "$(stty -g)" ] && restored=yes || restored=no
printf 'ENDED %s %s\\n' $code $restored
`;

export class Typist {
  readonly #child: Deno.ChildProcess;
  readonly #keys: WritableStreamDefaultWriter<Uint8Array<ArrayBuffer>>;
  readonly #heard: Promise<void>;
  /** All that came from the terminal, in pieces that may end anywhere. */
  #received = "";
  /** How much of what there was to read has been waited for. */
  #read = 0;

  /** @param before what the terminal itself is started with: `ip netns exec …` */
  constructor(before: readonly string[], argv: readonly string[]) {
    const quoted = argv.map((word) => `'${word.replaceAll("'", "'\\''")}'`).join(" ");
    const line = `set -- ${quoted}\n${SCRIPT}`;
    const [program, ...args] = [...before, "script", "-qfec", line, "/dev/null"];
    this.#child = new Deno.Command(program!, {
      args,
      env: { TERM: "xterm", SHELL: "/bin/sh" },
      stdin: "piped",
      stdout: "piped",
      stderr: "null",
    }).spawn();
    this.#keys = this.#child.stdin.getWriter();
    this.#heard = this.#listen();
  }

  /** The process that was begun. To be asked first, before what it shows. */
  async pid(): Promise<number> {
    const [, pid] = await this.sees(/BEGUN (\d+)/);
    return Number(pid);
  }

  async type(keys: string): Promise<void> {
    await this.#keys.write(new TextEncoder().encode(keys));
  }

  /** Waits until the screen shows something, and forgets what stood there before. @throws {Error} with what it shows */
  async sees(what: RegExp): Promise<RegExpExecArray> {
    const end_ms = performance.now() + LIMIT_MS;
    for (;;) {
      const screen = this.#received.replaceAll(CONTROL, "").slice(this.#read);
      const found = what.exec(screen);
      if (found) {
        this.#read += found.index + found[0].length;
        return found;
      }
      if (performance.now() > end_ms) throw new Error(`no ${what} on: ${screen}`);
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    }
  }

  /** Waits for the end of the program. */
  async ended(): Promise<Ending> {
    const [, code, restored] = await this.sees(/ENDED (\d+) (yes|no)/);
    return { code: Number(code), isRestored: restored === "yes" };
  }

  async close(): Promise<void> {
    await this.#keys.close().catch(() => {});
    try {
      this.#child.kill("SIGKILL");
    } catch {
      // It has ended by itself.
    }
    await this.#child.status;
    await this.#heard;
  }

  async #listen(): Promise<void> {
    for await (const text of this.#child.stdout.pipeThrough(new TextDecoderStream())) {
      this.#received += text;
    }
  }
}
