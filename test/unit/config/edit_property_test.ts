import { deepStrictEqual, ok } from "node:assert/strict";
import fc from "fast-check";
import type { Edit } from "../../../lib/config/edit/edit.ts";
import { editSingle } from "../../../lib/config/edit/single.ts";
import { editWhole } from "../../../lib/config/edit/whole.ts";
import { editConfig } from "./edited.ts";
import { isTable, parseToml } from "../../../lib/config/parse.ts";
import { parseAddress } from "../../../lib/model/address.ts";

/** A backend as the file says it, and the way it is laid out. */
interface Backend {
  readonly address: string;
  readonly port?: number;
  readonly weight?: number;
  readonly layout: Layout;
}

interface Layout {
  readonly blanks: number;
  readonly indent: string;
  readonly above: readonly string[];
  readonly within: readonly string[];
  readonly behind: string;
  readonly below: readonly string[];
  readonly sign: string;
  readonly health: "none" | "inline" | "table";
  readonly weightFirst: boolean;
}

interface Service {
  readonly style: "tables" | "lines" | "line";
  readonly comma: boolean;
  readonly above: readonly string[];
  readonly strange: boolean;
  readonly tier: boolean;
  readonly backends: readonly Backend[];
}

/** A line and the backend it goes away with: `SERVICE/BACKEND`. */
interface Line {
  readonly text: string;
  readonly owner?: string;
}

const comment = fc.constantFrom(
  "# plain",
  "#",
  '# weight = 3 "',
  "# [[service]]",
  "\t# [[service.backend]]",
  "# '''",
  '  # """ { [ ] }',
  "# ünï → 😀",
);

const comments = fc.array(comment, { maxLength: 2 });

const layout: fc.Arbitrary<Layout> = fc.record({
  blanks: fc.nat(2),
  indent: fc.constantFrom("", "  ", "\t"),
  above: comments,
  within: comments,
  behind: fc.constantFrom("", " # behind", "  ", '\t# "a", { ]'),
  below: comments,
  sign: fc.constantFrom(" = ", "=", "  =  "),
  health: fc.constantFrom("none", "inline", "table"),
  weightFirst: fc.boolean(),
});

const number = fc.option(fc.integer({ min: 1, max: 65535 }), { nil: undefined });

const service: fc.Arbitrary<Service> = fc.record({
  style: fc.constantFrom("tables", "tables", "lines", "line"),
  comma: fc.boolean(),
  above: comments,
  strange: fc.boolean(),
  tier: fc.boolean(),
  backends: fc.array(
    fc.record({ port: number, weight: number, layout }),
    { maxLength: 4 },
  ).map((backends) => backends.map((one, index) => ({ ...one, address: `10.0.0.${index + 1}` }))),
});

const file = fc.record({
  services: fc.array(service, { minLength: 1, maxLength: 3 })
    // Only one [tier] is TOML.
    .map((all) => all.map((one, index) => ({ ...one, tier: one.tier && index === 1 }))),
  eol: fc.constantFrom("\n", "\r\n"),
  final: fc.boolean(),
});

/** Which edit: numbers that are brought into range by the file they meet. */
const choice = fc.record({
  kind: fc.constantFrom("add", "weight", "remove"),
  service: fc.nat(),
  backend: fc.nat(),
  port: number,
  weight: number,
});

function keysOf({ address, port, weight, layout }: Backend, sub: boolean): string[] {
  const numbers = [["port", port], ["weight", weight]].filter(([, value]) => value !== undefined);
  const pairs = [["address", `"${address}"`], ...numbers];
  if (layout.weightFirst) pairs.reverse();
  if (layout.health !== "none" && !sub) pairs.push(["health", "{ port = 9 }"]);
  return pairs.map(([key, value]) => `${key}${layout.sign}${value}`);
}

function tableLines(backend: Backend, owner: string): Line[] {
  const { blanks, indent, above, within, behind, below, health } = backend.layout;
  const sub = health === "table" ? ["", "[service.backend.health]", "port = 9"] : [];
  const keys = keysOf(backend, health === "table");
  return [
    ...Array.from({ length: blanks }, () => ({ text: "" })),
    ...[
      ...above,
      `${indent}[[service.backend]]${behind}`,
      ...within,
      ...[...keys, ...sub].map((line) => line === "" ? line : `${indent}${line}${behind}`),
    ].map((text) => ({ text, owner })),
    // A blank line, or the comments would belong to what follows.
    ...below.length > 0 ? [...below, ""].map((text) => ({ text })) : [],
  ];
}

function inlineOf(backend: Backend): string {
  return `{ ${keysOf(backend, false).join(", ")} }`;
}

