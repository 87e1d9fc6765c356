import assert from "node:assert/strict";
import type { WorkerStatus } from "../../../lib/model/worker.ts";
import { answerLine } from "../../../lib/queue/supervisor/control.ts";
import { limitedLog } from "../../../lib/queue/supervisor/log.ts";
import { Counter } from "../../../lib/queue/counter.ts";

const STATUS = { pid: 7 } as WorkerStatus;

function controlled() {
  const worker = {
    stops: 0,
    status: () => STATUS,
    reload: () => Promise.resolve("token"),
    stop() {
      worker.stops++;
      // Its end takes long, and the answer has to come before.
      return new Promise<void>(() => {});
    },
  };
  return worker;
}

Deno.test("status, reload and stop are answered", async () => {
  const worker = controlled();
  assert.deepEqual(await answerLine('{"op":"status"}', worker), STATUS);
  assert.deepEqual(await answerLine('{"op":"reload","x":1}', worker), { token: "token" });
  assert.equal(worker.stops, 0);
  assert.deepEqual(await answerLine('{"op":"stop"}', worker), { stopping: true });
  assert.equal(worker.stops, 1);
});

Deno.test("nonsense is answered by what could be asked, and does nothing", async () => {
  const worker = controlled();
  for (const line of ["", "{", "null", "7", "[]", '{"op":"kill"}', '{"op":["stop"]}', "stop"]) {
    assert.match(JSON.stringify(await answerLine(line, worker)), /error.*status/, line);
  }
  assert.equal(worker.stops, 0);
});

Deno.test("what fails is answered in words", async () => {
  const worker = { ...controlled(), reload: () => Promise.reject(new Error("no such table")) };
  assert.deepEqual(await answerLine('{"op":"reload"}', worker), { error: "no such table" });
});

Deno.test("of a flood of lines twenty a minute are written, and how many were not", () => {
  const lines: string[] = [];
  let now_ms = 0;
  const log = limitedLog((line) => lines.push(line), () => now_ms);
  for (let line = 1; line <= 100; line++) log(`${line}`);
  assert.deepEqual(lines, Array.from({ length: 20 }, (_, index) => `${index + 1}`));
  now_ms = 60_000;
  log("next");
  assert.deepEqual(lines.slice(20), ["80 more lines in the minute before", "next"]);
});

Deno.test("what is counted is told once, and adds up", () => {
  const [thread, total] = [new Counter(), new Counter()];
  for (const id of [3, 5, 3]) thread.choose(id);
  thread.seen = 4;
  thread.left_to_kernel = 1;
  total.add(thread.take());
  assert.deepEqual(thread.read(), { seen: 0, left_to_kernel: 0, events_lost: 0, chosen: [] });
  thread.choose(5);
  thread.seen = 1;
  thread.events_lost = 2;
  total.add(thread.take());
  const chosen = [[3, 2], [5, 2]];
  assert.deepEqual(total.read(), { seen: 5, left_to_kernel: 1, events_lost: 2, chosen });
});
