import assert from "node:assert/strict";
import fc from "fast-check";
import { isByMark, serviceMarks } from "../../../../lib/engine/ipvs/by_mark.ts";
import { ipvsRules } from "../../../../lib/engine/ipvs/rules/rule.ts";
import { desiredSnapshot, narrowed } from "../../../../lib/engine/ipvs/desired.ts";
import { DEFAULT_MARK_MASK, markLayout } from "../../../../lib/model/mark.ts";
import { serviceOf, type ServiceSpec, stateOf } from "../../../fake/services.ts";

const STICKY = { timeout_ms: 300_000, mask: 24, mask6: 64 };

/** The mark of `web` in the default mask: it must not change from one version of lb to the next. */
const WEB_MARK = 0xcc6b00;

const RANGE: ServiceSpec = {
  ports: ["8000-8010", 80],
  vip: ["203.0.113.0/28", "2001:db8:1::/112"],
  backends: [{ id: 7, address: "198.51.100.11" }, { id: 8, address: "2001:db8:b::11" }],
};

Deno.test("a mark is for what IPVS cannot know by address and port", () => {
  const rows: readonly (readonly [ServiceSpec, boolean])[] = [
    [{}, false],
    [{ ports: [80, 443] }, false],
    [{ persistence: STICKY }, false],
    [{ ports: "all", persistence: STICKY }, false],
    [{ ports: [80, 443], persistence: STICKY }, true],
    [{ ports: "all" }, true],
    [{ ports: ["80-81"] }, true],
    [{ vip: ["203.0.113.0/28"] }, true],
    [{ vip: ["203.0.113.0/28"], ports: "all", persistence: STICKY }, true],
  ];
  for (const [spec, byMark] of rows) {
    assert.equal(isByMark(serviceOf(spec)), byMark, JSON.stringify(spec));
  }
});

Deno.test("it is one virtual service for each IP version, whatever ports and addresses there are", () => {
  const { virtuals } = desiredSnapshot(stateOf([{ ...RANGE, persistence: STICKY }]));
  assert.deepEqual(
    Array.from(virtuals, ([key, { mask, timeout_s, places }]) => [key, mask, timeout_s, [
      ...places.keys(),
    ]]),
    [
      [`fwmark ${WEB_MARK} IPv4`, 24, 300, ["198.51.100.11"]],
      [`fwmark ${WEB_MARK} IPv6`, 64, 300, ["2001:db8:b::11"]],
    ],
  );
});

Deno.test("packets to each of its ports get the mark, those of another service's port in between none", () => {
  const exact = { name: "exact", vip: ["203.0.113.3"], ports: [8005] };
  const beside = { name: "beside", vip: ["203.0.113.99"], ports: [8005] };
  const other = { name: "other", vip: ["203.0.113.3"], ports: [8005], protocol: "udp" } as const;
  const rules = ipvsRules(stateOf([RANGE, exact, beside, other]));
  const found = rules.flatMap((rule) => rule.kind === "mark" ? [rule] : []);
  assert.deepEqual(
    found.map(({ flow: { address, ports }, mark }) => [address.text, ports.first, mark]),
    [
      ["203.0.113.0", 8000, WEB_MARK],
      ["203.0.113.0", 80, WEB_MARK],
      ["2001:db8:1::", 8000, WEB_MARK],
      ["2001:db8:1::", 80, WEB_MARK],
      ["203.0.113.3", 8005, 0],
    ],
  );
});

Deno.test("marks lie in lb's own bits, are never 0, and never those of another service", () => {
  const masks = fc.constantFrom(DEFAULT_MARK_MASK, 0xff80_0000, 0x1ff, 0xffff_ffff);
  const names = fc.uniqueArray(fc.stringMatching(/^[a-z0-9-]{1,8}$/), { maxLength: 60 });
  fc.assert(fc.property(masks, names, (mask, names) => {
    const marks = markLayout(mask)!;
    const { services } = stateOf(names.map((name) => ({ name, ports: "all" })));
    const found = [...serviceMarks({ services, marks }).values()];
    assert.equal(new Set(found).size, names.length);
    for (const mark of found) {
      assert.ok(mark > 0 && ((mark & ~mask) >>> 0) === 0, mark.toString(16));
    }
  }));
});

/** Two names whose hashes meet in the 9 bits of a small mask. */
const ALIKE = alike();

function alike(): readonly [string, string] {
  const marks = markLayout(0x1ff)!;
  const seen = new Map<number, string>();
  for (let index = 0;; index++) {
    const name = `s${index}`;
    const { services } = stateOf([{ name, ports: "all" }]);
    const mark = serviceMarks({ services, marks }).get(name)!;
    const other = seen.get(mark);
    if (other !== undefined) return [other, name];
    seen.set(mark, name);
  }
}

function small(...ids: readonly (readonly [string, number])[]) {
  const specs = ids.map(([name, id]) => ({
    ...{ name, ports: "all" as const, backends: [{ id, address: "198.51.100.11" }] },
  }));
  return { ...stateOf(specs), marks: markLayout(0x1ff)! };
}

Deno.test("of two names that make the same mark, the older service keeps it", () => {
  const [first, second] = ALIKE;
  const alone = serviceMarks(small([first, 5])).get(first);
  assert.equal(serviceMarks(small([second, 9], [first, 5])).get(first), alone);
  assert.notEqual(serviceMarks(small([first, 5], [second, 9])).get(second), alone);
});

Deno.test("a service whose mark moves is not left out of a plan from memory, though it is the same", () => {
  const [first, second] = ALIKE;
  const have = small([first, 5], [second, 9]);
  const want = { ...have, services: have.services.slice(1) };
  const plan = narrowed(want, have, "ipvs 0001");
  assert.equal(plan.want.virtuals.size, 1, "the second gets the mark of the first");
  assert.equal(plan.have.virtuals.size, 2);
  assert.deepEqual(narrowed(have, have, "ipvs 0001").want.virtuals.size, 0);
});

Deno.test("rules and marks are the same in whatever order the record has the services", () => {
  const [first, second] = ALIKE;
  const empty = { name: "empty", ports: "all" as const };
  const names = [first, second, "web"].map((name, at) => ({
    ...RANGE,
    name,
    vip: [`203.0.113.${at}`],
  }));
  const state = { ...stateOf([...names, empty]), marks: markLayout(0x1ff)! };
  const turned = { ...state, services: state.services.toReversed() };
  assert.deepEqual(ipvsRules(turned), ipvsRules(state));
  assert.deepEqual(
    new Map([...serviceMarks(turned)].sort()),
    new Map([...serviceMarks(state)].sort()),
  );
});
