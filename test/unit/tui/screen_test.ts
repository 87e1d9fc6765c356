/**
 * The whole screen as golden text: `screens/NAME.txt`. `UPDATE_GOLDEN=1` writes them anew: read the diff before you
 * commit it.
 */
import assert from "node:assert/strict";
import { stripVTControlCharacters } from "node:util";
import { BINDINGS } from "../../../lib/tui/keys.ts";
import { textWidth } from "../../../lib/model/width.ts";
import { widthOf } from "../../../lib/tui/line.ts";
import { isUnicode, painted } from "../../../lib/tui/paint.ts";
import { standingOf } from "../../../lib/tui/rows.ts";
import type { Event, Size, State } from "../../../lib/tui/state.ts";
import { update } from "../../../lib/tui/update.ts";
import { screen } from "../../../lib/tui/view/screen.ts";
import { rows, section } from "../docs/markdown.ts";
import { after, NOW_MS, pictureOf, SERVICES, shown, watched } from "./scene.ts";

const FOLDER = new URL("screens/", import.meta.url).pathname;
const UPDATE = Deno.env.get("UPDATE_GOLDEN") === "1";

const SIZES: readonly Size[] = [
  { columns: 60, rows: 15 },
  { columns: 80, rows: 24 },
  { columns: 200, rows: 60 },
];

const PLAN = [
  "Plan: 2 changes",
  "  ~  nft  chain s-web4  rules written anew (web)",
  "  ~  nft  map sv-web4   - 2, - 3, - 4",
];

function withPlan(state: State): State {
  return update(state, { kind: "planned", serial: state.serial, lines: PLAN }).state;
}

/** Each at every size. */
const SCREENS: Readonly<Record<string, (size: Size) => State>> = {
  services: (size) => watched([], size),
  service: (size) => watched(["enter", "down"], size),
  events: (size) => watched(["e"], size),
  help: (size) => watched(["?"], size),
  plan: (size) => withPlan(watched(["enter", "d"], size)),
  filter: (size) => watched(["/", "m", "a"], size),
  first: (size) => after([], size),
  attention: (size) => after([{ kind: "picture", picture: troubled() }], size),
};

function troubled() {
  const picture = pictureOf(SERVICES, NOW_MS, {
    queues: [{ waiting: 3, dropped: 12 }],
    activity: { holder: { pid: 123, command: "lb reconcile --every 5s" } },
  });
  const drifted = ["nft: map sv-web4"];
  const blocked = ["notify: 3 events wait to be told by webhook: connection refused"];
  const conntrack = { count: 250_000, max: 262_144 };
  const status = {
    ...{ ...picture.status, drifted, blocked, conntrack },
    ...{ config_edited: true, last_pass_at_ms: null },
  };
  return { ...picture, status };
}

function agree(path: string, text: string): void {
  if (UPDATE) Deno.writeTextFileSync(path, text);
  assert.equal(text, Deno.readTextFileSync(path), path);
}

for (const [name, stateAt] of Object.entries(SCREENS)) {
  for (const size of SIZES) {
    const title = `${name}_${size.columns}x${size.rows}`;
    Deno.test(`golden screen ${title}`, () => {
      agree(`${FOLDER}${title}.txt`, shown(stateAt(size)));
    });
  }
}

Deno.test("a screen is as wide and as high as the terminal, whatever the terminal", () => {
  for (const stateAt of Object.values(SCREENS)) {
    for (let columns = 20; columns <= 210; columns += 7) {
      for (const rows of [5, 15, 16, 19, 23, 40, 61]) {
        const lines = screen(stateAt({ columns, rows }));
        assert.equal(lines.length, rows);
        for (const line of lines) assert.equal(widthOf(line), columns);
      }
    }
  }
});

Deno.test("help tells of every key", () => {
  const text = shown(watched(["?"], { columns: 200, rows: 60 }));
  for (const { label, help } of BINDINGS) {
    assert.ok(text.includes(label) && text.includes(help), label);
  }
});

