/** `lb status` on a real terminal. */
import assert from "node:assert/strict";
import { openStore } from "../../lib/store/store.ts";
import { files } from "../../lib/sys/files.ts";
import { door, serviceText, UNCHECKED } from "./config.ts";
import { applyText, draining, openAll } from "./drain_rig.ts";
import { kernelTests, type Lab } from "./harness.ts";
import { holdLock } from "./lock_rig.ts";
import { allAnswered, send } from "./steps.ts";
import { Terminal } from "./tmux.ts";

const test = kernelTests({ backends: 2, need: "screen" });

/** Of each backend: one that stays. */
const IDLE = { short: 0, long: 0, idle: 1 };

function argvOf({ topology, balancer }: Lab, ...words: string[]): string[] {
  return ["ip", "netns", "exec", topology.balancer, ...balancer.argv("status", ...words)];
}

async function onScreen(
  terminal: Terminal,
  act: (terminal: Terminal) => Promise<void>,
): Promise<void> {
  try {
    await act(terminal);
  } finally {
    await terminal.close();
  }
}

const TWO = [
  serviceText({ weights: [100, 50], families: [4] }),
  serviceText({ name: "mail", weights: [10, 10], families: [4], vips: [11], ports: "[25]" }),
].join("\n");

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

interface Told {
  readonly services: readonly {
    readonly backends: readonly { readonly intent: string; readonly weight: number }[];
  }[];
}

async function first({ balancer }: Lab) {
  const { services } = await balancer.json<Told>(0, "status");
  return services[0]!.backends[0]!;
}

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

/** What clears the screen or a part of it below the cursor (ECMA-48, ED). */
const CLEARED = /\x5b[0-3]?J/;

