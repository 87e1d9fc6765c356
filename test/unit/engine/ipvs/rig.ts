/** Equipment: the IPVS engine on a fake kernel whose table a test can reach. */
import type { Committed } from "../../../../lib/engine/engine.ts";
import { ipvsEngine } from "../../../../lib/engine/ipvs/engine.ts";
import type { DesiredState } from "../../../../lib/model/state.ts";
import { runIpvsadm } from "../../../fake/ipvsadm.ts";
import { FakeKernel } from "../../../fake/kernel.ts";
import { type ServiceSpec, stateOf } from "../../../fake/services.ts";

export class IpvsRig {
  readonly kernel = new FakeKernel();
  committed: Committed | undefined;
  /** What this kernel has not: without either there are no rules beside IPVS. */
  lacks: readonly string[] = ["nft-notrack", "xt-legacy"];
  #run = 0;

  constructor(loaded = true) {
    this.ipvs.loaded = loaded;
  }

  get ipvs() {
    return this.kernel.ipvs;
  }

  /** What the kernel holds. */
  async observe() {
    return (await ipvsEngine.observe(this.kernel, this.committed)).have;
  }

  state(services: readonly ServiceSpec[]): DesiredState {
    return { ...stateOf(services), lacks: this.lacks };
  }

  /** A plan after a look, with the stamp of that. */
  async look(state: DesiredState) {
    const { have, stamp } = await ipvsEngine.observe(this.kernel, this.committed);
    const plan = ipvsEngine.plan(ipvsEngine.desired(state), have, `${++this.#run} . 7`);
    return { plan, stamp };
  }

  async plan(...services: ServiceSpec[]) {
    return (await this.look(this.state(services))).plan;
  }

  async apply(...services: ServiceSpec[]) {
    const state = this.state(services);
    const { plan, stamp: before } = await this.look(state);
    const { objects, stamp } = await ipvsEngine.apply(this.kernel, plan, before);
    const all = new Map(this.committed?.objects);
    for (const [name, recorded] of objects) {
      if (recorded) all.set(name, recorded);
      else all.delete(name);
    }
    this.committed = { token: plan.token, state, objects: all };
    return { plan, stamp };
  }

  async drift() {
    return ipvsEngine.drift(await this.observe(), this.committed!);
  }

  ipvsadm(line: string): void {
    runIpvsadm(this.ipvs, line.split(" "));
  }

  /** The only destination that has this address. */
  destination(address: string) {
    const bytes = Uint8Array.from(address.split("."), Number).toHex();
    const all = [...this.ipvs.services.values()].flatMap((one) => [...one.destinations.values()]);
    return all.find(({ attributes }) => attributes.get(1)!.toHex().startsWith(bytes));
  }
}
