import assert from "node:assert/strict";
import fc from "fast-check";
import { BINDINGS } from "../../../lib/tui/keys.ts";
import { keysOf } from "../../../lib/tui/key.ts";
import { pauseAfter } from "../../../lib/tui/rhythm.ts";
import type { Event, State, Step } from "../../../lib/tui/state.ts";
import { update } from "../../../lib/tui/update.ts";
import { screen } from "../../../lib/tui/view/screen.ts";
import {
  after,
  backendAt,
  NOW_MS,
  pictureOf,
  press,
  serviceAt,
  SERVICES,
  shown,
  watched,
} from "./scene.ts";

/** Keys one after the other; what was to be done outside by the last one. */
function pressAll(state: State, ...keys: string[]): Step {
  return keys.reduce<Step>((step, key) => press(step.state, key), { state, effects: [] });
}

const MANY = Array.from(
  { length: 500 },
  (_, index) => backendAt(index + 1, `198.51.${100 + (index >> 8)}.${index & 255}`),
);

function manyBackends(): State {
  const picture = pictureOf([serviceAt("big", "203.0.113.99", MANY)]);
  return press(after([{ kind: "picture", picture }]), "enter").state;
}

function chosenOf({ lists }: State): string | undefined {
  return lists.backends.chosen;
}

Deno.test("arrows and letters move the choice, and stop at both ends", () => {
  for (const [down, up] of [["down", "up"], ["j", "k"]] as const) {
    const { state } = pressAll(watched(), down);
    assert.equal(state.lists.services.chosen, "mail");
    assert.equal(press(state, down).state.lists.services.chosen, "mail");
    assert.equal(pressAll(state, up, up).state.lists.services.chosen, "web");
  }
});

Deno.test("g and G, and the keys of pages, go through thousands of rows, and the chosen one is on the screen", () => {
  let state = manyBackends();
  const check = (key: string, address: string) => {
    state = press(state, key).state;
    assert.equal(chosenOf(state), `${address}|8080`, key);
    assert.match(shown(state), new RegExp(`^› ● ${address.replaceAll(".", "\\.")}:8080`, "m"));
  };
  check("G", "198.51.101.243");
  check("g", "198.51.100.0");
  check("end", "198.51.101.243");
  check("home", "198.51.100.0");
  check("pagedown", "198.51.100.12");
  check("pageup", "198.51.100.0");
  check("j", "198.51.100.1");
});

Deno.test("enter opens a service and esc leads back", () => {
  const inside = press(watched(), "enter").state;
  assert.match(shown(inside), /^ web {2}tcp 203\.0\.113\.10 port 80 {2}wrr {2}nat$/m);
  assert.equal(press(inside, "escape").state.page, "services");
});

Deno.test("a filter shows what matches as it is typed; enter keeps it, esc takes it away", () => {
  const typed = pressAll(watched(), "/", "m", "a").state;
  assert.deepEqual(typed.listing.services.map(({ service }) => service.name), ["mail"]);
  const kept = press(typed, "enter").state;
  assert.deepEqual([kept.typing, kept.lists.services.filter], [undefined, "ma"]);
  assert.match(shown(kept), /"ma", 1 of 2 services/);
  assert.equal(press(kept, "escape").state.lists.services.filter, "");
  assert.equal(press(typed, "escape").state.listing.services.length, 2);
  assert.equal(pressAll(typed, "backspace", "backspace").state.listing.services.length, 2);
  const ill = pressAll(watched(), "enter", "/", ..."unhealthy", "enter").state;
  assert.deepEqual(ill.listing.backends.map(({ backend }) => backend.id), [2]);
});

Deno.test("what is typed into a filter is no command", () => {
  const { state, effects } = pressAll(watched(["enter"]), "/", "q", "d");
  assert.deepEqual([effects, state.dialog, state.lists.backends.filter], [[], undefined, "qd"]);
});

Deno.test("s goes through the orders, the worst first among them", () => {
  let state = watched(["enter"]);
  const orders = Array.from({ length: 5 }, () => {
    state = press(state, "s").state;
    return state.listing.backends.map(({ backend }) => backend.id);
  });
  // By name, by new connections, by active ones, the worst first, as configured.
  assert.deepEqual(orders, [[1, 2, 3, 4], [1, 4, 2, 3], [4, 1, 3, 2], [2, 3, 1, 4], [1, 2, 3, 4]]);
});

