/** How install.sh and test/run.sh get Deno: `need_deno` of .ci/setup.sh, against a registry of our own. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { type Machine, makeMachine, names } from "./machine.ts";
import { type Server, utf8, withServer } from "./release.ts";

const ROOT = new URL("../..", import.meta.url).pathname;
const VERSION = "9.9.9";
const PACKAGES: Readonly<Record<string, string>> = {
  x86_64: "linux-x64-glibc",
  aarch64: "linux-arm64-glibc",
};
const PACKAGE = PACKAGES[Deno.build.arch]!;
const PATHNAME = `@deno/${PACKAGE}/-/${PACKAGE}-${VERSION}.tgz`;

/** Test equipment: a package with a program that says it is that Deno. */
async function packageOf(machine: Machine, version = VERSION): Promise<Uint8Array<ArrayBuffer>> {
  const folder = `${machine.folder}/package`;
  Deno.mkdirSync(folder, { recursive: true });
  const text = `#!/bin/sh\necho "deno ${version} (stand-in)"\n`;
  Deno.writeTextFileSync(`${folder}/deno`, text, { mode: 0o755 });
  const args = ["-czf", "-", "-C", machine.folder, "package"];
  return (await new Deno.Command("tar", { args }).output()).stdout;
}

/** A PATH with nothing on it but these. */
function pathWith(machine: Machine, ...programs: string[]): string {
  const path = `${machine.folder}/path`;
  Deno.mkdirSync(path);
  const basic = [
    "sh",
    "uname",
    "rm",
    "mkdir",
    "mv",
    "tar",
    "gzip",
    "sha512sum",
    "getent",
    "id",
    "cut",
  ];
  for (const name of [...basic, ...programs]) {
    Deno.symlinkSync(`/usr/bin/${name}`, `${path}/${name}`);
  }
  return path;
}

/** Test equipment: an npm that only notes what it was asked for, and brings nothing. */
function pretendNpm(machine: Machine, path: string): () => string {
  const log = `${machine.folder}/npm.log`;
  Deno.writeTextFileSync(log, "");
  const npm = `#!/bin/sh\necho "$@" >>${log}\nexit 1\n`;
  Deno.writeTextFileSync(`${path}/npm`, npm, { mode: 0o755 });
  return () => Deno.readTextFileSync(log);
}

/** `need_deno` where this package is what is to come. */
function needDeno(machine: Machine, { url }: Server, path: string, bytes: Uint8Array<ArrayBuffer>) {
  const sum = createHash("sha512").update(bytes).digest("hex");
  const script = `set -eu; . ${ROOT}.ci/setup.sh; PATH=$1; deno_version=${VERSION}
    deno_sha512_x64=${sum}; deno_sha256_x64=""; need_deno; echo "$deno"`;
  return machine.run(["/bin/sh", "-c", script, "sh", path], { NPM_CONFIG_REGISTRY: `${url}/` });
}

function test(name: string, work: (machine: Machine, server: Server) => Promise<void>): void {
  Deno.test({
    // The sum of the other processor's package is not known: there, npm is asked.
    name: Deno.build.arch === "x86_64" ? name : `${name} (skipped: not x86-64)`,
    ignore: Deno.build.arch !== "x86_64",
    fn: () =>
      withServer(async (server) => {
        const machine = makeMachine();
        try {
          await work(machine, server);
        } finally {
          machine.remove();
        }
      }),
  });
}

for (const fetcher of ["curl", "wget"]) {
  test(`Deno comes out of npm's registry with ${fetcher} alone, once`, async (machine, server) => {
    const bytes = await packageOf(machine);
    server.files.set(PATHNAME, bytes);
    const path = pathWith(machine, fetcher);
    for (let run = 0; run < 2; run++) {
      const { code, out, err } = await needDeno(machine, server, path, bytes);
      assert.equal(code, 0, err);
      assert.equal(
        out,
        `${machine.folder}/build/deno-${VERSION}/node_modules/@deno/${PACKAGE}/deno\n`,
      );
    }
    assert.equal(server.asked.length, 1, server.asked.join());
    assert.deepEqual(names(`${machine.folder}/build`), [`deno-${VERSION}`]);
  });
}

test(
  "a package that is another one than the pinned is refused, and nothing is kept",
  async (machine, server) => {
    server.files.set(PATHNAME, utf8("something else"));
    const path = pathWith(machine, "curl");
    const log = pretendNpm(machine, path);
    const { code, err } = await needDeno(machine, server, path, await packageOf(machine));
    assert.equal(code, 1);
    assert.match(err, /is not the Deno it should be: its SHA-512 differs/);
    assert.equal(log(), "", "npm would take what the registry says of itself");
    assert.ok(!names(`${machine.folder}/build`).includes(`deno-${VERSION}`));
  },
);

test(
  "a package that says another version than the wanted one is refused",
  async (machine, server) => {
    const bytes = await packageOf(machine, "9.9.8");
    server.files.set(PATHNAME, bytes);
    const { code, err } = await needDeno(machine, server, pathWith(machine, "curl"), bytes);
    assert.equal(code, 1);
    assert.match(err, /does not start: deno 9\.9\.8/);
  },
);

test(
  "where the registry refuses, npm is asked if it is there, and not installed for that",
  async (machine, server) => {
    const bytes = await packageOf(machine);
    const path = pathWith(machine, "curl");
    const alone = await needDeno(machine, server, path, bytes);
    assert.equal(alone.code, 1);
    assert.match(alone.err, /could not download .*linux-x64-glibc-9\.9\.9\.tgz/);
    const log = pretendNpm(machine, path);
    const { code, err } = await needDeno(machine, server, path, bytes);
    assert.equal(code, 1);
    assert.match(err, /npm could not fetch @deno\/linux-x64-glibc@9\.9\.9/);
    assert.match(log(), /^install .* @deno\/linux-x64-glibc@9\.9\.9$/m);
  },
);
