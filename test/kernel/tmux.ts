/** Test equipment: programs on a real terminal, which tmux is. */
import assert from "node:assert/strict";
import type { Size } from "../../lib/tui/state.ts";
import { PATIENCE } from "./patience.ts";

const LIMIT_MS = 15_000 * PATIENCE;
const POLL_MS = 50;

/** Whatever a program leaves behind, the shell beside it writes down how the terminal was and is. */
const SCRIPT = 'stty -a >"$0.before"; "$@"; echo "ended with $?"; stty -a >"$0.after"; read -r _';

/** How a terminal is. */
export interface Mode {
  /** The program's own screen is shown, in place of the usual one. */
  readonly isOther: boolean;
  readonly hasCursor: boolean;
}

/** A program on a terminal of its own. */
export class Terminal {
  readonly #folder: string;
  readonly #socket: string;

  private constructor(folder: string) {
    this.#folder = folder;
    this.#socket = `${folder}/tmux`;
  }

  static async open(argv: readonly string[], size: Size = { columns: 80, rows: 24 }) {
    const terminal = new Terminal(await Deno.makeTempDir({ prefix: "lb-tmux-" }));
    const { columns, rows } = size;
    const how = ["new-session", "-d", "-s", "t", "-x", `${columns}`, "-y", `${rows}`];
    await terminal.#tmux(...how, "sh", "-c", SCRIPT, terminal.#stty, ...argv);
    return terminal;
  }

  /** Names of keys as tmux has them; a text is typed. */
  async press(...keys: string[]): Promise<void> {
    for (const key of keys) await this.#tmux("send-keys", "-t", "t", key);
  }

  async type(text: string): Promise<void> {
    await this.#tmux("send-keys", "-l", "-t", "t", text);
  }

  /** Its lines, without blanks at their ends; empty ones at the end of the screen are among them. */
  async lines(): Promise<string[]> {
    const text = await this.#tmux("capture-pane", "-p", "-t", "t");
    return text.split("\n").slice(0, -1).map((line) => line.trimEnd());
  }

  async text(): Promise<string> {
    return (await this.lines()).join("\n");
  }

  /** @throws {Error} with what is on the screen where that does not come */
  async shows(what: RegExp): Promise<RegExpExecArray> {
    const end_ms = performance.now() + LIMIT_MS;
    for (;;) {
      const text = await this.text();
      const found = what.exec(text);
      if (found) return found;
      if (performance.now() > end_ms) throw new Error(`no ${what} on:\n${text}`);
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    }
  }

  async resize({ columns, rows }: Size): Promise<void> {
    await this.#tmux("resize-window", "-t", "t", "-x", `${columns}`, "-y", `${rows}`);
  }

  async mode(): Promise<Mode> {
    const told = await this.#tmux(
      "display-message",
      "-p",
      "-t",
      "t",
      "#{alternate_on}#{cursor_flag}",
    );
    return { isOther: told[0] === "1", hasCursor: told[1] === "1" };
  }

  /** Everything that is written on it from now on, controls and all. @returns what it was by then */
  async listen(): Promise<() => string> {
    const path = `${this.#folder}/written`;
    await this.#tmux("pipe-pane", "-t", "t", `cat >${path}`);
    return () => Deno.readTextFileSync(path);
  }

  /** As another program would, which knows nothing of who fills the screen. */
  async scribble(text: string): Promise<void> {
    const path = (await this.#tmux("display-message", "-p", "-t", "t", "#{pane_tty}")).trim();
    await Deno.writeTextFile(path, text, { append: true, create: false });
  }

  /** Of the program; before it, the shell starts stty. */
  async pid(): Promise<number> {
    const shell = (await this.#tmux("display-message", "-p", "-t", "t", "#{pane_pid}")).trim();
    const end_ms = performance.now() + LIMIT_MS;
    for (;;) {
      const isBegun = isWritten(`${this.#stty}.before`);
      const child = Deno.readTextFileSync(`/proc/${shell}/task/${shell}/children`).trim();
      if (isBegun && !["", "stty"].includes(nameOf(child))) return Number(child);
      if (performance.now() > end_ms) throw new Error("the program has not begun");
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    }
  }

  /** It takes nothing from now on, as one whose network has gone. @returns ends it */
  async stall(): Promise<() => void> {
    const server = Number(await this.#tmux("display-message", "-p", "-t", "t", "#{pid}"));
    Deno.kill(server, "SIGSTOP");
    return () => Deno.kill(server, "SIGCONT");
  }

  /** Once the program has ended: the terminal is as it was. */
  async isAsBefore(): Promise<void> {
    await this.shows(/ended with \d+/);
    assert.deepEqual(await this.mode(), { isOther: false, hasCursor: true });
    const end_ms = performance.now() + LIMIT_MS;
    const [before, after] = [`${this.#stty}.before`, `${this.#stty}.after`];
    while (!isWritten(after) && performance.now() < end_ms) {
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    }
    assert.equal(Deno.readTextFileSync(after), Deno.readTextFileSync(before));
  }

  /** Ends this one terminal, with what runs on it. */
  async close(): Promise<void> {
    await this.#tmux("kill-server").catch(() => {});
    await Deno.remove(this.#folder, { recursive: true });
  }

  get #stty(): string {
    return `${this.#folder}/stty`;
  }

  async #tmux(...args: string[]): Promise<string> {
    const { success, stdout, stderr } = await new Deno.Command("tmux", {
      args: ["-S", this.#socket, "-f", "/dev/null", "-u", ...args],
      env: { LC_ALL: "C.UTF-8", TERM: "xterm-256color", TMUX: "" },
    }).output();
    const text = new TextDecoder();
    if (!success) throw new Error(`tmux ${args.join(" ")}: ${text.decode(stderr)}`);
    return text.decode(stdout);
  }
}

function isWritten(path: string): boolean {
  try {
    return Deno.statSync(path).size > 0;
  } catch {
    return false;
  }
}

/** Of a process, by comm; "" where it is gone. */
function nameOf(pid: string): string {
  try {
    return Deno.readTextFileSync(`/proc/${pid}/comm`).trim();
  } catch {
    return "";
  }
}
