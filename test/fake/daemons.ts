/** Test equipment: programs that stay, as far as lb starts and asks them; `lb queue` is all there is. */
import { workerPlaces, type WorkerRequest, type WorkerStatus } from "../../lib/model/worker.ts";
import { LbError } from "../../lib/model/error.ts";
import type { DaemonsPort, FilesPort } from "../../lib/sys/ports.ts";

export class FakeDaemons implements Pick<DaemonsPort, "start" | "ask"> {
  /** Whether the worker answers what it is asked. */
  answers = true;
  /** Whether a program that is started comes to anything. */
  starts = true;
  /** Of the lb that is started. */
  version = "test";
  readonly #files: FilesPort;
  readonly #runDir: string;
  #pid = 4000;
  #token = "";

  constructor(files: FilesPort, runDir: string) {
    this.#files = files;
    this.#runDir = runDir;
  }

  /** The token of the table that is chosen by; undefined where nothing runs. */
  get token(): string | undefined {
    return this.#files.stat(this.#places.pid) ? this.#token : undefined;
  }

  start(argv: readonly string[]): number {
    if (!argv.includes("queue")) throw new LbError("unsupported", `no program ${argv.join(" ")}`);
    const pid = ++this.#pid;
    if (!this.starts) return pid;
    this.answers = true;
    this.#files.replace(`/proc/${pid}/cmdline`, argv.join("\0"));
    this.#files.replace(`/proc/${pid}/stat`, `${pid} (lb) S 1\n`);
    this.#files.replace(this.#places.pid, `${pid}\n`);
    this.#load();
    return pid;
  }

  /** SIGKILL, or a power cut for it alone. */
  kill(): void {
    this.#files.remove(`/proc/${this.#pid}/cmdline`);
  }

  ask(_path: string, line: string): Promise<string | undefined> {
    if (!this.answers || !this.#files.stat(`/proc/${this.#pid}/cmdline`)) {
      return Promise.resolve(undefined);
    }
    const { op } = JSON.parse(line) as WorkerRequest;
    if (op === "reload") this.#load();
    if (op === "stop") {
      this.kill();
      this.#files.remove(this.#places.pid);
      return Promise.resolve("{}");
    }
    return Promise.resolve(
      JSON.stringify(op === "reload" ? { token: this.#token } : this.#status()),
    );
  }

  get #places() {
    return workerPlaces(this.#runDir);
  }

  #load(): void {
    const table = this.#files.read(this.#places.table);
    if (table === undefined) throw new SyntaxError("a worker is started without its table");
    this.#token = (JSON.parse(table) as { token: string }).token;
  }

  #status(): WorkerStatus {
    return {
      ...{ version: this.version, pid: this.#pid, worker_pid: this.#pid + 1, token: this.#token },
      ...{ since_ms: 0, restarts: 0, seen: 0, chosen: {}, left_to_kernel: 0 },
      ...{ events_lost: 0, released: 0, queues: [] },
    };
  }
}
