/** Where the servers of the check tests are. */

/** By what they do wrong, or unusually. */
export const TCP_PORTS = {
  silent: 8001,
  closing: 8002,
  half_head: 8003,
  half_body: 8004,
  stopping: 8005,
  half_chunk: 8006,
  chunked: 8007,
  ssh: 8008,
  early: 8009,
  trickling: 8010,
  endless: 8011,
} as const;

export const UDP_PORTS = { echo: 9001, silent: 9002 } as const;

export const DNS_PORTS = { half: 9101, of_another: 9102, flooding: 9103 } as const;

/** Real ones: nginx (plain, with TLS), openssl s_server by what is odd about it, dnsmasq, snmpd. */
export const REAL_PORTS = {
  web: 80,
  web_tls: 443,
  tls_expired: 4431,
  tls_self_signed: 4432,
  tls_mute: 4433,
  dns: 53,
  snmp: 161,
} as const;

/** Where nobody listens. */
export const NOBODY = 7000;

/** Where a rule of the namespace drops, and where it says "host unreachable". */
export const DROPPED = 7999;
export const UNREACHABLE = 7998;
