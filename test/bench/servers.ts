import type { Programs } from "./programs.ts";

/** Where the clients connect to, and the backends listen: the same for every contender. */
export const VIP = "203.0.113.10";
export const VIP_PORT = 80;
export const BACKEND_PORT = 8080;

/** Name of the file that downloads are of, below a backend's root. */
export const BIG_FILE = "big";

/** A private nginx: nothing of the system's configuration, logs or folders. */
function nginxText(folder: string, body: string): string {
  return `
daemon off;
user root;
pid ${folder}/pid;
error_log stderr error;
worker_rlimit_nofile 16384;
events { worker_connections 8192; }
${body}`;
}

/** One worker, because every backend is a machine of its own. The answer is made without any file. */
export function backendConfig(folder: string, root: string): string {
  const temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
    .map((kind) => `  ${kind}_temp_path ${folder}/${kind};`).join("\n");
  return nginxText(
    folder,
    `
worker_processes 1;
http {
${temporary}
  access_log off;
  sendfile on;
  tcp_nopush on;
  keepalive_requests 1000000;
  server {
    listen ${BACKEND_PORT} backlog=4096;
    listen ${VIP_PORT} backlog=4096;
    root ${root};
    location = / { return 200 "ok\\n"; }
  }
}
`,
  );
}

/** nginx as a layer-4 proxy: a worker per core, each with a listening socket of its own. */
export function streamConfig(
  folder: string,
  programs: Programs,
  backends: readonly string[],
): string {
  const module = `${programs.root("nginx")}/usr/lib/nginx/modules/ngx_stream_module.so`;
  const servers = backends.map((address) => `    server ${address}:${BACKEND_PORT};`).join("\n");
  return `load_module ${module};` + nginxText(
    folder,
    `
worker_processes auto;
stream {
  upstream backends {
    zone backends 256k;
${servers}
  }
  server {
    listen ${VIP}:${VIP_PORT} reuseport backlog=4096;
    proxy_pass backends;
  }
}
`,
  );
}

/** HAProxy in tcp mode, a thread per core (its default), splicing where it pays. */
export function haproxyConfig(backends: readonly string[]): string {
  const servers = backends
    .map((address, index) => `  server b${index + 1} ${address}:${BACKEND_PORT}`).join("\n");
  return `
global
  maxconn 4000
defaults
  mode tcp
  option splice-auto
  timeout connect 5s
  timeout client 60s
  timeout server 60s
listen bench
  bind ${VIP}:${VIP_PORT} backlog 4096
  balance roundrobin
${servers}
`;
}

/** What an expert writes by hand who needs this one service and nothing else. */
export function mapRuleset(backends: readonly string[]): string {
  const slots = backends.map((address, slot) => `${slot} : ${address} . ${BACKEND_PORT}`);
  return `
table ip bench {
  chain prerouting {
    type nat hook prerouting priority dstnat; policy accept;
    ip daddr ${VIP} tcp dport ${VIP_PORT} dnat to numgen inc mod ${backends.length} map { ${
    slots.join(", ")
  } }
  }
}
`;
}

/** nftlb's own configuration, in its mode that leaves the client's address alone as the others do. */
export function nftlbConfig(backends: readonly string[]): string {
  return JSON.stringify({
    farms: [{
      name: "bench",
      family: "ipv4",
      "virtual-addr": VIP,
      "virtual-ports": `${VIP_PORT}`,
      mode: "dnat",
      protocol: "tcp",
      scheduler: "rr",
      state: "up",
      backends: backends.map((address, index) => ({
        name: `b${index + 1}`,
        "ip-addr": address,
        port: `${BACKEND_PORT}`,
        weight: "1",
        priority: "1",
        state: "up",
      })),
    }],
  });
}

/** The same as lb.toml; with dr, packets keep their port. */
export function lbConfig(
  backends: readonly string[],
  forward: "nat" | "dr",
  engine: "auto" | "ipvs" | "nfqueue" = "auto",
  scheduler: "rr" | "maglev" = forward === "dr" ? "maglev" : "rr",
): string {
  const tables = backends.map((address) => `
[[service.backend]]
address = "${address}"
port = ${forward === "dr" ? VIP_PORT : BACKEND_PORT}
`);
  return `[[service]]
name = "bench"
vip = ["${VIP}"]
protocol = "tcp"
ports = [${VIP_PORT}]
scheduler = "${scheduler}"
forward = "${forward}"
engine = "${engine}"
${tables.join("")}`;
}
