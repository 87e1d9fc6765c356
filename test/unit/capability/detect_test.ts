import assert from "node:assert/strict";
import { isLasting, refresh } from "../../../lib/capability/detect.ts";
import { NFT_PROBES } from "../../../lib/capability/probes.ts";
import { builtIn, FakeMachine, modular, MODULES, RELEASE } from "./machine.ts";

const PROBE_IDS = NFT_PROBES.map(({ id }) => id);
const ENOENT =
  "/run/lb/probe.nft:3:1-9: Error: Could not process rule: No such file or directory\n";

/** Answers of all probes, or of those asked for. */
async function answers(machine: FakeMachine, ids: readonly string[] = PROBE_IDS) {
  const { capabilities } = await machine.detect();
  return Object.fromEntries(
    capabilities.filter(({ id }) => ids.includes(id)).map(({ id, answer }) => [id, answer]),
  );
}

const all = (answer: string) => Object.fromEntries(PROBE_IDS.map((id) => [id, answer]));

Deno.test("what is built in is there, though lsmod does not list it", async () => {
  const machine = builtIn();
  machine.write("/proc/modules", "veth 40960 0 - Live 0x0\n");
  assert.deepEqual(await answers(machine), all("yes"));
  const { evidence } = await machine.capability("nft-numgen");
  const words = `nft_numgen in modules.builtin of ${RELEASE}; ` +
    "rule accepted in a throw-away network namespace";
  assert.equal(evidence, words);
});

Deno.test("what is loaded is tried out, in a network namespace of its own", async () => {
  const machine = modular(MODULES);
  assert.deepEqual(await answers(machine), all("yes"));
  const tried = machine.ran.filter((line) => !line.includes("--version"));
  assert.equal(tried.length, PROBE_IDS.length + 1, "each probe and the control");
  assert.ok(tried.every((line) => line.startsWith("unshare --net nft -f - add table ")));
});

Deno.test("what could be loaded is said to be loadable, and no program is run to find out", async () => {
  const machine = modular([]);
  assert.deepEqual(await answers(machine), all("loadable"));
  assert.deepEqual(machine.ran, ["nft --version ", "iptables-legacy --version "]);
});

Deno.test("a probe whose module is not loaded is not tried beside others that are", async () => {
  const machine = modular(MODULES.filter((name) => name !== "nft_numgen"));
  const found = await machine.capability("nft-numgen");
  assert.deepEqual([found.answer, found.evidence], [
    "loadable",
    `nft_numgen in modules.dep of ${RELEASE}, not loaded`,
  ]);
  assert.ok(machine.ran.some((line) => line.includes("jhash")), "others are tried");
  assert.ok(!machine.ran.some((line) => line.includes("numgen")));
});

Deno.test("no rule that is tried names a nat chain while their module is not loaded", async () => {
  const machine = modular(MODULES.filter((name) => name !== "nft_chain_nat"));
  const found = await answers(machine);
  assert.deepEqual([found["nft-inet-nat"], found["nft-masquerade"]], ["loadable", "loadable"]);
  assert.equal(found["nft-numgen"], "yes");
  assert.ok(!machine.ran.some((line) => line.includes("type nat")));
});

Deno.test("a module folder of another kernel proves nothing", async () => {
  const machine = new FakeMachine({
    "/lib/modules/6.1.0-other/modules.dep": "kernel/net/netfilter/nft_numgen.ko:\n",
    "/lib/modules/6.1.0-other/modules.builtin": "kernel/net/netfilter/nft_hash.ko\n",
    [`/boot/config-${RELEASE}`]: "CONFIG_NF_TABLES=y\nCONFIG_NFT_HASH=y\n",
  });
  const numgen = await machine.capability("nft-numgen");
  const words = `CONFIG_NFT_NUMGEN is not set in /boot/config-${RELEASE}`;
  assert.deepEqual([numgen.answer, numgen.evidence], ["no", words]);
  const jhash = await machine.capability("nft-jhash");
  assert.match(jhash.evidence, /^CONFIG_NFT_HASH=y in \/boot\/config-/);
});