for (
  const [key, kind] of [["d", "drain"], ["r", "ready"], ["m", "maintenance"]] as const
) {
  Deno.test(`${key} asks, shows the plan, and ${kind} comes with y only`, () => {
    const asked = press(watched(["enter"]), key);
    const { serial } = asked.state;
    assert.deepEqual(asked.effects.map((effect) => effect.kind), ["plan"]);
    assert.deepEqual(asked.state.dialog?.order.wish, { kind });
    // Not before there is a plan to say yes to.
    assert.deepEqual(press(asked.state, "y").effects, []);
    const lines = ["Plan: 2 changes"];
    const planned = update(asked.state, { kind: "planned", serial, lines }).state;
    assert.match(shown(planned), new RegExp(`── ${kind} web 198\\.51\\.100\\.11:8080\\?`));
    assert.match(shown(planned), /Plan: 2 changes[^]*y does it {3}n does not/);
    const refused = press(planned, "n");
    assert.deepEqual([refused.effects, refused.state.dialog], [[], undefined]);
    const agreed = press(planned, "y");
    assert.deepEqual(agreed.effects.map((effect) => effect.kind), ["apply"]);
    // What has begun is finished: a second y, or q, does nothing.
    assert.deepEqual(pressAll(agreed.state, "y", "q", "escape").effects, []);
    const done = update(agreed.state, { kind: "applied", serial, lines: ["revision 8"] });
    assert.deepEqual(done.effects, [{ kind: "look" }]);
    assert.match(shown(done.state), new RegExp(`done: ${kind} web .*; revision 8`));
  });
}

Deno.test("+ and - ask for a tenth more or less, and can be pressed again", () => {
  const weightOf = (state: State) => state.dialog?.order.wish;
  const more = press(watched(["enter"]), "+");
  assert.deepEqual(weightOf(more.state), { kind: "weight", weight: 110 });
  const again = press(more.state, "+");
  assert.deepEqual(weightOf(again.state), { kind: "weight", weight: 121 });
  assert.deepEqual(again.effects.map((effect) => effect.kind), ["plan"]);
  // The answer to what is asked no more is not shown as that to what is.
  const stale: Event = { kind: "planned", serial: more.state.serial, lines: ["old"] };
  assert.equal(update(again.state, stale).state.dialog?.phase, "planning");
  assert.deepEqual(weightOf(press(watched(["enter", "down"]), "-").state), {
    kind: "weight",
    weight: 45,
  });
});

Deno.test("a weight stays between 0 and what a config may have", () => {
  let state = press(watched(["enter"]), "-").state;
  for (let index = 0; index < 100; index++) state = press(state, "-").state;
  assert.deepEqual(state.dialog?.order.wish, { kind: "weight", weight: 0 });
  for (let index = 0; index < 150; index++) state = press(state, "+").state;
  assert.deepEqual(state.dialog?.order.wish, { kind: "weight", weight: 65_535 });
});

Deno.test("what lb refuses is shown, and nothing is lost by it", () => {
  const asked = press(watched(["enter"]), "d").state;
  const lines = ["another process holds the lock"];
  const refused = update(asked, { kind: "refused", serial: asked.serial, lines }).state;
  assert.match(shown(refused), /another process holds the lock[^]*not done; esc goes back/);
  assert.deepEqual(press(refused, "y").effects, []);
  assert.equal(press(refused, "escape").state.page, "service");
});

Deno.test("who may not write is told so, and nothing is even planned", () => {
  const why = "state database /var/lib/lb/lb.db: it is read-only";
  const state = update(watched(["enter"]), { kind: "read-only", why }).state;
  assert.match(shown(state), /read-only {2}09:12:44 UTC$/m);
  for (const key of ["d", "r", "m", "+", "-"]) {
    const step = press(state, key);
    assert.deepEqual([step.effects, step.state.dialog], [[], undefined]);
    assert.ok(shown(step.state).includes(`read-only: ${why}`));
  }
});

Deno.test("on the page of services nothing is changed: a backend is to be chosen first", () => {
  for (const key of ["d", "r", "m", "+", "-"]) {
    const { state, effects } = press(watched(), key);
    assert.deepEqual(effects, []);
    assert.match(shown(state), /choose a backend first/);
  }
});

Deno.test("w asks for a flow and shows what lb why says of it", () => {
  const { state, effects } = pressAll(watched(["enter"]), "w", ..."192.0.2.7:4711", "enter");
  const [effect] = effects;
  assert.ok(effect?.kind === "explain");
  assert.deepEqual(effect.question, { flow: "192.0.2.7:4711", service: "web" });
  const lines = ["goes to 198.51.100.11"];
  const told = update(state, { kind: "explained", serial: effect.serial, lines }).state;
  assert.match(shown(told), /── why 192\.0\.2\.7:4711 [^]*goes to 198\.51\.100\.11/);
  assert.equal(press(told, "escape").state.page, "service");
});

