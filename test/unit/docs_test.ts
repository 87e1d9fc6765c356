import assert from "node:assert/strict";
import { makeProgram } from "../../cmd/lb.ts";
import { FILE } from "../../lib/config/schema.ts";
import { LEFT_SYSCTLS } from "../../lib/host/sysctl/left.ts";
import { SYSCTL_RULES } from "../../lib/host/sysctl/rules.ts";
import { EXIT_CODES } from "../../lib/model/error.ts";
import { headings, links, type Page, rows, section, slug } from "./docs/markdown.ts";
import { outcomeOf } from "./docs/outcome.ts";
import { SAMPLES } from "./docs/samples.ts";
import { keysByTable } from "./docs/schema.ts";

const ROOT = new URL("../..", import.meta.url).pathname;

function page(path: string): Page {
  return { path, text: Deno.readTextFileSync(ROOT + path) };
}

const DOCS = [...Deno.readDirSync(`${ROOT}docs`)].filter(({ name }) => name.endsWith(".md"))
  .map(({ name }) => page(`docs/${name}`)).sort((a, b) => a.path < b.path ? -1 : 1);
const PAGES = [page("README.md"), page("CHANGELOG.md"), page("CONTRIBUTING.md"), ...DOCS];

const CLI = page("docs/cli.md");
const CONFIG = page("docs/config.md");
const KEYS = keysByTable(FILE);

/** Long names of the options that a table of options lists: "`-y, --yes`" is `--yes`. */
function optionsIn(text: string): string[] {
  return rows(text).flatMap(([cell = ""]) => /^`(?:-\w, )?(--[a-z-]+)/.exec(cell)?.[1] ?? [])
    .sort();
}

const SHARED = optionsIn(section(CLI, "Options that commands share"));

/** The shared options stand once in full; a command's table names them in one row. */
function optionsOf(command: string): string[] {
  const text = section(CLI, `lb ${command}`);
  const sharing = rows(text).find(([, , meaning]) => meaning?.startsWith("shared"))?.[2] ?? "";
  const shared = SHARED.filter((option) => sharing.includes(`\`${option}\``));
  return [...new Set([...optionsIn(text), ...shared])].sort();
}

Deno.test("every command is in docs/cli.md, and no other", () => {
  const commands = makeProgram(() => {}).commands.map((command) => command.name());
  const described = headings(CLI).flatMap((title) => /^lb (\w+)$/.exec(title)?.[1] ?? []);
  assert.deepEqual(described.sort(), [...commands, "help"].sort());
});

for (const command of makeProgram(() => {}).commands) {
  Deno.test(`docs/cli.md has the options of lb ${command.name()}, and no other`, () => {
    const options = command.options.filter(({ hidden }) => !hidden).map(({ long }) => long ?? "");
    assert.deepEqual(optionsOf(command.name()), options.sort());
  });
}

Deno.test("every exit code is in docs/cli.md with its name, and no other", () => {
  const described = rows(section(CLI, "Exit codes")).map(([code, name]) => [code, name]);
  const named = Object.entries(EXIT_CODES).map(([name, code]) => [`${code}`, `\`${name}\``]);
  assert.deepEqual(described, [["0", ""], ["1", ""], ...named]);
});

Deno.test("every sysctl rule is in docs/sysctls.md word by word and in its order, and no other", () => {
  const [before = ""] = page("docs/sysctls.md").text.split("\n## ", 1);
  const table = rows(before).filter(([key]) => key?.startsWith("`net."));
  const found = table.map(([key, value, , ...rest]) => [key, value, ...rest]);
  const rules = SYSCTL_RULES.map(({ key, value, why, source, since, risk }) => [
    `\`${key}\``,
    value,
    why,
    source,
    since,
    risk,
  ]);
  assert.deepEqual(found, rules);
});

Deno.test("every sysctl that lb leaves alone is in docs/sysctls.md word by word, and no other", () => {
  const found = rows(section(page("docs/sysctls.md"), "What lb leaves alone"));
  const rules = LEFT_SYSCTLS.map((
    { key, usual, why, source },
  ) => [`\`${key}\``, usual, why, source]);
  assert.deepEqual(found, rules);
});

for (const [table, keys] of KEYS) {
  Deno.test(`docs/config.md has the keys of ${table}, and no other`, () => {
    const described = rows(section(CONFIG, `\`${table}\``)).map(([key = ""]) => key);
    assert.deepEqual(described, keys.map((key) => `\`${key}\``));
  });
}