function listLines({ backends, style, comma }: Service, index: number): Line[] {
  const last = backends.length - 1;
  const after = (place: number) => place < last || comma ? "," : "";
  if (style === "line") {
    const items = backends.map((one, place) => inlineOf(one) + after(place)).join(" ");
    return [{ text: `backend = [${items}] # list` }];
  }
  return [
    { text: "backend = [" },
    ...backends.flatMap((one, place) => [
      ...one.layout.above.map((text) => ({ text, owner: `${index}/${place}` })),
      { text: `  ${inlineOf(one)}${after(place)}${one.layout.behind}`, owner: `${index}/${place}` },
      { text: "" },
    ]),
    { text: "]" },
  ];
}

function serviceLines(service: Service, index: number): Line[] {
  const inline = service.style !== "tables";
  const strange = ["[service.health]", 'body = """', "[[service]]", '# no comment"', '"""'];
  return [
    ...[...service.above, "[[service]] # header", `name = "s${index}"`].map((text) => ({ text })),
    ...inline ? listLines(service, index) : [],
    ...(service.strange ? strange : []).map((text) => ({ text })),
    ...service.tier ? [{ text: "[tier]" }, { text: "nodes = 1" }] : [],
    ...inline ? [] : service.backends.flatMap((one, place) => tableLines(one, `${index}/${place}`)),
  ];
}

interface Written {
  readonly services: readonly Service[];
  readonly eol: string;
  readonly final: boolean;
}

function linesOf({ services }: Written): Line[] {
  return [{ text: "[lb] # top" }, ...services.flatMap(serviceLines)];
}

function textOf(written: Written): string {
  const text = linesOf(written).map(({ text }) => text).join(written.eol);
  return written.final ? text + written.eol : text;
}

type Choice = typeof choice extends fc.Arbitrary<infer Value> ? Value : never;

/** The edit that a choice comes to, and the place of its backend; undefined where there is none. */
function editFor({ services }: Written, wanted: Choice): [Edit, number, number] | undefined {
  const index = wanted.service % services.length;
  const backends = services[index]?.backends ?? [];
  const base = { service: `s${index}`, port: wanted.port };
  if (wanted.kind === "add") {
    const address = addressOf("10.0.0.99");
    return [{ ...base, kind: "add", address, weight: wanted.weight }, index, backends.length];
  }
  const place = wanted.backend % Math.max(1, backends.length);
  const backend = backends[place];
  if (!backend) return undefined;
  const one = { ...base, port: backend.port, address: addressOf(backend.address) };
  return wanted.kind === "remove"
    ? [{ ...one, kind: "remove" }, index, place]
    : [{ ...one, kind: "weight", weight: wanted.weight ?? 0 }, index, place];
}

function addressOf(text: string) {
  const address = parseAddress(text);
  if (!address) throw new RangeError(text);
  return address;
}

/** What a file says about backends: `ADDRESS PORT WEIGHT HEALTH` of each, by service. */
function meaningOf(text: string): string[][] {
  const { service } = parseToml(text, "test");
  return (Array.isArray(service) ? service : []).map((one) =>
    (isTable(one) && Array.isArray(one.backend) ? one.backend : []).map((backend) =>
      [backend.address, backend.port, backend.weight, backend.health?.port].join(" ")
    )
  );
}

function intended(written: Written, edit: Edit, service: number, place: number): string[][] {
  const say = ({ address, port, weight, layout }: Backend) =>
    [address, port, weight, layout.health === "none" ? undefined : 9].join(" ");
  return written.services.map(({ backends }, index) => {
    if (index !== service) return backends.map(say);
    if (edit.kind === "remove") return backends.toSpliced(place, 1).map(say);
    if (edit.kind === "weight") {
      return backends.map((one, at) => say(at === place ? { ...one, weight: edit.weight } : one));
    }
    return [...backends.map(say), [edit.address.text, edit.port, edit.weight, undefined].join(" ")];
  });
}

/** Both texts as lines, without those that they begin or end with in common. */
function difference(a: readonly string[], b: readonly string[]): [string[], string[]] {
  let head = 0;
  while (head < Math.min(a.length, b.length) && a[head] === b[head]) head++;
  let tail = 0;
  while (tail < Math.min(a.length, b.length) - head && a.at(-1 - tail) === b.at(-1 - tail)) tail++;
  return [a.slice(head, a.length - tail), b.slice(head, b.length - tail)];
}

function withoutBlanks(lines: readonly string[]): string[] {
  return lines.filter((line) => line.trim() !== "");
}

Deno.test("any edit of any layout says what was intended", async () => {
  await fc.assert(
    fc.asyncProperty(file, choice, async (written, wanted) => {
      const [edit, service, place] = editFor(written, wanted) ?? [];
      if (!edit || service === undefined || place === undefined) return;
      const edited = await editConfig(textOf(written), [edit]);
      deepStrictEqual(meaningOf(edited), intended(written, edit, service, place));
    }),
    { numRuns: 600 },
  );
});

