/** Test equipment: a whole `Kernel` in memory, as far as the engines speak to one. */
import type {
  ClockPort,
  Kernel,
  ProcessPort,
  RunResult,
  SocketsPort,
} from "../../lib/sys/ports.ts";
import { FakeFiles } from "./files.ts";
import { FakeIpvs } from "./ipvs.ts";
import { FakeNetfilter } from "./netfilter.ts";
import { FakeNft } from "./nft.ts";
import { FakeXtables } from "./xtables.ts";

const NETLINK_NETFILTER = 12;
const NETLINK_GENERIC = 16;

/** A clock that stands still until it is moved. */
export class FakeClock implements ClockPort {
  #now_ms: number;

  constructor(now_ms = Date.UTC(2026, 10, 20, 9)) {
    this.#now_ms = now_ms;
  }

  now_ms(): number {
    return this.#now_ms;
  }

  advance(ms: number): void {
    this.#now_ms += ms;
  }

  /** Time passes at once. */
  sleep(ms: number): Promise<void> {
    this.advance(ms);
    return Promise.resolve();
  }
}

export class FakeKernel implements Kernel {
  readonly nft = new FakeNft();
  readonly netfilter = new FakeNetfilter(this.nft);
  readonly ipvs = new FakeIpvs(false);
  readonly files = new FakeFiles();
  readonly xtables = new FakeXtables(this.files);
  readonly clock = new FakeClock();
  readonly runDir = "/run/lb";

  readonly process: ProcessPort = {
    run: (argv, { stdin } = {}) => {
      return Promise.resolve(this.xtables.run(argv, stdin) ?? this.#run(argv));
    },
  };

  readonly sockets: SocketsPort = {
    netlink: (protocol) => {
      if (protocol === NETLINK_GENERIC) return this.ipvs.socket();
      if (protocol !== NETLINK_NETFILTER) {
        throw new SyntaxError(`the fake kernel does not know netlink protocol ${protocol}`);
      }
      return this.netfilter.socket();
    },
    packet: () => {
      throw new SyntaxError("the fake kernel has no interfaces");
    },
  };

  #run(argv: readonly string[]): RunResult {
    const line = argv.join(" ");
    const [, path] = /^nft -f (\S+)$/.exec(line) ?? [];
    if (path) return this.#runFile(path);
    const listed = /^nft (?:-n )?(?:-t )?-j list (.+)$/.exec(line)?.[1];
    if (listed) return this.nft.list(listed);
    throw new SyntaxError(`the fake kernel does not know this program: ${line}`);
  }

  #runFile(path: string): RunResult {
    const script = this.files.read(path);
    if (script !== undefined) return this.nft.run(script);
    return { code: 1, stdout: "", stderr: `Error: Could not open file "${path}": No such file\n` };
  }
}
