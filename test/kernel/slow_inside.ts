/**
 * A backend that takes its time for each request, and an agent beside it that tells of the requests it has in
 * hand. Says `ready`; ends with its input.
 */

/** How it serves. */
export interface SlowBackend {
  readonly name: string;
  /** How long a request takes at each port, ms. */
  readonly ports: readonly { readonly port: number; readonly takes_ms: number }[];
  /** Where its agent tells of the requests at the last of these ports. */
  readonly agent_port: number;
  /** What it can have in hand at once: this is load 1. */
  readonly capacity: number;
}

/** How often requests in hand are looked at, and over how many looks the agent's figure is, ms. */
const LOOK_MS = 20;
const LOOKS = 50;

const { name, ports, agent_port, capacity }: SlowBackend = JSON.parse(Deno.args[0]!);
/** `::` takes IPv4 too. */
const hostname = "::";
const busy = { now: 0, looks: [] as number[] };

for (const [index, { port, takes_ms }] of ports.entries()) {
  const isTold = index === ports.length - 1;
  Deno.serve({ port, hostname, onListen() {} }, async () => {
    if (isTold) busy.now++;
    await new Promise((resolve) => setTimeout(resolve, takes_ms));
    if (isTold) busy.now--;
    return new Response(`${name}\n`, { headers: { "x-backend": name } });
  });
}

setInterval(() => {
  busy.looks.push(busy.now);
  if (busy.looks.length > LOOKS) busy.looks.shift();
}, LOOK_MS);

async function tell(): Promise<void> {
  for await (const connection of Deno.listen({ port: agent_port, hostname })) {
    const mean = busy.looks.reduce((sum, one) => sum + one, 0) / Math.max(1, busy.looks.length);
    const line = new TextEncoder().encode(`${(mean / capacity).toFixed(3)} up\n`);
    await connection.write(line).catch(() => {});
    connection.close();
  }
}

tell();
console.log("ready");
for await (const _ of Deno.stdin.readable);
Deno.exit();
