/** Test equipment: configurations as an operator would write them. */

/** What `lb uninstall` brings about. */
export const NOTHING = "";

/** Two families, two protocols, VIPs in a subnet of eth0, and a backend that two services share. */
export const BASE = `
[[service]]
name = "web"
vip = ["192.0.2.10", "2001:db8::10"]
protocol = "tcp"
ports = [80]
  [[service.backend]]
  address = "198.51.100.11"
  port = 8080
  [[service.backend]]
  address = "198.51.100.12"
  port = 8080
  [[service.backend]]
  address = "2001:db8:b::11"

[[service]]
name = "dns"
vip = "192.0.2.53"
protocol = "udp"
ports = [53]
  [[service.backend]]
  address = "198.51.100.11"
  [[service.backend]]
  address = "198.51.100.13"
`;

/** Beside BASE: a weight changed, a udp and a tcp backend gone, one new, and no IPv6 any more. */
export const CHANGED = `
[[service]]
name = "web"
vip = ["192.0.2.10"]
protocol = "tcp"
ports = [80, 443]
  [[service.backend]]
  address = "198.51.100.11"
  port = 8080
  weight = 50
  [[service.backend]]
  address = "198.51.100.14"
  port = 8080

[[service]]
name = "dns"
vip = "192.0.2.53"
protocol = "udp"
ports = [53]
  [[service.backend]]
  address = "198.51.100.11"
`;

/** One service; `more` is put below its keys. */
export function single(more = "", vip = "192.0.2.10"): string {
  return `
[[service]]
name = "web"
vip = "${vip}"
protocol = "tcp"
ports = [80]
${more}
  [[service.backend]]
  address = "198.51.100.11"
`;
}
