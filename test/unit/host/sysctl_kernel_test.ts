/** Which values follow from the kernel's version, from 4.4 to 7.x, with what stable series took over. */
import assert from "node:assert/strict";
import { LEFT_SYSCTLS, leftSysctls } from "../../../lib/host/sysctl/left.ts";
import { exactRelease, hasFix } from "../../../lib/host/sysctl/kernel.ts";
import { type Need, NO_NEED } from "../../../lib/host/need.ts";
import { SYSCTL_RULES } from "../../../lib/host/sysctl/rules.ts";
import { wantedSysctls } from "../../../lib/host/sysctl/wanted.ts";
import { FakeFiles } from "../../fake/files.ts";

/** A release; whether it has f0a5e4d7a594 and c95c07836fa4; conn_reuse_mode with conntrack. */
const KERNELS: readonly (readonly [string, boolean, boolean, "0" | "1"])[] = [
  ["4.4.302", false, false, "0"],
  ["4.9.337", false, false, "0"],
  ["4.14.193", false, false, "0"],
  ["4.14.194", true, false, "1"],
  ["4.19.139", false, false, "0"],
  ["4.19.140", true, false, "1"],
  ["4.18.0-553.el8_10.x86_64", false, false, "0"],
  ["5.4.58", false, false, "0"],
  ["5.4.59", true, false, "1"],
  ["5.4.162", true, false, "1"],
  ["5.4.163", true, true, "0"],
  ["5.7.15", false, false, "0"],
  ["5.7.16", true, false, "1"],
  ["5.8.1", false, false, "0"],
  ["5.8.2", true, false, "1"],
  ["5.9.0", true, false, "1"],
  ["5.10.82", true, false, "1"],
  ["5.10.83", true, true, "0"],
  ["5.14.0-427.el9.x86_64", true, false, "1"],
  ["5.15.5", true, false, "1"],
  ["5.15.6", true, true, "0"],
  ["5.16.0", true, true, "0"],
  ["6.1.176", true, true, "0"],
  ["6.12.9", true, true, "0"],
  ["6.18.44-fc-v657", true, true, "0"],
  ["7.0", true, true, "0"],
  ["7.2.1-arch1-1", true, true, "0"],
  ["what is this", false, false, "0"],
];

const ON_NFT: Need = { ...NO_NEED, engines: ["nft"], families: [4] };
const ON_IPVS: Need = { ...NO_NEED, engines: ["ipvs"], families: [4], ipvs: ["nat"] };

/** What IPVS's keys are to be, on a kernel that has all of them but the one of TencentOS. */
function wanted(need: Need, more: readonly string[] = []): Record<string, string> {
  const names = ["conntrack", "conn_reuse_mode", "expire_nodest_conn", "snat_reroute", ...more];
  const observed = new Map(names.map((name) => [`net.ipv4.vs.${name}`, "9"]));
  return Object.fromEntries(
    wantedSysctls(SYSCTL_RULES, { need, interfaces: [] }, observed, [])
      .filter(({ key }) => key.startsWith("net.ipv4.vs."))
      .map(({ key, rule }) => [key.slice("net.ipv4.vs.".length), rule.value]),
  );
}

for (const [kernel, hasReuse, hasWeight, withConntrack] of KERNELS) {
  Deno.test(`linux ${kernel}: with conntrack the reuse mode is ${withConntrack}, without it 1`, () => {
    assert.equal(hasFix("reuse with conntrack", kernel), hasReuse);
    assert.equal(hasFix("weight 0 without reuse mode", kernel), hasWeight);
    const common = { expire_nodest_conn: "1", snat_reroute: "1" };
    assert.deepEqual(wanted({ ...ON_IPVS, kernel }), {
      ...common,
      conntrack: "0",
      conn_reuse_mode: "1",
    });
    assert.deepEqual(wanted({ ...ON_IPVS, kernel, ipvs_conntrack: true }), {
      ...common,
      conntrack: "1",
      conn_reuse_mode: withConntrack,
    });
  });
}

Deno.test("conn_reuse_old_conntrack is set where the file exists, and missed nowhere", () => {
  assert.ok(!("conn_reuse_old_conntrack" in wanted(ON_IPVS)));
  const key = "conn_reuse_old_conntrack";
  assert.equal(wanted(ON_IPVS, [key])[key], "1");
  assert.ok(!(key in wanted({ ...ON_IPVS, ipvs: ["dr"] }, [key])));
});

/** `uname -r`, a file that tells more, and what it tells. */
const DISTRIBUTIONS: readonly (readonly [string, string, string, string])[] = [
  [
    "5.10.0-30-amd64",
    "/proc/version",
    "Linux version 5.10.0-30-amd64 (debian-kernel@lists.debian.org) (gcc-10 (Debian 10.2.1-6) " +
    "10.2.1 20210110, GNU ld (GNU Binutils for Debian) 2.35.2) #1 SMP Debian 5.10.218-1 (2024-06-01)",
    "5.10.218",
  ],
  [
    "5.15.0-91-generic",
    "/proc/version_signature",
    "Ubuntu 5.15.0-91.101-generic 5.15.131\n",
    "5.15.131",
  ],
  ["6.18.44", "/proc/version", "Linux version 6.18.44 (builder@host) #1 SMP", "6.18.44"],
];

for (const [release, file, text, exact] of DISTRIBUTIONS) {
  Deno.test(`a kernel that calls itself ${release} and is built on ${exact} has what came with that`, () => {
    const files = new FakeFiles();
    assert.equal(exactRelease(files, release), release);
    files.replace(file, text);
    assert.equal(exactRelease(files, release), exact);
  });
}

Deno.test("what lb leaves alone is told of where it concerns the services and exists, and lb sets none of it", () => {
  const files = new FakeFiles();
  for (const { key } of LEFT_SYSCTLS) {
    files.replace(`/proc/sys/${key.replaceAll(".", "/")}`, "7\t8\n");
  }
  const told = (need: Need) => leftSysctls(files, need).map(({ key }) => key);
  assert.deepEqual(told(NO_NEED), []);
  const onNft = told(ON_NFT);
  assert.ok(onNft.includes("net.netfilter.nf_conntrack_tcp_loose"));
  assert.ok(!onNft.some((key) => key.startsWith("net.ipv4.vs.")));
  const onIpvs = told(ON_IPVS);
  assert.ok(onIpvs.includes("net.ipv4.vs.sloppy_tcp"));
  assert.ok(!onIpvs.some((key) => key.startsWith("net.netfilter.")));
  assert.equal(leftSysctls(files, ON_IPVS)[0]?.found, "7 8");
  assert.deepEqual(leftSysctls(new FakeFiles(), ON_IPVS), []);
  // What several balancers need of conntrack is left alone where there is one.
  for (const need of [ON_IPVS, ON_NFT, { ...ON_NFT, isTier: true }]) {
    const set = new Set(SYSCTL_RULES.filter(({ when }) => when(need)).map(({ key }) => key));
    assert.ok(set.size > 0);
    assert.deepEqual(told(need).filter((key) => set.has(key)), []);
  }
});
