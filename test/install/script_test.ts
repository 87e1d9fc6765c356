import assert from "node:assert/strict";
import { forRoot, forRootAndNobody, type Machine, names } from "./machine.ts";
import { fileName, publish, standIn, withServer } from "./release.ts";
import { everyWay, installByUrl, onMachine, pathFor, versionOf, type Way, WAYS } from "./way.ts";

const ROOT = new URL("../..", import.meta.url).pathname;
const SCRIPT = Deno.readTextFileSync(`${ROOT}install.sh`);
const VERSION = "0.2.0";
/** From here on a shell that finds no end finds an error. */
const OPENED = SCRIPT.indexOf("\n{\n") + 3;

/** Where install.sh is cut off: after some lines, and anywhere within the last ones. */
function cuts(): number[] {
  const lines = Array.from(SCRIPT.matchAll(/\n/g), ({ index }) => index + 1);
  const end = SCRIPT.length - 40;
  // Without its last newline it is whole.
  const last = Array.from({ length: 39 }, (_, i) => end + i);
  return [...lines.filter((at, i) => i % 4 === 0 && at < end), ...last];
}

async function assertDoesNothing(machine: Machine, { shell, name }: Way, url: string, at: number) {
  const file = `${machine.folder}/cut.sh`;
  Deno.writeTextFileSync(file, SCRIPT.slice(0, at));
  const args = [...shell, "-s", "--", "--prefix", `${machine.folder}/usr`];
  const env = { PATH: `${machine.folder}/path/${name}`, LB_BASE_URL: url };
  const command = ["/bin/sh", "-c", 'exec "$@" <"$0"', file, ...args] as const;
  const { code, out } = await machine.run([...command], env);
  assert.equal(out, "");
  assert.equal(code !== 0, at >= OPENED, `${code} where it is cut off at ${at}`);
  assert.deepEqual(names(`${machine.folder}/usr`), []);
}

Deno.test("an install.sh that is cut off does nothing, wherever that is", () =>
  withServer(async ({ url, asked }) => {
    await everyWay(async (machine, way) => {
      pathFor(machine, way);
      for (const at of cuts()) await assertDoesNothing(machine, way, url, at);
    });
    assert.deepEqual(asked, []);
  }));

