import assert from "node:assert/strict";
import { errnoName } from "../../../lib/model/errno.ts";
import { EXIT_CODES, KernelError, LbError } from "../../../lib/model/error.ts";

Deno.test("errnoName: numbers as errno(1) names them", () => {
  const rows = [
    [1, "EPERM"],
    [2, "ENOENT"],
    [16, "EBUSY"],
    [17, "EEXIST"],
    [22, "EINVAL"],
    [40, "ELOOP"],
    [42, "ENOMSG"],
    [95, "EOPNOTSUPP"],
    [110, "ETIMEDOUT"],
    [116, "ESTALE"],
    [133, "EHWPOISON"],
    [524, "ENOTSUPP"],
  ] as const;
  for (const [code, name] of rows) assert.equal(errnoName(code), name);
});

Deno.test("errnoName: a number without a name is told as a number", () => {
  for (const code of [0, 41, 58, 134, 9999]) assert.equal(errnoName(code), `errno ${code}`);
});

Deno.test("errors: a lack of privilege is told apart, with what to do", () => {
  const refusal = { operation: "nft -f", object: "table inet lb", message: "no" };
  const denied = new KernelError({ ...refusal, errno: "EPERM" });
  assert.equal(denied.code, "not-permitted");
  assert.match(denied.message, /nft -f on table inet lb: no \(EPERM\); it takes root/);
  assert.equal(new KernelError({ ...refusal, errno: "EBUSY" }).code, "kernel-refused");
  assert.equal(new KernelError(refusal).message, "nft -f on table inet lb: no");
});

Deno.test("errors: every code has an exit code of its own, none of them 0 or 1", () => {
  const codes = Object.values(EXIT_CODES);
  assert.equal(new Set(codes).size, codes.length);
  assert.ok(codes.every((code) => code > 1));
});

Deno.test("errors: the cause is kept", () => {
  const cause = new Error("why");
  assert.equal(new LbError("bug", "what", { cause }).cause, cause);
});
