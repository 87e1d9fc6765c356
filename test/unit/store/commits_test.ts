/** What engines left in the kernel, as it is remembered. */
import assert from "node:assert/strict";
import { type CommitChange, type CommitRecord } from "../../../lib/store/commits.ts";
import type { Recorded } from "../../../lib/model/state.ts";
import { Database } from "../../../lib/store/database.ts";
import type { HostIdentity } from "../../../lib/store/journal.ts";
import type { Store } from "../../../lib/store/store.ts";
import { inStore } from "./folder.ts";

const START = { config_text: "[lb]\n", who: "root", command: "lb apply", at_ms: 1000 };
const HOST = { boot_id: "boot-1", netns: "4026531840" };

/** What there is to put on record; services and objects as told. */
function changeOf(
  services: Readonly<Record<string, string | undefined>> = {},
  objects: Readonly<Record<string, Recorded | undefined>> = {},
  isWhole = false,
): CommitChange {
  return {
    services: new Map(Object.entries(services)),
    objects: new Map(Object.entries(objects)),
    isWhole,
  };
}

function recordOf(revision: number, more: Partial<CommitRecord> = {}): CommitRecord {
  return { token: "t1", stamp: "17", revision, lb_version: "1.0.0", frame_json: "{}", ...more };
}

const CHAIN = { source: "a", listing: "b" };

/** All that is on record of an engine. */
function recorded({ commits }: Store, host: HostIdentity, engine = "nft") {
  return {
    record: commits.get(engine, host),
    services: Object.fromEntries(commits.services(engine, host)),
    objects: Object.fromEntries(commits.objects(engine, host)),
  };
}

const NOTHING = { record: undefined, services: {}, objects: {} };

Deno.test(
  "what an engine committed comes back as it was, and replaces what was pending",
  inStore((store) => {
    const { commits, revisions } = store;
    const record = recordOf(revisions.begin(START));
    assert.deepEqual(recorded(store, HOST), NOTHING);
    commits.announce("nft", HOST, "t0", 1);
    commits.announce("nft", HOST, "t1", 2);
    commits.announce("ipvs", HOST, "other", 2);
    assert.deepEqual(commits.pending("nft", HOST), ["t0", "t1"]);
    const [services, objects] = [{ web: "{}", mail: "[]" }, { "chain s-web4": CHAIN }];
    commits.commit("nft", HOST, record, changeOf(services, objects));
    assert.deepEqual(recorded(store, HOST), { record, services, objects });
    assert.deepEqual(commits.pending("nft", HOST), []);
    assert.deepEqual(commits.pending("ipvs", HOST), ["other"]);
    commits.forget("nft", HOST);
    assert.deepEqual(recorded(store, HOST), NOTHING);
  }),
);

Deno.test(
  "the next commit replaces all that was said of the state",
  inStore((store) => {
    const { commits, revisions } = store;
    const [first, second] = [revisions.begin(START), revisions.begin(START)];
    commits.commit("nft", HOST, recordOf(first), changeOf());
    const changed = { token: "t2", stamp: null, lb_version: "2.0.0", frame_json: "[]" };
    commits.commit("nft", HOST, recordOf(second, changed), changeOf());
    assert.deepEqual(commits.get("nft", HOST), recordOf(second, changed));
  }),
);

Deno.test(
  "a commit keeps every object that it does not name, unless it says that it is the whole",
  inStore((store) => {
    const { commits, revisions } = store;
    const record = recordOf(revisions.begin(START));
    const before = { kept: CHAIN, gone: CHAIN, changed: CHAIN };
    commits.commit("nft", HOST, record, changeOf({}, before));
    const other = { source: "c", listing: "d" };
    commits.commit("nft", HOST, record, changeOf({}, { gone: undefined, changed: other }));
    assert.deepEqual(recorded(store, HOST).objects, { kept: CHAIN, changed: other });
    commits.commit("nft", HOST, record, changeOf({}, { changed: CHAIN }, true));
    assert.deepEqual(recorded(store, HOST).objects, { changed: CHAIN });
  }),
);

Deno.test(
  "a commit keeps every service that it does not name",
  inStore((store) => {
    const { commits, revisions } = store;
    const record = recordOf(revisions.begin(START));
    commits.commit("nft", HOST, record, changeOf({ web: "1", mail: "1", dns: "1" }, {}, true));
    const change = changeOf({ mail: "2", dns: undefined, ssh: "1" }, {}, true);
    commits.commit("nft", HOST, record, change);
    assert.deepEqual(recorded(store, HOST).services, { web: "1", mail: "2", ssh: "1" });
  }),
);

