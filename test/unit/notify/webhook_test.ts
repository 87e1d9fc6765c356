import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { process } from "../../../lib/sys/process.ts";
import { type Rig, withRig } from "./rig.ts";

const SECRET = "correct horse battery staple";

function test(name: string, work: (rig: Rig) => Promise<void>): void {
  Deno.test(name, () => withRig(work));
}

const MINUTE_MS = 60_000;

test("an event is posted as JSON, once, with what a receiver wants to know", async (rig) => {
  const id = rig.happen("health", { service: "web", backend: "198.51.100.11|9090" });
  const told_at = new Date(rig.now_ms).toISOString();
  assert.deepEqual(await rig.pass({ webhook: rig.url }), []);
  await rig.pass({ webhook: rig.url });
  assert.equal(rig.received.length, 1);
  const [{ method, headers, body }] = rig.received as [Rig["received"][0]];
  assert.equal(method, "POST");
  assert.equal(headers.get("content-type"), "application/json");
  assert.equal(headers.get("x-lb-event"), "health");
  assert.equal(headers.get("x-lb-delivery"), `${id}`);
  assert.equal(headers.get("x-lb-signature"), null, "nothing was asked to be signed");
  const { sent_at, ...rest } = JSON.parse(body);
  assert.ok(sent_at >= told_at);
  assert.deepEqual(rest, {
    id,
    at: told_at,
    attempt: 1,
    host: Deno.hostname(),
    kind: "health",
    service: "web",
    backend: "198.51.100.11:9090",
    message: "a health event",
    data: null,
    version: "test",
  });
});

test("what is posted is signed with the secret, as openssl and node know it", async (rig) => {
  const secret_file = rig.file("key", `${SECRET}\nnot this line\n`);
  rig.happen("drift");
  await rig.pass({ webhook: rig.url, secret_file });
  const [{ headers, body }] = rig.received as [Rig["received"][0]];
  const signed = headers.get("x-lb-signature");
  assert.equal(signed, `sha256=${createHmac("sha256", SECRET).update(body).digest("hex")}`);
  const dgst = ["openssl", "dgst", "-sha256", "-hmac", SECRET] as const;
  const { stdout } = await process.run(dgst, { stdin: body });
  assert.equal(`sha256=${stdout.trim().split(" ").at(-1)}`, signed);
});

for (const mode of [0o644, 0o620, 0o602]) {
  test(`a secret with mode ${mode.toString(8)} signs nothing, and nothing goes unsigned`, async (rig) => {
    const secret_file = rig.file("key", SECRET, mode);
    rig.happen("drift");
    await rig.pass({ webhook: rig.url, secret_file });
    assert.deepEqual(rig.received, []);
    const [standing] = rig.store.outbox.standings();
    assert.match(standing!.error, /^not sent.*key/);
    Deno.chmodSync(secret_file, 0o600);
    rig.now_ms += MINUTE_MS;
    await rig.pass({ webhook: rig.url, secret_file });
    assert.equal(rig.received.length, 1);
  });
}

test("the secret and the URL's path are nowhere in the database", async (rig) => {
  rig.answer = () => new Response("", { status: 500 });
  const secret_file = rig.file("key", SECRET);
  rig.happen("drift");
  for (let pass = 0; pass < 25; pass++, rig.now_ms += 60 * MINUTE_MS) {
    await rig.pass({ webhook: rig.url, secret_file });
  }
  await rig.pass({ webhook: "http://127.0.0.1:1/hook/token", secret_file });
  const folder = `${rig.folder}/state`;
  for (const { name } of Deno.readDirSync(folder)) {
    const text = new TextDecoder("latin1").decode(Deno.readFileSync(`${folder}/${name}`));
    assert.ok(!text.includes(SECRET) && !text.includes("hook/token"), name);
  }
  assert.equal(rig.store.events.list().filter(({ kind }) => kind === "notify").length, 1);
});

test("a receiver that answers 500 is asked again later, not sooner, and told once", async (rig) => {
  rig.answer = () => new Response("", { status: rig.received.length < 2 ? 500 : 200 });
  const id = rig.happen("panic");
  await rig.pass({ webhook: rig.url });
  rig.now_ms += 5_000;
  await rig.pass({ webhook: rig.url });
  assert.deepEqual(rig.told, [id], "before its time nothing is tried");
  const [failing] = rig.store.outbox.standings();
  assert.deepEqual([failing!.error, failing!.waiting], ["status 500", 1]);
  for (let pass = 0; pass < 3; pass++) {
    rig.now_ms += MINUTE_MS;
    await rig.pass({ webhook: rig.url });
  }
  assert.deepEqual(rig.told, [id, id]);
  assert.deepEqual(rig.received.map(({ body }) => JSON.parse(body).attempt), [1, 2]);
  const [well] = rig.store.outbox.standings();
  assert.deepEqual([well!.error, well!.waiting, well!.delivered], ["", 0, 1]);
});

test("a redirect is not followed", async (rig) => {
  rig.answer = () => Response.redirect(rig.url, 307);
  rig.happen("health");
  await rig.pass({ webhook: rig.url });
  assert.equal(rig.received.length, 1);
  assert.match(rig.store.outbox.standings()[0]!.error, /^status 307: .*redirects/);
});

test("a receiver that hangs is waited for for three seconds, and then again later", async (rig) => {
  const hanging = Promise.withResolvers<Response>();
  rig.answer = () => hanging.promise;
  rig.happen("health");
  rig.happen("health");
  const begin_ms = performance.now();
  await rig.pass({ webhook: rig.url });
  const took_ms = performance.now() - begin_ms;
  hanging.resolve(new Response(""));
  assert.ok(took_ms > 2_900 && took_ms < 5_000, `${took_ms} ms`);
  assert.equal(rig.received.length, 1, "one that hangs is not asked for the next event");
  assert.equal(rig.store.outbox.standings()[0]!.error, "no answer within 3 s");
});

test("an answer that never ends is not read", async (rig) => {
  const piece = new Uint8Array(64 * 1024);
  rig.answer = () =>
    new Response(new ReadableStream({ pull: (controller) => controller.enqueue(piece) }));
  rig.happen("health");
  const begin_ms = performance.now();
  await rig.pass({ webhook: rig.url });
  assert.ok(performance.now() - begin_ms < 2_000);
  assert.equal(rig.store.outbox.standings()[0]!.delivered, 1);
});

test("a log-in in the URL is sent, and never told", async (rig) => {
  const url = rig.url.replace("http://", "http://lb:pass-word@");
  rig.happen("health");
  await rig.pass({ webhook: url });
  assert.equal(rig.received[0]?.headers.get("authorization"), `Basic ${btoa("lb:pass-word")}`);
  rig.answer = () => new Response("", { status: 403 });
  rig.happen("health");
  await rig.pass({ webhook: url });
  assert.equal(rig.store.outbox.standings()[0]!.error, "status 403");
});

test("where nobody listens the reason says so", async (rig) => {
  rig.happen("health");
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr;
  listener.close();
  await rig.pass({ webhook: `http://127.0.0.1:${port}/secret` });
  assert.equal(rig.store.outbox.standings()[0]!.error, "Connection refused");
});
