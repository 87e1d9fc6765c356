/** What `lb status` and `lb events` tell those who watch, before there is anything to tell. */
import assert from "node:assert/strict";
import { openStore } from "../../../lib/store/store.ts";
import { OWNER } from "../store/folder.ts";
import { inFolder, lb, placed } from "./capture.ts";

function rootTest(name: string, fn: () => Promise<void>): void {
  Deno.test({ name, fn, ignore: Deno.uid() !== 0 });
}

rootTest(
  "status is JSON or metrics, and what cannot be written to is said",
  inFolder(async (folder) => {
    const both = await lb("status", "--json", "--prometheus", ...placed(folder));
    assert.equal(both.exitCode, 2);
    assert.match(both.stdout, /either --json or --prometheus/);
    const output = `${folder}/nowhere/lb.prom`;
    const { exitCode, stderr } = await lb("status", "--output", output, ...placed(folder));
    assert.equal(exitCode, 5);
    assert.match(stderr, /nowhere\/lb\.prom: nothing can be made there/);
    const there = ["status", "--output", `${folder}/status.txt`];
    assert.deepEqual(await lb(...there, ...placed(folder)), {
      exitCode: 0,
      stdout: "",
      stderr: "",
    });
    assert.match(Deno.readTextFileSync(`${folder}/status.txt`), /^Nothing was applied yet.*\n$/);
  }),
);

rootTest(
  "status --output takes nothing's place but a file's: no device's, pipe's or link's",
  inFolder(async (folder) => {
    const [pipe, link, aim] = [`${folder}/pipe`, `${folder}/link`, `${folder}/aim`];
    new Deno.Command("mkfifo", { args: [pipe] }).outputSync();
    Deno.writeTextFileSync(aim, "somebody else's");
    Deno.symlinkSync(aim, link);
    for (const path of [pipe, link]) {
      const before = Deno.lstatSync(path).ino;
      const { exitCode, stderr } = await lb("status", "--output", path, ...placed(folder));
      assert.equal(exitCode, 2, path);
      assert.match(stderr, /no plain file/);
      assert.equal(Deno.lstatSync(path).ino, before);
    }
    assert.equal(Deno.readTextFileSync(aim), "somebody else's");
  }),
);

rootTest(
  "events before anything was applied are none, also as JSON",
  inFolder(async (folder) => {
    assert.deepEqual(await lb("events", ...placed(folder)), {
      exitCode: 0,
      stdout: "",
      stderr: "",
    });
    const { exitCode, stdout } = await lb("events", "--json", ...placed(folder));
    assert.equal(exitCode, 0);
    assert.deepEqual(JSON.parse(stdout), { events: [] });
  }),
);

const ROOT = new URL("../../..", import.meta.url).pathname;

/** Lines that a program prints, so many of them. */
async function firstLines(stdout: ReadableStream<Uint8Array>, count: number): Promise<string[]> {
  let text = "";
  for await (
    const part of stdout.pipeThrough(new TextDecoderStream()).values({ preventCancel: true })
  ) {
    text += part;
    if (text.split("\n").length > count) break;
  }
  return text.split("\n").slice(0, count);
}

rootTest(
  "of events that come all at once, --follow leaves none out",
  inFolder(async (folder) => {
    const { events, ...store } = withStore(folder);
    events("the first", 1);
    const end = new AbortController();
    const child = new Deno.Command(Deno.execPath(), {
      args: ["run", "--quiet", "-A", "main.ts", "events", "--follow", "--json", ...placed(folder)],
      cwd: ROOT,
      stdout: "piped",
      signal: end.signal,
    }).spawn();
    const lines = firstLines(child.stdout, 2_501);
    await new Promise((resolve) => setTimeout(resolve, 1_500));
    events("one of many", 2_500);
    const deadline = setTimeout(() => end.abort(), 10_000);
    const found = (await lines).filter((line) => line !== "").map((line) => JSON.parse(line).id);
    clearTimeout(deadline);
    end.abort();
    await child.status;
    store.close();
    assert.deepEqual(found, Array.from({ length: 2_501 }, (_, at) => at + 1));
  }),
);

/** `lb` that goes on until it is told to stop, and what it prints, of which parts can be waited for. */
function goingOn(folder: string, ...words: readonly string[]) {
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "--quiet", "-A", "main.ts", ...words, ...placed(folder)],
    cwd: ROOT,
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const deadline = setTimeout(() => child.kill("SIGKILL"), 60_000);
  const [stdout, stderr] = [Told.by(child.stdout), Told.by(child.stderr)];
  const end = async () => {
    child.kill("SIGINT");
    const { code } = await child.status;
    clearTimeout(deadline);
    await Promise.all([stdout.read, stderr.read]);
    return code;
  };
  return { stdout, stderr, end };
}

