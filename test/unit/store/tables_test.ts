import assert from "node:assert/strict";
import type { HealthRow } from "../../../lib/model/health.ts";
import type { LoadRow } from "../../../lib/model/load.ts";
import { Database } from "../../../lib/store/database.ts";
import { Events } from "../../../lib/store/events.ts";
import { DATABASE_NAME, openStore } from "../../../lib/store/store.ts";
import { inFolder, inStore, OWNER } from "./folder.ts";

const START = { config_text: "[lb]\n", who: "root", command: "lb apply", at_ms: 1000 };
const END = { plan_json: "[]", detail: "nothing to do", finished_at_ms: 1200 };
const HOST = { boot_id: "boot-1", netns: "4026531840" };
const FORWARD = {
  resource: "sysctl",
  key: "net.ipv4.ip_forward",
  before: "0",
  after: "1",
  why: "packets go on to backends",
} as const;

Deno.test(
  "only revisions that ended applied are current",
  inStore(({ revisions }) => {
    assert.equal(revisions.latestApplied(), undefined);
    const first = revisions.begin(START);
    revisions.finish(first, { ...END, outcome: "applied" });
    const second = revisions.begin({ ...START, at_ms: 2000 });
    revisions.finish(second, { ...END, outcome: "failed", detail: "nft said no" });
    revisions.begin({ ...START, at_ms: 3000 });
    const { plan_json, ...end } = END;
    const applied = { ...START, ...end, revision: first, outcome: "applied" };
    assert.deepEqual(revisions.latestApplied(), applied);
    assert.deepEqual(revisions.get(first), { ...applied, plan_json });
  }),
);

Deno.test(
  "a revision that never ended is listed as interrupted",
  inStore(({ revisions }) => {
    revisions.finish(revisions.begin(START), { ...END, outcome: "applied" });
    const cut = revisions.begin(START);
    assert.deepEqual(revisions.list().map((row) => [row.revision, row.outcome]), [
      [cut, "interrupted"],
      [cut - 1, "applied"],
    ]);
    assert.equal(revisions.get(cut)?.finished_at_ms, null);
    assert.equal(revisions.list(1).length, 1);
    assert.equal(revisions.get(99), undefined);
  }),
);

Deno.test(
  "the revision before another is the last one applied, whatever failed in between",
  inStore(({ revisions }) => {
    const first = revisions.begin({ ...START, config_text: "é" });
    revisions.finish(first, { ...END, outcome: "applied" });
    revisions.finish(revisions.begin(START), { ...END, outcome: "failed" });
    const last = revisions.begin({ ...START, config_text: "" });
    revisions.finish(last, { ...END, outcome: "applied" });
    assert.equal(revisions.appliedBefore(last)?.revision, first);
    assert.equal(revisions.appliedBefore(first), undefined);
    assert.equal(revisions.holdText("é"), true);
    assert.equal(revisions.holdText("e"), false);
    assert.deepEqual(revisions.summaries().map((one) => one.config_bytes), [0, 5, 2]);
    assert.equal(revisions.summaries(1)[0]?.revision, last);
  }),
);

Deno.test(
  "the newest hundred revisions are kept, of large configs ten or what 64 MB hold, and what is in force",
  inStore(({ revisions }) => {
    const begin = (bytes: number) => revisions.begin({ ...START, config_text: "x".repeat(bytes) });
    const kept = () => revisions.summaries(1000).map(({ revision }) => revision).toReversed();
    const first = begin(1);
    revisions.finish(first, { ...END, outcome: "applied" });
    for (let more = 0; more < 120; more++) begin(1);
    const small = kept();
    assert.deepEqual(small, [first, ...Array.from({ length: 101 }, (_, index) => index + 21)]);
    for (let more = 0; more < 4; more++) begin(9_000_000);
    assert.equal(kept().length, small.length, "these have room");
    for (let more = 0; more < 10; more++) {
      const plan_json = "x".repeat(8_000_000);
      revisions.finish(begin(1_000_000), { ...END, outcome: "failed", plan_json });
    }
    assert.deepEqual(kept(), [first, ...Array.from({ length: 11 }, (_, index) => index + 125)]);
  }),
);

Deno.test(
  "events are listed newest first, from a time on, at most so many",
  inStore(({ events }) => {
    for (const at_ms of [10, 20, 30]) events.add({ at_ms, kind: "drift", message: `at ${at_ms}` });
    events.add({
      at_ms: 40,
      kind: "engine",
      service: "web",
      backend: "192.0.2.1|80",
      message: "all",
      data_json: "{}",
    });
    assert.deepEqual(events.list({ since_ms: 20 }).map((event) => event.at_ms), [40, 30, 20]);
    assert.deepEqual(events.list({ limit: 2 }), [
      {
        id: 4,
        at_ms: 40,
        kind: "engine",
        service: "web",
        backend: "192.0.2.1|80",
        message: "all",
        data_json: "{}",
      },
      { id: 3, at_ms: 30, kind: "drift", message: "at 30" },
    ]);
    assert.equal(events.lastId(), 4);
    assert.deepEqual(events.list({ after_id: 2 }).map(({ id }) => id), [4, 3]);
    assert.deepEqual(events.list({ kinds: ["engine", "apply"] }).map(({ id }) => id), [4]);
    assert.deepEqual(events.list({ kinds: ["drift"], after_id: 1, limit: 1 }).map(({ id }) => id), [
      3,
    ]);
  }),
);

