/** A page of the documentation. */
export interface Page {
  /** From the repository's root. */
  readonly path: string;
  readonly text: string;
}

/** A link from one page to another, or to a heading. */
export interface Link {
  readonly from: string;
  readonly path: string;
  readonly anchor?: string;
}

/** Headings of a page, in order. What looks like one in a code block is none. */
export function headings({ text }: Page): string[] {
  return [...prose(text).matchAll(/^#+ (.+)$/gm)].map(([, title = ""]) => title);
}

/** What stands below a heading, up to the next one of its level. @throws where there is none */
export function section({ path, text }: Page, title: string): string {
  const start = text.indexOf(`\n## ${title}\n`);
  if (start < 0) throw new Error(`${path} has no section ${title}`);
  const body = text.slice(start + 1);
  const end = body.search(/\n## /);
  return end < 0 ? body : body.slice(0, end);
}

/** Cells of all tables' rows, without the heads, and without what Markdown needs as escapes. */
export function rows(text: string): string[][] {
  const lines = text.split("\n");
  return lines.flatMap((line, index) => {
    const isHead = /^\| ?:?-/.test(lines[index + 1] ?? "");
    if (!line.startsWith("|") || isHead || /^\| ?:?-+:? ?\|/.test(line)) return [];
    return [line.slice(1, -1).split("|").map((cell) => cell.trim().replaceAll("\\", ""))];
  });
}

/** How a heading is named in links, by GitHub's rule. */
export function slug(title: string): string {
  return title.toLowerCase().replaceAll(/[^\p{L}\p{N} _-]/gu, "").replaceAll(" ", "-");
}

/** Links that stay inside the repository. */
export function links({ path, text }: Page): Link[] {
  const folder = path.slice(0, path.lastIndexOf("/") + 1);
  return [...prose(text).matchAll(/\]\(([^)\s]+)\)/g)].map(([, to = ""]) => to)
    .filter((to) => !to.includes("://"))
    .map((to): Link => {
      const [file = "", anchor] = to.split("#");
      return { from: path, path: file === "" ? path : resolve(folder + file), anchor };
    });
}

function prose(text: string): string {
  return text.replaceAll(/^```.*?^```$/gms, "");
}

function resolve(path: string): string {
  return path.replace(/[^/]+\/\.\.\//, "");
}
