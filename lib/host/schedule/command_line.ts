import { LbError } from "../../model/error.ts";

const PLAIN = /^[\w@%+=:,./-]+$/;

/** A command as a line of crontab(5) has it: what a shell reads, with % escaped, which would be a line's end. */
export function cronLine(argv: readonly string[]): string {
  return argv.map((word) => PLAIN.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`)
    .map(oneLine).join(" ").replaceAll("%", "\\%");
}

/** A command as ExecStart= has it: systemd.service(5), "COMMAND LINES", and % of specifiers. */
export function unitLine(argv: readonly string[]): string {
  return argv.map((word) => {
    const escaped = oneLine(word).replaceAll("%", "%%").replaceAll("$", "$$$$");
    return PLAIN.test(word) ? escaped : `"${escaped.replaceAll(/[\\"]/g, "\\$&")}"`;
  }).join(" ");
}

function oneLine(word: string): string {
  if (!/\p{Cc}/u.test(word)) return word;
  throw new LbError(
    "usage",
    `${JSON.stringify(word)} cannot stand in a schedule: choose another path`,
  );
}
