import assert from "node:assert/strict";
import type { Known } from "../../../lib/health/pass.ts";
import { able, NOTHING_KNOWN, passOver, serviceWith, standings } from "./service.ts";

/** Goes through passes, a second apart. @returns who is able after each, and what was told */
async function follow(
  passes: readonly string[],
  { health = "", backends = passes[0]!.length, lines = [] as readonly string[] } = {},
) {
  const all = Array.from({ length: backends }, (_, index) => lines[index] ?? "");
  const service = await serviceWith(health, all);
  let known: Known = NOTHING_KNOWN;
  const seen: string[] = [];
  const told: string[][] = [];
  for (const [index, results] of passes.entries()) {
    const judged = passOver(service, known, results, (index + 1) * 1_000);
    known = judged;
    seen.push(able(service, judged));
    told.push(judged.changes.map(({ message }) => message));
  }
  return { seen, told, known, service };
}

Deno.test("a service without any result sends to all", async () => {
  const service = await serviceWith("", ["", "", ""]);
  assert.equal(able(service, NOTHING_KNOWN), "+++");
  assert.deepEqual(standings(service, NOTHING_KNOWN).map(({ state }) => state), [
    "unknown",
    "unknown",
    "unknown",
  ]);
});

Deno.test("a new backend that fails its first check gets nothing until its first success", async () => {
  const { seen, told } = await follow(["+-+", "+-+", "+++"]);
  assert.deepEqual(seen, ["+-+", "+-+", "+++"]);
  assert.deepEqual(told, [
    ["web 198.51.100.2:80 gets no connections yet: its first check failed: refused"],
    [],
    ["web 198.51.100.2:80 is healthy: it gets connections now"],
  ]);
});

Deno.test("a backend falls after fall passes and is back after rise, a line for each", async () => {
  const { seen, told } = await follow(["+++", "-++", "-++", "-++", "+++", "+++"]);
  assert.deepEqual(seen, ["+++", "+++", "+++", "-++", "-++", "+++"]);
  assert.deepEqual(told.flat(), [
    "web 198.51.100.1:80 is unhealthy: refused (3 failed checks)",
    "web 198.51.100.1:80 is healthy again (2 good checks)",
  ]);
});

Deno.test("where more fail at once than is believed, the last good set stays, and nothing flaps when it heals", async () => {
  const cut = ["++++", ...Array.from({ length: 20 }, () => "---+"), "++++", "++++"];
  const { seen, told } = await follow(cut);
  assert.deepEqual(new Set(seen), new Set(["++++"]));
  assert.deepEqual(told.flat(), [
    "web: 3 of 4 backends failed within one pass, which is not believed (panic = 50): " +
    "connections go where they went before",
    "web: no panic any more, checks are believed again",
  ]);
});

Deno.test("in a panic, who fails is told to be unhealthy, and takes connections all the same", async () => {
  const { known, service } = await follow(["++++", "---+"]);
  const told = standings(service, known).map(({ state, isAble }) => [state, isAble]);
  const held = ["unhealthy", true];
  assert.deepEqual(told, [held, held, held, ["healthy", true]]);
});

Deno.test("after a panic, who has failed all along leaves with the next failed check", async () => {
  const { seen, told } = await follow(["++++", "---+", "---+", "---+", "+--+", "+--+"]);
  assert.deepEqual(seen.slice(1), ["++++", "++++", "++++", "++++", "+--+"]);
  assert.deepEqual(told.slice(4), [
    [
      "web: no panic any more, checks are believed again; " +
      "2 backends that failed once more will leave with the next failed check",
    ],
    [
      "web 198.51.100.2:80 is unhealthy: refused (5 failed checks)",
      "web 198.51.100.3:80 is unhealthy: refused (5 failed checks)",
    ],
  ]);
});

Deno.test("nobody falls where the way heals in the midst of a pass, however long it was broken", async () => {
  const broken = Array.from({ length: 20 }, () => "-----");
  const { seen, told } = await follow(["+++++", ...broken, "++-+-", "+++++", "--+++", "--+++"]);
  assert.deepEqual(new Set(seen), new Set(["+++++"]));
  assert.equal(told.flat().length, 2, "that a panic began, and that it ended");
});

Deno.test("a panic that comes again goes on counting", async () => {
  const { seen } = await follow(["+++++", "---++", "--+++", "---++", "--+++", "--+++"]);
  assert.deepEqual(seen.slice(1), ["+++++", "+++++", "+++++", "+++++", "--+++"]);
});

Deno.test("in a panic, who was ill stays out and who recovers comes in", async () => {
  const { seen } = await follow([
    ...["+++++", "-++++", "-++++", "-++++"],
    ...["-+---", "-+---", "++---", "++---"],
  ]);
  assert.equal(seen[3], "-++++");
  assert.deepEqual(seen.slice(4), ["-++++", "-++++", "-++++", "+++++"]);
});

Deno.test("panic = 0 believes all, and says that nobody is left", async () => {
  const { seen, told } = await follow(["++", "--", "++"], {
    health: "panic = 0\nfall = 1\nrise = 1",
  });
  assert.deepEqual(seen, ["++", "--", "++"]);
  assert.equal(told[1]!.at(-1), "web: no backend is healthy: connections are refused");
  assert.equal(told[2]!.at(-1), "web: a backend takes connections again");
});

Deno.test("where all backends fail from the start they get connections, as long as that is not believed", async () => {
  const { seen } = await follow(["--", "--", "--", "--", "-+", "-+"]);
  assert.deepEqual(seen.slice(0, 4), ["++", "++", "++", "++"]);
  assert.deepEqual(seen.slice(4), ["-+", "-+"]);
});

Deno.test("the events say when backups enter and leave", async () => {
  const lines = ["", "", "backup = true"];
  const { told } = await follow(["+++", "--+", "+-+"], { health: "fall = 1\nrise = 1", lines });
  assert.equal(told[1]!.at(-1), "web: no primary is healthy: backups take over");
  assert.equal(told[2]!.at(-1), "web: a primary is healthy again: backups leave");
});

Deno.test("a pass over new backends alone leaves the others as they are", async () => {
  const { known, service } = await follow(["+++", "-++"], { health: "fall = 1" });
  const wider = { ...service, backends: [...service.backends, more(service.backends[0]!)] };
  const after = passOver(wider, known, "...-", 9_000);
  assert.equal(able(wider, after), "-++-");
  assert.deepEqual(after.panics, []);
  assert.deepEqual(after.rows.slice(0, 3), known.rows);
});

Deno.test("what is known of a backend that has left is forgotten", async () => {
  const { known, service } = await follow(["+-"], { health: "fall = 1" });
  const narrower = { ...service, backends: service.backends.slice(0, 1) };
  assert.deepEqual(passOver(narrower, known, ".", 9_000).rows, known.rows.slice(0, 1));
});

Deno.test("who is not checked is healthy, whatever was found of it once", async () => {
  const { known } = await follow(["--"], { health: "fall = 1\npanic = 0" });
  const service = await serviceWith('type = "none"', ["", ""]);
  assert.equal(able(service, known), "++");
});

function more<Each extends { readonly port?: number }>(backend: Each): Each {
  return { ...backend, port: 81 };
}
