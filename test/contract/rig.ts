import type { Kernel } from "../../lib/sys/ports.ts";

/** A change by hand, behind our back. */
export interface Tampering {
  readonly name: string;
  readonly act: () => Promise<void>;
  /** What drift() has to name, and nothing else. */
  readonly drift: readonly string[];
}

/** A kernel that belongs to one test, and what the contract does to it beside the engine. */
export interface Rig<Plan> {
  readonly kernel: Kernel;
  /** Capabilities it has not, of those that change how an engine works. @default none */
  readonly lacks?: readonly string[];
  /** Ways to damage what {@linkcode SERVICES} of the contract puts there. */
  readonly tamperings: readonly Tampering[];
  /** Everything the kernel holds that an engine could change, as text; counters left out. */
  whole(): Promise<string>;
  /** The same for what belongs to others. */
  foreign(): Promise<string>;
  /** Another's change that has nothing to do with us. */
  touchForeign(): Promise<void>;
  /** Damage that cannot be mended in place. */
  ruin(): Promise<void>;
  /** A connection from this machine, `ADDRESS:PORT`; whether anybody answers does not matter. */
  connect(vip: string): Promise<void>;
  /** Waits until the kernel has counted what was connected, where that takes a while. */
  readonly counted?: () => Promise<void>;
  /** Ways to put something into a plan, near the end of one of its parts, that the kernel refuses. */
  readonly spoils: readonly ((plan: Plan) => Plan)[];
  close(): void;
}