Deno.test("without any evidence the rules are tried: then only trying tells", async () => {
  const machine = new FakeMachine();
  assert.deepEqual(await answers(machine), all("yes"));
});

Deno.test("with modules on disk and nothing known of one of them, it is not tried", async () => {
  const machine = modular(["nf_tables"], ["nf_tables"]);
  const { answer } = await machine.capability("nft-numgen");
  assert.equal(answer, "unknown");
  assert.ok(!machine.ran.some((line) => line.includes("numgen")));
});

Deno.test("a module that is in neither of both lists is not there; of a part of one they tell nothing", async () => {
  const machine = modular(["nf_tables", "nft_chain_nat"], ["nf_tables", "nft_chain_nat"]);
  machine.write(`/lib/modules/${RELEASE}/modules.builtin`, "kernel/fs/hostfs/hostfs.ko\n");
  const numgen = await machine.capability("nft-numgen");
  assert.deepEqual([numgen.answer, numgen.evidence], [
    "no",
    `nft_numgen neither in modules.builtin nor in modules.dep of ${RELEASE}`,
  ]);
  const sctp = await machine.capability("conntrack-sctp");
  assert.equal(sctp.answer, "unknown");
  assert.match(sctp.evidence, /in no module list of .*, and no kernel config to read$/);
});

Deno.test("what older kernels keep apart from nf_tables is not loaded by trying a counter", async () => {
  const machine = modular(MODULES, [...MODULES, "nft_counter", "nft_objref"]);
  const found = await machine.capability("nft-counter");
  assert.deepEqual([found.answer, found.evidence], [
    "loadable",
    `nft_counter in modules.dep of ${RELEASE}, not loaded`,
  ]);
  assert.ok(!machine.ran.some((line) => line.includes("counter")));
  const loaded = modular([...MODULES, "nft_counter", "nft_objref"], [...MODULES, "nft_objref"]);
  assert.equal((await loaded.capability("nft-counter")).answer, "yes");
});

Deno.test("where nf_tables takes no table for both families, no module would help", async () => {
  const machine = modular(["nf_tables"]);
  const words = "Could not process rule: Operation not supported";
  machine.refusals.set("add table", `-:1:1-16: Error: ${words}\n`);
  assert.deepEqual(await answers(machine), all("no"));
  const { evidence } = await machine.capability("nft-numgen");
  assert.ok(evidence.endsWith(words), evidence);
});

Deno.test("a module that its config has and its folder lacks is not there", async () => {
  const machine = modular(["nf_tables"], ["nf_tables"]);
  machine.write(`/boot/config-${RELEASE}`, "CONFIG_NFT_NUMGEN=m\n");
  const { answer, evidence } = await machine.capability("nft-numgen");
  assert.equal(answer, "no");
  assert.match(evidence, /CONFIG_NFT_NUMGEN=m in .*, but its module is not installed$/);
});

Deno.test("in a container without a module folder, a module the host may load is unknown and not tried", async () => {
  const machine = new FakeMachine({
    "/proc/modules": "nf_tables 311296 0 - Live 0x0\n",
    [`/boot/config-${RELEASE}`]: "CONFIG_NF_TABLES=m\nCONFIG_NFT_NUMGEN=m\n",
  });
  const { answer, evidence } = await machine.capability("nft-numgen");
  assert.equal(answer, "unknown");
  assert.match(evidence, /not loaded, and no folder of modules of 6\.12\.9-test here$/);
  assert.ok(!machine.ran.some((line) => line.includes("numgen")));
});

Deno.test("an expression the kernel lacks is told from nf_tables as a whole", async () => {
  const machine = builtIn();
  machine.refusals.set("jhash", ENOENT);
  const found = await answers(machine);
  assert.deepEqual(found, { ...all("yes"), "nft-jhash": "no" });
  const { evidence } = await machine.capability("nft-jhash");
  const words = "rule refused in a throw-away network namespace: " +
    "Could not process rule: No such file or directory";
  assert.ok(evidence.endsWith(words), evidence);
});

