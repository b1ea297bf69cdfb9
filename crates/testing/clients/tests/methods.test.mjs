// Every method that docs/spec/rpc.md lists is served, on the listener that it names; what it plans is not yet.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, test } from "node:test";
import { call, failure, RpcError, Socket } from "../lib/rpc.mjs";
import { target } from "../lib/target.mjs";

const spec = readFileSync(new URL("../../../../docs/spec/rpc.md", import.meta.url), "utf8");
const section = (heading) => spec.split(`\n## ${heading}\n`)[1].split("\n## ")[0];
const namesIn = (text) =>
  [
    ...text.matchAll(
      /`((?:eth|net|web3|rpc|txpool|optimism|debug|trace|ots|admin|miner|evm|hardhat|anvil|personal)_\w+)`/g,
    ),
  ].map(([, name]) => name);
const rows = [...section("Methods").matchAll(/^\| (public|privileged|local) \| (.*) \|$/gm)];
const methods = rows.flatMap(([, listener, cell]) => namesIn(cell).map((name) => ({ listener, name })));

// Asking these without parameters would change the chain that other tests use.
const NOT_CALLED = new Set(["admin_stopSequencer", "admin_startSequencer"]);
const urls = { public: target.rpcUrl, privileged: target.privilegedUrl, local: target.rpcUrl };

describe("methods", () => {
  test("the spec lists them", () => {
    assert.ok(methods.length > 100, `${methods.length} methods`);
    assert.equal(new Set(methods.map(({ name }) => name)).size, methods.length, "each once");
  });

  for (const { listener, name } of methods.filter(({ name }) => !NOT_CALLED.has(name))) {
    test(`${name} is served`, async () => {
      // Without parameters most of them fail: what matters is that they are there.
      const ask =
        name === "eth_subscribe" || name === "eth_unsubscribe"
          ? async () => {
              const socket = await Socket.open();
              await socket.call(name).finally(() => socket.close());
            }
          : () => call(name, [], { url: urls[listener] });
      await ask().catch((error) => {
        if (!(error instanceof RpcError)) throw error;
        assert.notEqual(error.code, -32601, error.message);
        assert.notEqual(error.code, -32603, error.message);
      });
    });
  }

  test("a method that needs parameters names the first that is missing", async () => {
    for (const [name, parameter] of [
      ["eth_getBalance", "address"],
      ["eth_getBlockByHash", "hash"],
      ["eth_getBlockByNumber", "block"],
      ["eth_call", "transaction"],
      ["eth_sendRawTransaction", "transaction"],
      ["eth_getLogs", "filter"],
      ["eth_getTransactionByHash", "hash"],
    ]) {
      const error = await failure(name);
      assert.equal(error.code, -32602, name);
      assert.match(error.message.toLowerCase(), new RegExp(parameter), name);
    }
  });

  test("subscriptions need a WebSocket, and say so", async () => {
    const error = await failure("eth_subscribe", ["newHeads"]);
    assert.match(error.message, /websocket|subscription|not (available|supported)/i);
  });
});

describe("settled chain", () => {
  const changing = rows
    .filter(([, listener]) => listener === "local")
    .flatMap(([, , cell]) => namesIn(cell))
    .filter((name) => /^evm_|_set|_mine$|_reset$|mpersonat/.test(name));

  for (const name of changing) {
    test(`${name} is refused by an error that names the flag`, async () => {
      const error = await failure(name, ["0x1", "0x1", "0x1"].slice(0, 1));
      assert.equal(error.code, -32000);
      assert.match(error.message, /--no-batcher/);
    });
  }
});

describe("transport", () => {
  const health = (path) => fetch(new URL(path, target.nodeUrl));

  test("GET /health tells the head and its age", async () => {
    const response = await health("/health");
    assert.equal(response.status, 200);
    const text = await response.text();
    assert.match(text, /\d/);
  });

  test("metrics are on the privileged listener", async () => {
    const response = await fetch(new URL("/metrics", target.nodePrivilegedUrl));
    assert.equal(response.status, 200);
    assert.match(await response.text(), /^# (HELP|TYPE) /m);
  });

  test("browsers may call it: CORS", async () => {
    const preflight = await fetch(target.nodeUrl, {
      method: "OPTIONS",
      headers: {
        origin: "http://example.test",
        "access-control-request-method": "POST",
        "access-control-request-headers": "content-type",
      },
    });
    assert.ok(preflight.ok, String(preflight.status));
    assert.match(preflight.headers.get("access-control-allow-origin") ?? "", /^(\*|http:\/\/example\.test)$/);
    assert.match(preflight.headers.get("access-control-allow-headers") ?? "", /content-type|\*/i);
    const answer = await fetch(target.nodeUrl, {
      method: "POST",
      headers: { origin: "http://example.test", "content-type": "application/json" },
      body: JSON.stringify({ jsonrpc: "2.0", id: 1, method: "eth_chainId", params: [] }),
    });
    assert.match(answer.headers.get("access-control-allow-origin") ?? "", /^(\*|http:\/\/example\.test)$/);
  });
});
