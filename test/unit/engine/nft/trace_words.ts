/** Test equipment: the words of one rule, read from left to right. */
export class Words {
  readonly #words: readonly string[];
  #at = 0;

  constructor(words: readonly string[]) {
    this.#words = words;
  }

  get ended(): boolean {
    return this.#at >= this.#words.length;
  }

  /** Whether these words come next; none is taken. */
  ahead(text: string): boolean {
    return text.split(" ").every((word, index) => this.#words[this.#at + index] === word);
  }

  /** Takes the next word if it is one of these. */
  take<Word extends string>(...words: readonly Word[]): Word | undefined {
    const found = words.find((word) => word === this.#words[this.#at]);
    if (found !== undefined) this.#at++;
    return found;
  }

  /** Takes these words. @throws {SyntaxError} where others come next */
  expect(text: string): void {
    for (const word of text.split(" ")) {
      if (this.take(word) === undefined) throw this.unknown(`${this.next()} instead of ${word}`);
    }
  }

  next(): string {
    return this.#words[this.#at++] ?? "";
  }

  rest(): string {
    const rest = this.#words.slice(this.#at).join(" ");
    this.#at = this.#words.length;
    return rest;
  }

  /** Takes the next word if it looks like this. */
  takeMatching(pattern: RegExp): string | undefined {
    const word = this.#words[this.#at] ?? "";
    if (!pattern.test(word)) return undefined;
    this.#at++;
    return word;
  }

  /** The next word as a number. */
  constant(): number {
    return this.number(this.next());
  }

  /** A number, or a name that stands for one. */
  number(word: string): number {
    if (word === "dnat") return IPS_DST_NAT;
    const flags = word.replace(/^\((.+)\)$/, "$1").split("|");
    if (flags.every((flag) => flag in TCP_FLAGS)) {
      return flags.reduce((bits, flag) => bits | TCP_FLAGS[flag as keyof typeof TCP_FLAGS], 0);
    }
    if (!/^(0x[0-9a-f]{1,8}|\d+)$/.test(word)) throw this.unknown(word);
    return Number(word);
  }

  unknown(what: string): SyntaxError {
    return new SyntaxError(`the tracer does not know "${what}" in rule: ${this.#words.join(" ")}`);
  }
}

/** Of linux/tcp.h. */
export const TCP_FLAGS = { fin: 1, syn: 2, rst: 4, ack: 0x10 } as const;

/** IPS_DST_NAT of nf_conntrack_common.h. */
export const IPS_DST_NAT = 1 << 5;
