import assert from "node:assert/strict";
import { clock } from "../../../lib/sys/clock.ts";
import { type Rig, withRig } from "./rig.ts";

function test(name: string, work: (rig: Rig) => Promise<void>): void {
  const isRoot = Deno.uid() === 0;
  Deno.test({
    name: isRoot ? name : `${name} (skipped: needs root, whose files programs must be)`,
    ignore: !isRoot,
    fn: () => withRig(work),
  });
}

/** Writes down what it is handed, and ends as it is told. */
function teller(rig: Rig, end = "exit 0"): string {
  const text = `#!/bin/sh
{ echo "$@"; env | grep ^LB_EVENT_ | sort; cat; } >>${rig.folder}/told
${end}
`;
  return rig.file("tell", text, 0o755);
}

function told({ folder }: Rig): string {
  try {
    return Deno.readTextFileSync(`${folder}/told`);
  } catch {
    return "";
  }
}

test("a program gets the event on its standard input and in its environment, without a shell", async (rig) => {
  const at = new Date(rig.now_ms).toISOString();
  const id = rig.happen("health", { service: "web", backend: "2001:db8::1|80" });
  await rig.pass({ program: [teller(rig), "$HOME", "; ls"] });
  const [args, ...lines] = told(rig).trimEnd().split("\n");
  assert.equal(args, "$HOME ; ls");
  assert.deepEqual(lines.slice(0, -1), [
    `LB_EVENT_AT=${at}`,
    "LB_EVENT_BACKEND=[2001:db8::1]:80",
    `LB_EVENT_HOST=${Deno.hostname()}`,
    `LB_EVENT_ID=${id}`,
    "LB_EVENT_KIND=health",
    "LB_EVENT_MESSAGE=a health event",
    "LB_EVENT_SERVICE=web",
  ]);
  const message = JSON.parse(lines.at(-1)!);
  assert.deepEqual([message.id, message.backend], [id, "[2001:db8::1]:80"]);
});

for (
  const [what, file, mode] of [["program", "tell", 0o777], ["config", "lb.toml", 0o666]] as const
) {
  test(`a program is not run where others may write to the ${what}`, async (rig) => {
    const path = teller(rig);
    Deno.chmodSync(`${rig.folder}/${file}`, mode);
    rig.happen("drift");
    await rig.pass({ program: [path] });
    assert.equal(told(rig), "");
    assert.match(rig.store.outbox.standings()[0]!.error, /^not run: .* is writable by others/);
  });
}

test("a program that fails is run again later; its words are the reason", async (rig) => {
  const path = teller(rig, 'echo "no pager" >&2; exit 3');
  rig.happen("drift");
  await rig.pass({ program: [path] });
  assert.equal(rig.store.outbox.standings()[0]!.error, "exit code 3: no pager");
  teller(rig);
  rig.now_ms += 60_000;
  await rig.pass({ program: [path] });
  assert.equal(rig.store.outbox.standings()[0]!.waiting, 0);
});

test("a program that hangs is ended, with what it has started", async (rig) => {
  const path = teller(rig, `sleep 777 & echo $! >${rig.folder}/pid; wait`);
  rig.happen("drift");
  const begin_ms = performance.now();
  await rig.pass({ program: [path] });
  const took_ms = performance.now() - begin_ms;
  assert.ok(took_ms > 4_000 && took_ms < 7_000, `${took_ms} ms`);
  assert.match(rig.store.outbox.standings()[0]!.error, /^no end within 5 s/);
  const pid = Deno.readTextFileSync(`${rig.folder}/pid`).trim();
  const state = () => Deno.readTextFile(`/proc/${pid}/stat`).catch(() => "gone");
  const hasEnded = async () => /^gone$|\) [ZX] /.test(await state());
  // SIGKILL is sent, and heard when the machine comes to it.
  for (let turn = 0; turn < 40 && !await hasEnded(); turn++) await clock.sleep(50);
  assert.ok(await hasEnded(), await state());
});

test("a hanging receiver does not keep the program from being told", async (rig) => {
  const hanging = Promise.withResolvers<Response>();
  rig.answer = () => hanging.promise;
  rig.happen("panic");
  await rig.pass({ webhook: rig.url, program: [teller(rig)] });
  hanging.resolve(new Response(""));
  const waiting = rig.store.outbox.standings().map(({ channel, waiting }) => [channel, waiting]);
  assert.deepEqual(waiting, [["webhook", 1], ["program", 0]]);
});
