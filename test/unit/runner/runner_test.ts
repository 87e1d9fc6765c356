import assert from "node:assert/strict";
import { type Outcome, readOutcomes } from "../../runner/junit.ts";
import { ELSEWHERE, kernelFiles } from "../../runner/kernels.ts";
import { type Cell, matrix } from "../../runner/matrix.ts";
import { allGood, failures, skipped, summary } from "../../runner/report.ts";
import { recovered, secondTries } from "../../runner/second_try.ts";
import { chooseSuites, picked, SUITES } from "../../runner/suites.ts";

/** The shape of Deno 2.9's report: one passed, one failed, one skipped, one with two steps. */
const REPORT = `<?xml version="1.0" encoding="UTF-8"?>
<testsuites name="deno test" tests="6" failures="2" errors="0" time="0.010">
    <testsuite name="./t_test.ts" tests="6" disabled="1" errors="0" failures="2">
        <testcase name="a &lt;b&gt; &amp; &quot;c&quot;" classname="./t_test.ts" time="0.000">
        </testcase>
        <testcase name="breaks" classname="./t_test.ts" time="0.000">
            <failure message="Uncaught Error: boom">Error: boom
    at it&#39;s</failure>
        </testcase>
        <testcase name="later (skipped: needs root)" classname="./t_test.ts" time="0.000">
            <skipped/>
        </testcase>
        <testcase name="steps" classname="./t_test.ts" time="0.001">
            <failure message="1 test step failed">1 test step failed.</failure>
        </testcase>
        <testcase name="steps &gt; one" classname="./t_test.ts" time="0.000"/>
        <testcase name="steps &gt; two" classname="./t_test.ts" time="0.000">
            <failure message="x">two broke</failure>
        </testcase>
    </testsuite>
</testsuites>`;

function outcome(result: Outcome["result"], name: string = result): Outcome {
  return { name, result, failure: result === "failed" ? "why" : "" };
}

Deno.test("a report gives every test once, steps instead of the test that holds them", () => {
  assert.deepEqual(readOutcomes(REPORT).map(({ name, result }) => [name, result]), [
    ['a <b> & "c"', "passed"],
    ["breaks", "failed"],
    ["later (skipped: needs root)", "skipped"],
    ["steps > one", "passed"],
    ["steps > two", "failed"],
  ]);
  assert.equal(readOutcomes(REPORT)[1]?.failure, "Error: boom\n    at it's");
});

Deno.test("a test that fails itself counts although all its steps passed", () => {
  const xml = REPORT.replace('<failure message="x">two broke</failure>', "");
  assert.deepEqual(
    readOutcomes(xml).filter(({ result }) => result === "failed").map(({ name }) => name),
    ["breaks", "steps"],
  );
});

Deno.test("the last line holds the totals and nothing else", () => {
  const lines = summary([
    { name: "unit", outcomes: [outcome("passed"), outcome("failed")], seconds: 1 },
    { name: "kernel", outcomes: [outcome("passed"), outcome("skipped")], seconds: 2.25 },
  ]);
  assert.equal(lines.at(-1), "2 passed, 1 failed, 1 skipped");
  assert.match(lines[2] ?? "", /^kernel +1 +0 +1 +2\.3$/);
});

Deno.test("a failure, and a suite in which nothing ran, are not good", () => {
  const seconds = 0;
  assert.ok(allGood([{ name: "a", outcomes: [outcome("passed"), outcome("skipped")], seconds }]));
  assert.ok(!allGood([{ name: "a", outcomes: [outcome("passed"), outcome("failed")], seconds }]));
  assert.ok(!allGood([{ name: "a", outcomes: [outcome("skipped")], seconds }]));
  assert.ok(!allGood([{ name: "a", outcomes: [], seconds }]));
});

Deno.test("failures come with their error, skipped tests with their suite", () => {
  const outcomes = [outcome("failed", "x"), outcome("skipped", "y (skipped: needs root)")];
  assert.deepEqual(failures(outcomes), ["FAILED x\n  why"]);
  assert.deepEqual(skipped([{ name: "kernel", outcomes, seconds: 0 }]), [
    "kernel: y (skipped: needs root)",
  ]);
});