Deno.test(
  "the oldest events make room for new ones",
  inStore((_store, folder) => {
    const db = new Database(`${folder}/lb.db`, { readOnly: false });
    try {
      const events = new Events(db, 3);
      for (const at_ms of [1, 2, 3, 4, 5]) events.add({ at_ms, kind: "drift", message: "m" });
      assert.deepEqual(events.list().map((event) => event.at_ms), [5, 4, 3]);
    } finally {
      db.close();
    }
  }),
);

Deno.test(
  "of journalled changes that are closed, or of another boot, only the newest are kept",
  inStore((store, folder) => {
    const journal = store.journal(HOST, () => 1);
    const before = store.journal({ ...HOST, boot_id: "boot-0" }, () => 1);
    const namespace = store.journal({ ...HOST, netns: "other" }, () => 1);
    before.record([FORWARD]);
    const [, closed] = journal.record([FORWARD, { ...FORWARD, key: "closed" }]);
    journal.undone(closed!.id);
    namespace.record([FORWARD]);
    const many = Array.from({ length: 10_000 }, (_, at) => ({ ...FORWARD, key: `k${at}` }));
    for (const { id } of journal.record(many)) {
      if (id > 10) journal.undone(id);
    }
    journal.record([{ ...FORWARD, key: "last" }]);
    const keys = journal.open("sysctl").map(({ key }) => key);
    assert.deepEqual([keys[0], keys.at(-1)], [FORWARD.key, "last"]);
    assert.equal(namespace.open("sysctl").length, 1, "it stands in this kernel");
    const db = new Database(`${folder}/${DATABASE_NAME}`, { readOnly: true });
    const old = "SELECT 1 FROM journal WHERE boot_id = 'boot-0' OR key = 'closed'";
    assert.deepEqual(db.all(old), []);
    db.close();
  }),
);

Deno.test(
  "a take-over is known on this boot and in this namespace, until it was told of",
  inStore(({ takeOvers }) => {
    const first = { at_ms: 7, vips: ["192.0.2.10/32", "2001:db8::10/128"] };
    const others = [{ ...HOST, boot_id: "other" }, { ...HOST, netns: "other" }] as const;
    for (const host of [HOST, ...others]) takeOvers.note(host, first);
    takeOvers.note(HOST, { at_ms: 8, vips: [] });
    assert.deepEqual(takeOvers.of(HOST), first);
    takeOvers.forget(HOST);
    assert.deepEqual([HOST, ...others].map((host) => takeOvers.of(host)), [
      undefined,
      undefined,
      first,
    ]);
  }),
);

Deno.test(
  "a journalled change is open until it is undone, in the order it was made",
  inStore((store) => {
    const journal = store.journal(HOST, () => 77);
    const [first, second] = journal.record([FORWARD, { ...FORWARD, key: "k2", before: null }]);
    assert.ok(first && second);
    assert.deepEqual(first, { ...FORWARD, id: 1, ifindex: null, at_ms: 77, undone_at: null });
    assert.deepEqual(journal.open("sysctl"), [first, second]);
    assert.deepEqual(journal.open("address"), []);
    journal.undone(first.id);
    assert.deepEqual(journal.open("sysctl").map((entry) => entry.key), ["k2"]);
  }),
);

Deno.test(
  "the same key of two interfaces, one of which got the other's name, has two entries",
  inStore((store) => {
    const journal = store.journal(HOST, () => 1);
    const record = { ...FORWARD, key: "net.ipv4.conf.eth0.rp_filter" };
    journal.record([{ ...record, ifindex: 2 }, { ...record, ifindex: 3 }]);
    assert.deepEqual(journal.open("sysctl").map(({ ifindex }) => ifindex), [2, 3]);
    assert.throws(() => journal.record([{ ...record, ifindex: 3 }]), /UNIQUE/);
  }),
);

Deno.test(
  "a key has one original value: a second open entry is refused, and with it all of its batch",
  inStore((store) => {
    const journal = store.journal(HOST, () => 1);
    journal.record([FORWARD]);
    const again = () => journal.record([{ ...FORWARD, key: "other" }, { ...FORWARD, before: "1" }]);
    assert.throws(again, /UNIQUE/);
    assert.deepEqual(journal.open("sysctl").map(({ key, before }) => [key, before]), [
      [FORWARD.key, "0"],
    ]);
  }),
);