test("nothing is cleared to be drawn anew: only what has changed is written, and shown when it is complete", async (lab) => {
  await applyText(lab, TWO);
  await onScreen(await Terminal.open(argvOf(lab)), async (terminal) => {
    await terminal.shows(/› · web/);
    await terminal.press("Enter");
    await terminal.shows(/^ web {2}tcp/m);
    const written = await terminal.listen();
    const [before] = await terminal.shows(/\d\d:\d\d:\d\d UTC/);
    await terminal.press("j");
    await terminal.shows(/› · \S+\.12:8080/);
    await terminal.shows(new RegExp(`(?!${before})\\d\\d:\\d\\d:\\d\\d UTC`));
    const text = written();
    assert.doesNotMatch(text, CLEARED);
    assert.match(text, /^(?:.{0,2}\[\?2026h[^]*?\[\?2026l)+$/);
    assert.ok(!text.includes("SERVICE") && !text.includes("headroom"), text);
  });
});

test("Ctrl-L draws all of it anew over what somebody else has written", async (lab) => {
  await applyText(lab, TWO);
  await onScreen(await Terminal.open(argvOf(lab)), async (terminal) => {
    await terminal.shows(/› · web[^]*── events/);
    // The first two lines tell of times.
    const rest = (await terminal.lines()).slice(2).join("\n");
    await terminal.scribble("\x1b[3;5Hscribble\r\nscribble\r\n\r\n\r\n");
    await terminal.shows(/scribble/);
    await terminal.press("C-l");
    await terminal.shows(new RegExp(`^ lb status .*\n now: .*\n${RegExp.escape(rest)}$`));
    await terminal.press("j");
    await terminal.shows(/› · mail/);
    assert.equal((await terminal.lines()).filter((line) => /SERVICE/.test(line)).length, 1);
  });
});

test("what has begun when a signal comes is brought to its end", async (lab) => {
  await applyText(lab, draining("nft", 60, { families: [4] }));
  await onScreen(await Terminal.open(argvOf(lab, "web")), async (terminal) => {
    await terminal.shows(/› · .*:8080/);
    await terminal.press("m");
    await terminal.shows(/y does it/);
    const lock = await holdLock(lab);
    await terminal.press("y");
    await terminal.shows(/at work …/);
    Deno.kill(await terminal.pid(), "SIGTERM");
    await lock.release();
    await terminal.isAsBefore();
  });
  assert.equal((await first(lab)).intent, "maintenance");
});

test("a lock that another run holds is told with what can be done on a screen", async (lab) => {
  await applyText(lab, draining("nft", 60, { families: [4] }));
  await onScreen(await Terminal.open(argvOf(lab, "web")), async (terminal) => {
    await terminal.shows(/› · .*:8080/);
    const lock = await holdLock(lab);
    await terminal.press("m");
    await terminal.shows(/holds the lock/);
    const text = (await terminal.lines()).join(" ").replaceAll(/\s+/g, " ");
    assert.match(text, /waited 10 s; try again when it has ended ! not done/);
    await lock.release();
  });
});

for (const signal of ["SIGTERM", "SIGHUP", "SIGINT"] as const) {
  test(`the terminal is as before after ${signal}`, async (lab) => {
    await applyText(lab, TWO);
    await onScreen(await Terminal.open(argvOf(lab)), async (terminal) => {
      await terminal.shows(/› · web/);
      assert.deepEqual(await terminal.mode(), { isOther: true, hasCursor: false });
      Deno.kill(await terminal.pid(), signal);
      await terminal.isAsBefore();
    });
  });
}

test("the terminal is as before after Ctrl-C, on a page, in a question and in a filter", async (lab) => {
  await applyText(lab, TWO);
  for (const keys of [[], ["Enter", "d"], ["/", "x"]]) {
    await onScreen(await Terminal.open(argvOf(lab)), async (terminal) => {
      await terminal.shows(/› · web/);
      await terminal.press(...keys, "C-c");
      await terminal.isAsBefore();
      await terminal.shows(/ended with 0/);
    });
  }
});

test("the terminal is as before after a thrown error, wherever it was thrown", async () => {
  const inside = new URL("./screen_inside.ts", import.meta.url).pathname;
  const deno = [Deno.execPath(), "run", "-q", "--no-check", "-A", inside];
  for (
    const [where, what] of [
      ["first", "by the first look"],
      ["look", "by a look"],
      ["drawing", ""],
      ["timer", "nobody's child"],
    ]
  ) {
    await onScreen(await Terminal.open([...deno, where!]), async (terminal) => {
      await terminal.shows(new RegExp(`thrown: .*${what}`));
      await terminal.isAsBefore();
      await terminal.shows(/ended with 70/);
    });
  }
});

test("who leaves the screen while a change is under way hears why it failed", async () => {
  const inside = new URL("./screen_inside.ts", import.meta.url).pathname;
  const deno = [Deno.execPath(), "run", "-q", "--no-check", "-A", inside];
  await onScreen(await Terminal.open([...deno, "change"]), async (terminal) => {
    await terminal.shows(/› . web/);
    await terminal.press("Enter", "d");
    await terminal.shows(/y does it/);
    await terminal.press("y");
    await terminal.shows(/at work …/);
    await terminal.press("C-c");
    await terminal.shows(/thrown: thrown by a change\s+.*ended with 70/);
    await terminal.isAsBefore();
  });
});

test("lb status prints once where it is told to, and where nobody sits there", async (lab) => {
  await applyText(lab, TWO);
  await onScreen(await Terminal.open(argvOf(lab, "--once")), async (terminal) => {
    await terminal.shows(/revision 1, applied [^]*ended with 0/);
    await terminal.isAsBefore();
  });
  const { code, stdout } = await lab.balancer.lb("status");
  assert.equal(code, 0);
  assert.match(stdout, /^revision 1/);
});

test("a screen of a service that is not there is wrong usage, as what is printed of it", async (lab) => {
  await applyText(lab, TWO);
  await onScreen(await Terminal.open(argvOf(lab, "wbe")), async (terminal) => {
    await terminal.shows(/there is no service wbe; did you mean `web`\?[^]*ended with 2/);
    await terminal.isAsBefore();
  });
});
