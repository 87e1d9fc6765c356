/** A flag or an argument, and what it means. */
export interface ManualEntry {
  /** `--timer <kind>` */
  readonly term: string;
  readonly meaning: string;
}

/** A command line, and what it is for. */
export interface ManualExample {
  readonly line: string;
  readonly what: string;
}

/** One command of the program. */
export interface ManualCommand {
  readonly name: string;
  /** What may stand behind its name: `[options] [service]`. */
  readonly usage: string;
  readonly summary: string;
  readonly description: string;
  readonly entries: readonly ManualEntry[];
  /** Long names of shared options that it takes, too. */
  readonly shared: readonly string[];
  readonly examples: readonly ManualExample[];
}

/** What a manual page says of a program. */
export interface Manual {
  readonly name: string;
  readonly version: string;
  /** `2026-11-21` */
  readonly date: string;
  readonly description: string;
  /** More of it, a paragraph each. */
  readonly about: readonly string[];
  readonly groups: readonly {
    /** `Set up` */
    readonly heading: string;
    readonly commands: readonly ManualCommand[];
  }[];
  /** Options that most commands take. */
  readonly shared: readonly ManualEntry[];
  readonly examples: readonly ManualExample[];
  /** Sections below the commands, by their headings. */
  readonly sections: Readonly<Record<string, readonly ManualEntry[]>>;
  /** Manual pages of others: `nft(8)`. */
  readonly see: readonly string[];
}

/** The manual as a page of section 1, in the macros of man(7). Pure. */
export function manualPage(manual: Manual): string {
  const { name, version, date, description, about, groups, shared, examples, sections, see } =
    manual;
  const title = name.toUpperCase();
  const lines = [
    `.\\" Made by "${name} man".`,
    `.TH ${title} 1 ${date} "${name} ${version}" "User Commands"`,
    ...section("Name", [`${name} \\- ${roff(sentence(description))}`]),
    ...section("Synopsis", [`.B ${name}`, "\\fIcommand\\fR [\\fIoption\\fR ...]"]),
    ...section("Description", [
      ...prose(description),
      ...about.flatMap((paragraph) => [".PP", ...prose(paragraph)]),
      ".PP",
      "Its commands are:",
    ]),
    ...groups.flatMap(({ heading, commands }) => [
      `.SS ${heading}`,
      ...commands.flatMap((one) => entry({ term: `${name} ${one.name}`, meaning: one.summary })),
    ]),
    ...section("Options", ["Most commands take these.", ...shared.flatMap(entry)]),
    ...section("Commands", []),
    ...groups.flatMap(({ commands }) => commands.flatMap((one) => commandLines(name, one))),
    ...section("Examples", exampleLines(examples).slice(1)),
    ...Object.entries(sections).flatMap(([heading, entries]) =>
      section(heading, entries.flatMap(entry))
    ),
    ...section("See also", [see.map(reference).join(",\n")]),
  ];
  return `${lines.join("\n")}\n`;
}

function section(heading: string, lines: readonly string[]): string[] {
  return [`.SH ${heading.toUpperCase()}`, ...lines];
}

function commandLines(program: string, command: ManualCommand): string[] {
  const { name, usage, description, entries, shared, examples } = command;
  const also = shared.length === 0 ? [] : [
    ".PP",
    `Also: ${shared.map((option) => `\\fB${roff(option)}\\fR`).join(", ")}`,
    "(see OPTIONS).",
  ];
  return [
    `.SS "${roff(`${program} ${name} ${usage}`.trim())}"`,
    ...prose(description),
    ...entries.flatMap(entry),
    ...also,
    ...exampleLines(examples),
  ];
}

function entry({ term, meaning }: ManualEntry): string[] {
  return [".TP", `\\fB${roff(term)}\\fR`, ...prose(meaning)];
}

/** Each below what it is for, so that long lines have room. */
function exampleLines(examples: readonly ManualExample[]): string[] {
  return [
    ".PP",
    ".nf",
    ".RS 4",
    ...examples.flatMap(({ line, what }) => [`# ${roff(what)}`, `\\fB${roff(line)}\\fR`]),
    ".RE",
    ".fi",
  ];
}

/** `nft(8)` with its name in bold. */
function reference(page: string): string {
  const [, name = "", number = ""] = /^(.*)\((.*)\)$/.exec(page) ?? [];
  return `.BR ${roff(name)} (${number})`;
}

/** Its first words as a title: no full stop. */
function sentence(description: string): string {
  return (description.split(/(?<=\.) /)[0] ?? "").replace(/\.$/, "")
    .replace(/^[A-Z](?=[a-z ])/, (letter) => letter.toLowerCase());
}

/** More of a line of source is bad style, says mandoc. */
const LINE_MAX = 76;

/** Text in lines of source: roff fills them anew. */
function prose(text: string): string[] {
  const lines: string[] = [];
  for (const word of text.split(/\s+/).map(roff)) {
    const line = `${lines.at(-1)} ${word}`;
    // A full stop at the beginning of a line would be a request.
    if (lines.length === 0 || line.length > LINE_MAX) lines.push(word.replace(/^\./, "\\&."));
    else lines[lines.length - 1] = line;
  }
  return lines;
}

/** Signs that roff would set as others, or take for its own. */
const SIGNS: Readonly<Record<string, string>> = {
  "\\": "\\e",
  "-": "\\-",
  "'": "\\(aq",
  "`": "\\(ga",
  "^": "\\(ha",
  "~": "\\(ti",
  '"': "\\(dq",
};

/** Text as roff prints it. */
function roff(text: string): string {
  return text.replaceAll(/[\\'`^~"-]/g, (sign) => SIGNS[sign]!)
    .replaceAll(/[^\x20-\x7e]/gu, (char) => `\\[u${codeOf(char)}]`);
}

/** At least four hexadecimal digits, as groff wants them. */
function codeOf(char: string): string {
  return (char.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, "0");
}
