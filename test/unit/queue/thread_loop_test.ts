import assert from "node:assert/strict";
import type { QueueTable } from "../../../lib/engine/nfqueue/table.ts";
import { NOTHING_COUNTED } from "../../../lib/queue/protocol.ts";
import { ThreadControl } from "../../../lib/queue/thread_control.ts";
import { ThreadLoop, type ThreadScope } from "../../../lib/queue/thread/thread_loop.ts";

/** Test equipment: a thread's loop that takes 20 steps at most, and what it said. */
function loop(onStep: (step: number, act: Acts) => void) {
  const control = new ThreadControl();
  let hear: (event: MessageEvent<QueueTable>) => void = () => {};
  const said: unknown[] = [];
  const scope: ThreadScope<QueueTable> = {
    addEventListener: (_, listener) => hear = listener,
    postMessage: (message) => said.push("token" in message ? message.token : "ended"),
    close: () => said.push("closed"),
  };
  const table = (token: string) => hear({ data: { token } } as MessageEvent<QueueTable>);
  const acts: Acts = {
    table,
    announce: () => control.announceTable(),
    stop: () => control.stop(),
  };
  let steps = 0;
  let token = "first";
  const chosen: string[] = [];
  const run = new ThreadLoop(scope, control, {
    step() {
      chosen.push(token);
      onStep(++steps, acts);
      if (steps === 20) control.stop();
    },
    tally: () => NOTHING_COUNTED,
    token: () => token,
    choose: (next) => void (token = next.token),
  }).run();
  return { run, said, chosen };
}

interface Acts {
  table(token: string): void;
  announce(): void;
  stop(): void;
}

Deno.test("a thread that is told to stop ends behind the step it is at, and says so last", async () => {
  const { run, said, chosen } = loop((step, { stop }) => step === 3 && stop());
  await run;
  assert.equal(chosen.length, 3);
  assert.deepEqual(said, ["first", "first", "ended", "closed"]);
});

Deno.test("a table that was announced is chosen by with the next step, also where it comes later", async () => {
  const { run, chosen } = loop((step, { table, announce, stop }) => {
    if (step === 2) {
      announce();
      setTimeout(() => table("second"), 5);
    }
    if (step === 4) stop();
  });
  await run;
  assert.deepEqual(chosen, ["first", "first", "second", "second"]);
});

Deno.test("of several tables none is left out, and the last one stays", async () => {
  const { run, chosen, said } = loop((step, { table, announce, stop }) => {
    if (step === 1) {
      for (const token of ["second", "third"]) {
        table(token);
        announce();
      }
    }
    if (step === 2) stop();
  });
  await run;
  assert.deepEqual(chosen, ["first", "third"]);
  assert.deepEqual(said.at(-3), "third");
});
