import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { MIGRATIONS } from "../../../lib/store/migration/all.ts";

/**
 * SHA-256 of each step's statements. A database that has taken a step never takes it again, so an edit of
 * one reaches new machines only: what is to change is a new step, and a new line here.
 */
const HASHES: readonly string[] = [
  "0a2bcd948cfd4360548fe7974fc0e1bda2df3c039a0d7cdbb264642619f1f311",
  "d218152d03cd7cd79096e8c0ed62bc195322820cabd1ed12dc7d373b8a2e64ca",
  "2bab7b85c9e27f642ee72097a4e2b5f8bd74a9b2c5cb95a9f96e4b1bf6239f24",
  "0ccadb7e19a397e6a4a88a0b5058e990033bddf99f8778912fca560d636b316c",
  "60a557c969b309d9776122469fa950d108c70143d9381252f5c276ff40316bef",
  "477946ea165677f7cfdbbdbc39d4f166a1db091809f7c7189ffaabc24c4782b3",
  "51fcbe2c899c1276911695434e21791953ef622dbe67addf9068694410749f91",
  "0f109893dedb01568cfbee051b63edb88cdea9281b20c321e94c43c71ae8cf36",
  "a9417dbcf75553de347b4b4db78b9e278b69268e32e3e8b2ce2fe3a1c1c63088",
  "3ba9eac72e57b95b502d1a37e22f10c54c4e72443c28edaad8beab4411b5640c",
  "0949921496d0978e6686239b71052d096f3e31cfab02dff303ffb29998016599",
  "7cf76fd49dee96731e47db0b87724759645bf7028bd225e1ae39f844c9b37275",
  "e49bde863b48ce7c1147ae94ca1bf3921b9cd9ab4bdf414aa3491d15c9624e3a",
  "9d088aa5ca81db80f5bfdf46cf4a6ae684c8431c5703e29659dc0daa5273a4f5",
  "07a6647155fdba39d6c4788da786b22b6a5337f7eb938aaf3712b45acc0be277",
];

Deno.test("no step of the schema that databases have taken was edited since", () => {
  const found = MIGRATIONS.map(({ statements }) =>
    createHash("sha256").update(JSON.stringify(statements)).digest("hex")
  );
  assert.deepEqual(found, HASHES);
});
