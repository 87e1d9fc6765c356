import { IPVS_BACKENDS, IPVS_SERVICES } from "./result.ts";

/** Addresses that were set aside for benchmarks (RFC 2544). */
const VIP = "198.18.0.1";
const PORT_FIRST = 10_001;
const BACKEND_PORT = 8080;
const WEIGHT = 100;

interface Row {
  readonly port: number;
  readonly backends: readonly string[];
}

/** One VIP with a port for each service: what is compared is IPVS, not the making of addresses. */
function rows(): Row[] {
  return Array.from({ length: IPVS_SERVICES }, (_, service) => ({
    port: PORT_FIRST + service,
    backends: Array.from(
      { length: IPVS_BACKENDS },
      (_, at) => backend(service * IPVS_BACKENDS + at),
    ),
  }));
}

function backend(index: number): string {
  const host = index + 1;
  return `198.19.${host >> 8}.${host & 255}`;
}

/** As `lb.toml`. Pure. */
export function servicesText(): string {
  return rows().map(({ port, backends }) => {
    const tables = backends.map((address) =>
      `[[service.backend]]\naddress = "${address}"\nport = ${BACKEND_PORT}\n`
    );
    return `[[service]]
name = "s${port}"
vip = ["${VIP}"]
vip_on = "none"
ports = [${port}]
engine = "ipvs"
[service.health]
type = "none"
${tables.join("")}`;
  }).join("\n");
}

/** As `ipvsadm -S` writes it and `ipvsadm -R` reads it. Pure. */
export function savedText(): string {
  const lines = rows().flatMap(({ port, backends }) => {
    const service = `-t ${VIP}:${port}`;
    const places = backends.map((address) =>
      `-a ${service} -r ${address}:${BACKEND_PORT} -m -w ${WEIGHT}`
    );
    return [`-A ${service} -s wrr`, ...places];
  });
  return lines.join("\n") + "\n";
}
