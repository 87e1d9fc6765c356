/** Addresses that were set aside for benchmarks (RFC 2544, RFC 6890), so that nobody's are meant. */
const VIP_PREFIX = "198.18";
const BACKEND_PREFIX = "198.19";

export const BACKENDS_PER_SERVICE = 5;
const PORT = 8080;
const WEIGHT = 100;

/** What is not as in the first config. */
export interface Edit {
  /** The first backend of this service (from 0) gets this weight. */
  readonly weight?: { readonly service: number; readonly value: number };
  /** Services more. @default 0 */
  readonly more?: number;
}

/** An `lb.toml` of many services, each with a VIP of its own. Pure. */
export function configText(services: number, { weight, more = 0 }: Edit = {}): string {
  const tables = Array.from({ length: services + more }, (_, index) => {
    const first = index === weight?.service ? weight.value : WEIGHT;
    return serviceText(index, first);
  });
  return marksText(services) + tables.join("\n");
}

/** The default mask has room for fewer ids than large configs have backends. */
function marksText(services: number): string {
  return services * BACKENDS_PER_SERVICE > DEFAULT_IDS - ROOM_FOR_EDITS ? MANY_MARKS : "";
}

/** 15 bits of 0x00ffff00. */
const DEFAULT_IDS = 0x7fff;
const ROOM_FOR_EDITS = 100;
const MANY_MARKS = `[lb]
mark_mask = "0xffffff00"

`;

export function serviceName(index: number): string {
  return `s${String(index).padStart(5, "0")}`;
}

/** `ADDR:PORT` of the first backend, as `lb scale` takes it. */
export function firstBackend(service: number): string {
  return `${address(BACKEND_PREFIX, service * BACKENDS_PER_SERVICE)}:${PORT}`;
}

function serviceText(service: number, firstWeight: number): string {
  const backends = Array.from({ length: BACKENDS_PER_SERVICE }, (_, index) => `
[[service.backend]]
address = "${address(BACKEND_PREFIX, service * BACKENDS_PER_SERVICE + index)}"
port = ${PORT}
weight = ${index === 0 ? firstWeight : WEIGHT}
`);
  return `[[service]]
name = "${serviceName(service)}"
vip = ["${address(VIP_PREFIX, service)}"]
vip_on = "none"
protocol = "tcp"
ports = [80]
scheduler = "wrr"
[service.health]
type = "none"
${backends.join("")}`;
}

function address(prefix: string, index: number): string {
  const host = index + 1;
  return `${prefix}.${host >> 8}.${host & 255}`;
}