Deno.test(
  "what was changed before a reboot or in another namespace is not this kernel's to undo",
  inStore((store) => {
    store.journal(HOST, () => 1).record([FORWARD]);
    for (const other of [{ ...HOST, boot_id: "boot-2" }, { ...HOST, netns: "1" }]) {
      assert.deepEqual(store.journal(other, () => 1).open("sysctl"), []);
    }
    assert.equal(store.journal(HOST, () => 1).open("sysctl").length, 1);
  }),
);

Deno.test(
  "a journal entry survives a process that dies right after writing it",
  inFolder((folder) => {
    const program = `
      import { openStore } from ${
      JSON.stringify(import.meta.resolve("../../../lib/store/store.ts"))
    };
      import { files } from ${JSON.stringify(import.meta.resolve("../../../lib/sys/files.ts"))};
      const store = openStore(${JSON.stringify(folder)}, { files, uid: Deno.uid() });
      store.journal(${JSON.stringify(HOST)}, () => 1).record([${JSON.stringify(FORWARD)}]);
      Deno.kill(Deno.pid, "SIGKILL");`;
    const args = ["eval", "--ext=ts", program];
    const { signal } = new Deno.Command(Deno.execPath(), { args }).outputSync();
    assert.equal(signal, "SIGKILL");
    const store = openStore(folder, OWNER);
    try {
      assert.equal(store.journal(HOST, () => 1).open("sysctl")[0]?.before, "0");
    } finally {
      store.close();
    }
  }),
);

Deno.test(
  "facts are kept for exactly one boot, kernel and nft",
  inStore(({ facts }) => {
    const key = { boot_id: "b", kernel_release: "6.18", nft_version: "1.0.6" };
    assert.equal(facts.get(key), undefined);
    facts.put(key, '{"a":1}');
    facts.put(key, '{"a":2}');
    assert.equal(facts.get(key), '{"a":2}');
    assert.equal(facts.get({ ...key, nft_version: "1.1" }), undefined);
    facts.put({ ...key, boot_id: "b2" }, "{}");
    assert.equal(facts.get(key), undefined);
  }),
);

Deno.test(
  "passes that were left out are counted, and the next pass does not forget them",
  inStore(({ passes }) => {
    passes.record({ at_ms: 1_000, drift: 0 });
    passes.skip(2);
    passes.record({ at_ms: 2_000, drift: 1 });
    passes.skip(1);
    const last = { at_ms: 2_000, drift: 1, skipped: 3 };
    assert.deepEqual(passes.last(), { ...last, ended_at_ms: null });
    passes.end(3_000);
    assert.deepEqual(passes.last(), { ...last, ended_at_ms: 3_000 });
  }),
);

Deno.test(
  "loads are kept by service and backend, and counters as they were at the last look alone",
  inStore(({ loads, opened }) => {
    const row: LoadRow = {
      service: "web",
      backend: "198.51.100.11|8080",
      scheduler: "lr",
      cost: 3.25,
      noise: 0,
      checked_at_ms: 5,
      read_at_ms: null,
      reason: "no answer",
    };
    const other: LoadRow = { ...row, backend: "198.51.100.12|", read_at_ms: 4, reason: "" };
    assert.equal(loads.isEmpty(), true);
    loads.put([row, other]);
    assert.equal(loads.isEmpty(), false);
    loads.put([{ ...row, cost: 4 }]);
    assert.deepEqual(loads.all(), [{ ...row, cost: 4 }, other]);
    loads.forget([row]);
    assert.deepEqual(loads.all(), [other]);
    const [first, second] = ["1", "2"].map((backend) => {
      return { service: "web", backend, opened: 7, at_ms: 5 };
    });
    opened.put([first!, second!]);
    opened.put([second!]);
    assert.deepEqual(opened.all(), [second]);
  }),
);

Deno.test(
  "health is kept by service and backend, written over by what is found later, and forgotten by name",
  inStore(({ health }) => {
    const row: HealthRow = {
      service: "web",
      backend: "198.51.100.11|80",
      state: "healthy",
      since_ms: 1_000,
      streak: 0,
      flaps: 0,
      risen_at_ms: null,
      checked_at_ms: 2_000,
      reason: "",
      check_ms: 0.8,
    };
    const other = { ...row, backend: "198.51.100.11|81" };
    assert.equal(health.isEmpty(), true);
    health.put([row, other]);
    const ill: HealthRow = { ...row, state: "unhealthy", reason: "refused", risen_at_ms: 5 };
    health.put([ill]);
    assert.deepEqual(health.all(), [ill, other]);
    health.forget([other]);
    assert.deepEqual([health.all(), health.isEmpty()], [[ill], false]);
    health.putPanics([{ service: "web", since_ms: 7 }]);
    health.putPanics([{ service: "dns", since_ms: 8 }]);
    assert.deepEqual(health.panics(), [{ service: "dns", since_ms: 8 }]);
  }),
);
