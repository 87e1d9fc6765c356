import { LbError } from "../model/error.ts";
import type { ClockPort, TerminalPort } from "../sys/ports.ts";
import { painted, type Palette } from "./paint.ts";
import type { Paper } from "./paper.ts";
import type { Counted, Order, Picture, Question } from "./picture.ts";
import { isDraining, pauseAfter } from "./rhythm.ts";
import { type Effect, type Event, initialState, type State } from "./state.ts";
import { update } from "./update.ts";
import { screen } from "./view/screen.ts";

/** What the screen has done for it. What fails throws an {@linkcode LbError}; anything else is a bug, and ends it. */
export interface Actions {
  /** Looks at everything once. */
  look(): Promise<Picture>;
  /** What was counted before the screen was opened, oldest first. */
  history(): Promise<readonly Counted[]>;
  /** Why nothing can be changed from here; undefined where it can. */
  readOnly(): Promise<string | undefined>;
  /** @returns what the change would do, in lines */
  plan(order: Order): Promise<readonly string[]>;
  /** @returns what it did, in lines */
  apply(order: Order): Promise<readonly string[]>;
  /** @returns what `lb why` says, in lines. undefined: there is none */
  readonly explain?: (question: Question) => Promise<readonly string[]>;
}

/** Where the screen is, and what it is told by. */
export interface Place {
  readonly terminal: TerminalPort;
  readonly clock: ClockPort;
  readonly palette: Palette;
  /** {@linkcode holdSignals}: the terminal is given back before the program ends. */
  readonly holdSignals: (onSignal: () => void) => () => void;
  /** What would be said on stderr is told to the screen, until it is released. */
  readonly hear: (onText: (text: string) => void) => () => void;
}

/**
 * Shows the screen until it is left. A change that has begun by then is brought to its end.
 *
 * @param service opens on this one
 * @throws what is a bug, and why a change failed that was under way when the screen was left
 */
export async function runScreen(actions: Actions, place: Place, service?: string): Promise<void> {
  const session = new Session(actions, place, service);
  await session.run();
}

class Session {
  readonly #actions: Actions;
  readonly #place: Place;
  readonly #over = Promise.withResolvers<void>();
  #state: State;
  #paper?: Paper;
  #drawn: readonly string[] = [];
  #isOver = false;
  #look?: Promise<void>;
  #timer?: ReturnType<typeof setTimeout>;
  #applying: Promise<void> = Promise.resolve();

