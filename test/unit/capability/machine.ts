/** Test equipment: what a machine tells of its kernel, in files and by an nft that refuses some rules. */
import { detect } from "../../../lib/capability/detect.ts";
import type { Capability, Facts } from "../../../lib/capability/facts.ts";
import { LbError } from "../../../lib/model/error.ts";
import type { Kernel, RunResult } from "../../../lib/sys/ports.ts";
import { FakeFiles } from "../../fake/files.ts";

export const RELEASE = "6.12.9-test";

/** Every module the probes need. */
export const MODULES = [
  ...["nf_tables", "nft_chain_nat", "nft_nat", "nft_numgen", "nft_hash"],
  ...["nft_reject_inet", "nft_reject_ipv4", "nft_masq", "nft_ct", "nft_limit", "nft_connlimit"],
  ...["nft_fwd_netdev", "nft_reject_netdev", "nft_queue", "nfnetlink_queue"],
  ...["nft_fib_ipv4", "nft_fib_ipv6"],
  ...["iptable_raw", "iptable_mangle", "iptable_nat", "xt_CT", "xt_conntrack", "xt_addrtype"],
  ...["xt_NFQUEUE", "xt_mark"],
  ...["nf_conntrack_proto_sctp", "nf_conntrack_netlink", "ip_vs", "ip_vs_proto_sctp"],
  ...["ip_vs_rr", "ip_vs_wrr", "ip_vs_lc", "ip_vs_wlc", "ip_vs_sed", "ip_vs_nq"],
  ...["ip_vs_sh", "ip_vs_mh"],
] as const;

const ROOT_STATUS = "Name:\tlb\nCapEff:\t000001ffffffffff\n";

/** Files that are not text: the kernel's config is packed. */
class Files extends FakeFiles {
  readonly packed = new Map<string, Uint8Array<ArrayBuffer>>();

  override readBytes(path: string): Uint8Array<ArrayBuffer> | undefined {
    return this.packed.get(path) ?? super.readBytes(path);
  }
}

/** Root on a machine that has nft 1.0.6, and of whose kernel nothing else is known. */
export class FakeMachine {
  readonly files = new Files();
  /** Programs that were run, and the rules they were given. */
  readonly ran: string[] = [];
  /** What `nft --version` prints; undefined: there is no nft. */
  nftVersion: string | undefined = "nftables v1.0.6 (Lester Gooch #5)\n";
  /** Whether there is unshare(1). */
  hasUnshare = true;
  /** What is printed on stderr about rules in which a word stands. */
  readonly refusals = new Map<string, string>();
  /** With which exit code they are refused. */
  refusalCode = 1;

  constructor(files: Readonly<Record<string, string>> = {}) {
    const usual = {
      "/proc/sys/kernel/osrelease": `${RELEASE}\n`,
      "/proc/self/status": ROOT_STATUS,
      "/proc/self/mounts": "proc /proc proc rw,nosuid 0 0\n",
    };
    for (const [path, text] of Object.entries({ ...usual, ...files })) this.write(path, text);
  }

  write(path: string, text: string): void {
    this.files.replace(path, text, 0o444);
  }

  /** Packs a kernel config, as /proc/config.gz is. */
  async pack(path: string, text: string): Promise<void> {
    const stream = new Blob([text]).stream().pipeThrough(new CompressionStream("gzip"));
    this.files.packed.set(path, new Uint8Array(await new Response(stream).arrayBuffer()));
  }

  get kernel(): Kernel {
    const unused = () => {
      throw new Error("detection opens no sockets and needs no clock");
    };
    return {
      process: {
        run: async (argv, { stdin } = {}) => await Promise.resolve(this.#run(argv, stdin)),
      },
      files: this.files,
      sockets: { netlink: unused, packet: unused },
      clock: { now_ms: unused, sleep: unused },
      runDir: "/run/lb",
    };
  }

  async detect(): Promise<Facts> {
    return await detect(this.kernel);
  }

  /** One capability, freshly detected. */
  async capability(id: string): Promise<Capability> {
    const found = (await this.detect()).capabilities.find((each) => each.id === id);
    if (!found) throw new Error(`detection says nothing of ${id}`);
    return found;
  }

  #run(argv: readonly string[], rules = ""): RunResult {
    this.ran.push([...argv, rules].join(" "));
    if (this.nftVersion === undefined) {
      throw new LbError("unsupported", "there is no program nft on the PATH");
    }
    if (argv.at(-1) === "--version") return { code: 0, stdout: this.nftVersion, stderr: "" };
    if (argv[0] === "unshare" && !this.hasUnshare) {
      throw new LbError("unsupported", "there is no program unshare on the PATH");
    }
    const [, stderr] = [...this.refusals].find(([word]) => rules.includes(word)) ?? [];
    const code = stderr === undefined ? 0 : this.refusalCode;
    return { code, stdout: "", stderr: stderr ?? "" };
  }
}

/** A machine whose kernel has these modules built in, and lists them. */
export function builtIn(modules: readonly string[] = MODULES): FakeMachine {
  return new FakeMachine({
    [`/lib/modules/${RELEASE}/modules.builtin`]: modules
      .map((name) => `kernel/net/netfilter/${name}.ko\n`).join(""),
    [`/lib/modules/${RELEASE}/modules.dep`]: "",
  });
}

/** A machine with these modules on disk, of which some are loaded. */
export function modular(loaded: readonly string[], installed = MODULES.map(String)): FakeMachine {
  return new FakeMachine({
    "/proc/modules": loaded.map((name) => `${name} 16384 1 - Live 0x0\n`).join(""),
    [`/lib/modules/${RELEASE}/modules.dep`]: installed
      .map((name) => `kernel/net/netfilter/${name}.ko.zst: kernel/lib/libcrc32c.ko.zst\n`).join(""),
  });
}
