/** Sysctls that have to be one thing or another: what is chosen, and how it changes. */
import assert from "node:assert/strict";
import { applySysctls } from "../../../lib/host/sysctl/apply.ts";
import { observeSysctls } from "../../../lib/host/sysctl/observe.ts";
import { planSysctls } from "../../../lib/host/sysctl/plan.ts";
import { type Need, NO_NEED } from "../../../lib/host/need.ts";
import { SYSCTL_RULES } from "../../../lib/host/sysctl/rules.ts";
import { FakeJournal, FakeProc, type Values } from "./proc.ts";

/** A machine without interfaces, with its journal. */
class Host {
  readonly proc: FakeProc;
  readonly journal = new FakeJournal();

  constructor(values: Values) {
    this.proc = new FakeProc({ "net.ipv4.ip_forward": "1", ...values });
  }

  plan(need: Need) {
    const open = this.journal.open("sysctl");
    const observed = observeSysctls(this.proc, SYSCTL_RULES, open.map(({ key }) => key));
    return planSysctls(SYSCTL_RULES, { need, interfaces: [] }, observed, open);
  }

  reconcile(need: Need) {
    const { set, restore } = this.plan(need);
    const done = applySysctls(this.proc, set, this.journal);
    const undone = applySysctls(this.proc, restore, this.journal);
    return [...done.notes, ...undone.notes];
  }
}

/** As the module brings them along. */
const VS: Values = { "net.ipv4.vs.conntrack": "0", "net.ipv4.vs.conn_reuse_mode": "1" };
const ON_IPVS: Need = { ...NO_NEED, engines: ["ipvs"], ipvs: ["nat"], kernel: "6.1.0-56-amd64" };
const TRACKED: Need = { ...ON_IPVS, ipvs_conntrack: true };

Deno.test("a sysctl that has to be another thing than before is no drift, and goes back to its first value", () => {
  const host = new Host({ ...VS, "net.ipv4.vs.conntrack": "1" });
  const value = () => host.proc.values["net.ipv4.vs.conntrack"];
  host.reconcile(ON_IPVS);
  assert.equal(value(), "0");
  const { set } = host.plan(TRACKED);
  assert.deepEqual(set.map(({ key, after, drift }) => [key, after, drift]), [
    ["net.ipv4.vs.conntrack", "1", false],
    ["net.ipv4.vs.conn_reuse_mode", "0", false],
  ]);
  host.reconcile(TRACKED);
  assert.equal(value(), "1");
  assert.deepEqual(host.plan(ON_IPVS).set.map(({ drift }) => drift), [false, false]);
  host.reconcile(ON_IPVS);
  host.reconcile(TRACKED);
  assert.deepEqual(host.reconcile(NO_NEED), []);
  assert.equal(value(), "1");
  assert.equal(host.proc.values["net.ipv4.vs.conn_reuse_mode"], "1");
  assert.deepEqual(host.journal.open("sysctl"), []);
});

/** Which of the two ways of using ports again is chosen with conntrack, by what each kernel is known to do. */
const REUSE: Readonly<Record<string, "0" | "1">> = {
  ...{ "4.4.302": "0", "4.14.193": "0", "4.14.194": "1", "4.19.139": "0", "4.19.140-generic": "1" },
  ...{ "5.3.18": "0", "5.4.58": "0", "5.4.59": "1", "5.4.162": "1", "5.4.163": "0" },
  ...{ "5.7.15": "0", "5.7.16": "1", "5.8.1": "0", "5.8.2": "1", "5.9.0": "1" },
  ...{ "5.10.82": "1", "5.10.83-amd64": "0", "5.14.0": "1", "5.15.5": "1", "5.15.6": "0" },
  ...{ "5.16.0": "0", "6.1.0-56-amd64": "0", "6.18.44-fc": "0", "7.2": "0", "": "0" },
};

Deno.test("with conntrack the reuse mode is the one that delays nobody, by kernel", () => {
  for (const [kernel, wanted] of Object.entries(REUSE)) {
    const other = wanted === "0" ? "1" : "0";
    const host = new Host({ ...VS, "net.ipv4.vs.conn_reuse_mode": other });
    host.reconcile({ ...TRACKED, kernel });
    assert.equal(host.proc.values["net.ipv4.vs.conn_reuse_mode"], wanted, kernel);
    host.reconcile({ ...ON_IPVS, kernel });
    assert.equal(host.proc.values["net.ipv4.vs.conn_reuse_mode"], "1", `${kernel}, untracked`);
  }
});
