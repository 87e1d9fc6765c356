import { plural } from "../../model/plural.ts";

/** Lines a minute; what is beyond is counted and told with the next. */
const LINES_PER_MINUTE = 20;
const MINUTE_MS = 60_000;

/** Says something for the log. */
export type Log = (line: string) => void;

/** A log that nobody can flood. */
export function limitedLog(write: Log, now_ms: () => number): Log {
  let since_ms = -Infinity;
  let said = 0;
  let unsaid = 0;
  return (line) => {
    if (now_ms() - since_ms >= MINUTE_MS) {
      if (unsaid > 0) write(`${plural(unsaid, "more line")} in the minute before`);
      since_ms = now_ms();
      said = unsaid = 0;
    }
    if (said++ < LINES_PER_MINUTE) write(line);
    else unsaid++;
  };
}
