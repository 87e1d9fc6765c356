/** A first set-up by `lb init`: by its questions on a real terminal, and by flags. */
import assert from "node:assert/strict";
import { backendAddress, vipAddress } from "../../lib/demo/layout.ts";
import { inside } from "../../lib/demo/namespace.ts";
import { kernelTests, type Lab } from "./harness.ts";
import { allAnswered, type Applied, send } from "./steps.ts";
import { Typist } from "./typist.ts";

const test = kernelTests({ backends: 2 });

const VIP = vipAddress(4, 10);
const BACKENDS = [0, 1].map((index) => `${backendAddress(4, index)}:8080`);
const ENGINE = ["--engine", "nft"];
const ENTER = "\r";
const UP = "\x1b[A";
const DOWN = "\x1b[B";
const CLEAR = "\x15";
const CTRL_C = "\x03";

/** Rows of: a question, and what is typed at it. */
const TALK: readonly (readonly [question: RegExp, keys: string])[] = [
  [/What is the service to be called\?/, ENTER],
  [/Which protocol\?[^]*Enter: confirm/, ENTER],
  [/Where do clients connect to\?/, `${VIP}${ENTER}`],
  [/How do packets for it get here\?[^]*Enter: confirm/, `${DOWN}${ENTER}`],
  [/On which ports\?/, `80${ENTER}`],
  [/Who serves it\?/, `${BACKENDS[0]} ${BACKENDS[1]}=50${ENTER}`],
  [/How do the backends' answers come back\?[^]*Enter: confirm/, ENTER],
  [/How is a backend picked[^]*Enter: confirm/, ENTER],
  [/Who runs lb reconcile[^]*Enter: confirm/, ENTER],
  [/And now\?[^]*Enter: confirm/, `${UP}${ENTER}`],
];

/** Works with somebody at `lb init` on this lab's balancer, who has named the engine: kernels differ in them. */
async function atTerminal(
  { balancer, topology }: Lab,
  flags: readonly string[],
  work: (typist: Typist) => Promise<void>,
): Promise<void> {
  const typist = new Typist(inside(topology.balancer, []), balancer.argv("init", ...flags));
  try {
    await work(typist);
  } finally {
    await typist.close();
  }
}

/** Answers the first so many questions. */
async function answer(typist: Typist, count = TALK.length): Promise<void> {
  for (const [question, keys] of TALK.slice(0, count)) {
    await typist.sees(question);
    await typist.type(keys);
  }
}

/** What lb has in its folder. */
function left({ topology }: Lab): string[] {
  return Array.from(Deno.readDirSync(topology.folder), ({ name }) => name).sort();
}

function forget({ topology }: Lab): void {
  Deno.removeSync(`${topology.folder}/lb.toml`);
}

/** Connections from the client, and who answered them. */
async function answered(lab: Lab, count: number): Promise<Readonly<Record<string, number>>> {
  const result = await send(lab, { doors: [{ address: VIP, port: 80 }], count, concurrency: 5 });
  allAnswered(result);
  return result.per_backend;
}

test("who answers the questions has a service that serves", async (lab) => {
  await atTerminal(lab, ENGINE, async (typist) => {
    await answer(typist, 6);
    for (const backend of BACKENDS) await typist.sees(new RegExp(`${backend} answers`));
    assert.deepEqual(left(lab), [], "nothing is written before the last answer");
    for (const [question, keys] of TALK.slice(6)) {
      await typist.sees(question);
      if (/now/.test(question.source)) assert.deepEqual(left(lab), []);
      await typist.type(keys);
    }
    await typist.sees(/Applied: \d+ changes/);
    assert.deepEqual(await typist.ended(), { code: 0, isRestored: true });
  });
  assert.deepEqual(await answered(lab, 30), { b1: 20, b2: 10 });
  const again = await lab.balancer.json<Applied>(0, "apply");
  assert.equal(again.changed, false, "what was written is what was applied");
  assert.match(lab.balancer.readConfig(), /^#\[service\.health\]/m, "the rest is explained");
  forget(lab);
});

test("Ctrl-C at any question: nothing was written, and the terminal is as before", async (lab) => {
  for (const [count, [question]] of TALK.entries()) {
    await atTerminal(lab, ENGINE, async (typist) => {
      await answer(typist, count);
      await typist.sees(question);
      await typist.type(CTRL_C);
      await typist.sees(/Nothing was written\./);
      assert.deepEqual(await typist.ended(), { code: 1, isRestored: true }, `${question}`);
    });
    assert.deepEqual(left(lab), [], `${question}`);
  }
});

for (const signal of ["SIGTERM", "SIGHUP", "SIGINT"] as const) {
  test(`${signal} at a question is as Ctrl-C`, async (lab) => {
    await atTerminal(lab, ENGINE, async (typist) => {
      const pid = await typist.pid();
      await answer(typist, 2);
      await typist.sees(TALK[2]![0]);
      Deno.kill(pid, signal);
      await typist.sees(/Nothing was written\./);
      assert.deepEqual(await typist.ended(), { code: 1, isRestored: true });
    });
    assert.deepEqual(left(lab), []);
  });
}

test("a wrong answer is told what is wrong, a backend that does not answer why, and others can be named", async (lab) => {
  await atTerminal(lab, ENGINE, async (typist) => {
    await answer(typist, 2);
    await typist.sees(TALK[2]![0]);
    await typist.type(`203.0.113.10/24${ENTER}`);
    await typist.sees(/expected an address or prefix[^]*did you mean `203\.0\.113\.0\/24`/);
    await typist.type(`${CLEAR}${VIP}${ENTER}`);
    for (const [question, keys] of TALK.slice(3, 5)) {
      await typist.sees(question);
      await typist.type(keys);
    }
    await typist.sees(TALK[5]![0]);
    await typist.type(`${BACKENDS[0]} ${BACKENDS[1]!.replace("8080", "9")}${ENTER}`);
    await typist.sees(/:9: connection refused[^]*Not all of them answer[^]*Enter: confirm/);
    await typist.type(`${DOWN}${ENTER}`);
    await typist.sees(TALK[5]![0]);
    await typist.type(CTRL_C);
    assert.deepEqual(await typist.ended(), { code: 1, isRestored: true });
  });
});

test("who wants no service yet gets the sample, and no traffic is touched", async (lab) => {
  await atTerminal(lab, [], async (typist) => {
    await typist.sees(/Set up a first service now\?[^]*Enter: confirm/);
    await typist.type(`${DOWN}${ENTER}`);
    await typist.sees(/Who runs lb reconcile[^]*Enter: confirm/);
    await typist.type(ENTER);
    await typist.sees(/Wrote /);
    assert.deepEqual(await typist.ended(), { code: 0, isRestored: true });
  });
  const sample = new URL("../../templates/lb.toml", import.meta.url);
  assert.equal(lab.balancer.readConfig(), Deno.readTextFileSync(sample));
  assert.equal((await lab.balancer.run(["nft", "list", "tables"])).stdout, "");
  forget(lab);
});

test("flags alone set a service up that serves, ask nothing, and may be said again", async (lab) => {
  const flags = [
    ...[
      "--service",
      "web",
      "--vip",
      VIP,
      "--port",
      "80",
      "--vip-on",
      "front",
      "--apply",
      ...ENGINE,
    ],
    ...["--backend", BACKENDS[0]!, "--backend", `${BACKENDS[1]!}=50`, "--scheduler", "rr"],
  ];
  interface Init {
    readonly config_written: boolean;
    readonly backends: readonly { readonly backend: string; readonly ok: boolean }[];
    readonly applied: Applied;
  }
  const first = await lab.balancer.json<Init>(0, "init", ...flags);
  assert.deepEqual(first.backends.map(({ backend, ok }) => ({ backend, ok })), [
    { backend: BACKENDS[0], ok: true },
    { backend: BACKENDS[1], ok: true },
  ]);
  assert.deepEqual([first.config_written, first.applied.changed], [true, true]);
  assert.deepEqual(await answered(lab, 30), { b1: 15, b2: 15 });
  const again = await lab.balancer.json<Init>(0, "init", ...flags);
  assert.deepEqual([again.config_written, again.applied.changed], [false, false]);
  const before = lab.balancer.readConfig();
  const other = await lab.balancer.lb("init", "--yes", ...flags, "--vip", vipAddress(4, 11));
  assert.equal(other.code, 2);
  assert.match(other.stderr, /is there already and says something else: it is left as it is/);
  assert.equal(lab.balancer.readConfig(), before);
  forget(lab);
});
