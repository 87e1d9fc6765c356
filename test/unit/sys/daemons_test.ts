import assert from "node:assert/strict";
import { daemons } from "../../../lib/sys/daemons.ts";
import { listeners } from "../../../lib/sys/listener.ts";
import { inFolder } from "./folder.ts";

function serve(path: string, answer: (line: string) => Promise<string>) {
  const listener = listeners.bind(path);
  listener.serve(answer);
  return listener;
}

Deno.test("a question by a Unix socket is answered, and only its owner may ask", async () => {
  await inFolder(async (folder) => {
    const path = `${folder}/sock`;
    const listener = serve(path, (line) => Promise.resolve(line.toUpperCase()));
    assert.equal(await daemons.ask(path, "hello", 2_000), "HELLO");
    const long = "x".repeat(300_000);
    assert.equal(await daemons.ask(path, long, 2_000), long.toUpperCase());
    assert.equal(Deno.statSync(path).mode! & 0o777, 0o600);
    listener.close();
    assert.equal(await daemons.ask(path, "hello", 2_000), undefined);
  });
});

Deno.test("whoever does not answer in time, or is not there, is no answer", async () => {
  await inFolder(async (folder) => {
    const path = `${folder}/sock`;
    assert.equal(await daemons.ask(path, "hello", 100), undefined);
    const answer = Promise.withResolvers<string>();
    const listener = serve(path, () => answer.promise);
    const began = performance.now();
    assert.equal(await daemons.ask(path, "hello", 100), undefined);
    assert.ok(performance.now() - began < 1_000);
    answer.resolve("");
    listener.close();
  });
});

Deno.test("a successor takes the path over, and nobody meets a closed door", async () => {
  await inFolder(async (folder) => {
    const path = `${folder}/sock`;
    const first = serve(path, () => Promise.resolve("first"));
    assert.equal(await daemons.ask(path, "?", 2_000), "first");
    const second = serve(path, () => Promise.resolve("second"));
    assert.equal(await daemons.ask(path, "?", 2_000), "second");
    first.close();
    assert.equal(await daemons.ask(path, "?", 2_000), "second");
    second.close();
  });
});

Deno.test("a socket that cannot be made is told of in words, and nobody finds one that does not serve yet", async () => {
  await inFolder(async (folder) => {
    assert.throws(() => listeners.bind(`${folder}/${"x".repeat(110)}`), {
      name: "LbError",
      code: "not-permitted",
    });
    const [first, path] = [`${folder}/first`, `${folder}/sock`];
    const served = serve(first, () => Promise.resolve("first"));
    Deno.renameSync(first, path);
    const next = listeners.bind(path);
    assert.equal(await daemons.ask(path, "?", 2_000), "first");
    next.close();
    assert.equal(await daemons.ask(path, "?", 2_000), "first");
    served.close();
    assert.deepEqual(Array.from(Deno.readDirSync(folder), ({ name }) => name), ["sock"]);
  });
});

Deno.test("a partner hears what it is told, says what it says, and ends with its input", async () => {
  const partner = daemons.partner(["sed", "-u", "s/^/heard /"]);
  partner.say("one");
  assert.deepEqual(await partner.lines.next(), { value: "heard one", done: false });
  partner.kill();
  await partner.ended;
  partner.say("two");
  partner.kill();
  assert.equal((await partner.lines.next()).done, true);
});

Deno.test({
  name: "a daemon stays when whoever started it ends, in a session of its own",
  // Not to wait for it is what it is about.
  sanitizeOps: false,
  sanitizeResources: false,
  fn() {
    const pid = daemons.start(["sleep", "30"]);
    const fields = Deno.readTextFileSync(`/proc/${pid}/stat`).replace(/.*\) /, "").split(" ");
    assert.equal(Number(fields[3]), pid);
    assert.equal(Deno.readLinkSync(`/proc/${pid}/fd/1`), "/dev/null");
    daemons.signal(pid, "SIGKILL");
  },
});

Deno.test("a signal to nobody is no error", () => {
  daemons.signal(2 ** 22 - 1, "SIGTERM");
});
