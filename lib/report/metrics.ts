/**
 * The text format of Prometheus (https://prometheus.io/docs/instrumenting/exposition_formats/, version 0.0.4):
 * what the textfile collector of node-exporter reads. It takes no OpenMetrics, whose counters are named
 * without `_total` in their TYPE.
 */

/** A family of metrics. */
export interface Family {
  /** With its unit last, in base units; of a counter, `_total` behind it. */
  readonly name: string;
  readonly type: "counter" | "gauge";
  readonly help: string;
}

export type Labels = Readonly<Record<string, string>>;

/** One line: labels as {@linkcode labelsText} has them, and the value. null: not known, so that there is no line. */
export type Point = readonly [labels: string, value: number | null];

/** @param families each with its points, in the order they are to be printed in */
export function metricsText(
  families: Iterable<readonly [family: Family, points: readonly Point[]]>,
): string {
  const lines: string[] = [];
  for (const [{ name, type, help }, points] of families) {
    const known = points.filter(([, value]) => value !== null);
    if (known.length === 0) continue;
    lines.push(`# HELP ${name} ${escapeHelp(help)}`, `# TYPE ${name} ${type}`);
    for (const [labels, value] of known) lines.push(`${name}${labels} ${value}`);
  }
  return lines.map((line) => `${line}\n`).join("");
}

/** Made once for all metrics of a backend: there are thousands of those. */
export function labelsText(labels: Labels): string {
  const all = Object.entries(labels).map(([name, value]) => `${name}="${escapeValue(value)}"`);
  return all.length === 0 ? "" : `{${all.join(",")}}`;
}

function escapeValue(value: string): string {
  return escapeHelp(value).replaceAll('"', '\\"');
}

function escapeHelp(text: string): string {
  return text.replaceAll("\\", "\\\\").replaceAll("\n", "\\n");
}
