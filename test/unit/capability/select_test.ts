import assert from "node:assert/strict";
import { type Facts, WORKER_KEPT } from "../../../lib/capability/facts.ts";
import { nearestAlternative } from "../../../lib/capability/nearest.ts";
import {
  type Asked,
  type Candidate,
  type Ground,
  judgeEngines,
  reportEngines,
  selectEngine,
} from "../../../lib/capability/select.ts";
import type { Verdict } from "../../../lib/model/change.ts";
import type { Service } from "../../../lib/model/service.ts";
import { serviceOf } from "../../fake/services.ts";

const YES: Verdict = { ok: true };

function candidate(
  name: Candidate["name"],
  verdict = YES,
  requires: string[] = [],
  needs: string[] = [],
): Candidate {
  return { name, requires, needs: () => needs, supports: () => verdict };
}

function refusal(...messages: string[]): Verdict {
  return { ok: false, reasons: messages.map((message) => ({ path: ["scheduler"], message })) };
}

const FACTS: Facts = {
  kernel: "6.12.9",
  capabilities: [
    { id: "there", purpose: "", answer: "yes", evidence: "seen" },
    { id: "loadable", purpose: "", answer: "loadable", evidence: "on disk" },
    { id: "open", purpose: "", answer: "unknown", evidence: "not tried" },
    { id: "missing", purpose: "persistence", answer: "no", evidence: "refused by the kernel" },
    { id: "gone", purpose: "", answer: "no", evidence: "not installed" },
  ],
};

/** A service without its ids, as the config has it. */
function service(more: Partial<Service> = {}): Service {
  return { ...serviceOf(), ...more };
}

function select(
  candidates: readonly Candidate[],
  more: Partial<Service> = {},
  configured: Asked["configured"] = "auto",
  held?: Asked["held"],
) {
  return selectEngine(service(more), { configured, held }, groundOf(candidates));
}

function groundOf(candidates: readonly Candidate[]): Ground {
  return { candidates, reports: reportEngines(candidates, FACTS), facts: FACTS };
}

Deno.test("an engine is possible unless something it requires is missing, and says everything that is", () => {
  const candidates = [
    candidate("nft", YES, ["there", "loadable", "open"]),
    candidate("ipvs", YES, ["there", "missing", "gone"]),
  ];
  assert.deepEqual(reportEngines(candidates, FACTS), [
    { name: "nft", possible: true, reasons: ["all it needs is there"] },
    { name: "nfqueue", possible: false, reasons: ["not built yet in this version of lb"] },
    {
      name: "ipvs",
      possible: false,
      reasons: ["missing: refused by the kernel", "gone: not installed"],
    },
    { name: "relay", possible: false, reasons: ["not built yet in this version of lb"] },
  ]);
});

Deno.test("auto takes the first engine that can, with the reason", () => {
  const both = [candidate("nft"), candidate("ipvs")];
  assert.deepEqual(select(both), { engine: "nft", reason: "in-kernel; wrr fits slot maps" });
  assert.equal(select([candidate("nft", refusal("no")), candidate("ipvs")]).engine, "ipvs");
  assert.equal(select([candidate("nft", YES, ["missing"]), candidate("ipvs")]).engine, "ipvs");
});

Deno.test("hash schedulers are said to be hashed", () => {
  for (const scheduler of ["sh", "maglev"] as const) {
    assert.deepEqual(select([candidate("nft")], { scheduler }), {
      engine: "nft",
      reason: `in-kernel; ${scheduler} fits hashed slot maps`,
    });
  }
});

Deno.test("weights that follow what is measured are said to, on every engine alike", () => {
  const follows = { lr: "the times of health checks", cpu: "the loads that backends tell of" };
  for (const scheduler of ["lr", "cpu"] as const) {
    for (const name of ["nft", "nfqueue", "ipvs"] as const) {
      const { reason } = select([candidate(name)], { scheduler }) as { reason: string };
      const words = `; ${scheduler} by weights that follow ${follows[scheduler]}`;
      assert.ok(reason.endsWith(words), reason);
    }
    const all = [candidate("nft"), candidate("nfqueue"), candidate("ipvs")];
    assert.equal(select(all, { scheduler }).engine, "nft", "exact counts are of no use to it");
  }
});