/** What a program prints, as it comes. */
class Told {
  text = "";
  readonly read: Promise<void>;

  private constructor(stream: ReadableStream<Uint8Array>) {
    this.read = this.#readAll(stream);
  }

  static by(stream: ReadableStream<Uint8Array>): Told {
    return new Told(stream);
  }

  async #readAll(stream: ReadableStream<Uint8Array>): Promise<void> {
    for await (const part of stream.pipeThrough(new TextDecoderStream())) this.text += part;
  }

  /** Waits for the next part that has not been printed yet. */
  async next(pattern: RegExp): Promise<void> {
    const from = this.text.length;
    for (let tries = 0; tries < 1_000; tries++) {
      if (pattern.test(this.text.slice(from))) return;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    assert.fail(`no ${pattern} in ${JSON.stringify(this.text.slice(from))}`);
  }
}

rootTest(
  "a look of --watch that fails is said once, the next ones go on, and the exit code is the last one's",
  inFolder(async (folder) => {
    withStore(folder).close();
    const output = `${folder}/lb.prom`;
    const words = ["status", "--prometheus", "--output", output, "--watch", "200ms"];
    const watch = goingOn(folder, ...words);
    const looked_s = () =>
      Number(/^lb_last_look_timestamp_seconds (.*)$/m.exec(read(output))?.[1] ?? 0);
    await until(() => looked_s() > 0);
    Deno.chmodSync(`${folder}/state`, 0o777);
    await watch.stderr.next(/^lb: .*writable by others.*\n$/);
    const stale_s = looked_s();
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    assert.equal(looked_s(), stale_s);
    assert.equal(watch.stderr.text.match(/lb:/g)?.length, 1);
    Deno.chmodSync(`${folder}/state`, 0o700);
    await until(() => looked_s() > stale_s);
    const again = watch.stderr.next(/^lb: .*writable by others.*\n$/);
    Deno.chmodSync(`${folder}/state`, 0o777);
    await again;
    assert.equal(await watch.end(), 5);
    assert.equal(watch.stderr.text.match(/lb:/g)?.length, 2);
    assert.equal(watch.stdout.text, "");

    const first = await lb(...words, ...placed(folder));
    assert.equal(first.exitCode, 5);
  }),
);

rootTest(
  "--follow goes on after a look that fails, and leaves no event out for it",
  inFolder(async (folder) => {
    const { events, ...store } = withStore(folder);
    events("the first", 1);
    const follow = goingOn(folder, "events", "--follow");
    await follow.stdout.next(/the first\n/);
    Deno.chmodSync(`${folder}/state`, 0o777);
    await follow.stderr.next(/^lb: .*writable by others.*\n$/);
    events("meanwhile", 1);
    Deno.chmodSync(`${folder}/state`, 0o700);
    await follow.stdout.next(/meanwhile\n/);
    assert.equal(await follow.end(), 0);
    assert.equal(follow.stdout.text.match(/\n/g)?.length, 2);
    store.close();
  }),
);

function read(path: string): string {
  try {
    return Deno.readTextFileSync(path);
  } catch {
    return "";
  }
}

async function until(isSo: () => boolean): Promise<void> {
  for (let tries = 0; tries < 1_000 && !isSo(); tries++) {
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  assert.ok(isSo());
}

rootTest(
  "--since takes a time without a zone for UTC, wherever lb runs",
  inFolder(async (folder) => {
    const store = openStore(`${folder}/state`, OWNER);
    for (const time of ["08:59:59Z", "09:00:01Z"]) {
      store.events.add({ at_ms: Date.parse(`2026-11-20T${time}`), kind: "health", message: time });
    }
    store.close();
    for (const since of ["2026-11-20T09:00", "2026-11-20 09:00:00", "2026-11-20T10:00+01:00"]) {
      const { stdout } = await new Deno.Command(Deno.execPath(), {
        args: [
          ...["run", "--quiet", "-A", "main.ts", "events", "--json", "--since", since],
          ...placed(folder),
        ],
        cwd: ROOT,
        env: { TZ: "Asia/Tokyo" },
      }).output();
      const { events } = JSON.parse(new TextDecoder().decode(stdout));
      assert.deepEqual(events.map((one: { message: string }) => one.message), ["09:00:01Z"], since);
    }
  }),
);

/** A state, and how to have something happen many times at one moment. */
function withStore(folder: string) {
  const store = openStore(`${folder}/state`, OWNER);
  const events = (message: string, count: number) =>
    store.transaction(() => {
      for (let at = 0; at < count; at++) {
        store.events.add({ at_ms: Date.now(), kind: "health", message });
      }
    });
  return { events, close: () => store.close() };
}