Deno.test("what runs on another kernel says so, and many skipped for one reason are one line", () => {
  const on = "uml" as const;
  const many = ["a", "b", "c"].map((name) => outcome("skipped", `${name} (skipped: no nft)`));
  const outcomes = [
    { ...outcome("failed", "x"), on },
    { ...outcome("failed", "y"), on: "own" as const },
    ...many,
    { ...outcome("skipped", "d (skipped: no nft)"), on },
  ];
  assert.deepEqual(failures(outcomes), ["FAILED on uml: x\n  why", "FAILED y\n  why"]);
  assert.deepEqual(skipped([{ name: "kernel", outcomes, seconds: 0 }]), [
    "kernel: no nft (3 tests)",
    "kernel: on uml: d (skipped: no nft)",
  ]);
});

Deno.test("the matrix has a row per file and a column per kernel, and tells what was not asked for", () => {
  const cells = [
    { file: "a_test.ts", on: "own", outcomes: [outcome("passed"), outcome("passed")], seconds: 3 },
    { file: "b_test.ts", on: "own", outcomes: [outcome("passed")], seconds: 1.4, isPart: true },
    { file: "a_test.ts", on: "uml", outcomes: [outcome("failed"), outcome("skipped")], seconds: 9 },
  ] as const;
  const kernels = [{ on: "own", release: "6.18" }, { on: "uml", release: "6.1.176" }] as const;
  assert.deepEqual(
    matrix(cells, kernels),
    [
      "            own              uml",
      "kernel      6.18             6.1.176",
      "a_test.ts   2 passed, 3 s    1 FAILED, 1 skipped, 9 s",
      "b_test.ts   1 passed*, 1 s   ·",
      "in all      3 passed, 4 s    1 FAILED, 1 skipped, 9 s",
      "",
      "* a part of its tests, · none of them: test/runner/kernels.ts says why",
    ].map((line) => line.replaceAll("    ", "    ")),
  );
});

Deno.test("every file of the kernel suite runs on our own kernel, and those elsewhere are among them", () => {
  const own = kernelFiles().filter(({ on }) => on === "own").map(({ path }) => path);
  assert.ok(own.includes("test/kernel/balance_test.ts"));
  assert.ok(own.includes("test/contract/nft_kernel_test.ts"));
  for (const { path, why } of Object.values(ELSEWHERE).flat()) {
    assert.ok(own.includes(path) && why !== "", path);
  }
});

Deno.test("a kernel that is picked is picked for the kernel suite alone", () => {
  const [unit, kernel] = chooseSuites(["unit", "kernel"]).map((suite) =>
    picked(suite, { machines: ["qemu"], file: "capab" })
  );
  assert.deepEqual(unit?.steps, SUITES.find(({ name }) => name === "unit")?.steps);
  assert.deepEqual(kernel?.steps.map(({ on, name }) => `${on} ${name}`), [
    "qemu capability_test.ts",
  ]);
});

Deno.test("without a name every usual suite runs, and a wrong name is told the right ones", () => {
  assert.deepEqual(chooseSuites([]), SUITES.filter(({ name }) => name !== "bench"));
  assert.deepEqual(chooseSuites(["bench", "unit"]).map(({ name }) => name), ["unit", "bench"]);
  assert.throws(() => chooseSuites(["untit"]), /no suite untit; there are ok, unit/);
});

Deno.test("a few files that failed are tried once more, many are not", () => {
  const cell = (file: string, result: Outcome["result"], seconds = 10): Cell => ({
    ...{ file, on: "own", seconds },
    outcomes: [{ name: file, result, failure: "" }],
  });
  const files = (cells: readonly Cell[]) => secondTries(cells).map(({ file }) => file);
  assert.deepEqual(files([cell("a", "passed"), cell("b", "failed"), cell("c", "skipped")]), ["b"]);
  assert.deepEqual(files([..."abcde"].map((name) => cell(name, "failed"))), []);
  assert.deepEqual(files([cell("a", "failed", 200)]), []);
});

Deno.test("what passed at its second try is told by name", () => {
  const outcome = (name: string, result: Outcome["result"]) => ({ name, result, failure: "" });
  const before = [outcome("x", "failed"), outcome("y", "failed"), outcome("z", "passed")];
  const after = [outcome("x", "passed"), outcome("y", "failed"), outcome("z", "passed")];
  assert.deepEqual(recovered(before, after), ["PASSED AT THE SECOND TRY, alone: x"]);
});
