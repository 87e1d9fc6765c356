/** IPVS as ipvsadm tells of it. */
import { formatEndpoint } from "../../lib/model/address.ts";
import type { Door } from "../../lib/demo/role/spec.ts";
import type { Family } from "../../lib/model/address.ts";
import { backendAddress } from "../../lib/demo/layout.ts";
import type { Lab } from "./harness.ts";
import { must } from "./steps.ts";

/** What ipvsadm has in one row of a backend. */
export interface Row {
  readonly weight: number;
  readonly active: number;
  readonly inactive: number;
}

/** The rows below a virtual service, by `ADDRESS:PORT` of the backend; none where there is no such service. */
export async function rowsOf(lab: Lab, { address, port }: Door): Promise<Map<string, Row>> {
  const lines = await below(lab, { address, port }, "-Ln");
  return new Map(lines.map(([, name = "", , weight, active, inactive]) => [
    name,
    { weight: Number(weight), active: Number(active), inactive: Number(inactive) },
  ]));
}

/**
 * Connections that were scheduled to each backend since it is there, by `ADDRESS:PORT`.
 *
 * @param total of them: the kernel sums up every two seconds
 */
export async function scheduledOf(
  lab: Lab,
  door: Door,
  total: number,
): Promise<Map<string, number>> {
  for (let turn = 0;; turn++) {
    const lines = await below(lab, door, "-Ln", "--stats", "--exact");
    const found = new Map(lines.map(([, name = "", connections]) => [name, Number(connections)]));
    if (turn === TURNS_MAX || sum(found.values()) >= total) return found;
    await new Promise((resolve) => setTimeout(resolve, 250));
  }
}

const TURNS_MAX = 40;

function sum(numbers: Iterable<number>): number {
  return Array.from(numbers).reduce((total, one) => total + one, 0);
}

/** `198.51.100.11:8080`: backend `index` as ipvsadm names it. */
export function rowName(family: Family, index: number, port = 8080): string {
  return formatEndpoint({ family, text: backendAddress(family, index) }, port);
}

async function below(lab: Lab, { address, port }: Door, ...options: string[]): Promise<string[][]> {
  const family = address.includes(":") ? 6 : 4;
  const service = formatEndpoint({ family, text: address }, port);
  const listing = await must(lab, "ipvsadm", ...options, "-t", service);
  return listing.split("\n").filter((line) => line.startsWith("  ->"))
    .map((line) => line.trim().split(/\s+/)).filter(([, name]) => name !== "RemoteAddress:Port");
}
