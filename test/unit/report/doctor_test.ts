import assert from "node:assert/strict";
import type { Answer } from "../../../lib/capability/facts.ts";
import type { Diagnosis } from "../../../lib/reconcile/diagnosis.ts";
import { diagnosisJson, diagnosisText } from "../../../lib/report/doctor.ts";
import { painter } from "../../../lib/report/table.ts";

const plain = painter(false);

function capability(id: string, answer: Answer) {
  return { id, purpose: `what ${id} is for`, answer, evidence: `how ${id} is known` };
}

const DIAGNOSIS: Diagnosis = {
  facts: {
    kernel: "6.12.9",
    nft: "1.0.6",
    capabilities: [
      capability("nft-program", "yes"),
      capability("nft-numgen", "loadable"),
      capability("nft-jhash", "unknown"),
      capability("nft-vmap", "no"),
    ],
  },
  engines: [
    { name: "nft", possible: true, reasons: ["all it needs is there"] },
    { name: "ipvs", possible: false, reasons: ["one thing", "another"] },
  ],
  services: [],
  sysctls: [
    {
      key: "net.ipv4.ip_forward",
      wanted: "1",
      found: "0",
      ok: false,
      why: "packets go on",
      source: "ip-sysctl.rst",
    },
    {
      key: "net.ipv4.conf.all.rp_filter",
      wanted: "2",
      found: "0",
      ok: true,
      why: "answers elsewhere",
      source: "ip-sysctl.rst",
    },
    { key: "net.gone", wanted: "1", found: null, ok: false, why: "a reason", source: "a page" },
  ],
  left: [
    { key: "net.loose", usual: "1", found: "0", why: "reasons", source: "a book" },
    { key: "net.usual", usual: "1", found: "1", why: "reasons", source: "a book" },
  ],
  queues: [{
    ...{ queue: 27746, peer_portid: 7, waiting: 3, copy_mode: 2, copy_bytes: 128 },
    ...{ dropped_full: 1, dropped_user: 1, id_sequence: 9 },
  }],
  ports: [
    { service: "web", backend: "198.51.100.11:8080", used: 9, max: 64_512 },
    { service: "web", backend: "198.51.100.12:8080", used: 8, max: 64_512 },
  ],
  conntrack: { count: 7, max: 100 },
  conflicts: ["something else is here"],
  attention: ["net.ipv4.ip_forward is 0"],
  notes: ["203.0.113.10 is on no interface here"],
};

Deno.test("a diagnosis as JSON has the names of the contract", () => {
  const { kernel, nft, capabilities, engines, ...rest } = diagnosisJson(DIAGNOSIS);
  assert.deepEqual([kernel, nft], ["6.12.9", "1.0.6"]);
  assert.deepEqual(
    (capabilities as { id: string; ok: boolean; evidence: string }[])
      .map(({ id, ok, evidence }) => ({ id, ok, evidence })),
    [
      { id: "nft-program", ok: true, evidence: "how nft-program is known" },
      { id: "nft-numgen", ok: true, evidence: "how nft-numgen is known" },
      { id: "nft-jhash", ok: false, evidence: "how nft-jhash is known" },
      { id: "nft-vmap", ok: false, evidence: "how nft-vmap is known" },
    ],
  );
  assert.deepEqual(engines, DIAGNOSIS.engines);
  const { sysctls, left: sysctls_left, conflicts, attention, notes } = DIAGNOSIS;
  const queue = { queue: 27746, waiting: 3, dropped_full: 1, dropped_user: 1 };
  const source_ports = DIAGNOSIS.ports;
  const headroom = { conntrack: { count: 7, max: 100 }, queues: [queue], source_ports };
  assert.deepEqual(rest, {
    services: [],
    sysctls,
    sysctls_left,
    headroom,
    conflicts,
    attention,
    notes,
  });
});

Deno.test("where there is no nft, its version is null and left out of the text", () => {
  const diagnosis = { ...DIAGNOSIS, facts: { ...DIAGNOSIS.facts, nft: undefined } };
  assert.equal(diagnosisJson(diagnosis).nft, null);
  assert.equal(diagnosisText(diagnosis, plain).split("\n")[0], "Kernel 6.12.9");
});

Deno.test("a diagnosis for people: every answer with its evidence, and what to look at last", () => {
  assert.equal(
    diagnosisText(DIAGNOSIS, plain),
    `Kernel 6.12.9, nft 1.0.6

Capabilities
  nft-program  yes       how nft-program is known
  nft-numgen   loadable  how nft-numgen is known
  nft-jhash    unknown   how nft-jhash is known
  nft-vmap     no        how nft-vmap is known

Engines
  nft   possible  all it needs is there
  ipvs  no        one thing; another

Sysctls
  key                          wanted  found        why                source
  net.ipv4.ip_forward          1       0            packets go on      ip-sysctl.rst
  net.ipv4.conf.all.rp_filter  2       0 (will do)  answers elsewhere  ip-sysctl.rst
  net.gone                     1       absent       a reason           a page

Sysctls that lb leaves alone
  net.loose  0  reasons  a book
  1 more are as usual (--json has them)

Headroom
  conntrack  7 of 100 connections
  queue 27746  3 waiting, 2 dropped
  source ports  9 of 64512 for web 198.51.100.11:8080

Needs attention
  ! net.ipv4.ip_forward is 0

· 203.0.113.10 is on no interface here`,
  );
});

Deno.test("where all is well it says so, and is silent of sysctls without a config", () => {
  const text = diagnosisText(
    { ...DIAGNOSIS, sysctls: [], left: [], attention: [], notes: [] },
    plain,
  );
  assert.ok(text.endsWith("\n\nNothing needs attention."));
  assert.ok(!text.includes("Sysctls"));
});

Deno.test("an answer's colour says whether it is good news", () => {
  const text = diagnosisText(DIAGNOSIS, painter(true));
  const colours = { yes: 32, loadable: 32, unknown: 33, no: 31 } as const;
  for (const [answer, colour] of Object.entries(colours)) {
    assert.ok(text.includes(`\x1b[${colour}m${answer}\x1b[0m`), answer);
  }
});