Deno.test("piped within a checkout, it downloads all the same, and asks for an address", () =>
  everyWay(async (machine, way) => {
    const before = ["/usr/bin/env", "-C", ROOT];
    const { code, err } = await installByUrl(machine, way, "", { before });
    assert.equal(code, 1);
    assert.match(err, /set LB_BASE_URL/);
    const wrong = await installByUrl(machine, way, "ftp://lb.example");
    assert.match(wrong.err, /begins with https:\/\/ or http:\/\//);
  }));

Deno.test("copied out of its checkout, it downloads; in it, --version is a usage error", () =>
  withServer(async (server) => {
    await publish(server, VERSION);
    await everyWay(async (machine, way) => {
      Deno.copyFileSync(`${ROOT}install.sh`, `${machine.folder}/install.sh`);
      const env = { PATH: pathFor(machine, way), LB_BASE_URL: server.url };
      const args = ["--prefix", `${machine.folder}/usr`, "--version", VERSION];
      const copied = await machine.run(
        [...way.shell, `${machine.folder}/install.sh`, ...args],
        env,
      );
      assert.equal(copied.code, 0, copied.err);
      assert.equal(await versionOf(machine), VERSION);
      const { code, err } = await machine.install(["--version", VERSION]);
      assert.equal(code, 2);
      assert.match(err, /--version is for downloads/);
    });
  }));

const HASHERS = ["sha256sum", "openssl", "shasum", "busybox"];
const [{ programs: [FETCHER = "busybox"] = [] } = {}] = WAYS;

/** A way with only these two. */
function withPrograms(...programs: string[]): Way {
  return { name: `with-${programs.join("-")}`, shell: ["/bin/sh"], programs };
}

Deno.test("any program that knows SHA-256 will do", () =>
  withServer((server) =>
    onMachine(async (machine) => {
      const bytes = standIn(VERSION);
      for (const hasher of HASHERS.filter((name) => names("/usr/bin").includes(name))) {
        await publish(server, VERSION, bytes);
        const way = withPrograms(FETCHER, hasher);
        const good = await installByUrl(machine, way, server.url);
        assert.equal(good.code, 0, `${hasher}: ${good.err}`);
        server.files.set(fileName(VERSION), bytes.slice(1));
        const bad = await installByUrl(machine, way, server.url);
        assert.match(bad.err, /its SHA-256 differs/, hasher);
      }
    })
  ));

Deno.test("nothing is downloaded where nothing can check or fetch it", () =>
  withServer(({ url, asked }) =>
    onMachine(async (machine) => {
      const unchecked = await installByUrl(machine, withPrograms("curl"), url);
      assert.match(unchecked.err, /nothing here can check a SHA-256/);
      const unfetched = await installByUrl(machine, withPrograms("sha256sum"), url);
      assert.match(unfetched.err, /install curl or wget/);
      assert.deepEqual(asked, []);
    })
  ));

/** Test equipment: an apt-get that only notes what it was asked for. */
function pretendApt(machine: Machine, way: Way): () => string {
  const log = `${machine.folder}/apt.log`;
  Deno.writeTextFileSync(log, "");
  const apt = `#!/bin/sh\necho "$@" >>${log}\n`;
  Deno.writeTextFileSync(`${pathFor(machine, way)}/apt-get`, apt, { mode: 0o755 });
  return () => Deno.readTextFileSync(log);
}

const WITHOUT_SBIN = 'mount -t tmpfs none /usr/sbin && exec "$@"';
const NOBODY = ["--reuid", "65534", "--regid", "65534", "--clear-groups"];

Deno.test({
  ...forRoot("root has apt-get install what is missing, and only then is it called"),
  fn: () =>
    withServer(async (server) => {
      await publish(server, VERSION);
      await everyWay(async (machine, way) => {
        const log = pretendApt(machine, way);
        const all = await installByUrl(machine, way, server.url);
        assert.equal(all.code, 0, all.err);
        assert.equal(log(), "");
        const before = ["/usr/bin/env", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "unshare", "-m"];
        const hidden = [...before, "/bin/sh", "-c", WITHOUT_SBIN, "sh"];
        const PATH = `PATH=${machine.folder}/path/${way.name}`;
        const { code, err } = await installByUrl(machine, way, server.url, {
          before: [...hidden, "/usr/bin/env", PATH],
        });
        assert.equal(code, 0, err);
        // busybox has an ip of its own.
        assert.match(err, /installing from Debian: nftables( iproute2)?$/m);
        assert.match(log(), /^-qq update\n-qq -y .* install nftables( iproute2)?\n$/);
      });
    }),
});

Deno.test({
  ...forRootAndNobody(
    "without root it installs into a folder of its user's, and elsewhere says so",
  ),
  fn: () =>
    withServer(async (server) => {
      await publish(server, VERSION);
      await everyWay(async (machine, way) => {
        const log = pretendApt(machine, way);
        Deno.chmodSync(machine.folder, 0o755);
        const before = ["/usr/bin/setpriv", ...NOBODY];
        const refused = await installByUrl(machine, way, server.url, { before });
        assert.equal(refused.code, 1);
        assert.match(refused.err, /cannot write to .*: run this as root, or choose a folder/);
        for (const folder of ["usr", "cache"]) {
          Deno.mkdirSync(`${machine.folder}/${folder}`);
          Deno.chownSync(`${machine.folder}/${folder}`, 65534, 65534);
        }
        const { code, err } = await installByUrl(machine, way, server.url, { before });
        assert.equal(code, 0, err);
        assert.equal(Deno.statSync(machine.bin).uid, 65534);
        assert.equal(log(), "");
      });
    }),
});

Deno.test({
  ...forRoot(
    "where systemd runs services, the unit of the queue worker comes with lb, and goes with it",
  ),
  fn: () =>
    withServer(async (server) => {
      await publish(server, VERSION);
      await everyWay(async (machine, way) => {
        const [units, log] = [`${machine.folder}/units`, `${machine.folder}/systemctl.log`];
        Deno.mkdirSync(units);
        const systemctl = `#!/bin/sh\necho "$@" >>${log}\n`;
        Deno.writeTextFileSync(`${pathFor(machine, way)}/systemctl`, systemctl, { mode: 0o755 });
        const unit = `${units}/lb-queue.service`;
        const without = await installByUrl(machine, way, server.url, { env: { LB_UNITS: units } });
        assert.equal(without.code, 0, without.err);
        assert.ok(!exists(unit), "nobody would start it");
        const env = { LB_UNITS: units, LB_SYSTEMD: machine.folder };
        const { code, err } = await installByUrl(machine, way, server.url, { env });
        assert.equal(code, 0, err);
        assert.match(
          Deno.readTextFileSync(unit),
          new RegExp(`^ExecStart=${machine.bin} queue --run-dir /run/lb$`, "m"),
        );
        const args = ["--uninstall"];
        const gone = await installByUrl(machine, way, server.url, { env, args });
        assert.equal(gone.code, 0, gone.err);
        assert.ok(!exists(unit));
        assert.equal(Deno.readTextFileSync(log), "daemon-reload\ndaemon-reload\n");
      });
    }),
});

function exists(path: string): boolean {
  try {
    return Deno.statSync(path).isFile;
  } catch {
    return false;
  }
}
