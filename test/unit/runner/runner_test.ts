import assert from "node:assert/strict";
import { type Outcome, readOutcomes } from "../../runner/junit.ts";
import { allGood, failures, skipped, summary } from "../../runner/report.ts";
import { chooseSuites, SUITES } from "../../runner/suites.ts";

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

Deno.test("without a name every usual suite runs, and a wrong name is told the right ones", () => {
  assert.deepEqual(chooseSuites([]), SUITES.filter(({ name }) => name !== "bench"));
  assert.deepEqual(chooseSuites(["bench", "unit"]).map(({ name }) => name), ["unit", "bench"]);
  assert.throws(() => chooseSuites(["untit"]), /no suite untit; there are ok, unit/);
});
