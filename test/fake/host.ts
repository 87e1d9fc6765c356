/**
 * Test equipment: a whole machine in memory: nft, /proc/sys with its side effects, links, addresses and
 * conntrack entries, every call through a gate.
 */
import type { Kernel, RawSocket, RunResult } from "../../lib/sys/ports.ts";
import { FakeProc, freshValues } from "../unit/host/proc.ts";
import { Gate } from "./gate.ts";
import { FakeKernel } from "./kernel.ts";
import { DELETE_FLOW, GET_FLOWS } from "./netfilter.ts";
import {
  FakeNetwork,
  RTM_DELADDR,
  RTM_GETADDR,
  RTM_GETLINK,
  RTM_GETNEIGH,
  RTM_GETROUTE,
  RTM_NEWADDR,
  RTM_NEWNEIGH,
} from "./network.ts";
import { nftRequestName } from "./nft_answers.ts";
import type { FakeTable } from "./nft_table.ts";
import { viewOf } from "./wire.ts";

const LINKS = ["lo", "eth0", "eth1"];
const ADDRESSES = [
  "lo 127.0.0.1/8",
  "eth0 192.0.2.1/24",
  "eth0 2001:db8::1/64",
  "eth1 198.51.100.1/24",
];

/** How messages are called in the gate's list. */
const MESSAGES: Readonly<Record<number, string>> = {
  [RTM_GETLINK]: "list links",
  [RTM_GETADDR]: "list addresses",
  [RTM_NEWADDR]: "add address",
  [RTM_DELADDR]: "delete address",
  [RTM_GETROUTE]: "look up route",
  [RTM_NEWNEIGH]: "ask neighbour",
  [RTM_GETNEIGH]: "list neighbours",
  [GET_FLOWS]: "list flows",
  [DELETE_FLOW]: "delete flow",
};

const SYSCTLS = "/proc/sys/net/";

export class FakeHost {
  readonly gate = new Gate();
  readonly proc = new FakeProc(freshValues(LINKS));
  readonly network = new FakeNetwork(LINKS, ADDRESSES);
  /** Its nft, its clock, and files that are not sysctls. */
  readonly inside = new FakeKernel();
  /** Frames sent on packet sockets. */
  readonly frames: Uint8Array[] = [];
  /** Answers a program's run in the machine's stead, where it returns something. */
  answerRun: (argv: readonly string[]) => RunResult | undefined = () => undefined;
  /** What lb is given. */
  readonly kernel: Kernel;

  constructor() {
    this.kernel = {
      process: { run: async (argv, options) => await this.#run(argv, options) },
      files: this.#files(),
      sockets: {
        netlink: (protocol) => this.#netlink(protocol),
        packet: (ifindex) => this.#packet(ifindex),
      },
      clock: {
        now_ms: () => this.inside.clock.now_ms(),
        sleep: async (ms) => await this.gate.pass("sleep", () => this.inside.clock.sleep(ms)),
      },
      runDir: this.inside.runDir,
    };
  }

  get nft() {
    return this.inside.nft;
  }

  get netfilter() {
    return this.inside.netfilter;
  }

  /** `ip link set BEFORE name NOW` */
  renameLink(before: string, now: string): void {
    this.network.renameLink(before, now);
    this.proc.renameLink(before, now);
  }

  /** Everything lb may change on it, for comparing: counts, handles and our token left out. */
  picture() {
    return {
      table: this.#ours("inet lb", "ip lb", "ip6 lb")?.flatMap((name) => {
        return tableText(this.nft.table(name)!).map((line) => `${name} ${line}`);
      }),
      others: this.nft.tables.filter((name) => !this.#ours(name)),
      sysctls: { ...this.proc.values },
      addresses: [...this.network.addresses].sort(),
      local_routes: [...this.network.local_routes].sort(),
      flows: this.netfilter.flows.map(({ id }) => id),
    };
  }

  /** Those of these tables that are lb's; undefined where none is. Of another program's, lb knows nothing. */
  #ours(...names: readonly string[]): string[] | undefined {
    const ours = names.filter((name) =>
      name === "inet lb" ? this.nft.table(name) : this.nft.table(name)?.collections.has("revision")
    );
    return ours.length === 0 ? undefined : ours;
  }

  #run(...[argv, options]: Parameters<Kernel["process"]["run"]>) {
    return this.gate.pass(
      `run ${argv.join(" ")}`,
      () => this.answerRun(argv) ?? this.inside.process.run(argv, options),
    );
  }

  #files(): Kernel["files"] {
    const { inside: { files }, proc, gate } = this;
    const of = (path: string) => path.startsWith(SYSCTLS) ? proc : files;
    return {
      read: (path) => of(path).read(path),
      readBytes: (path) => files.readBytes(path),
      lines: (path) => files.lines(path),
      readLink: (path) => files.readLink(path),
      list: (path) => of(path).list(path),
      stat: (path) => files.stat(path),
      write: (path, text) => gate.pass(`write ${path} ${text}`, () => of(path).write(path, text)),
      replace: (path, text, mode) =>
        gate.pass(`replace ${path}`, () => files.replace(path, text, mode)),
      mkdir: (path, mode) => gate.pass(`mkdir ${path}`, () => files.mkdir(path, mode)),
      remove: (path) => gate.pass(`remove ${path}`, () => files.remove(path)),
    };
  }

  #netlink(protocol: number): RawSocket {
    const { network, netfilter, inside: { ipvs } } = this;
    const families = [[0, network], [12, netfilter], [16, ipvs]] as const;
    const family = families.find(([number]) => number === protocol)?.[1];
    if (!family) {
      throw new SyntaxError(`the fake kernel does not know netlink protocol ${protocol}`);
    }
    return this.#gated(family.socket(), (bytes) => {
      const [length, type] = [viewOf(bytes).getUint32(0, true), viewOf(bytes).getUint16(4, true)];
      return bytes.length > length ? "transaction" : messageName(type);
    });
  }

  #packet(ifindex: number): RawSocket {
    const socket = {
      send: (bytes: Uint8Array) => void this.frames.push(bytes),
      receive: () => new Uint8Array(),
      close: () => {},
    };
    return this.#gated(socket, () => `announce on ${LINKS[ifindex - 1]}`);
  }

  #gated(socket: RawSocket, name: (bytes: Uint8Array) => string): RawSocket {
    return {
      send: (bytes) => this.gate.pass(name(bytes), () => socket.send(bytes)),
      receive: () => this.gate.pass("receive", () => socket.receive()),
      close: () => socket.close(),
    };
  }
}

function messageName(type: number): string {
  return MESSAGES[type] ?? nftRequestName(type) ?? "send";
}

function tableText(table: FakeTable): string[] {
  const chains = Array.from(table.chains, ([name, { hook, rules }]) =>
    [
      `chain ${name} ${hook ?? ""}`,
      ...rules.map(({ tokens }) => `  ${tokens.join(" ")}`),
    ].join("\n"));
  const collections = Array.from(table.collections, ([name, { declaration, elements }]) => {
    const shown = name === "revision" ? [] : [...elements].map((pair) => pair.join(" : ")).sort();
    return [`${name} ${declaration}`, ...shown].join("\n  ");
  });
  return [...chains, ...collections, ...table.counters.keys()].sort();
}
