// The schemas themselves: every example of Ethereum's document passes its own method, the overlay only adds, and the
// validator can refuse.
import assert from "node:assert/strict";
import { test } from "node:test";
import { extend, loadDocument, loadOverlay, Validator } from "./schema.mjs";

const validator = new Validator();

test("every result schema of the extended document compiles", () => {
  for (const { name } of validator.extended.methods) {
    validator.checkResult(name, [], null);
  }
  for (const kind of Object.keys(validator.overlay.notifications)) validator.checkNotification(kind, null);
  for (const tracer of Object.keys(validator.overlay.tracers)) {
    validator.checkResult("debug_traceTransaction", ["0x", { tracer }], null);
  }
});

test("a result that the document allows is allowed with the overlay", () => {
  const plain = new Validator(loadDocument(), {
    schemas: {},
    properties: {},
    alternatives: [],
    methods: [],
    tracers: {},
    notifications: {},
  });
  let examples = 0;
  for (const { name, examples: list = [] } of loadDocument().methods) {
    for (const { params, result } of list) {
      const values = params.map(({ value }) => value);
      if (!result || plain.checkResult(name, values, result.value).length > 0) continue;
      assert.deepEqual(validator.checkResult(name, values, result.value), [], name);
      examples += 1;
    }
  }
  assert.ok(examples >= 60, `only ${examples} examples`);
});

test("an overlay that replaces something is refused", () => {
  const overlay = loadOverlay();
  const refused = (change) => {
    const changed = structuredClone(overlay);
    change(changed);
    assert.throws(() => extend(loadDocument(), changed), /may only add|to add to/);
  };
  refused((changed) => (changed.schemas.Log = {}));
  refused((changed) => (changed.properties.ReceiptInfo.gasUsed = {}));
  refused((changed) => changed.methods.push({ name: "eth_chainId" }));
  refused((changed) => changed.alternatives.push({ schema: "Log", keyword: "oneOf", add: [] }));
});

test("wrong results are violations", () => {
  const wrong = (method, result, params = []) => {
    assert.notDeepEqual(validator.checkResult(method, params, result), [], `${method} ${JSON.stringify(result)}`);
  };
  wrong("eth_chainId", 161299);
  wrong("eth_blockNumber", "0x01");
  wrong("eth_getBalance", null);
  wrong("eth_getTransactionReceipt", { status: "0x1" });
  wrong("eth_noSuchMethod", "0x1");
  wrong("debug_traceTransaction", { type: "CALL" }, ["0x", { tracer: "callTracer" }]);
  wrong(
    "debug_traceBlockByNumber",
    [{ txHash: `0x${"00".repeat(32)}`, result: {} }],
    ["0x1", { tracer: "callTracer" }],
  );
  wrong("eth_getLogs", [{}]);
});

test("an empty list of logs passes, though the document is ambiguous about it", () => {
  assert.deepEqual(validator.checkResult("eth_getLogs", [{}], []), []);
  assert.deepEqual(validator.checkResult("eth_getFilterChanges", ["0x1"], []), []);
});
