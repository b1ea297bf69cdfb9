// What the tests of bad requests share: the spec's limits, and the check of a refusal.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { post } from "./rpc.mjs";

const spec = readFileSync(new URL("../../../../docs/spec/rpc.md", import.meta.url), "utf8");

/** The default of a row of the spec's table of limits. */
export function limit(name) {
  const row = spec.split("\n").find((line) => line.startsWith(`| ${name}`));
  assert.ok(row, `the spec has no limit "${name}"`);
  return Number(row.split("|")[2].trim().split(",")[0]);
}

/** The text of a request with id 1. */
export const request = (method, params, rest = {}) =>
  JSON.stringify({ jsonrpc: "2.0", id: 1, method, params, ...rest });

/** Posts and expects one JSON-RPC error of this code whose message matches. */
export async function refused(text, code, message, { id = 1, ...options } = {}) {
  const answer = await post(text, options);
  assert.equal(answer.status, 200, answer.text.slice(0, 300));
  assert.ok(answer.body?.error, answer.text.slice(0, 300));
  assert.equal(answer.body.jsonrpc, "2.0");
  assert.deepEqual(answer.body.id, id, "the id of the request");
  assert.equal(answer.body.error.code, code, answer.body.error.message);
  assert.match(answer.body.error.message, message);
}