Deno.test("an engine asked for by name is taken, the service's word before the config's", () => {
  const both = [candidate("nft"), candidate("ipvs")];
  const ipvs = {
    engine: "ipvs",
    reason: "in-kernel; wrr is one of IPVS's own schedulers; asked for by name",
  };
  const nft = { engine: "nft", reason: "in-kernel; wrr fits slot maps; asked for by name" };
  assert.deepEqual(select(both, { engine: "ipvs" }), ipvs);
  assert.deepEqual(select(both, {}, "ipvs"), ipvs);
  assert.deepEqual(select(both, { engine: "nft" }, "ipvs"), nft);
});

Deno.test("an engine asked for by name is not replaced by one that can", () => {
  const both = [candidate("nft"), candidate("ipvs", refusal("too many ports"))];
  assert.deepEqual(select(both, { engine: "ipvs" }), {
    engine: undefined,
    reasons: [{ path: ["scheduler"], message: "too many ports" }],
  });
});

Deno.test("an engine asked for by name that is not built, or not possible here, is refused with the reason", () => {
  const message = "engine relay: not built yet in this version of lb";
  assert.deepEqual(select([candidate("nft")], { engine: "relay" }), {
    engine: undefined,
    reasons: [{ path: ["engine"], message }],
  });
  assert.deepEqual(select([candidate("nft", YES, ["missing"])], { engine: "nft" }), {
    engine: undefined,
    reasons: [{ path: ["engine"], message: "engine nft: missing: refused by the kernel" }],
  });
});

Deno.test("where none can, every reason of every engine there is comes up, and none of those there are not", () => {
  const candidates = [
    candidate("nft", refusal("first", "second")),
    candidate("ipvs", YES, ["gone"]),
  ];
  assert.deepEqual(select(candidates), {
    engine: undefined,
    reasons: [
      { path: ["scheduler"], message: "engine nft: first" },
      { path: ["scheduler"], message: "engine nft: second" },
      { path: ["engine"], message: "engine ipvs: gone: not installed" },
    ],
  });
});

Deno.test("what several engines say alike is said once", () => {
  const candidates = [
    candidate("nft", refusal("alike", "one's own")),
    candidate("ipvs", refusal("alike")),
  ];
  assert.deepEqual(select(candidates), {
    engine: undefined,
    reasons: [
      { path: ["scheduler"], message: "engines nft, ipvs: alike" },
      { path: ["scheduler"], message: "engine nft: one's own" },
    ],
  });
});

Deno.test("least connections and tunnels are IPVS's first, everything else nft's", () => {
  const both = [candidate("nft"), candidate("ipvs")];
  for (const scheduler of ["lc", "wlc"] as const) {
    assert.equal(select(both, { scheduler }).engine, "ipvs");
    assert.equal(select([candidate("nft"), candidate("ipvs", refusal("no"))]).engine, "nft");
  }
  assert.equal(select(both, { forward: "tunnel" }).engine, "ipvs");
  assert.equal(select(both, { forward: "dr" }).engine, "nft");
});

Deno.test("what only one service needs rules an engine out for it alone, with the evidence", () => {
  const needy = candidate("nft", YES, [], ["there", "loadable", "open", "missing"]);
  assert.equal(select([candidate("nft", YES, [], ["there", "loadable", "open"])]).engine, "nft");
  assert.equal(select([needy, candidate("ipvs")]).engine, "ipvs");
  assert.deepEqual(select([needy]), {
    engine: undefined,
    reasons: [{
      path: ["engine"],
      message: "engine nft: persistence needs missing: refused by the kernel",
    }],
  });
});

Deno.test("a service stays on its engine as long as that can serve it, and what would be better is told", () => {
  const both = [candidate("nft"), candidate("ipvs")];
  assert.deepEqual(select(both, {}, "auto", "ipvs"), {
    engine: "ipvs",
    reason:
      "in-kernel; wrr is one of IPVS's own schedulers; on it already, while nft would be better",
    better: "nft",
  });
  assert.deepEqual(select(both, {}, "auto", "nft"), select(both));
  const gone = [candidate("nft"), candidate("ipvs", refusal("no longer"))];
  assert.deepEqual(select(gone, {}, "auto", "ipvs"), select(gone));
  assert.equal(select(both, { engine: "nft" }, "auto", "ipvs").engine, "nft", "a word is a wish");
});

