import { whyUnsafe } from "../kernel/file_safety.ts";
import type { Notify } from "../model/settings.ts";
import type { FilesPort } from "../sys/ports.ts";
import type { Channel, Teller } from "./channel.ts";
import { hostName, messageOf } from "./message.ts";

const TIMEOUT_MS = 3_000;

const READABLE_BY_ALL = 0o004;

/** Posts JSON to a URL. */
export function webhook(
  { webhook: url, secret_file }: Notify & { readonly webhook: string },
  { ports, version }: Teller,
): Channel {
  return {
    name: "webhook",
    timeout_ms: TIMEOUT_MS,
    where: originOf(url),
    async tell(telling) {
      const message = messageOf(telling, { host: hostName(ports.files), version });
      const body = JSON.stringify(message);
      const headers = {
        "Content-Type": "application/json",
        "User-Agent": `lb/${version}`,
        "X-Lb-Event": message.kind,
        "X-Lb-Delivery": `${message.id}`,
        ...secret_file && {
          "X-Lb-Signature": await signature(readSecret(ports.files, secret_file), body),
        },
      };
      const web = await ports.web();
      const { timeout_ms } = telling;
      refuse(await web.post(url, { headers, body, timeout_ms }));
    },
  };
}

/** Of the URL what is no secret: paths and log-ins of webhooks often are. */
function originOf(url: string): string {
  return URL.parse(url)?.origin ?? "an address that is none";
}

function refuse(status: number): void {
  if (status >= 200 && status < 300) return;
  const redirect = status >= 300 && status < 400;
  throw new Error(
    redirect
      ? `status ${status}: it is somewhere else now, and redirects are not followed`
      : `status ${status}`,
  );
}

/** `sha256=` and the HMAC (RFC 2104) of what is posted, as GitHub and others sign. */
export async function signature(secret: string, body: string): Promise<string> {
  const bytes = (text: string) => new TextEncoder().encode(text);
  const how = { name: "HMAC", hash: "SHA-256" };
  const key = await crypto.subtle.importKey("raw", bytes(secret), how, false, ["sign"]);
  return `sha256=${new Uint8Array(await crypto.subtle.sign("HMAC", key, bytes(body))).toHex()}`;
}

/** Its first line. @throws {Error} where there is none, or others could know or choose it: nothing goes unsigned */
function readSecret(files: FilesPort, path: string): string {
  const why = whyUnsafe(files, path);
  if (why !== undefined) throw new Error(`not sent, for want of its secret: ${why}`);
  const { isSymlink, mode } = files.stat(path)!;
  if (!isSymlink && (mode & READABLE_BY_ALL) !== 0) {
    throw new Error(`not sent: everybody may read the secret in ${path}: chmod 600 ${path}`);
  }
  const [secret = ""] = (files.read(path) ?? "").split(/\r?\n/, 1);
  if (secret === "") throw new Error(`not sent: there is no secret in the first line of ${path}`);
  return secret;
}
