import { fit, fitRight, type Line, type Look, span } from "../line.ts";

/** A column of a table. */
export interface Column<Row> {
  readonly title: string;
  /** @default "left" */
  readonly align?: "left" | "right";
  /** Columns of the terminal: fewer and it is left out; more than it wants it never gets. */
  readonly least: number;
  readonly wants: number;
  /** Who is needed least goes first where there is no room. */
  readonly need: number;
  readonly cell: (row: Row, width: number) => Line;
}

const GAP = 1;

/** A column with the width it has got. */
export interface Placed<Row> extends Column<Row> {
  readonly width: number;
}

/** Which columns there is room for, and how wide they are. Pure. */
export function placed<Row>(
  columns: readonly Column<Row>[],
  total: number,
): readonly Placed<Row>[] {
  const least = columns.reduce((sum, { least }) => sum + least + GAP, -GAP);
  if (least > total && columns.length > 1) {
    const lowest = Math.min(...columns.map(({ need }) => need));
    return placed(columns.filter(({ need }) => need !== lowest), total);
  }
  let spare = total - least;
  const widths = new Map<Column<Row>, number>();
  // Small wishes are met first.
  const wish = ({ wants, least }: Column<Row>) => wants - least;
  for (const column of columns.toSorted((a, b) => wish(a) - wish(b))) {
    const more = Math.min(Math.max(0, spare), column.wants - column.least);
    widths.set(column, column.least + more);
    spare -= more;
  }
  return columns.map((column) => ({ ...column, width: widths.get(column)! }));
}

/** The line above the rows. */
export function headLine<Row>(columns: readonly Placed<Row>[]): Line {
  return joined(columns.map((column) => set(column, [span(column.title, "faint")])));
}

/** One row. @param look of all of it; each cell's own where it is undefined */
export function rowLine<Row>(
  columns: readonly Placed<Row>[],
  row: Row,
  look?: Look,
): Line {
  const line = joined(columns.map((column) => set(column, column.cell(row, column.width))));
  return look ? line.map(({ text }) => span(text, look)) : line;
}

function set<Row>({ align, width }: Placed<Row>, cell: Line): Line {
  return align === "right" ? fitRight(cell, width) : fit(cell, width);
}

function joined(cells: readonly Line[]): Line {
  return cells.flatMap((cell, index) => index === 0 ? cell : [span(" ".repeat(GAP)), ...cell]);
}

/** Columns that the widest of these texts takes. */
export function widest(texts: readonly string[], most: number): number {
  return Math.min(most, texts.reduce((width, text) => Math.max(width, text.length), 1));
}
