/** Test equipment: a shell on a real terminal, as somebody would sit at it. */

/** Long enough for a first start of a shell on a busy machine. */
const LIMIT_MS = 15_000;
const POLL_MS = 20;

/** How a shell is started without anybody's own settings, and where `script` gets it a terminal. */
const STARTS: Readonly<Record<string, string>> = {
  bash: "bash --noprofile --norc -i",
  zsh: "zsh -f -i",
  fish: "fish --no-config -i",
};

/** A command that says of which words it was told, and where they end. */
const WORDS: Readonly<Record<string, string>> = {
  bash: `words() { printf '<%s>' "$@"; echo .; }`,
  zsh: `words() { printf '<%s>' "$@"; echo .; }`,
  fish: "function words; printf '<%s>' $argv; echo .; end",
};

const BEGINNING_OF_LINE = "\x01";

export interface TerminalOptions {
  readonly shell: "bash" | "zsh" | "fish";
  /** Commands that load what is tested. */
  readonly setup: string;
  readonly env: Record<string, string>;
  readonly folder: string;
}

export class Terminal {
  readonly #child: Deno.ChildProcess;
  readonly #keys: WritableStreamDefaultWriter<Uint8Array<ArrayBuffer>>;
  readonly #heard: Promise<void>;
  #screen = "";

  private constructor({ shell, env, folder }: TerminalOptions) {
    this.#child = new Deno.Command("script", {
      args: ["-qec", STARTS[shell] ?? shell, "/dev/null"],
      env,
      clearEnv: true,
      cwd: folder,
      stdin: "piped",
      stdout: "piped",
      stderr: "null",
    }).spawn();
    this.#keys = this.#child.stdin.getWriter();
    this.#heard = this.#listen();
  }

  /** A shell that has its setup behind it. */
  static async open(options: TerminalOptions): Promise<Terminal> {
    const terminal = new Terminal(options);
    const setup = `${WORDS[options.shell]}; ${options.setup}`;
    await terminal.#press(`${setup}; printf 'SET%s\\n' UP\r`);
    await terminal.#until(/SETUP/);
    return terminal;
  }

  /**
   * Types, with tabs, and then has the shell say of which words the line consists.
   *
   * @throws {Error} with what is on the screen, where it does not
   */
  async words(keys: string): Promise<string[]> {
    this.#screen = "";
    await this.#press(`${keys}${BEGINNING_OF_LINE}words \r`);
    const [line] = await this.#until(/<lb>(?:<[^>]*>)*\./);
    return line.slice(1, -2).split("><");
  }

  /** Types and waits until the screen shows something. The line stays: nothing can be typed after it. */
  async shows(keys: string, what: RegExp): Promise<void> {
    this.#screen = "";
    await this.#press(keys);
    await this.#until(what);
  }

  /** With its terminal gone, a shell ends by itself (SIGHUP). */
  async close(): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.#child.status;
    await this.#keys.close().catch(() => {});
    await this.#heard;
  }

  async #listen(): Promise<void> {
    for await (const text of this.#child.stdout.pipeThrough(new TextDecoderStream())) {
      this.#screen += text;
    }
  }

  async #press(keys: string): Promise<void> {
    await this.#keys.write(new TextEncoder().encode(keys));
  }

  async #until(what: RegExp): Promise<RegExpExecArray> {
    const end_ms = performance.now() + LIMIT_MS;
    for (;;) {
      const found = what.exec(this.#screen);
      if (found) return found;
      if (performance.now() > end_ms) throw new Error(`no ${what} on: ${this.#screen}`);
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    }
  }
}