Deno.test("where even the simplest rule fails, no probe is blamed and none is tried", async () => {
  const machine = builtIn();
  machine.refusals.set("add table", ENOENT);
  assert.deepEqual(await answers(machine), all("no"));
  assert.equal(machine.ran.filter((line) => line.startsWith("unshare")).length, 1);
});

Deno.test("an nft that does not know the syntax is named as the reason, not the kernel", async () => {
  const machine = builtIn();
  const words = "syntax error, unexpected string";
  machine.refusals.set("typeof", `/run/lb/probe.nft:3:20-25: Error: ${words}\n`);
  const { answer, evidence } = await machine.capability("nft-vmap");
  assert.equal(answer, "no");
  assert.ok(evidence.endsWith(`this nft does not know the syntax: ${words}`), evidence);
});

Deno.test("an old nft may do, and is said to be old", async () => {
  const machine = builtIn();
  machine.nftVersion = "nftables v0.9.8 (E.D.S.)\n";
  const { answer, evidence } = await machine.capability("nft-program");
  assert.deepEqual([answer, evidence], ["unknown", "nft 0.9.8, older than 1.0.6"]);
  machine.nftVersion = "nftables v1.0.10 (Old Doc Yak)\n";
  assert.equal((await machine.capability("nft-program")).answer, "yes", "10 is more than 6");
});

Deno.test("without nft nothing is tried, and everything that needs it is missing", async () => {
  const machine = builtIn();
  machine.nftVersion = undefined;
  const { nft } = await machine.detect();
  assert.equal(nft, undefined);
  assert.deepEqual(await answers(machine), all("no"));
  const program = await machine.capability("nft-program");
  assert.deepEqual([program.answer, program.evidence], ["no", "no program nft on the PATH"]);
  assert.ok(machine.ran.every((line) => / --version $/.test(line)));
});

Deno.test("without CAP_NET_ADMIN nothing is tried, and nothing is taken for missing", async () => {
  const machine = builtIn();
  machine.write("/proc/self/status", "CapEff:\t00000000a80425fb\n");
  const admin = await machine.capability("net-admin");
  assert.deepEqual([admin.answer, /CapEff 00000000a80425fb/.test(admin.evidence)], ["no", true]);
  assert.deepEqual(await answers(machine), all("unknown"));
  assert.ok(!machine.ran.some((line) => line.startsWith("unshare")));
});

Deno.test("CAP_NET_ADMIN is bit 12, and no other", async () => {
  const machine = builtIn();
  for (const [mask, answer] of [["1000", "yes"], ["ffffffffffffefff", "no"], ["0", "no"]]) {
    machine.write("/proc/self/status", `CapInh:\t0\nCapEff:\t${mask}\n`);
    assert.equal((await machine.capability("net-admin")).answer, answer, mask);
  }
});

Deno.test("a namespace that may not be made leaves the answer open", async () => {
  const machine = builtIn();
  machine.refusals.set("add table", "unshare: unshare failed: Operation not permitted\n");
  assert.deepEqual(await answers(machine), all("unknown"));
});

Deno.test("without unshare nothing is tried, and nothing is taken for missing", async () => {
  const machine = builtIn();
  machine.hasUnshare = false;
  assert.deepEqual(await answers(machine), all("unknown"));
});

/** Rows of: mounts, whether sysctls can be set, the evidence. */
const MOUNTS = [
  ["proc /proc proc rw 0 0\n", "yes", "/proc is mounted read-write"],
  ["proc /proc proc rw 0 0\nproc /proc/sys proc ro 0 0\n", "no", "/proc/sys is mounted read-only"],
  [
    "proc /proc proc ro 0 0\nproc /proc/sys proc rw 0 0\n",
    "yes",
    "/proc/sys is mounted read-write",
  ],
  ["proc /proc proc nosuid,ro 0 0\n", "no", "/proc is mounted read-only"],
  [
    "proc /proc proc rw 0 0\nproc /proc/sys proc ro 0 0\nproc /proc/sys/net proc rw 0 0\n",
    "yes",
    "/proc/sys/net is mounted read-write",
  ],
  [
    "proc /proc proc rw 0 0\nproc /proc/sys/net proc rw 0 0\nproc /proc/sys proc ro 0 0\n",
    "no",
    "/proc/sys is mounted read-only",
  ],
  [
    "proc /proc proc rw 0 0\nnone /proc/sysrq-trigger proc ro 0 0\n",
    "yes",
    "/proc is mounted read-write",
  ],
  ["", "yes", "/proc is mounted read-write"],
] as const;