for (const [name, { text, outcome }] of Object.entries(SAMPLES)) {
  Deno.test(`${name} ${outcome === "works" ? "works" : "is refused"}, as docs/config.md says`, async () => {
    assert.equal(await outcomeOf(text), outcome);
    const [table = "", key = ""] = name.split(" ");
    const row = rows(section(CONFIG, `\`${table}\``)).find(([cell]) => cell === `\`${key}\``);
    const claim = row?.[3] ?? "nothing";
    if (outcome === "works") assert.doesNotMatch(claim, /^refused$/);
    else assert.match(claim, /refused|only with|see `/);
  });
}

/** Tables of which no key is honoured, whatever its value. */
const WHOLE = ["snmp"];

Deno.test("every claim of docs/config.md about a key is held against a sample", () => {
  const sampled = Object.keys(SAMPLES).map((name) => name.split(" ", 2).join(" "));
  for (const [table] of [...KEYS].filter(([table]) => !WHOLE.includes(table))) {
    const claims = rows(section(CONFIG, `\`${table}\``));
    for (const [key = "", , , claim = ""] of claims) {
      const isTable = claim.startsWith("see ");
      const name = `${table} ${key.replaceAll("`", "")}`;
      assert.ok(isTable || sampled.includes(name), `${name}: ${claim}`);
    }
  }
});

Deno.test("every example in the docs that is a whole config is valid, and this version has it", async () => {
  for (const { path, text } of PAGES) {
    for (const [, example = ""] of text.matchAll(/^```toml\n(.*?)^```$/gms)) {
      assert.equal(await outcomeOf(example), "works", `${path}:\n${example}`);
    }
  }
});

Deno.test("every link inside the docs leads to a page and a heading", () => {
  const anchors = new Map(PAGES.map((one) => [one.path, headings(one).map(slug)]));
  for (const { from, path, anchor } of PAGES.flatMap(links)) {
    const known = anchors.get(path);
    assert.ok(known ?? isThere(path), `${from} links to ${path}`);
    if (anchor) assert.ok(known?.includes(anchor), `${from} links to ${path}#${anchor}`);
  }
});

/** A folder, or a picture. */
function isThere(path: string): boolean {
  return /\/$|\.svg$/.test(path) &&
    [...Deno.readDirSync(`${ROOT}docs`)].some(({ name }) => `docs/${name}`.startsWith(path));
}

/** Programs that neither a small Debian nor lb brings, and the packages that have them. */
const PACKAGES: Readonly<Record<string, string>> = {
  arping: "iputils-arping",
  conntrack: "conntrack",
  curl: "curl",
  jq: "jq",
  sqlite3: "sqlite3",
  tcpdump: "tcpdump",
};

/** Whether a page has it as a command: behind a prompt, or in words. */
function uses({ text }: Page, program: string): boolean {
  return new RegExp(`(^[#$] |\\| |\`)${program} -?\\w`, "m").test(text);
}

Deno.test("a page says which Debian packages have the programs that it uses", () => {
  const missing = DOCS.flatMap((one) =>
    Object.keys(PACKAGES).filter((program) => uses(one, program)).filter((program) =>
      !new RegExp(`(apt-get install|packages?)[^.]*\\b${PACKAGES[program]}\\b`).test(one.text)
    ).map((program) => `${one.path}: ${program}`)
  );
  assert.deepEqual(missing, []);
});

Deno.test("docs/README.md lists every page", () => {
  const listed = links(page("docs/README.md")).map(({ path }) => path);
  const missing = DOCS.filter(({ path }) => path !== "docs/README.md" && !listed.includes(path));
  assert.deepEqual(missing.map(({ path }) => path), []);
});

Deno.test("every page that the code names is there", () => {
  const known = DOCS.map(({ path }) => path);
  for (const path of ["cmd", "lib", "templates", ".ci", "install.sh"].flatMap(filesBelow)) {
    for (const [name] of Deno.readTextFileSync(ROOT + path).matchAll(/\bdocs\/[a-z-]+\.md/g)) {
      assert.ok(known.includes(name), `${path} names ${name}`);
    }
  }
});

function filesBelow(path: string): string[] {
  if (!Deno.statSync(ROOT + path).isDirectory) return [path];
  return [...Deno.readDirSync(ROOT + path)].flatMap(({ name }) => filesBelow(`${path}/${name}`));
}
