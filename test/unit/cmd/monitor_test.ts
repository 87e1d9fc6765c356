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