Deno.test("whether sysctls can be set is told by the mount that /proc/sys is reached by", async () => {
  for (const [mounts, answer, evidence] of MOUNTS) {
    const found = await new FakeMachine({ "/proc/self/mounts": mounts }).capability("proc-sys");
    assert.deepEqual([found.answer, found.evidence], [answer, evidence]);
  }
});

Deno.test("the kernel's config is read from /boot, else unpacked from /proc", async () => {
  const machine = new FakeMachine();
  await machine.pack(
    "/proc/config.gz",
    "# a comment\nCONFIG_NFT_CT=y\n# CONFIG_NFT_HASH is not set\n",
  );
  const packed = await machine.capability("nft-ct-mark");
  assert.match(packed.evidence, /^CONFIG_NFT_CT=y in \/proc\/config\.gz/);
  const { answer, evidence } = await machine.capability("nft-jhash");
  assert.deepEqual([answer, evidence], ["no", "CONFIG_NFT_HASH is not set in /proc/config.gz"]);
  machine.write(`/boot/config-${RELEASE}`, "CONFIG_NFT_CT=y\n");
  const plain = await machine.capability("nft-ct-mark");
  assert.match(plain.evidence, /^CONFIG_NFT_CT=y in \/boot\/config-6\.12\.9-test/);
});

Deno.test("conntrack netlink is never asked, for asking would load it", async () => {
  const rows = [[modular([]), "loadable"], [modular(MODULES), "yes"], [builtIn(), "yes"]] as const;
  for (const [machine, answer] of rows) {
    assert.equal((await machine.capability("conntrack-netlink")).answer, answer);
  }
});

Deno.test("a module's name is the same with dashes, with underscores, and packed", async () => {
  for (const file of ["nft-numgen.ko", "nft_numgen.ko.xz", "nft-numgen.ko.gz"]) {
    const machine = modular([], []);
    machine.write(`/lib/modules/${RELEASE}/modules.dep`, `kernel/net/netfilter/${file}: a.ko\n`);
    assert.equal((await machine.capability("nft-numgen")).answer, "loadable", file);
  }
});

Deno.test("a module that others depend on is not found by their lines", async () => {
  const machine = modular([], []);
  const line = "kernel/net/netfilter/nft_other.ko: kernel/net/netfilter/nft_numgen.ko\n";
  machine.write(`/lib/modules/${RELEASE}/modules.dep`, line);
  assert.equal((await machine.capability("nft-numgen")).answer, "unknown");
});

Deno.test("the probes make no file, which another lb probing at this moment could meet", async () => {
  const machine = builtIn();
  await machine.detect();
  assert.equal(machine.files.stat("/run/lb"), undefined);
});

/** Rows of: how a trial went wrong without an answer, exit code, stderr, the evidence. */
const NO_ANSWER = [
  ["too slow", 124, "", /no end within 10 s/],
  ["killed", 137, "", /exit code 137/],
  ["not found", 127, "sh: nft: not found", /exit code 127: sh: nft: not found/],
  ["a file gone", 1, "internal:0:0-0: Error: Could not open file", /not tried: Could not open/],
  ["no memory", 1, "-:1:1-9: Error: Could not process rule: Cannot allocate memory", /memory/],
] as const;

for (const [name, code, stderr, evidence] of NO_ANSWER) {
  Deno.test(`a trial that came to no end leaves the answer open: ${name}`, async () => {
    const machine = builtIn();
    machine.refusals.set("numgen", stderr);
    machine.refusalCode = code;
    const found = await machine.capability("nft-numgen");
    assert.equal(found.answer, "unknown");
    assert.match(found.evidence, evidence);
    assert.equal(isLasting(machine.kernel, await machine.detect()), false);
  });
}

