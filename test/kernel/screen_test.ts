/** `lb status` on a real terminal: what it shows, and what its keys do. */
import assert from "node:assert/strict";
import { openStore } from "../../lib/store/store.ts";
import { files } from "../../lib/sys/files.ts";
import { door, serviceText, UNCHECKED } from "./config.ts";
import { applyText, draining, openAll } from "./drain_rig.ts";
import { kernelTests } from "./harness.ts";
import { allAnswered, send } from "./steps.ts";
import { argvOf, first, IDLE, onScreen, TWO } from "./screen_rig.ts";
import { Terminal } from "./tmux.ts";

const test = kernelTests({ backends: 2, need: "screen" });

test("each key does what help says", async (lab) => {
  await applyText(lab, TWO);
  await onScreen(await Terminal.open(argvOf(lab)), async (terminal) => {
    await terminal.shows(/› · web .*\n.*mail/);
    await terminal.press("j");
    await terminal.shows(/› · mail/);
    await terminal.press("Up");
    await terminal.shows(/› · web/);
    await terminal.press("G");
    await terminal.shows(/› · mail/);
    await terminal.press("g", "Enter");
    await terminal.shows(/^ web {2}tcp .* port 80/m);
    await terminal.press("Down");
    await terminal.shows(/› · \S+\.12:8080 /);
    await terminal.press("s");
    await terminal.shows(/sorted by name/);
    await terminal.press("/");
    await terminal.type(".11:");
    await terminal.shows(/filter: \.11:/);
    await terminal.press("Enter");
    await terminal.shows(/"\.11:", 1 shown/);
    await terminal.press("Escape");
    await terminal.shows(/\.12:8080/);
    await terminal.press("e");
    await terminal.shows(/── events, newest first ─[^]* apply {4}revision 1 applied/);
    await terminal.press("?");
    await terminal.shows(/── keys ─[^]*one row up/);
    await terminal.press("Escape");
    await terminal.shows(/^ web {2}tcp/m);
    await terminal.press("Escape");
    await terminal.shows(/SERVICE +ENGINE/);
    await terminal.press("w");
    await terminal.type("192.0.2.9:4711");
    await terminal.press("Enter");
    await terminal.shows(/── why 192\.0\.2\.9:4711 [^]*\(web, nft\)[^]*\.11:8080/);
    await terminal.press("w");
    await terminal.type("nobody");
    await terminal.press("Enter");
    await terminal.shows(/── why nobody [^]*nobody/);
    await terminal.press("Escape", "q");
    await terminal.shows(/ended with 0/);
    await terminal.isAsBefore();
  });
});

test("a drain that is begun on the screen counts down, and is taken back there", async (lab) => {
  await applyText(lab, draining("nft", 60, { families: [4] }));
  const connections = await openAll(lab, 4, IDLE);
  await onScreen(await Terminal.open(argvOf(lab, "web")), async (terminal) => {
    await terminal.shows(/› · .*:8080/);
    await terminal.press("d");
    await terminal.shows(/── drain web [^ ]*\?[^]*Plan: \d+ changes[^]*y does it/);
    assert.equal((await first(lab)).intent, "ready", "a plan changes nothing");
    await terminal.press("n");
    await terminal.shows(/not done: drain/);
    assert.equal((await first(lab)).intent, "ready");
    await terminal.press("d");
    await terminal.shows(/y does it/);
    await terminal.press("y");
    await terminal.shows(/done: drain web/);
    const [, before] = await terminal.shows(/↓ .*drain: (\d+) s, 1 left/);
    await terminal.shows(new RegExp(`drain: ${Number(before) - 2} s, 1 left`));
    assert.equal((await first(lab)).intent, "drain");
    await terminal.press("r");
    await terminal.shows(/── ready web [^]*y does it/);
    await terminal.press("y");
    await terminal.shows(/done: ready web/);
    assert.equal((await first(lab)).intent, "ready");
    await terminal.press("q");
    await terminal.isAsBefore();
  });
  await connections.close();
});

test("maintenance and weights come about as planned, lb.toml with them", async (lab) => {
  await applyText(lab, serviceText({ weights: [100, 50], families: [4] }));
  await onScreen(await Terminal.open(argvOf(lab, "web")), async (terminal) => {
    await terminal.shows(/› · .*:8080/);
    await terminal.press("+");
    await terminal.shows(/── weight 110 for web [^]*y does it/);
    await terminal.press("+");
    await terminal.shows(/── weight 121 for web [^]*y does it/);
    await terminal.press("y");
    await terminal.shows(/done: weight 121 [^]*revision 2/);
    await terminal.shows(/8080 +121 /);
    assert.match(lab.balancer.readConfig(), /weight = 121/);
    await terminal.press("m");
    await terminal.shows(/── maintenance web [^]*y does it/);
    await terminal.press("y");
    await terminal.shows(/■ .*0\/121.* maintenance/);
    assert.equal((await first(lab)).intent, "maintenance");
  });
});

test("what was written into lb.toml after the plan was shown is not applied with it", async (lab) => {
  await applyText(lab, TWO);
  await onScreen(await Terminal.open(argvOf(lab, "web")), async (terminal) => {
    await terminal.shows(/› · \S+\.11:8080 /);
    await terminal.press("m");
    await terminal.shows(/y does it/);
    lab.balancer.writeConfig(serviceText({ weights: [100, 50], families: [4] }));
    await terminal.press("y");
    await terminal.shows(/has been edited since this plan was made/);
    await terminal.press("Escape", "m");
    await terminal.shows(/y does it/);
    await terminal.press("y");
    await terminal.shows(/■ \S+\.11:8080 /);
  });
});

