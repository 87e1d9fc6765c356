import assert from "node:assert/strict";
import { type Ended, forRoot, type Machine, names } from "./machine.ts";
import {
  fileName,
  half,
  publish,
  putInPlace,
  type Server,
  standIn,
  standInHash,
  utf8,
  withServer,
} from "./release.ts";
import { everyWay, installByUrl, type Piped, versionOf, type Way, WAYS } from "./way.ts";

const OLD = "0.1.0";
const NEW = "0.2.0";
/** What a hang may take: the time-out of 2 s that the tests set, and the watch's own seconds. */
const HANG_MAX_MS = 10_000;

async function assertOnly(machine: Machine, version: string): Promise<void> {
  assert.deepEqual(names(`${machine.folder}/usr/bin`), ["lb"]);
  assert.equal(await versionOf(machine), version);
  assert.deepEqual(names(machine.cache), [standInHash(version)]);
}

Deno.test("there is a downloader to test with", () => {
  assert.ok(WAYS.length > 0, "curl, wget or busybox");
});

Deno.test("a release is installed, over an older one, and again", () =>
  withServer(async (server) => {
    await publish(server, NEW);
    await everyWay(async (machine, way) => {
      for (const before of ["none", OLD, NEW]) {
        if (before === OLD) {
          putInPlace(machine, OLD);
          assert.equal(await versionOf(machine), OLD);
        }
        const { code, out, err } = await installByUrl(machine, way, server.url);
        assert.equal(code, 0, err);
        assert.match(out, new RegExp(`^Installed ${machine.bin}: lb ${NEW} [^]*Next:`));
        await assertOnly(machine, NEW);
        assert.deepEqual(Deno.readFileSync(machine.bin), standIn(NEW));
        assert.equal(Deno.statSync(machine.bin).mode! & 0o7777, 0o755);
      }
    });
  }));

Deno.test("--version takes the release of that version, --uninstall leaves nothing", () =>
  withServer(async (server) => {
    await publish(server, OLD);
    await publish(server, NEW);
    await everyWay(async (machine, way) => {
      const { code, err } = await installByUrl(machine, way, server.url, {
        args: ["--version", OLD],
      });
      assert.equal(code, 0, err);
      await assertOnly(machine, OLD);
      const args = ["--uninstall"];
      for (let i = 0; i < 2; i++) {
        const { code, err } = await installByUrl(machine, way, server.url, { args });
        assert.equal(code, 0, err);
        assert.deepEqual([...names(`${machine.folder}/usr/bin`), ...names(machine.cache)], []);
      }
    });
  }));

interface Fault {
  readonly name: string;
  /** Makes it, on a server that has a good release. */
  readonly make: (server: Server) => void | Promise<void>;
  readonly says: RegExp;
  readonly env?: Record<string, string>;
}

const LB = fileName(NEW);
const BYTES = standIn(NEW);

function damaged(): Uint8Array<ArrayBuffer> {
  const bytes = BYTES.slice();
  bytes[BYTES.length - 10]! ^= 1;
  return bytes;
}

const FAULTS: readonly Fault[] = [
  {
    name: "a download that is cut off",
    make: ({ files }) => void files.set(LB, () => half(BYTES, "cut")),
    says: /could not download .*\/lb-/,
  },
  {
    name: "a file that is cut off on the server",
    make: ({ files }) => void files.set(LB, BYTES.slice(0, BYTES.length / 2)),
    says: /its SHA-256 differs/,
  },
  {
    name: "an empty file",
    make: ({ files }) => void files.set(LB, utf8("")),
    says: /its SHA-256 differs/,
  },
  {
    name: "a file with one bit changed",
    make: ({ files }) => void files.set(LB, damaged()),
    says: /its SHA-256 differs/,
  },
  {
    name: "a wrong sum",
    make: ({ files }) => void files.set("SHA256SUMS", utf8(`${"0".repeat(64)}  ${LB}\n`)),
    says: /expected 0{64}, got [0-9a-f]{64}\)/,
  },
  {
    name: "missing sums",
    make: ({ files }) => void files.delete("SHA256SUMS"),
    says: /could not download .*\/SHA256SUMS/,
  },
  {
    name: "sums that are cut off within the name",
    make: ({ files }) => {
      const sums = files.get("SHA256SUMS") as Uint8Array<ArrayBuffer>;
      files.set("SHA256SUMS", sums.slice(0, sums.length - 3));
    },
    says: /does not name lb-/,
  },
  {
    name: "sums of other files",
    make: ({ files }) => void files.set("SHA256SUMS", utf8(`${"0".repeat(64)}  x${LB}\n`)),
    says: /does not name lb-/,
  },
  {
    name: "no file of that name",
    make: ({ files }) => void files.delete(LB),
    says: /could not download .*\/lb-/,
  },
  {
    name: "no release at all",
    make: ({ files }) => files.clear(),
    says: /could not download .*\/VERSION/,
  },
  {
    name: "a log-in page in place of the version",
    make: ({ files }) => void files.set("VERSION", utf8("<html>Please log in</html>\n")),
    says: /<html>.* is no version/,
  },
  {
    name: "a server in trouble",
    make: ({ files }) => void files.set(LB, () => new Response("sorry", { status: 503 })),
    says: /could not download .*\/lb-/,
  },
  {
    name: "an lb that does not start",
    make: (server) => publish(server, NEW, utf8("#!/bin/sh\necho no glibc here >&2\nexit 1\n")),
    says: /no glibc here[^]*does not start; nothing was replaced/,
  },
  {
    name: "an lb of another version than it is named for",
    make: (server) => publish(server, NEW, standIn("7.7.7")),
    says: /was to be lb 0\.2\.0 says it is lb 7\.7\.7/,
  },
  {
    name: "a server that hangs before it answers",
    make: ({ files }) => void files.set("VERSION", () => new Promise<Response>(() => {})),
    says: /Giving up on .*VERSION: 0 bytes in \d s[^]*could not download/,
    env: { LB_TIMEOUT: "2" },
  },
  {
    name: "a server that hangs in the middle",
    make: ({ files }) => void files.set(LB, () => half(BYTES, "hang")),
    says: /Giving up on .*\/lb-.*: \d+ bytes in \d s[^]*could not download/,
    env: { LB_TIMEOUT: "2" },
  },
];

