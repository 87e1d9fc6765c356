/** `lb status` on a real terminal: what it does to the terminal, and how it ends. */
import assert from "node:assert/strict";
import { files } from "../../lib/sys/files.ts";
import { applyText, draining } from "./drain_rig.ts";
import { kernelTests } from "./harness.ts";
import { holdLock } from "./lock_rig.ts";
import { eventually } from "./queued_rig.ts";
import { argvOf, first, onScreen, TWO } from "./screen_rig.ts";
import { Terminal } from "./tmux.ts";

const test = kernelTests({ backends: 2, need: "screen" });

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
    // What answers to keys has drawn over the first frame by then, which is there before it is loaded.
    await terminal.press("j");
    await terminal.shows(/› · mail/);
    await terminal.press("k");
    await terminal.shows(/› · web/);
    const columns = (text: string) => /^.*SERVICE.*$/m.exec(text)?.[0];
    const before = columns(await terminal.text());
    await terminal.scribble("\x1b[3;5Hscribble\r\nscribble\r\n\r\n\r\n");
    await terminal.shows(/scribble/);
    await terminal.press("C-l");
    await terminal.shows(
      /^ lb status .*\n now: .*\n headroom: .*\n +SERVICE.*\n *› · web .*\n *· mail /,
    );
    const text = await terminal.text();
    assert.doesNotMatch(text, /scribble/);
    assert.equal(columns(text), before);
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
    assert.equal((await first(lab)).intent, "maintenance", await terminal.text());
  });
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

test("on a terminal that takes nothing any more a signal still ends it", async (lab) => {
  await applyText(lab, TWO);
  const later = ["sh", "-c", 'sleep 2; exec "$@"', "sh", ...argvOf(lab)];
  await onScreen(await Terminal.open(later, { columns: 200, rows: 60 }), async (terminal) => {
    const pid = await terminal.pid();
    const goOn = await terminal.stall();
    try {
      // More than the terminal has room for is written by then.
      await new Promise((wake) => setTimeout(wake, 5_000));
      Deno.kill(pid, "SIGTERM");
      await eventually("lb has ended", () => Promise.resolve(!files.stat(`/proc/${pid}`)));
    } finally {
      goOn();
    }
    await terminal.shows(/ended with/);
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

test("a signal is one signal: nothing of the screen's sends it again", async () => {
  const inside = new URL("./screen_inside.ts", import.meta.url).pathname;
  const deno = [Deno.execPath(), "run", "-q", "--no-check", "-A", inside];
  for (const signal of ["SIGTERM", "SIGHUP", "SIGINT"] as const) {
    await onScreen(await Terminal.open([...deno, "nowhere"]), async (terminal) => {
      await terminal.shows(/› . web/);
      // What draws is there when a key is heard.
      await terminal.press("?");
      await terminal.shows(/these keys/);
      Deno.kill(await terminal.pid(), signal);
      await terminal.shows(/signals: 1\s+.*ended with 0/);
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
    await terminal.shows(/there is no service wbe in force; did you mean `web`\?[^]*ended with 2/);
    await terminal.isAsBefore();
  });
});
