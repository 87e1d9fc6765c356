import { authorities } from "./authorities.ts";
import type { Posting, WebPort } from "./ports.ts";

/** The real web, by Deno's fetch. */
export const web: WebPort = { post };

async function post(url: string, { headers, body, timeout_ms }: Posting): Promise<number> {
  const trusted = authorities();
  using client = Deno.createHttpClient(trusted === undefined ? {} : { caCerts: [trusted] });
  try {
    const response = await fetch(url, {
      method: "POST",
      headers,
      body,
      client,
      redirect: "manual",
      signal: AbortSignal.timeout(timeout_ms),
    });
    // Whatever it says, and however long: the status is all.
    await response.body?.cancel().catch(() => {});
    return response.status;
  } catch (cause) {
    throw new Error(why(cause, timeout_ms), { cause });
  }
}

function why(error: unknown, timeout_ms: number): string {
  if (!(error instanceof Error)) return String(error);
  if (error.name === "TimeoutError") return `no answer within ${timeout_ms / 1000} s`;
  const { message } = error.cause instanceof Error ? error.cause : error;
  // error sending request for url (URL): client error (Connect): tcp connect error: Connection refused (os error 111)
  const words = message.replace(/^.*? for url \(.*?\): /, "").replace(/ \(os error \d+\)$/, "")
    .replace(/^client error \([A-Za-z]+\): /, "").replace(/^(?:tcp|dns) [a-z ]*error: /, "");
  return words.includes("://") ? "the request failed" : words;
}
