/** Equipment of the tests of `lb status` on a real terminal. */
import { serviceText } from "./config.ts";
import type { Lab } from "./harness.ts";
import type { Terminal } from "./tmux.ts";

/** Of each backend: one connection that stays. */
export const IDLE = { short: 0, long: 0, idle: 1 };

/** Two services of two backends. */
export const TWO = [
  serviceText({ weights: [100, 50], families: [4] }),
  serviceText({ name: "mail", weights: [10, 10], families: [4], vips: [11], ports: "[25]" }),
].join("\n");

/** `lb status` in the balancer's namespace. */
export function argvOf({ topology, balancer }: Lab, ...words: string[]): string[] {
  return ["ip", "netns", "exec", topology.balancer, ...balancer.argv("status", ...words)];
}

/** Whatever comes of it, the terminal is closed. */
export async function onScreen(
  terminal: Terminal,
  act: (terminal: Terminal) => Promise<void>,
): Promise<void> {
  try {
    await act(terminal);
  } finally {
    await terminal.close();
  }
}

interface Told {
  readonly services: readonly {
    readonly backends: readonly { readonly intent: string; readonly weight: number }[];
  }[];
}

/** The first backend of the first service. */
export async function first({ balancer }: Lab) {
  const { services } = await balancer.json<Told>(0, "status");
  return services[0]!.backends[0]!;
}
