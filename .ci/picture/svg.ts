import { type Look, type Run, runsOf } from "./cells.ts";

/** Of a cell. Twice as high as wide, as most terminals' fonts have it. */
const WIDTH = 9;
const HEIGHT = 19;
/** Where signs stand, from the cell's top. */
const BASELINE = 14;
const FONT_SIZE = 15;
const MARGIN = 14;
/** Above the screen: the bar of a window. */
const BAR = 30;

const GROUND = "#0d1117";
const TEXT = "#c9d1d9";
const FONTS = "ui-monospace,SFMono-Regular,Menlo,Consolas,'DejaVu Sans Mono',monospace";

/** Lower blocks by eighths: drawn, since fonts have them in many heights. */
const BLOCKS = "▁▂▃▄▅▆▇█";
const LINE = "─";

export interface PictureOptions {
  /** What stands in the bar of the window. */
  readonly title: string;
  readonly columns: number;
  /** For those who do not see it. */
  readonly description: string;
}

/** A terminal's screen as a picture. Every sign has its place in the grid, whatever font there is. Pure. */
export function svgOf(captured: string, { title, columns, description }: PictureOptions): string {
  const lines = runsOf(captured);
  const width = columns * WIDTH + 2 * MARGIN;
  const height = lines.length * HEIGHT + BAR + 2 * MARGIN;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" ` +
    `height="${height}" font-family="${FONTS}" font-size="${FONT_SIZE}" role="img">`,
    `<title>${escaped(title)}</title>`,
    `<desc>${escaped(description)}</desc>`,
    `<rect width="${width}" height="${height}" rx="9" fill="${GROUND}"/>`,
    ...["#ff5f57", "#febc2e", "#28c840"].map((colour, index) =>
      `<circle cx="${MARGIN + 6 + index * 20}" cy="${BAR / 2 + 3}" r="6" fill="${colour}"/>`
    ),
    `<text x="${width / 2}" y="${BAR / 2 + 8}" fill="#8b949e" text-anchor="middle">${
      escaped(title)
    }</text>`,
    `<g transform="translate(${MARGIN} ${BAR + MARGIN})">`,
    ...lines.flatMap((runs, row) => runs.flatMap((run) => drawn(run, row))),
    "</g>",
    "</svg>",
  ].join("\n") + "\n";
}

function drawn(run: Run, row: number): string[] {
  const { colour, background, opacity } = paints(run.look);
  const top = row * HEIGHT;
  const cells = [...run.text];
  const ground = background === undefined
    ? []
    : [rect(run.column, top, cells.length, HEIGHT, background)];
  return [
    ...ground,
    ...parts(cells, run.column).flatMap((part) => {
      if (part.text.trim() === "") return [];
      return part.isDrawn
        ? shapes(part, top, colour, opacity)
        : [signs(part, top, { colour, opacity, isBold: run.look.isBold ?? false })];
    }),
  ];
}

/** What a look comes to. */
function paints({ colour, background, isReverse, isDim }: Look) {
  const [front, back] = isReverse
    ? [background ?? GROUND, colour ?? TEXT]
    : [colour ?? TEXT, background];
  return { colour: front, background: back, opacity: isDim ? 0.62 : 1 };
}

/** Signs in a row that are all drawn, or all set, without blanks at either end. */
interface Part {
  readonly column: number;
  readonly text: string;
  readonly isDrawn: boolean;
}

/** Split at drawn signs, and at two blanks: what is far from its place is put right again. */
function parts(cells: readonly string[], column: number): Part[] {
  const found: Part[] = [];
  const text = cells.join("");
  const pattern = new RegExp(
    `([${BLOCKS}${LINE}]+)|[^ ${BLOCKS}${LINE}]+(?: [^ ${BLOCKS}${LINE}]+)*`,
    "gu",
  );
  for (const { index, 0: whole, 1: drawn } of text.matchAll(pattern)) {
    const before = [...text.slice(0, index)].length;
    found.push({ column: column + before, text: whole, isDrawn: drawn !== undefined });
  }
  return found;
}

interface Paints {
  readonly colour: string;
  readonly opacity: number;
  readonly isBold: boolean;
}

function signs({ column, text }: Part, top: number, { colour, opacity, isBold }: Paints): string {
  const width = [...text].length * WIDTH;
  const weight = isBold ? ' font-weight="bold"' : "";
  return `<text x="${column * WIDTH}" y="${top + BASELINE}" textLength="${width}" ` +
    `lengthAdjust="spacingAndGlyphs" fill="${colour}"${faded(opacity)}${weight} ` +
    `xml:space="preserve">${escaped(text)}</text>`;
}

function shapes({ column, text }: Part, top: number, colour: string, opacity: number): string[] {
  if (text.startsWith(LINE) && [...text].every((sign) => sign === LINE)) {
    return [rect(column, top + HEIGHT / 2, [...text].length, 1, colour, opacity)];
  }
  return [...text].map((sign, index) => {
    if (sign === LINE) return rect(column + index, top + HEIGHT / 2, 1, 1, colour, opacity);
    const eighths = BLOCKS.indexOf(sign) + 1;
    const height = Math.round((HEIGHT - 3) * eighths / 8);
    return rect(column + index, top + HEIGHT - 1 - height, 1, height, colour, opacity);
  });
}

function rect(
  column: number,
  y: number,
  cells: number,
  height: number,
  colour: string,
  opacity = 1,
): string {
  return `<rect x="${column * WIDTH}" y="${y}" width="${cells * WIDTH}" height="${height}" ` +
    `fill="${colour}"${faded(opacity)}/>`;
}

function faded(opacity: number): string {
  return opacity === 1 ? "" : ` opacity="${opacity}"`;
}

const ENTITIES: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
};

function escaped(text: string): string {
  return text.replaceAll(/[&<>"]/g, (sign) => ENTITIES[sign]!);
}
