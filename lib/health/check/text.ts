/** The bytes of a text that is looked for, each as one character. */
export function bytesOf(text: string): string {
  return latin(new TextEncoder().encode(text));
}

/** Bytes as characters of the same numbers: whatever they are, none gets lost or joined. */
export function latin(bytes: Uint8Array): string {
  let text = "";
  for (let at = 0; at < bytes.length; at += PIECE) {
    text += String.fromCharCode(...bytes.subarray(at, at + PIECE));
  }
  return text;
}

/** Whether the bytes hold this text in UTF-8. */
export function holds(bytes: Uint8Array, text: string): boolean {
  return latin(bytes).includes(bytesOf(text));
}

/** Arguments that a call can have are fewer than bytes that an answer can. */
const PIECE = 4096;