Deno.test("a removal takes the backend's own lines and no others, byte for byte", async () => {
  const removal = choice.map((one) => ({ ...one, kind: "remove" as const }));
  await fc.assert(
    fc.asyncProperty(file, removal, async (written, wanted) => {
      const [edit, service = 0, place = 0] = editFor(written, wanted) ?? [];
      if (!edit || written.services[service]?.style === "line") return;
      const edited = await editConfig(textOf(written), [edit]);
      const kept = linesOf(written).filter(({ owner }) => owner !== `${service}/${place}`);
      deepStrictEqual(
        withoutBlanks(edited.split(written.eol)),
        withoutBlanks(kept.map(({ text }) => text)),
      );
      deepStrictEqual(edited.endsWith(written.eol), textOf(written).endsWith(written.eol));
    }),
    { numRuns: 400 },
  );
});

Deno.test("a change of weight touches one line", async () => {
  const change = choice.map((one) => ({ ...one, kind: "weight" as const }));
  await fc.assert(
    fc.asyncProperty(file, change, async (written, wanted) => {
      const [edit] = editFor(written, wanted) ?? [];
      if (!edit) return;
      const before = textOf(written).split(written.eol);
      const after = (await editConfig(textOf(written), [edit])).split(written.eol);
      const [gone, come] = difference(before, after);
      deepStrictEqual(gone.length <= 1 && come.length <= 1, true);
    }),
    { numRuns: 400 },
  );
});

Deno.test("an added backend leaves every line as it is, but for a comma in an inline list", async () => {
  const addition = choice.map((one) => ({ ...one, kind: "add" as const }));
  await fc.assert(
    fc.asyncProperty(file, addition, async (written, wanted) => {
      const [edit, service = 0] = editFor(written, wanted) ?? [];
      if (!edit) return;
      const before = textOf(written).split(written.eol);
      const after = (await editConfig(textOf(written), [edit])).split(written.eol);
      const [gone] = difference(before, after);
      deepStrictEqual(gone.length <= (written.services[service]?.style === "tables" ? 0 : 2), true);
    }),
    { numRuns: 400 },
  );
});

Deno.test("a backend that is added and removed again leaves at most a blank line", async () => {
  await fc.assert(
    fc.asyncProperty(file, choice, async (written, wanted) => {
      const [edit, service = 0] = editFor(written, { ...wanted, kind: "add" }) ?? [];
      if (!edit || written.services[service]?.style !== "tables") return;
      const text = textOf(written);
      const added = await editConfig(text, [edit]);
      const { address, port, service: name } = edit;
      const back = await editConfig(added, [{ kind: "remove", service: name, address, port }]);
      deepStrictEqual(
        withoutBlanks(back.split(written.eol)),
        withoutBlanks(text.split(written.eol)),
      );
    }),
    { numRuns: 400 },
  );
});

Deno.test("an edit that looks at one service only is the edit that looks at all", async () => {
  let short = 0;
  await fc.assert(
    fc.asyncProperty(file, choice, fc.nat(300), async (written, wanted, cut) => {
      const [edit] = editFor(written, wanted) ?? [];
      if (!edit) return;
      const text = textOf(written);
      // Most cuts leave no TOML, or a service without its end.
      const torn = cut < 100 ? text.slice(0, text.length - cut) : text;
      const edited = await editSingle(torn, [edit]).catch(() => undefined);
      if (!edited) return;
      short++;
      deepStrictEqual(edited, await editWhole(torn, [edit], "lb.toml"));
    }),
    { numRuns: 1000 },
  );
  ok(short > 200, `only ${short} edits`);
});

Deno.test("an edit looks at all services where it is not about one plain one", async () => {
  const backend = '[[service.backend]]\naddress = "10.0.0.1"\n';
  const web = `[[service]]\nname = "web"\n${backend}`;
  const dns = `[[service]]\nname = "dns"\nvip_on = "web"\n${backend}`;
  const address = parseAddress("10.0.0.1")!;
  const edit = (service: string): Edit => ({ kind: "weight", service, address, weight: 5 });
  const [first] = [await editSingle(dns + web, [edit("web")])];
  deepStrictEqual(first?.text, `${dns}${web}weight = 5\n`);
  deepStrictEqual(await editSingle(dns + web, [edit("web"), edit("dns")]), undefined);
  deepStrictEqual(await editSingle(`${web}[lb]\n`, [edit("web")]), undefined);
  deepStrictEqual(await editSingle(`${web}[[service]]\nname = `, [edit("web")]), undefined);
});