Deno.test("docs/status.md has the keys of help, and the screen of a golden file", () => {
  const text = Deno.readTextFileSync(new URL("../../../docs/status.md", import.meta.url));
  const keys = rows(section({ path: "docs/status.md", text }, "Keys"));
  const known = BINDINGS.map(({ label, help }) => [`\`${label}\``, help]);
  assert.deepEqual(keys.filter(([key]) => key?.startsWith("`")), known);
  const golden = Deno.readTextFileSync(`${FOLDER}services_80x24.txt`);
  assert.ok(text.includes(golden.replaceAll(/\n{2,}/g, "\n")));
});

Deno.test("colours tell nothing that the text does not: without them it is the same", () => {
  for (const stateAt of Object.values(SCREENS)) {
    const lines = screen(stateAt(SIZES[1]!));
    for (const line of lines) {
      const bare = line.map(({ text }) => text).join("");
      for (const colour of [true, false]) {
        const text = painted(line, { colour, unicode: true });
        assert.equal(stripVTControlCharacters(text), bare);
        if (!colour) assert.ok(!text.includes("\x1b[3"));
      }
      const ascii = painted(line, { colour: false, unicode: false });
      assert.match(stripVTControlCharacters(ascii), /^[ -~]*$/);
      assert.equal(textWidth(stripVTControlCharacters(ascii)), textWidth(bare));
    }
  }
});

Deno.test("nothing that was told by others steers the terminal", () => {
  const evil = "\x1b[2J\x07\u009b31m\r\n";
  const text = painted([{ text: evil }], { colour: true, unicode: true });
  assert.doesNotMatch(text, /\p{Control}/u);
});

Deno.test("who has failed every check so far has the sign of the unhealthy, and not that of a weight of 0", () => {
  const [one] = SERVICES[0]!.backends;
  const unknown = { ...one!, intent: "ready", health: "unknown", effective_weight: 0 } as const;
  assert.equal(standingOf({ ...unknown, check_ms: 0.2 }), "failing");
  assert.equal(standingOf({ ...unknown, check_ms: null }), "idle");
});

Deno.test("arrows of what lb tells are told in ASCII, too", () => {
  assert.equal(painted([{ text: "0 → 1" }], { colour: false, unicode: false }), "0 > 1");
});

Deno.test("the locale tells whether there is more than ASCII", () => {
  const of = (env: Record<string, string>) => isUnicode({ get: (name) => env[name] });
  assert.equal(of({}), false);
  assert.equal(of({ LANG: "de_DE.UTF-8" }), true);
  assert.equal(of({ LC_ALL: "C", LANG: "C.UTF-8" }), false);
  assert.equal(of({ LC_CTYPE: "C.utf8", LANG: "C" }), true);
});

Deno.test("a countdown goes on between two looks", () => {
  const state = watched(["enter"]);
  assert.match(shown(state), /drain: 42 s, 12 left/);
  const later: Event = { kind: "time", now_ms: NOW_MS + 5_000 };
  assert.match(shown(update(state, later).state), /drain: 37 s, 12 left/);
});

Deno.test("when the table of connections will be full is told where that is near, or it is no longer nearly empty", () => {
  /** So many a second more, of 262,144. */
  const told = (count: number, filling: number) => {
    const conntrack = { count, max: 262_144 };
    const picture = pictureOf();
    const status = { ...picture.status, conntrack };
    const state = { ...after([{ kind: "picture", picture: { ...picture, status } }]), filling };
    return /full in [\w ]+/.exec(shown(state))?.[0];
  };
  assert.equal(told(2_000, 10), undefined);
  assert.equal(told(2_000, 1_000), "full in 4 min");
  assert.equal(told(100_000, 10), "full in 4 h");
  assert.equal(told(100_000, 1), undefined);
  assert.equal(told(100_000, -10), undefined);
});
