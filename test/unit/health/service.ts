/** Test equipment: a service as lb.toml has it, and passes over it. */
import { parseConfig } from "../../../lib/config/load.ts";
import { judge, type Judged, type Known } from "../../../lib/health/pass.ts";
import { type Standing, standingsOf } from "../../../lib/health/standing.ts";
import { checkedBackends } from "../../../lib/health/target.ts";
import type { Service } from "../../../lib/model/service.ts";

/** `health` is put below `[service.health]`; backends are b1, b2, … with these lines. */
export async function serviceWith(
  health: string,
  backends: readonly string[],
  more = "",
): Promise<Service> {
  const list = backends.map((lines, index) =>
    `[[service.backend]]\naddress = "198.51.100.${index + 1}"\nport = 80\n${lines}\n`
  );
  const text = `[[service]]\nname = "web"\nvip = "203.0.113.10"\nports = [80]\nvip_on = "none"\n` +
    `[service.health]\n${health}\n${more}\n${list.join("")}`;
  const { config } = await parseConfig(text, "lb.toml");
  return config.services[0]!;
}

/** The results of a pass by backend, in order: `+`, `-`, or `.` for one that is not checked. */
export function passOver(service: Service, known: Known, results: string, now_ms: number): Judged {
  const seen = checkedBackends([service]).map((one, index) => {
    const sign = results[index];
    if (sign === ".") return one;
    const ok = sign === "+";
    return { ...one, result: { ok, reason: ok ? "" : "refused", took_ms: 1 } };
  });
  return judge(seen, known, now_ms);
}

export const NOTHING_KNOWN: Known = { rows: [], panics: [] };

/** What follows for each backend. */
export function standings(service: Service, known: Known, now_ms = 0): Standing[] {
  const find = standingsOf(known.rows, known.panics, now_ms);
  return service.backends.map((backend) => find(service, backend));
}

/** Who takes connections: `+` or `-` for each. */
export function able(service: Service, known: Known): string {
  return standings(service, known).map(({ isAble }) => isAble ? "+" : "-").join("");
}