  constructor(actions: Actions, place: Place, service?: string) {
    this.#actions = actions;
    this.#place = place;
    this.#state = initialState({
      size: place.terminal.size(),
      now_ms: place.clock.now_ms(),
      service,
      can_explain: actions.explain !== undefined,
    });
  }

  async run(): Promise<void> {
    const { terminal, holdSignals, hear } = this.#place;
    const releases = [
      holdSignals(() => this.#end()),
      terminal.onResize(() => this.#take({ kind: "size", size: terminal.size() })),
      catchStray((error) => this.#fail(error)),
      hear((text) => this.#take({ kind: "said", text })),
    ];
    try {
      await this.#begin();
      await this.#over.promise;
    } finally {
      this.#isOver = true;
      clearTimeout(this.#timer);
      await this.#close();
      for (const release of releases) release();
      // What has begun is brought to its end.
      await this.#applying;
    }
  }

  /** There is something to see before what draws is loaded, which takes longer than a look. */
  async #begin(): Promise<void> {
    const { terminal } = this.#place;
    terminal.enter();
    terminal.fill(this.#drawn = this.#lines());
    await this.#ask(async () => {
      this.#take({ kind: "history", counted: await this.#actions.history() });
    });
    await this.#lookOnce();
    terminal.fill(this.#drawn = this.#lines());
    const { openPaper } = await import("./paper.ts");
    if (this.#isOver) return;
    const onKey = (key: string) => this.#take({ kind: "key", key });
    this.#paper = openPaper(terminal, this.#drawn, onKey, (error) => this.#fail(error));
    this.#draw();
    await this.#ask(async () => {
      const why = await this.#actions.readOnly();
      if (why !== undefined) this.#take({ kind: "read-only", why });
    });
  }

  /** The terminal is given back whatever happens: ink may have failed in the middle of it. */
  async #close(): Promise<void> {
    const paper = this.#paper;
    this.#paper = undefined;
    try {
      await paper?.close();
    } finally {
      this.#place.terminal.leave();
    }
  }

  #end(): void {
    this.#isOver = true;
    this.#over.resolve();
  }

  /** Without a terminal nothing can go on, and nobody is to blame. */
  #fail(error: unknown): void {
    if (!this.#place.terminal.isThere()) return this.#end();
    this.#isOver = true;
    this.#over.reject(error);
  }

  #take(event: Event): void {
    if (this.#isOver) return;
    try {
      const { state, effects } = update(this.#state, event);
      this.#state = state;
      this.#draw();
      for (const effect of effects) this.#carryOut(effect);
    } catch (error) {
      this.#fail(error);
    }
  }

  #lines(): readonly string[] {
    return screen(this.#state).map((line) => painted(line, this.#place.palette));
  }

  #draw(): void {
    if (!this.#paper) return;
    const lines = this.#lines();
    if (this.#paper.isTorn) {
      this.#drawn = lines;
      return this.#redraw();
    }
    const isSame = lines.length === this.#drawn.length &&
      lines.every((line, index) => line === this.#drawn[index]);
    if (isSame) return;
    this.#drawn = lines;
    this.#paper.show(lines);
  }

  #redraw(): void {
    this.#place.terminal.fill([]);
    this.#paper?.redraw(this.#drawn);
  }

  #carryOut(effect: Effect): void {
    switch (effect.kind) {
      case "quit":
        return this.#end();
      case "look":
        return void this.#lookOnce();
      case "redraw":
        return this.#redraw();
      case "explain":
        return void this.#explain(effect);
      case "plan":
        return void this.#plan(effect);
      case "apply":
        this.#applying = this.#apply(effect);
    }
  }

  async #plan({ order, serial }: Extract<Effect, { kind: "plan" | "apply" }>): Promise<void> {
    await this.#ask(async () => {
      // One after the other; of several that were asked for meanwhile, the last one counts.
      await this.#planning;
      if (this.#state.dialog?.serial !== serial) return;
      const planning = this.#actions.plan(order);
      this.#planning = planning.then(() => {}, () => {});
      this.#take({ kind: "planned", serial, lines: await planning });
    }, (lines) => this.#take({ kind: "refused", serial, lines }));
  }

  #planning: Promise<void> = Promise.resolve();

  async #apply({ order, serial }: Extract<Effect, { kind: "plan" | "apply" }>): Promise<void> {
    const work = this.#actions.apply(order);
    await this.#ask(
      async () => this.#take({ kind: "applied", serial, lines: await work }),
      (lines) => this.#take({ kind: "refused", serial, lines }),
    );
    // Who has left the screen meanwhile hears of what went wrong as of any other command.
    if (this.#isOver) await work;
  }

  async #explain({ question, serial }: Extract<Effect, { kind: "explain" }>): Promise<void> {
    await this.#ask(async () => {
      const lines = await this.#actions.explain!(question);
      this.#take({ kind: "explained", serial, lines });
    }, (lines) => this.#take({ kind: "explained", serial, lines }));
  }

  /** One look at a time; the next one follows when it is due. */
  #lookOnce(): Promise<void> {
    this.#look ??= this.#lookNow().finally(() => this.#look = undefined);
    return this.#look;
  }

  async #lookNow(): Promise<void> {
    clearTimeout(this.#timer);
    const begin_ms = performance.now();
    await this.#ask(
      async () => this.#take({ kind: "picture", picture: await this.#actions.look() }),
      (lines) => {
        const now_ms = this.#place.clock.now_ms();
        this.#take({ kind: "trouble", message: lines.join(" "), now_ms });
      },
    );
    this.#restFor(pauseAfter(performance.now() - begin_ms, this.#state));
  }

  /** Until the next look; a countdown goes on meanwhile. */
  #restFor(pause_ms: number): void {
    if (this.#isOver) return;
    const tick_ms = isDraining(this.#state) ? Math.min(COUNTDOWN_MS, pause_ms) : pause_ms;
    this.#timer = setTimeout(() => {
      if (pause_ms - tick_ms < 1) return void this.#lookOnce();
      this.#take({ kind: "time", now_ms: this.#place.clock.now_ms() });
      this.#restFor(pause_ms - tick_ms);
    }, tick_ms);
  }

  /** @param refused hears of what the operator can mend, in lines; without it nobody does */
  async #ask(
    work: () => Promise<void>,
    refused: (lines: readonly string[]) => void = () => {},
  ): Promise<void> {
    try {
      await work();
    } catch (error) {
      if (error instanceof LbError) refused(error.message.split("\n"));
      else this.#fail(error);
    }
  }
}

const COUNTDOWN_MS = 1_000;

/** What nobody catches would end the program with the terminal as it is. @returns ends it */
function catchStray(onError: (error: unknown) => void): () => void {
  const onRejection = (event: PromiseRejectionEvent) => {
    event.preventDefault();
    onError(event.reason);
  };
  const onThrown = (event: ErrorEvent) => {
    event.preventDefault();
    onError(event.error);
  };
  globalThis.addEventListener("unhandledrejection", onRejection);
  globalThis.addEventListener("error", onThrown);
  return () => {
    globalThis.removeEventListener("unhandledrejection", onRejection);
    globalThis.removeEventListener("error", onThrown);
  };
}
