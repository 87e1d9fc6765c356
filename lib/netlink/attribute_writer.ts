import { align, ATTRIBUTE_HEADER_BYTES } from "./attribute_reader.ts";

const NLA_F_NESTED = 0x8000;

/** An attribute's length is a 16-bit number. */
const ATTRIBUTE_BYTES_MAX = 0xffff;

/** Collects attributes (struct nlattr) into bytes that grow. A value that does not fit is remembered. */
export class AttributeWriter {
  #bytes = new Uint8Array(256);
  #view = new DataView(this.#bytes.buffer);
  #length = 0;
  #problem: string | undefined;

  u8(type: number, value: number): this {
    return this.#put(type, 1, value, (at) => this.#view.setUint8(at, value));
  }

  u16(type: number, value: number): this {
    return this.#put(type, 2, value, (at) => this.#view.setUint16(at, value, true));
  }

  u32(type: number, value: number): this {
    return this.#put(type, 4, value, (at) => this.#view.setUint32(at, value, true));
  }

  u16be(type: number, value: number): this {
    return this.#put(type, 2, value, (at) => this.#view.setUint16(at, value));
  }

  u32be(type: number, value: number): this {
    return this.#put(type, 4, value, (at) => this.#view.setUint32(at, value));
  }

  bytes(type: number, value: Uint8Array): this {
    const at = this.#begin(type);
    this.#append(value);
    return this.#finish(at);
  }

  /** UTF-8 with a NUL behind it. */
  text(type: number, value: string): this {
    return this.bytes(type, new TextEncoder().encode(`${value}\0`));
  }

  /** Writes attributes inside one of this type. */
  nested(type: number, fill: (inside: AttributeWriter) => void): this {
    const at = this.#begin(type | NLA_F_NESTED);
    fill(this);
    return this.#finish(at);
  }

  /** Bytes without a header, filled up with zeros to a multiple of 4. */
  raw(value: Uint8Array): this {
    this.#append(value);
    this.#grow(align(this.#length) - this.#length);
    return this;
  }

  /** All of it. @throws {RangeError} with the first thing that was wrong */
  take(): Uint8Array {
    if (this.#problem) throw new RangeError(this.#problem);
    return this.#bytes.slice(0, this.#length);
  }

  #put(type: number, size: number, value: number, write: (at: number) => void): this {
    if (!Number.isInteger(value) || value < 0 || value >= 256 ** size) {
      this.#problem ??= `attribute ${type}: ${value} does not fit into ${size} bytes`;
    }
    const at = this.#begin(type);
    write(this.#grow(size));
    return this.#finish(at);
  }

  #begin(type: number): number {
    const at = this.#grow(ATTRIBUTE_HEADER_BYTES);
    this.#view.setUint16(at + 2, type, true);
    return at;
  }

  /** The length leaves out the padding behind the value. */
  #finish(at: number): this {
    const length = this.#length - at;
    if (length > ATTRIBUTE_BYTES_MAX) this.#problem ??= `an attribute of ${length} bytes`;
    this.#view.setUint16(at, length, true);
    this.#grow(align(length) - length);
    return this;
  }

  #append(value: Uint8Array): void {
    // Grown first: it may put new bytes in the old ones' place.
    const at = this.#grow(value.length);
    this.#bytes.set(value, at);
  }

  /** @returns where the new bytes begin */
  #grow(size: number): number {
    const at = this.#length;
    this.#length += size;
    if (this.#length > this.#bytes.length) {
      const larger = new Uint8Array(Math.max(this.#length, this.#bytes.length * 2));
      larger.set(this.#bytes);
      this.#bytes = larger;
      this.#view = new DataView(larger.buffer);
    }
    return at;
  }
}
