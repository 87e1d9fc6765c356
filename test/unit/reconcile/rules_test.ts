/** Rules beside IPVS on machines where the programs that write them, or the kernel behind, are not all there. */
import assert from "node:assert/strict";
import { KernelError, LbError } from "../../../lib/model/error.ts";
import type { RawSocket } from "../../../lib/sys/ports.ts";
import { missingProgram } from "../../../lib/sys/program.ts";
import { listIpvsadm } from "../../fake/ipvsadm.ts";
import { FakeSocket } from "../../fake/wire.ts";
import { NOTHING, single } from "./configs.ts";
import { FACTS, type Rig, withRig } from "./rig.ts";

const ON_IPVS = single('engine = "ipvs"');

/** Facts of a machine with IPVS, without some things. */
function factsWithout(...lacking: readonly string[]): typeof FACTS {
  const told = { purpose: "testing", evidence: "test equipment" };
  const others = FACTS.capabilities.filter(({ id }) => id !== "ipvs" && !lacking.includes(id));
  const no = lacking.map((id) => ({ id, answer: "no" as const, ...told }));
  return { ...FACTS, capabilities: [...others, ...no, { id: "ipvs", answer: "yes", ...told }] };
}

function rulesTest(name: string, work: (rig: Rig) => Promise<void>): void {
  Deno.test(
    name,
    withRig(async (rig) => {
      rig.facts = factsWithout();
      rig.host.inside.ipvs.loaded = true;
      await work(rig);
    }),
  );
}

/** Others have tables of iptables', as Docker makes them. */
function othersTables({ host }: Rig): void {
  host.inside.files.replace("/proc/net/ip_tables_names", "nat\nfilter\n", 0o444);
}

/** `apt remove iptables` */
function removeProgram({ host }: Rig): void {
  host.answerRun = ([program = ""]) => {
    if (/legacy-(save|restore)$/.test(program)) throw missingProgram(program);
    return undefined;
  };
}

const runs = ({ host }: Rig) => host.gate.calls.filter((call) => call.includes("legacy"));
const isListed = ({ host }: Rig) => listIpvsadm(host.inside.ipvs) !== "";
const saved = ({ host }: Rig) => host.inside.xtables.run(["iptables-legacy-save"])!.stdout;

rulesTest(
  "where nothing is on IPVS, iptables is not run, whoever has tables there",
  async (rig) => {
    othersTables(rig);
    removeProgram(rig);
    await rig.run(single());
    await rig.look(single("", "192.0.2.12"));
    await rig.run(NOTHING);
    assert.deepEqual(runs(rig), []);
  },
);

rulesTest(
  "a service comes to IPVS and goes beside others' tables without their program",
  async (rig) => {
    othersTables(rig);
    removeProgram(rig);
    await rig.run(ON_IPVS);
    assert.deepEqual([isListed(rig), rig.host.nft.tables], [true, ["ip lb-ipvs"]]);
    assert.equal((await rig.look(ON_IPVS)).changed, false);
    await rig.run(NOTHING);
    assert.deepEqual([isListed(rig), rig.host.nft.tables], [false, []]);
  },
);

rulesTest(
  "a program that goes while its rules are here is asked for, and nothing is changed",
  async (rig) => {
    rig.facts = factsWithout("nft-notrack");
    await rig.run(ON_IPVS);
    assert.match(saved(rig), /-A LB-IPVS .* -j CT --notrack/);
    removeProgram(rig);
    await assert.rejects(rig.run(NOTHING), (error) => {
      assert.ok(error instanceof LbError && error.code === "unsupported");
      assert.match(
        error.message,
        /no such program; install .* iptables; .* iptables-legacy table raw/,
      );
      return true;
    });
    assert.ok(isListed(rig));
    rig.host.answerRun = () => undefined;
    await rig.run(NOTHING);
    assert.doesNotMatch(saved(rig), /LB-IPVS/);
  },
);

rulesTest("a program that cannot tell is no proof that there are no rules", async (rig) => {
  rig.facts = factsWithout("nft-notrack");
  await rig.run(ON_IPVS);
  rig.host.answerRun = ([program]) =>
    program === "iptables-legacy-save"
      ? { code: 127, stdout: "", stderr: "error while loading shared libraries\n" }
      : undefined;
  await assert.rejects(rig.run(NOTHING), (error) => {
    assert.ok(error instanceof KernelError);
    assert.match(error.message, /iptables-legacy-save .* loading shared libraries/);
    return true;
  });
  assert.ok(isListed(rig));
  rig.host.answerRun = () => undefined;
  await rig.run(NOTHING);
  assert.deepEqual([isListed(rig), /LB-IPVS/.test(saved(rig))], [false, false]);
});

rulesTest("a service is put on IPVS by a kernel without nf_tables", async (rig) => {
  rig.facts = factsWithout(
    "nft-program",
    ...FACTS.capabilities.map(({ id }) => id).filter((id) => id.startsWith("nft-")),
  );
  withoutNft(rig, "EINVAL");
  await rig.run(ON_IPVS);
  assert.ok(isListed(rig));
  withoutNft(rig, "EPROTONOSUPPORT");
  await rig.run(NOTHING);
  assert.ok(!isListed(rig));
});

/** As a kernel answers that has nothing behind NETLINK_NETFILTER, or not even that. */
function withoutNft({ host: { kernel } }: Rig, errno: "EINVAL" | "EPROTONOSUPPORT"): void {
  const sockets = kernel.sockets as { netlink(protocol: number): RawSocket };
  const netlink = sockets.netlink.bind(sockets);
  sockets.netlink = (protocol) => {
    if (protocol !== 12) return netlink(protocol);
    if (errno === "EINVAL") return new FakeSocket(() => -22);
    throw new KernelError({ operation: "socket", object: "netfilter", errno, message: "refused" });
  };
}

rulesTest(
  "rules for states that no program can show are taken to be there while in use",
  async (rig) => {
    othersTables(rig);
    removeProgram(rig);
    const { files } = rig.host.inside;
    files.replace("/proc/modules", "xt_conntrack 16384 2 - Live 0x0\n", 0o444);
    await rig.run(ON_IPVS);
    assert.deepEqual(rig.host.nft.tables, [], "conntrack sees all");
    files.replace("/proc/modules", "xt_conntrack 16384 0 - Live 0x0\n", 0o444);
    await rig.run(ON_IPVS);
    assert.deepEqual(rig.host.nft.tables, ["ip lb-ipvs"]);
  },
);

rulesTest("a program that hangs, or is refused, is told as the nft engine's is", async (rig) => {
  const answers = [
    [{ code: 124, stderr: "" }, /nft -f .* no answer within 120 s/],
    [{ code: 1, stderr: "Error: Cannot allocate memory\n^^^^\n" }, /allocate memory \(ENOMEM\)/],
  ] as const;
  for (const [answer, words] of answers) {
    rig.host.answerRun = ([program]) => program === "nft" ? { stdout: "", ...answer } : undefined;
    await assert.rejects(rig.run(ON_IPVS), (error) => {
      assert.ok(error instanceof LbError);
      assert.match(error.message, words);
      return true;
    });
    assert.equal(isListed(rig), false);
  }
});
