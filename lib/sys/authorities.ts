import { files } from "./files.ts";

/** What the machine's administrator trusts, where systems keep it: Debian, Fedora, Alpine. */
const AUTHORITIES = [
  "/etc/ssl/certs/ca-certificates.crt",
  "/etc/pki/tls/certs/ca-bundle.crt",
  "/etc/ssl/cert.pem",
];

let known: string | undefined;

/** Undefined where the system has none: then it is those that Deno brings along. */
export function authorities(): string | undefined {
  if (known !== undefined) return known;
  // OpenSSL's own way to name another file.
  const named = Deno.env.get("SSL_CERT_FILE");
  for (const path of named ? [named] : AUTHORITIES) known ??= files.read(path);
  return known;
}
