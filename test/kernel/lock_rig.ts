import assert from "node:assert/strict";
import type { Lab } from "./harness.ts";

/** Holds lb's lock by another program until stdin closes. */
export async function holdLock(lab: Lab) {
  const folder = `${lab.topology.folder}/run`;
  Deno.mkdirSync(folder, { recursive: true, mode: 0o700 });
  const script = "echo held; read -r";
  const argv = ["flock", `${folder}/lock`, "bash", "-c", script];
  const holder = lab.traffic.program(lab.topology.balancer, argv);
  assert.equal((await holder.lines.next()).value, "held");
  return { release: () => holder.closeInput().then(() => holder.ended) };
}
