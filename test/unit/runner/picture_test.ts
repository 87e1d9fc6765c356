import assert from "node:assert/strict";
import { runsOf } from "../../../.ci/picture/cells.ts";
import { svgOf } from "../../../.ci/picture/svg.ts";

const ESC = "\x1b";
const OPTIONS = { title: "lb <status>", columns: 40, description: "of a test" };

Deno.test("a screen comes apart into runs of signs that look alike, each at its column", () => {
  const [first, second] = runsOf(
    `${ESC}[1m lb${ESC}[0m ok ${ESC}[38;5;203mred${ESC}[39m\n${ESC}[7mrow\n`,
  );
  assert.deepEqual(first, [
    { column: 0, text: " lb", look: { isBold: true } },
    { column: 3, text: " ok ", look: {} },
    { column: 7, text: "red", look: { colour: "#ff5f5f" } },
  ]);
  assert.deepEqual(second?.map(({ text, look }) => [text, look.isReverse]), [["row", true]]);
});

Deno.test("colours by name, of the cube, in greys and of all millions are what xterm has", () => {
  const colours = ["31", "91", "38;5;9", "38;5;16", "38;5;231", "38;5;232", "38;2;1;2;255"].map(
    (code) => runsOf(`${ESC}[${code}mx`)[0]![0]!.look.colour,
  );
  assert.deepEqual(colours.slice(1), [
    colours[2],
    "#ffa198",
    "#000000",
    "#ffffff",
    "#080808",
    "#0102ff",
  ]);
  assert.notEqual(colours[0], colours[1]);
  assert.equal(runsOf(`${ESC}[48;5;232;1mx`)[0]![0]!.look.background, "#080808");
});

Deno.test("a picture has every sign that is no blank, at its place, and no markup that stood on the screen", () => {
  const svg = svgOf(`a  <b>\n▁█─\n${ESC}[7mx ${ESC}[0m`, OPTIONS);
  assert.match(svg, /^<svg [^>]*viewBox="0 0 388 115"/);
  assert.match(svg, /<title>lb &lt;status&gt;<\/title>/);
  assert.match(svg, /<text x="0" [^>]*>a<\/text>/);
  assert.match(svg, /<text x="27" [^>]*textLength="27"[^>]*>&lt;b&gt;<\/text>/);
  assert.doesNotMatch(svg, /[▁█─]/u, "these are drawn");
  const bars = [...svg.matchAll(/<rect x="(?:0|9|18)" y="[\d.]+" width="9" height="(\d+)"/g)];
  assert.deepEqual(bars.map(([, height]) => Number(height)), [2, 16, 1]);
  assert.match(svg, /<rect x="0" y="38" width="18" height="19" fill="#c9d1d9"\/>/, "reversed");
  assert.match(svg, /fill="#0d1117"[^>]*>x<\/text>/);
});
