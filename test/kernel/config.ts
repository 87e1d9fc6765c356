import { backendAddress, vipAddress } from "../../lib/demo/layout.ts";
import type { Door } from "../../lib/demo/role/spec.ts";
import { FAMILIES, type Family } from "../../lib/model/address.ts";

/** A service as tests write it. */
export interface ServiceText {
  /** @default "web" */
  readonly name?: string;
  /** Host numbers of the VIPs, each in both IP versions. @default [10] */
  readonly vips?: readonly number[];
  /** VIPs as they are to be written, in place of `vips`. */
  readonly vip?: readonly string[];
  /** @default both */
  readonly families?: readonly Family[];
  readonly protocol?: "tcp" | "udp" | "sctp";
  /** As in TOML. @default "[80]" */
  readonly ports?: string;
  readonly scheduler?: string;
  /** Weights of b1, b2, …; undefined leaves one out. */
  readonly weights: readonly (number | undefined)[];
  /** Where backends listen; 0 writes none. @default 8080, or 53 for udp */
  readonly port?: number;
  readonly one_arm?: boolean;
  /** More lines of the service. */
  readonly more?: string;
  /** More lines of b1, b2, … */
  readonly backend_more?: readonly (string | undefined)[];
}

/** The engine of services that name none: what nft promises, nfqueue does, too. */
const ENGINE = Deno.env.get("LB_TEST_ENGINE");

/** Tests that are not about health have backends where nobody listens, and stop servers. */
export const UNCHECKED = '[service.health]\ntype = "none"';

/** One `[[service]]` of an `lb.toml`. */
export function serviceText(service: ServiceText): string {
  const engine = ENGINE && !/^engine|^forward/m.test(service.more ?? "")
    ? `engine = "${ENGINE}"`
    : "";
  const families = service.families ?? FAMILIES;
  const vips = service.vip ??
    (service.vips ?? [10]).flatMap((host) => families.map((family) => vipAddress(family, host)));
  const protocol = service.protocol ?? "tcp";
  const backends = service.weights.flatMap((weight, index) =>
    weight === undefined
      ? []
      : families.map((family) => backendText(service, family, index, weight))
  );
  return `
[[service]]
name = "${service.name ?? "web"}"
vip = ${JSON.stringify(vips)}
protocol = "${protocol}"
ports = ${service.ports ?? "[80]"}
scheduler = "${service.scheduler ?? "wrr"}"
${engine}
${service.more ?? ""}
${/health/.test(service.more ?? "") ? "" : UNCHECKED}
${backends.join("\n")}`;
}

function backendText(service: ServiceText, family: Family, index: number, weight: number): string {
  const port = service.port ?? (service.protocol === "udp" ? 53 : 8080);
  return `[[service.backend]]
address = "${backendAddress(family, index, service.one_arm)}"
${port === 0 ? "" : `port = ${port}`}
weight = ${weight}
${service.backend_more?.[index] ?? ""}
`;
}

/** A VIP's port, as a client knocks there. */
export function door(family: Family, host = 10, port = 80): Door {
  return { address: vipAddress(family, host), port };
}

/** The name `lb scale` knows backend `index` by. */
export function scaleName(family: Family, index: number, port = 8080): string {
  const address = backendAddress(family, index);
  return family === 4 ? `${address}:${port}` : `[${address}]:${port}`;
}
