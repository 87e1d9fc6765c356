/** What is told of services whose engine counts bytes. */
import assert from "node:assert/strict";
import { door } from "./config.ts";
import { kernelTests } from "./harness.ts";
import { allAnswered, apply, must, send } from "./steps.ts";

const test = kernelTests({ backends: 2, need: "ipvs" });

interface StatusText {
  readonly services: readonly {
    readonly bytes_in: number | null;
    readonly bytes_out: number | null;
    readonly rates: Readonly<Record<string, number | null>> | null;
  }[];
}

/** A rate takes a sample of at least so long ago. */
const SAMPLE_AGE_MS = 5_000;

test("bytes are told of each service, of each backend as metrics, and a second, on ipvs", async (lab) => {
  const { balancer } = lab;
  await apply(lab, { families: [4], weights: [1, 1], more: 'engine = "ipvs"' });
  await must(lab, ...balancer.argv("reconcile"));
  const from_ms = performance.now();
  allAnswered(await send(lab, { doors: [door(4)], count: 20 }));
  await new Promise((resolve) => setTimeout(resolve, SAMPLE_AGE_MS + 1_000));
  const [web] = (await balancer.json<StatusText>(0, "status")).services;
  const elapsed_s = (performance.now() - from_ms) / 1000;
  const { bytes_in_per_second: rate } = web!.rates!;
  // Twenty requests over TCP.
  assert.ok(web!.bytes_in! > 20 * 200 && web!.bytes_out! > 20 * 200, JSON.stringify(web));
  assert.ok(rate! > web!.bytes_in! / (elapsed_s + 30) && rate! < web!.bytes_in! / 5, `${rate} B/s`);
  const { stdout } = await balancer.lb("status", "--prometheus");
  const sent = [...stdout.matchAll(/^lb_backend_received_bytes_total\{.*\} (\d+)$/gm)];
  assert.equal(sent.length, 2);
  assert.equal(sent.reduce((sum, [, bytes]) => sum + Number(bytes), 0), web!.bytes_in);
  assert.match(
    (await balancer.lb("status")).stdout,
    / new\/s +in\/s +out\/s\n[^]* together .* B\n/,
  );
});