Deno.test("e and ? open their pages, which scroll, and close them again", () => {
  for (const [key, page] of [["e", "events"], ["?", "help"]] as const) {
    const opened = press(watched(["enter"]), key).state;
    assert.equal(opened.page, page);
    for (const back of [key, "escape"]) assert.equal(press(opened, back).state.page, "service");
    const end = pressAll(opened, "G", "j", "pagedown").state;
    assert.equal(end.top, press(opened, "G").state.top, "nobody scrolls beyond the end");
  }
});

Deno.test("q and Ctrl-C end it, the latter from everywhere", () => {
  assert.deepEqual(press(watched(), "q").effects, [{ kind: "quit" }]);
  for (const keys of [[], ["/"], ["w"], ["?"], ["enter", "d"]]) {
    assert.deepEqual(press(watched(keys), "ctrl-c").effects, [{ kind: "quit" }]);
  }
});

Deno.test("the choice stays where it was when others come and go", () => {
  const state = watched(["enter", "down", "down"]);
  const [web, mail] = SERVICES;
  const fewer = { ...web!, backends: web!.backends.slice(1) };
  const next = update(state, { kind: "picture", picture: pictureOf([mail!, fewer]) }).state;
  assert.equal(chosenOf(next), "198.51.100.13|8080");
  assert.match(shown(next), /^› ↓ 198\.51\.100\.13/m);
  const gone = update(next, { kind: "picture", picture: pictureOf([mail!]) }).state;
  assert.match(shown(gone), /There is no service web\./);
});

Deno.test("a look that fails is told, with what was seen before still there", () => {
  const state = update(watched(), { kind: "trouble", message: "no nft", now_ms: NOW_MS }).state;
  assert.match(shown(state), /! the last look failed: no nft[^]*web/);
  const next = update(state, { kind: "picture", picture: pictureOf() }).state;
  assert.doesNotMatch(shown(next), /failed: no nft/);
});

Deno.test("whatever keys come in whatever order, there is a screen, and nothing is changed without a y", () => {
  const keys = [...BINDINGS.flatMap((binding) => binding.keys), "x", "1", "enter", "backspace"];
  const sizes = [{ columns: 60, rows: 15 }, { columns: 133, rows: 37 }, { columns: 10, rows: 3 }];
  const events = fc.array(
    fc.oneof(
      {
        weight: 8,
        arbitrary: fc.constantFrom(...keys).map((key): Event => ({ kind: "key", key })),
      },
      fc.constantFrom(...sizes).map((size): Event => ({ kind: "size", size })),
      fc.constantFrom([], SERVICES, SERVICES.slice(1))
        .map((services): Event => ({ kind: "picture", picture: pictureOf(services) })),
    ),
    { maxLength: 60 },
  );
  fc.assert(fc.property(events, (some) => {
    let state = watched();
    for (const event of some) {
      const step = update(state, event);
      assert.ok(step.effects.every(({ kind }) => kind !== "apply"));
      state = step.state;
      assert.equal(screen(state).length, state.size.rows);
    }
  }));
});

Deno.test("keys that ink tells of are named, and pasted text is as if typed", () => {
  const none = {
    ...{ upArrow: false, downArrow: false, leftArrow: false, rightArrow: false, pageDown: false },
    ...{ pageUp: false, home: false, end: false, return: false, escape: false, ctrl: false },
    ...{ shift: false, tab: false, backspace: false, delete: false, meta: false, super: false },
    ...{ hyper: false, capsLock: false, numLock: false },
  };
  assert.deepEqual(keysOf("", { ...none, upArrow: true }), ["up"]);
  assert.deepEqual(keysOf("\r", { ...none, return: true }), ["enter"]);
  assert.deepEqual(keysOf("c", { ...none, ctrl: true }), ["ctrl-c"]);
  assert.deepEqual(keysOf("z", { ...none, ctrl: true }), []);
  assert.deepEqual(keysOf("q", { ...none, meta: true }), ["escape", "q"]);
  assert.deepEqual(keysOf("web\r", none), ["w", "e", "b", "enter"]);
  assert.deepEqual(keysOf("\x1b[5~", none), ["[", "5", "~"]);
});

Deno.test("looks take a bounded part of the time, and a countdown is looked after each second", () => {
  const idle = after([{ kind: "picture", picture: pictureOf(SERVICES.slice(1)) }]);
  const draining = watched();
  assert.equal(pauseAfter(10, idle), 1_990);
  assert.equal(pauseAfter(10, draining), 990);
  for (const look_ms of [100, 500, 1_000]) {
    assert.ok(look_ms / (look_ms + pauseAfter(look_ms, draining)) <= 0.04);
  }
  assert.equal(pauseAfter(10_000, idle), 30_000);
});
