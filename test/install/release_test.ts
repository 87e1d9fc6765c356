import assert from "node:assert/strict";
import { executableIn, release, RELEASE_URL } from "./built.ts";
import { names } from "./machine.ts";
import { fileName, type Server, withServer } from "./release.ts";
import { everyWay, pathFor } from "./way.ts";

const ROOT = new URL("../..", import.meta.url).pathname;
const FETCH: Readonly<Record<string, string>> = {
  curl: "curl -fsSL",
  wget: "wget -q -O -",
  busybox: "wget -q -O -",
};

/** What .ci/release made, where its install.sh looks for it; the way there is a proxy. */
async function serveRelease({ files }: Server): Promise<string> {
  const folder = await release();
  const path = new URL(RELEASE_URL).pathname.slice(1);
  for (const name of names(folder)) {
    files.set(`${path}/${name}`, Deno.readFileSync(`${folder}/${name}`));
  }
  return folder;
}

Deno.test("a release is an executable, install.sh, sums that are right, and a version", async () => {
  const folder = await release();
  const version = Deno.readTextFileSync(`${folder}/VERSION`).trim();
  assert.equal(version, JSON.parse(Deno.readTextFileSync(`${ROOT}deno.json`)).version);
  const lb = fileName(version);
  assert.deepEqual(names(folder), ["SHA256SUMS", "VERSION", "install.sh", lb]);
  const args = ["-c", "--strict", "SHA256SUMS"];
  const { success, stdout } = await new Deno.Command("sha256sum", { args, cwd: folder }).output();
  assert.ok(success);
  assert.equal(new TextDecoder().decode(stdout), `install.sh: OK\n${lb}: OK\n`);
});

Deno.test("a release's install.sh is that of the checkout, and knows the address", async () => {
  const folder = await release();
  const changed = Deno.readTextFileSync(`${ROOT}install.sh`)
    .replace("\nrelease_url=''\n", `\nrelease_url='${RELEASE_URL}'\n`);
  assert.equal(Deno.readTextFileSync(`${folder}/install.sh`), changed);
});

Deno.test("an address that would break install.sh is refused", async () => {
  for (const url of ["http://a/'; reboot; '", "http://a/|b", "lb.example", "http://a/$(b)"]) {
    const args = ["--base-url", url, "--output", "/nowhere"];
    const { code, stderr } = await new Deno.Command(`${ROOT}.ci/release`, { args }).output();
    assert.equal(code, 1);
    assert.match(new TextDecoder().decode(stderr), /error: --base-url/);
  }
});

Deno.test("URL/install.sh piped into sh installs lb, and with --uninstall removes it", () =>
  withServer(async (server) => {
    const folder = await serveRelease(server);
    await everyWay(async (machine, { name, shell, ...way }) => {
      const PATH = pathFor(machine, { name, shell, ...way });
      const line = `${FETCH[name]} ${RELEASE_URL}/install.sh | exec "$@"`;
      const args = [...shell, "-s", "--", "--prefix", `${machine.folder}/usr`];
      const run = (...more: string[]) =>
        machine.run(["/bin/sh", "-c", line, "sh", ...args, ...more], {
          PATH,
          http_proxy: server.url,
        });
      const { code, err } = await run();
      assert.equal(code, 0, err);
      assert.deepEqual(Deno.readFileSync(machine.bin), Deno.readFileSync(executableIn(folder)));
      const version = await machine.run([machine.bin, "--version"]);
      assert.match(version.out, /^lb .*\(self-extracting/);
      assert.equal((await run("--uninstall")).code, 0);
      assert.deepEqual([...names(`${machine.folder}/usr/bin`), ...names(machine.cache)], []);
    });
  }));
