import assert from "node:assert/strict";
import { deadFiles } from "./tidy/dead.ts";
import { wrongImports } from "./tidy/direction.ts";
import { brokenRules } from "./tidy/rules.ts";
import type { Source } from "./tidy/source.ts";

const ROOT = new URL("..", import.meta.url).pathname;
const FOLDERS = [".ci", "cmd", "lib", "test"];

function* sourcesBelow(folder: string): Generator<Source> {
  for (const { name, isDirectory } of Deno.readDirSync(ROOT + folder)) {
    const path = `${folder}/${name}`;
    if (isDirectory) yield* sourcesBelow(path);
    else if (name.endsWith(".ts")) yield { path, text: Deno.readTextFileSync(ROOT + path) };
  }
}

const SOURCES: readonly Source[] = [
  { path: "main.ts", text: Deno.readTextFileSync(`${ROOT}main.ts`) },
  ...FOLDERS.flatMap((folder) => [...sourcesBelow(folder)]),
];

/** Rows of: a file, what it imports, whether it may. */
const DIRECTIONS: readonly (readonly [string, string, boolean])[] = [
  ["main.ts", "./cmd/lb.ts", true],
  ["main.ts", "./lib/model/error.ts", false],
  ["cmd/apply.ts", "../lib/reconcile/reconcile.ts", true],
  ["cmd/apply.ts", "../lib/demo/run.ts", true],
  ["cmd/apply.ts", "../lib/sys/ports.ts", true],
  ["cmd/apply.ts", "../lib/sys/files.ts", false],
  ["cmd/context.ts", "../lib/sys/files.ts", true],
  ["lib/reconcile/reconcile.ts", "../../cmd/apply.ts", false],
  ["lib/reconcile/reconcile.ts", "../store/store.ts", true],
  ["lib/reconcile/reconcile.ts", "../report/table.ts", false],
  ["lib/reconcile/reconcile.ts", "../sys/clock.ts", false],
  ["lib/config/parse.ts", "../store/store.ts", false],
  ["lib/config/parse.ts", "./schema.ts", true],
  ["lib/engine/nft/plan.ts", "../../scheduler/maglev.ts", true],
  ["lib/engine/nft/plan.ts", "../engine.ts", true],
  ["lib/engine/nft/plan.ts", "../ipvs/plan.ts", false],
  ["lib/engine/engine.ts", "./nft/plan.ts", false],
  ["lib/engine/registry.ts", "./nft/engine.ts", true],
  ["lib/engine/nft/plan.ts", "../../demo/run.ts", false],
  ["lib/engine/nft/plan.ts", "../../../test/fake/kernel.ts", false],
  ["lib/netlink/codec.ts", "../packet/arp.ts", false],
  ["lib/model/state.ts", "../scheduler/slots.ts", false],
  ["lib/sys/files.ts", "../model/error.ts", true],
  ["lib/sys/files.ts", "../store/store.ts", false],
  ["lib/demo/run.ts", "../model/service.ts", true],
  ["lib/demo/run.ts", "../reconcile/reconcile.ts", false],
  ["lib/demo/run.ts", "../sys/process.ts", false],
  ["lib/queue/supervisor/supervisor.ts", "../../engine/nfqueue/table.ts", true],
  ["lib/queue/supervisor/supervisor.ts", "../../host/worker/worker.ts", false],
  ["lib/queue/supervisor/supervisor.ts", "../../sys/files.ts", false],
  ["lib/queue/thread/main.ts", "../../sys/socket.ts", true],
  ["lib/host/worker/worker.ts", "../../queue/supervisor/control.ts", false],
  ["lib/misc/things.ts", "../model/error.ts", false],
];

/** Rows of: a file, a text that breaks a rule, one that does not. */
const RULES: readonly (readonly [string, string, string])[] = [
  ["lib/a/b.ts", "Deno.exit(1);", "// Deno.exit is for main.ts\n'Deno.exit'"],
  ["cmd/b.ts", 'new Deno.Command("nft")', "command.run()"],
  ["lib/a/b.ts", 'Deno.dlopen("libc.so.6", {})', "dlopen"],
  ["cmd/b.ts", 'run(["sh", "-c", text])', 'run(["sh", file])'],
  ["lib/a/b.ts", "let x: any;", "AbortSignal.any([a]); // : any\n': any'; f(any);"],
  ["test/b.ts", "const x = {} as Record<string, any>;", "const any = f(any, x);"],
  ["test/b.ts", "// @ts-" + "ignore", "// ts"],
  ["test/b.ts", "// deno-lint-" + "ignore no-explicit-any", "lint()"],
  ["cmd/b.ts", "// TO" + "DO: later", "todos()"],
  ["test/unit/b.ts", "Deno.test('x', () => {});", "function f() {\n  Deno.test('x');\n}"],
  ["lib/a/b.ts", "x;\n".repeat(401), "x;\n".repeat(400)],
];

function importing(path: string, module: string): Source[] {
  return [
    'import { x } from "M";',
    'import type { X } from "M";',
    'export * from "M";',
    'import("M")',
  ]
    .map((text) => ({ path, text: text.replace("M", module) }));
}

Deno.test("the direction rule tells right imports from wrong ones", () => {
  for (const [path, module, right] of DIRECTIONS) {
    for (const source of importing(path, module)) {
      assert.equal(wrongImports(source).length, right ? 0 : 1, `${path}: ${source.text}`);
    }
  }
});

Deno.test("an import in a comment counts for nothing", () => {
  const text = '// import { x } from "../store/store.ts";\n/* import("../../cmd/apply.ts") */';
  assert.deepEqual(wrongImports({ path: "lib/model/a.ts", text }), []);
});

Deno.test("every rule of the code finds what breaks it, and only that", () => {
  for (const [path, wrong, right] of RULES) {
    assert.equal(brokenRules({ path, text: wrong }).length, 1, wrong);
    assert.deepEqual(brokenRules({ path, text: right }), []);
  }
});

Deno.test("a file that nothing leads to is dead, and so is a part that only a test uses", () => {
  const sources = [
    { path: "main.ts", text: 'await import("./cmd/a.ts")' },
    { path: "cmd/a.ts", text: 'new URL("../lib/x/worker.ts", import.meta.url)' },
    { path: "lib/x/worker.ts", text: "" },
    { path: "lib/x/tested.ts", text: "" },
    { path: "test/unit/x_test.ts", text: 'import "../../lib/x/tested.ts"; import "./tool.ts";' },
    { path: "test/unit/tool.ts", text: "" },
    { path: "test/unit/forgotten.ts", text: "" },
  ];
  assert.deepEqual(deadFiles(sources), [
    "lib/x/tested.ts is reached by nothing",
    "test/unit/forgotten.ts is reached by nothing",
  ]);
});

Deno.test("imports point one way", () => {
  assert.ok(SOURCES.length > 50, "the sources were found");
  assert.deepEqual(SOURCES.flatMap(wrongImports), []);
});

Deno.test("every file keeps the rules of the code", () => {
  assert.deepEqual(SOURCES.flatMap(brokenRules), []);
});

Deno.test("no file is dead", () => {
  assert.deepEqual(deadFiles(SOURCES), []);
});
