import { Unwell } from "./failure.ts";

const LINE_BYTES_MAX = 4096;

/** What comes next: the line before a chunk, its bytes, the line end behind them, lines behind all of them. */
type Part = "size" | "bytes" | "end" | "trailer" | "over";

/** A body in chunks (RFC 9112, 7.1), taken as it comes. */
export class Chunks {
  #part: Part = "size";
  #left = 0;
  #waiting = "";

  /** Whether the last chunk has come, and what is behind it. */
  get isWhole(): boolean {
    return this.#part === "over";
  }

  /** The bytes of the body among these. @throws {Unwell} where they are no chunks */
  take(text: string): string {
    this.#waiting += text;
    let body = "";
    for (;;) {
      if (this.#part === "over" || this.#waiting === "") return body;
      if (this.#part === "bytes") {
        body += this.#bytes();
        continue;
      }
      const line = this.#line();
      if (line === undefined) return body;
      this.#read(line);
    }
  }

  #bytes(): string {
    const bytes = this.#waiting.slice(0, this.#left);
    this.#waiting = this.#waiting.slice(bytes.length);
    this.#left -= bytes.length;
    if (this.#left === 0) this.#part = "end";
    return bytes;
  }

  #line(): string | undefined {
    const end = this.#waiting.indexOf("\n");
    if (end > LINE_BYTES_MAX || end < 0 && this.#waiting.length > LINE_BYTES_MAX) throw noChunks();
    if (end < 0) return undefined;
    const line = this.#waiting.slice(0, end).replace(/\r$/, "");
    this.#waiting = this.#waiting.slice(end + 1);
    return line;
  }

  #read(line: string): void {
    if (this.#part === "trailer") {
      if (line === "") this.#part = "over";
    } else if (this.#part === "end") {
      if (line !== "") throw noChunks();
      this.#part = "size";
    } else {
      const size = /^([0-9a-f]{1,8})\s*(?:;.*)?$/i.exec(line)?.[1];
      if (size === undefined) throw noChunks();
      this.#left = parseInt(size, 16);
      this.#part = this.#left === 0 ? "trailer" : "bytes";
    }
  }
}

function noChunks(): Unwell {
  return new Unwell("its answer is not in the chunks that it announces");
}
