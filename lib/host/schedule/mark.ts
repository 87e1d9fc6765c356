/** What is known of a file that stands where one of lb's schedule would be. */
export interface Found {
  /**
   * `ours` as lb wrote it; `edited` since; `another` lb's, whose state is elsewhere; `foreign` where lb never wrote.
   */
  readonly whose: "nobody" | "ours" | "edited" | "another" | "foreign";
  /** Folder of the state of the lb that it is for; "" where that is not known. */
  readonly state: string;
}

const FIRST =
  /^# Made by "lb init --timer" for the state in (.*); "lb init --timer none" removes it\.$/;
const SECOND =
  /^# Edited, it is yours: lb leaves it alone\. sha256 of what is below: ([0-9a-f]{64})$/;

/** The text with a head that tells whose it is, and by which an edit is known. */
export async function marked(text: string, state: string): Promise<string> {
  return `# Made by "lb init --timer" for the state in ${state}; "lb init --timer none" removes it.
# Edited, it is yours: lb leaves it alone. sha256 of what is below: ${await sha256(text)}
${text}`;
}

/** @param text undefined where there is no file */
export async function whose(text: string | undefined, state: string): Promise<Found> {
  if (text === undefined) return { whose: "nobody", state: "" };
  const [first = "", second = "", ...rest] = text.split("\n");
  const of = FIRST.exec(first)?.[1];
  if (of === undefined) return { whose: "foreign", state: "" };
  if (of !== state) return { whose: "another", state: of };
  const isWhole = SECOND.exec(second)?.[1] === await sha256(rest.join("\n"));
  return { whose: isWhole ? "ours" : "edited", state };
}

async function sha256(text: string): Promise<string> {
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text));
  return new Uint8Array(digest).toHex();
}