/** Tries to install over an old version, with which everything must be as before afterwards. */
async function failsOverOld(
  [machine, way]: [Machine, Way],
  url: string,
  more: Piped,
): Promise<Ended> {
  putInPlace(machine, OLD);
  await versionOf(machine);
  const { ino } = Deno.statSync(machine.bin);
  const ended = await installByUrl(machine, way, url, more);
  assert.equal(ended.code, 1, ended.err);
  assert.equal(ended.out, "");
  assert.equal(Deno.statSync(machine.bin).ino, ino, "the very same file");
  await assertOnly(machine, OLD);
  return ended;
}

for (const { name, make, says, env = {} } of FAULTS) {
  Deno.test(`${name}: the old version stays, and nothing else`, () =>
    withServer(async (server) => {
      await publish(server, NEW);
      await make(server);
      await everyWay(async (machine, way) => {
        const start_ms = performance.now();
        const { err } = await failsOverOld([machine, way], server.url, { env });
        assert.match(err, says);
        assert.ok(performance.now() - start_ms < HANG_MAX_MS);
      });
    }));
}

Deno.test("where nothing was installed, a fault leaves nothing", () =>
  withServer(async (server) => {
    await publish(server, NEW);
    for (const lb of [damaged(), standIn("7.7.7")]) {
      server.files.set(LB, lb);
      await everyWay(async (machine, way) => {
        const { code, err } = await installByUrl(machine, way, server.url);
        assert.equal(code, 1, err);
        assert.deepEqual([...names(`${machine.folder}/usr/bin`), ...names(machine.cache)], []);
      });
      await publish(server, NEW, standIn("7.7.7"));
    }
  }));

Deno.test("a refused connection leaves the old version", async () => {
  // Of a server that was there just now.
  let url = "";
  await withServer((server) => Promise.resolve(void (url = server.url)));
  await everyWay(async (machine, way) => {
    const { err } = await failsOverOld([machine, way], url, {});
    assert.match(err, /could not download .*VERSION/);
  });
});

Deno.test({
  ...forRoot("no network at all leaves the old version"),
  fn: () =>
    everyWay(async (machine, way) => {
      const before = ["/usr/bin/unshare", "--net"];
      for (const url of ["http://203.0.113.1", "https://lb.example"]) {
        const env = { LB_TIMEOUT: "3" };
        const { err } = await failsOverOld([machine, way], url, { before, env });
        assert.match(err, /could not download .*VERSION/);
      }
    }),
});

Deno.test({
  ...forRoot("a full disk leaves the old version"),
  fn: () =>
    withServer(async (server) => {
      await publish(server, NEW);
      await everyWay(async (machine, way) => {
        putInPlace(machine, OLD);
        const full = '/usr/bin/cp "$0/lb" "$0/../old" && ' +
          '/usr/bin/mount -t tmpfs -o size=1m none "$0" && /usr/bin/cp "$0/../old" "$0/lb" && ' +
          '{ "$@"; /usr/bin/echo "ended with $?"; "$0/lb" --version; /usr/bin/ls -A "$0"; }';
        const bin = machine.bin.replace(/\/lb$/, "");
        const before = ["/usr/bin/unshare", "-m", "/bin/sh", "-c", full, bin];
        const { out, err } = await installByUrl(machine, way, server.url, { before });
        assert.match(err, /could not download .*\/lb-/);
        assert.equal(out, `ended with 1\nlb ${OLD} (stand-in)\nlb\n`);
      });
    }),
});