Deno.test("the second best says what keeps the first away, and nobody speaks of what is not built", () => {
  const candidates = [candidate("nft"), candidate("ipvs", YES, ["gone"])];
  assert.deepEqual(select(candidates, { scheduler: "wlc" }), {
    engine: "nft",
    reason: "in-kernel; wlc by weights that follow the connections at each reconcile; " +
      "ipvs would be first, and cannot here: gone: not installed",
  });
  assert.deepEqual(select([candidate("nft")], { scheduler: "wlc" }), {
    engine: "nft",
    reason: "in-kernel; wlc by weights that follow the connections at each reconcile",
  });
});

Deno.test("the queue is chosen unasked only where a service manager looks after its worker", () => {
  const candidates = [candidate("nft"), candidate("nfqueue")];
  const wlc = service({ scheduler: "wlc" });
  const asked = { configured: "auto" } as const;
  const chosen = (answer: "yes" | "no") => {
    const kept = { id: WORKER_KEPT, purpose: "testing", answer, evidence: "" };
    const ground = groundOf(candidates);
    const facts = { ...ground.facts, capabilities: [...ground.facts.capabilities, kept] };
    return selectEngine(wlc, asked, { ...ground, facts }).engine;
  };
  assert.equal(chosen("yes"), "nfqueue");
  assert.equal(chosen("no"), "nft");
});

Deno.test("every engine is judged, the best first: why not, on what conditions, what is gained and lost", () => {
  const candidates = [
    candidate("nft", YES, ["loadable", "open"]),
    candidate("ipvs", refusal("no")),
  ];
  const judged = judgeEngines(service({ scheduler: "wlc" }), groundOf(candidates));
  assert.deepEqual(judged.map(({ name, possible }) => [name, possible]), [
    ["ipvs", false],
    ["nft", true],
    ["nfqueue", false],
    ["relay", false],
  ]);
  const [ipvs, nft] = judged;
  assert.deepEqual(ipvs!.reasons, ["scheduler: no"]);
  assert.match(ipvs!.gains[0]!, /exact/);
  assert.deepEqual(nft!.conditions, [
    "loadable takes a module that is not loaded: on disk",
    "open could not be found out: not tried",
  ]);
  assert.match(nft!.losses[0]!, /second best/);
  const [plain] = judgeEngines(service(), groundOf(candidates));
  assert.ok(!plain!.losses.some((words) => /second best/.test(words)));
});

/** An engine that serves what the predicate takes. */
function picky(takes: (service: Service) => boolean): Candidate {
  const supports = (one: Service) => takes(one) ? YES : refusal("no");
  return { ...candidate("nft"), supports };
}

Deno.test("the nearest alternative is the smallest change that an engine takes", () => {
  const nearest = (takes: (service: Service) => boolean, more: Partial<Service>) => {
    const asked = { configured: "auto" } as const;
    return nearestAlternative(service(more), asked, groundOf([picky(takes)]))?.changes;
  };
  const isWrr = ({ scheduler }: Service) => scheduler === "wrr";
  const isPlain = (one: Service) => isWrr(one) && one.mark === 0;
  assert.deepEqual(nearest(isWrr, { scheduler: "cpu", mark: 1 }), ['scheduler = "wrr"']);
  assert.deepEqual(nearest(isPlain, { scheduler: "cpu", mark: 1 }), [
    "leave mark out",
    'scheduler = "wrr"',
  ]);
  assert.equal(nearest(() => false, { scheduler: "cpu" }), undefined);
});

Deno.test("where another engine takes the service as it is, the nearest alternative is its name", () => {
  const ground = groundOf([candidate("nft"), candidate("ipvs", refusal("no"))]);
  const one = service({ engine: "ipvs" });
  assert.deepEqual(nearestAlternative(one, { configured: "auto" }, ground), {
    engine: "nft",
    changes: ['engine = "nft"'],
  });
  assert.deepEqual(nearestAlternative(service(), { configured: "ipvs" }, ground)?.engine, "nft");
});