test("what somebody else has asked of a backend after the plan was shown is told, and not overridden", async (lab) => {
  await applyText(lab, draining("nft", 60, { families: [4] }));
  const connections = await openAll(lab, 4, IDLE);
  await onScreen(await Terminal.open(argvOf(lab, "web")), async (terminal) => {
    await terminal.shows(/› · \S+\.11:8080 /);
    await terminal.press("m");
    await terminal.shows(/y does it/);
    await lab.balancer.json(0, "scale", "web", "--drain", "198.51.100.11:8080");
    await terminal.press("y");
    await terminal.shows(/198\.51\.100\.11:8080 has been set to drain since this plan was made/);
    assert.equal((await first(lab)).intent, "drain");
    await terminal.press("Escape", "m");
    await terminal.shows(/── maintenance web [^]*y does it/);
  });
  await connections.close();
});

test("a state that is gone while its rules are in force is told", async (lab) => {
  await applyText(lab, TWO);
  await onScreen(await Terminal.open(argvOf(lab)), async (terminal) => {
    await terminal.shows(/› · web/);
    Deno.removeSync(`${lab.topology.folder}/state`, { recursive: true });
    await terminal.shows(/! nft: there are rules that an lb left/);
  });
});

test("the screen is whole at any size, before and after it is resized", async (lab) => {
  await applyText(lab, TWO);
  const sizes = [{ columns: 60, rows: 15 }, { columns: 80, rows: 24 }, { columns: 200, rows: 60 }];
  await onScreen(await Terminal.open(argvOf(lab), sizes[0]), async (terminal) => {
    await terminal.shows(/› · web/);
    for (const size of [...sizes, ...sizes.toReversed()]) {
      await terminal.resize(size);
      const between = size.columns - " lb status".length - "UTC".length;
      await terminal.shows(new RegExp(`^ lb status.{${between}}UTC\n[^]*\n \\? help`));
      const lines = await terminal.lines();
      assert.equal(lines.length, size.rows);
      assert.match(lines.at(-1)!, /^ \? help/);
      for (const what of [/^ lb status/, /SERVICE/, /── events ─/, / headroom:/]) {
        assert.equal(lines.filter((line) => what.test(line)).length, 1, `${what} once`);
      }
    }
    await terminal.resize({ columns: 50, rows: 12 });
    await terminal.shows(/needs 60 columns and 15 rows/);
    await terminal.resize(sizes[1]!);
    await terminal.shows(/› · web/);
  });
});

test("rates and the last ten minutes are there at the first look, by what passes have counted", async (lab) => {
  await applyText(lab, serviceText({ weights: [1, 1], families: [4] }));
  const begin_ms = Date.now();
  const store = openStore(`${lab.topology.folder}/state`, { files, uid: 0 });
  const none = { active_connections: 0, bytes_in: null, bytes_out: null };
  const sample = (ago_ms: number) => ({
    ...{ service: "web", at_ms: begin_ms - ago_ms, new_connections: 0 },
    ...none,
  });
  store.samples.add([sample(300_000)]);
  store.samples.add([sample(10_000)]);
  store.close();
  allAnswered(await send(lab, { doors: [door(4)], count: 40 }));
  await onScreen(await Terminal.open(argvOf(lab)), async (terminal) => {
    const [, rate, curve] = await terminal.shows(/› · web .* ([\d.]+) +\d+ ([▁▂▃▄▅▆▇█ ]+)$/m);
    assert.ok(Number(rate) > 1 && Number(rate) <= 4, rate);
    assert.match(curve!, /▁+.*█$/);
  });
});

/** More than any screen has rows. */
const MANY = 2_000;

function manyText(): string {
  const backends = Array.from(
    { length: MANY },
    (_, index) =>
      `[[service.backend]]\naddress = "198.19.${index >> 8}.${index & 255}"\nport = 80\n`,
  );
  return `[[service]]
name = "big"
vip = "203.0.113.10"
vip_on = "none"
protocol = "tcp"
ports = [80]
scheduler = "sh"
${UNCHECKED}
${backends.join("")}`;
}

test("two thousand backends scroll, row by row and from end to end", async (lab) => {
  await applyText(lab, manyText());
  await onScreen(await Terminal.open(argvOf(lab, "big")), async (terminal) => {
    await terminal.shows(/› · 198\.19\.0\.0:80 /);
    await terminal.press("G");
    await terminal.shows(/› · 198\.19\.7\.207:80 /);
    await terminal.press("g");
    await terminal.shows(/› · 198\.19\.0\.0:80 /);
    await terminal.type("j".repeat(100));
    await terminal.shows(/› · 198\.19\.0\.100:80 /);
    await terminal.press("/");
    await terminal.type("7.20");
    await terminal.press("Enter");
    await terminal.shows(/"7\.20", 9 shown/);
  });
});

test("who may not write is told, and refused", async (lab) => {
  await applyText(lab, serviceText({ weights: [100, 50], families: [4] }));
  const readOnly = 'mount --bind "$0" "$0" && mount -o remount,bind,ro "$0" && exec "$@"';
  const state = `${lab.topology.folder}/state`;
  const argv = ["unshare", "-m", "sh", "-c", readOnly, state, ...argvOf(lab, "web")];
  await onScreen(await Terminal.open(argv), async (terminal) => {
    await terminal.shows(/read-only {2}\d\d:\d\d:\d\d UTC/);
    for (const key of ["d", "r", "m", "+", "-"]) {
      await terminal.press(key);
      await terminal.shows(/^ read-only: \/.*\/lb\.db: the file system is read-only/m);
    }
  });
  assert.equal((await first(lab)).intent, "ready");
});
