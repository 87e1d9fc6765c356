import assert from "node:assert/strict";
import { process } from "../../../lib/sys/process.ts";
import { inFolder } from "./folder.ts";

const PROGRAM = new URL("./web_inside.ts", import.meta.url).pathname;
const KEY = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];

/** What a process of its own has to say of the URL: what is trusted is read once. */
async function post(url: string, authority: string): Promise<string> {
  const argv = ["deno", "run", "-A", "--quiet", "--no-check", PROGRAM, url] as const;
  const { stdout } = await process.run(argv, { env: { SSL_CERT_FILE: authority } });
  return stdout.trim();
}

async function certificate(folder: string, name: string): Promise<{ cert: string; key: string }> {
  const files = ["-keyout", `${folder}/${name}.key`, "-out", `${folder}/${name}.pem`];
  const subject = ["-subj", `/CN=${name}`, "-addext", `subjectAltName=DNS:${name}`];
  const kind = ["-addext", "basicConstraints=critical,CA:FALSE"];
  const { code, stderr } = await process.run(
    ["openssl", "req", "-x509", "-days", "2", ...KEY, ...subject, ...kind, ...files],
  );
  assert.equal(code, 0, stderr);
  const read = (suffix: string) => Deno.readTextFileSync(`${folder}/${name}.${suffix}`);
  return { cert: read("pem"), key: read("key") };
}

Deno.test("a certificate of an authority that this machine trusts is good, any other is not, nor one of another name", () =>
  inFolder(async (folder) => {
    const right = await certificate(folder, "localhost");
    await certificate(folder, "other");
    const options = { hostname: "127.0.0.1", port: 0, onListen() {} };
    const server = Deno.serve({ ...options, ...right }, () => new Response(""));
    try {
      const url = (host: string) => `https://${host}:${server.addr.port}/secret`;
      assert.equal(await post(url("localhost"), `${folder}/localhost.pem`), "200");
      const both = ["other", "localhost"].map((name) =>
        Deno.readTextFileSync(`${folder}/${name}.pem`)
      );
      Deno.writeTextFileSync(`${folder}/bundle.pem`, both.join(""));
      assert.equal(
        await post(url("localhost"), `${folder}/bundle.pem`),
        "200",
        "every one of many",
      );
      assert.match(
        await post(url("localhost"), `${folder}/other.pem`),
        /certificate: UnknownIssuer$/,
      );
      assert.match(await post(url("127.0.0.1"), `${folder}/localhost.pem`), /certificate.* name/);
    } finally {
      await server.shutdown();
    }
  }));
