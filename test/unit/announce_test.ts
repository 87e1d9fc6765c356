/** templates/bird/announce-lb.sh, with a check and a birdc that are test equipment: they write down what they are told. */
import assert from "node:assert/strict";

const SCRIPT = new URL("../../templates/bird/announce-lb.sh", import.meta.url).pathname;

/** A folder with both. `fit` says what the check finds. */
class Balancer {
  readonly folder = Deno.makeTempDirSync({ prefix: "lb-announce-" });
  /** lb's folder below /run. */
  run = this.folder;

  constructor() {
    this.#program("birdc", 'echo "BIRD 2.0.12 ready."; echo "lb_vip4: $3d"; echo "$*" >>"$0.told"');
    this.#program("check", '[ -e "$0.fit" ] || { echo "lb is not fit here"; exit 1; }');
  }

  set isFit(fit: boolean) {
    if (fit) Deno.writeTextFileSync(`${this.folder}/check.fit`, "");
    else Deno.removeSync(`${this.folder}/check.fit`);
  }

  /** One pass, or several. @returns what it printed, and what birdc was told */
  async pass(...args: string[]) {
    Deno.writeTextFileSync(`${this.folder}/birdc.told`, "");
    const env = {
      PATH: `${this.folder}:${Deno.env.get("PATH")}`,
      CHECK_LB: `${this.folder}/check`,
      BIRD_SOCKET: "/run/bird.ctl",
      LB_RUN: this.run,
    };
    const { code, stdout } = await new Deno.Command("sh", { args: [SCRIPT, ...args], env })
      .output();
    assert.equal(code, 0);
    const told = Deno.readTextFileSync(`${this.folder}/birdc.told`).split("\n").slice(0, -1);
    return { said: new TextDecoder().decode(stdout), told };
  }

  #program(name: string, script: string): void {
    Deno.writeTextFileSync(`${this.folder}/${name}`, `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  }
}

const ENABLE = '-s /run/bird.ctl enable "lb_vip*"';
const DISABLE = '-s /run/bird.ctl disable "lb_vip*"';

Deno.test("VIPs are announced at the first good check, and withdrawn at the second bad one", async () => {
  const balancer = new Balancer();
  try {
    balancer.isFit = true;
    assert.deepEqual(await balancer.pass(), { said: "lb_vip4: enabled\n", told: [ENABLE] });
    balancer.isFit = false;
    assert.deepEqual(await balancer.pass(), { said: "", told: [] });
    const { said, told } = await balancer.pass();
    assert.deepEqual([said, told], ["lb_vip4: disabled\nlb is not fit here\n", [DISABLE]]);
    balancer.isFit = true;
    assert.deepEqual((await balancer.pass()).told, [ENABLE]);
    balancer.isFit = false;
    assert.deepEqual((await balancer.pass()).told, [], "the count begins anew");
    // The third pass falls out where the first one ends in another second of the clock than it began in.
    const { told: again } = await balancer.pass("1", "2");
    assert.ok(again.length === 2 || again.length === 3, `${again.length} passes`);
    assert.deepEqual(new Set(again), new Set([DISABLE]));
  } finally {
    Deno.removeSync(balancer.folder, { recursive: true });
  }
});

Deno.test("VIPs are withdrawn at the first bad check where lb has no folder to count them in", async () => {
  const balancer = new Balancer();
  try {
    balancer.run = `${balancer.folder}/gone`;
    const { said, told } = await balancer.pass();
    assert.deepEqual([said, told], ["lb_vip4: disabled\nlb is not fit here\n", [DISABLE]]);
    balancer.isFit = true;
    assert.deepEqual((await balancer.pass()).told, [ENABLE]);
  } finally {
    Deno.removeSync(balancer.folder, { recursive: true });
  }
});
