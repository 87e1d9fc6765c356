/** What is being done, on a line of its own that is overwritten; nothing where nobody is looking. */
export class Progress {
  readonly #start_ms = performance.now();
  readonly #isOn: boolean;
  #text = "";
  #timer: ReturnType<typeof setInterval> | undefined;

  /** @param isOn whether it is shown */
  constructor(isOn: boolean) {
    this.#isOn = isOn;
  }

  /** Shows another text. */
  say(text: string): void {
    if (!this.#isOn) return;
    this.#text = text;
    this.#timer ??= setInterval(() => this.#draw(), 1000);
    this.#draw();
  }

  /** Takes the line away. */
  end(): void {
    if (this.#timer === undefined) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
    write("\r\x1b[K");
  }

  #draw(): void {
    const seconds = Math.floor((performance.now() - this.#start_ms) / 1000);
    const elapsed = `${Math.floor(seconds / 60)}:${`${seconds % 60}`.padStart(2, "0")}`;
    write(`\r\x1b[K  ${this.#text}, ${elapsed}`);
  }
}

function write(text: string): void {
  Deno.stderr.writeSync(new TextEncoder().encode(text));
}