Deno.test("a no is remembered like a yes, so that cron does not probe each minute; an open question is not", async () => {
  const machine = builtIn();
  const lasting = async () => isLasting(machine.kernel, await machine.detect());
  assert.equal(await lasting(), true);
  machine.refusals.set("numgen", ENOENT);
  assert.equal(await lasting(), true);
  machine.refusals.set("numgen", "Error: Could not open file");
  assert.equal(await lasting(), false);
});

const INSTALLED: readonly (readonly [what: string, path: string])[] = [
  ["a module", `/lib/modules/${RELEASE}/modules.dep`],
  ["a kernel's config", `/boot/config-${RELEASE}`],
  ["a program", "/usr/sbin/iptables-legacy"],
];

for (const [what, path] of INSTALLED) {
  Deno.test(`where ${what} is installed, all is found out anew`, async () => {
    const machine = builtIn();
    const facts = await machine.detect();
    assert.deepEqual(refresh(machine.kernel, facts), facts);
    machine.write(path, "kernel/net/netfilter/ipvs/ip_vs.ko:\n");
    assert.equal(refresh(machine.kernel, facts), undefined);
  });
}

Deno.test("facts of an lb that left no traces are found out anew", async () => {
  const machine = builtIn();
  assert.equal(
    refresh(machine.kernel, { ...await machine.detect(), traces: undefined }),
    undefined,
  );
});

Deno.test("IPVS is answered by its modules alone, a scheduler by both", async () => {
  const machine = modular(["ip_vs", "ip_vs_rr"]);
  const answer = async (id: string) => (await machine.capability(id)).answer;
  assert.deepEqual([await answer("ipvs"), await answer("ipvs-rr")], ["yes", "yes"]);
  assert.equal(await answer("ipvs-wlc"), "loadable");
  assert.equal(machine.ran.some((line) => line.includes("ipvs")), false);
});

Deno.test("what depends on who asks is looked at anew each time, and is no hindrance", async () => {
  const machine = builtIn();
  machine.write("/proc/self/mounts", "proc /proc proc rw 0 0\nproc /proc/sys proc ro 0 0\n");
  const facts = await machine.detect();
  assert.equal(isLasting(machine.kernel, facts), true);
  machine.write("/proc/self/mounts", "proc /proc proc rw 0 0\n");
  machine.write("/proc/self/status", "CapEff:\t0\n");
  const later = new Map(
    refresh(machine.kernel, facts)!.capabilities.map((each) => [each.id, each]),
  );
  assert.deepEqual(["proc-sys", "net-admin", "nft-numgen"].map((id) => later.get(id)?.answer), [
    "yes",
    "no",
    "yes",
  ]);
});

Deno.test("sctp is a matter of the kernel's config: conntrack alone proves nothing", async () => {
  const modules = MODULES.filter((name) => name !== "nf_conntrack_proto_sctp");
  const machine = new FakeMachine({
    "/proc/modules": [...modules, "nf_conntrack"].map((name) => `${name} 16384 0 - Live\n`).join(
      "",
    ),
  });
  const answer = async () => (await machine.capability("conntrack-sctp")).answer;
  machine.write(`/boot/config-${RELEASE}`, "CONFIG_NF_CONNTRACK=m\n");
  assert.equal(await answer(), "no");
  machine.write(`/boot/config-${RELEASE}`, "CONFIG_NF_CONNTRACK=m\nCONFIG_NF_CT_PROTO_SCTP=y\n");
  assert.equal(await answer(), "yes");
});

/** Words of what is written beside IPVS. */
const WRITTEN = ["flags interval", "ct original", "notrack", "masquerade", "meta mark set"];

Deno.test("rules beside IPVS are not nft's on a kernel that refuses any part of them", async () => {
  for (const word of WRITTEN) {
    const machine = builtIn();
    machine.refusals.set(word, ENOENT);
    const { evidence } = await machine.capability("ipvs-rules");
    assert.match(evidence, / \(by iptables-legacy\)$/, word);
  }
  assert.match((await builtIn().capability("ipvs-rules")).evidence, / \(by nft\)$/);
});