Deno.test(
  "two network namespaces have a record each, and one that is forgotten leaves the other",
  inStore((store) => {
    const { commits, revisions } = store;
    const elsewhere = { ...HOST, netns: "2" };
    const [here, there] = ["t1", "t2"].map((token) => recordOf(revisions.begin(START), { token }));
    commits.commit("nft", HOST, here!, changeOf({ web: "here" }, { c: CHAIN }));
    commits.commit("nft", elsewhere, there!, changeOf({ web: "there" }));
    assert.deepEqual(recorded(store, HOST).services, { web: "here" });
    assert.deepEqual(recorded(store, elsewhere).record, there);
    assert.deepEqual(recorded(store, elsewhere).objects, {});
    commits.stamp("nft", elsewhere, "99");
    assert.equal(commits.get("nft", HOST)?.stamp, "17");
    commits.forget("nft", elsewhere);
    assert.deepEqual(recorded(store, elsewhere), NOTHING);
    assert.deepEqual(recorded(store, HOST).record, here);
  }),
);

Deno.test(
  "after a reboot nothing is known, and the first commit takes away what the old boot left",
  inStore((store, folder) => {
    const { commits, revisions } = store;
    const record = recordOf(revisions.begin(START));
    commits.commit("nft", HOST, record, changeOf({ web: "1" }, { c: CHAIN }));
    commits.commit("nft", { ...HOST, netns: "2" }, record, changeOf({ web: "2" }, { c: CHAIN }));
    const later = { ...HOST, boot_id: "boot-2" };
    assert.deepEqual(recorded(store, later), NOTHING);
    commits.commit("nft", later, record, changeOf({ web: "3" }));
    assert.deepEqual(recorded(store, HOST), NOTHING);
    const db = new Database(`${folder}/lb.db`, { readOnly: true });
    try {
      const rows = (table: string) =>
        db.get<{ n: number }>(`SELECT count(*) AS n FROM ${table}`)?.n;
      const tables = ["committed", "committed_service", "committed_object"];
      assert.deepEqual(tables.map(rows), [1, 1, 0], "no row of the old boot is left");
    } finally {
      db.close();
    }
  }),
);

Deno.test(
  "a stamp is put on what is on record, and a state may have none",
  inStore(({ commits, revisions }) => {
    const record = recordOf(revisions.begin(START), { stamp: null });
    commits.stamp("nft", HOST, "5");
    assert.equal(commits.get("nft", HOST), undefined, "nothing is on record");
    commits.commit("nft", HOST, record, changeOf());
    assert.equal(commits.get("nft", HOST)?.stamp, null);
    commits.stamp("nft", HOST, "5");
    assert.deepEqual(commits.get("nft", HOST), { ...record, stamp: "5" });
  }),
);

Deno.test(
  "what was announced in another namespace stays until it is known there; a reboot ends it",
  inStore(({ commits, revisions }) => {
    const record = recordOf(revisions.begin(START));
    const elsewhere = { ...HOST, netns: "2" };
    const later = { ...HOST, boot_id: "boot-2" };
    commits.announce("nft", HOST, "t1", 1);
    commits.announce("nft", elsewhere, "t2", 2);
    commits.commit("nft", HOST, record, changeOf());
    commits.forget("nft", HOST);
    const pending = () => [HOST, elsewhere, later].map((host) => commits.pending("nft", host));
    assert.deepEqual(pending(), [[], ["t2"], []]);
    commits.commit("nft", later, record, changeOf());
    assert.deepEqual(pending(), [[], [], []]);
  }),
);

Deno.test(
  "what was announced and never came about is forgotten alone",
  inStore(({ commits, revisions }) => {
    commits.commit("nft", HOST, recordOf(revisions.begin(START)), changeOf());
    commits.announce("nft", HOST, "t2", 1);
    commits.settle("nft", HOST);
    assert.deepEqual(commits.pending("nft", HOST), []);
    assert.equal(commits.get("nft", HOST)?.token, "t1");
  }),
);

Deno.test(
  "every mask that connections of this boot and namespace may bear is known until the next boot",
  inStore(({ commits }) => {
    assert.deepEqual(commits.masks(HOST), []);
    for (const mask of [0xffff0000, 0x00ffff00, 0xffff0000]) commits.useMask(HOST, mask);
    const elsewhere = { ...HOST, netns: "2" };
    commits.useMask(elsewhere, 0x0000ffff);
    commits.forget("nft", HOST);
    assert.deepEqual(commits.masks(HOST), [0x00ffff00, 0xffff0000]);
    const later = { ...HOST, boot_id: "boot-2" };
    commits.useMask(later, 0x0000ffff);
    assert.deepEqual([HOST, elsewhere, later].map((host) => commits.masks(host)), [[], [], [
      0x0000ffff,
    ]]);
  }),
);

Deno.test(
  "a commit of a revision that does not exist is refused",
  inStore(({ commits }) => {
    assert.throws(() => commits.commit("nft", HOST, recordOf(5), changeOf()), /FOREIGN KEY/);
  }),
);
