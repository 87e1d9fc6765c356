import assert from "node:assert/strict";
import { LINES } from "./full_terminal.ts";

const EQUIPMENT = new URL("./full_terminal.ts", import.meta.url).pathname;
const ROOT = new URL("../../../", import.meta.url).pathname;

function started(): Deno.ChildProcess {
  const args = ["run", "--quiet", "-A", EQUIPMENT];
  return new Deno.Command(Deno.execPath(), { args, cwd: ROOT, stdout: "piped" }).spawn();
}

Deno.test("a terminal that does not block and is slow gets all of a frame, and once", async () => {
  const child = started();
  let text = "";
  for await (const piece of child.stdout.pipeThrough(new TextDecoderStream())) {
    text += piece;
    await new Promise((wake) => setTimeout(wake, 10));
  }
  assert.equal((await child.status).code, 0);
  assert.ok(text === `\x1b[H\x1b[J${LINES.join("\r\n")}\x1b[H`.repeat(2), `${text.length}`);
});

Deno.test("a terminal that takes nothing is waited for once, and not for long", async () => {
  const child = started();
  const begin_ms = performance.now();
  assert.equal((await child.status).code, 0);
  const took_ms = performance.now() - begin_ms;
  assert.ok(took_ms < 9_000, `${took_ms} ms`);
  await child.stdout.cancel();
});
