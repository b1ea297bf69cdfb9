// Requests that no honest client sends, and the ones that clients get wrong: each is answered by the right code and a
// message that helps, and the node goes on serving. Codes and limits are those of docs/spec/rpc.md.
import assert from "node:assert/strict";
import { after, describe, test } from "node:test";
import { encodeFunctionData, keccak256, numberToHex } from "viem";
import { limit, refused, request } from "../lib/hostile.mjs";
import { call, post, receiptOf, Socket, until } from "../lib/rpc.mjs";
import { Sender } from "../lib/sender.mjs";
import { accountOf, artifact, target } from "../lib/target.mjs";

const sender = new Sender("hostile");
const { address } = accountOf("hostile");
const HASH = `0x${"ab".repeat(32)}`;

// After everything in this file the node answers, at once.
after(async () => {
  const started = performance.now();
  assert.equal(Number(await call("eth_chainId")), target.chainId);
  assert.ok(performance.now() - started < 1000);
});

describe("not JSON, not a request", () => {
  const url = target.nodeUrl;
  const deep = (depth) => `${"[".repeat(depth)}${"]".repeat(depth)}`;
  const parse = [
    ["nothing", ""],
    ["a space", " "],
    ["half an object", '{"jsonrpc":"2.0","id":1,"method":"eth_chainId"'],
    ["a trailing comma", '{"jsonrpc":"2.0","id":1,"method":"eth_chainId","params":[],}'],
    ["text", "eth_chainId"],
    ["two values", `${request("eth_chainId", [])}${request("eth_chainId", [])}`],
    ["a control character in a string", '{"jsonrpc":"2.0","id":1,"method":"eth_\u0001chainId","params":[]}'],
    ["a broken escape", '{"jsonrpc":"2.0","id":1,"method":"eth_\\ud800","params":[}'],
    ["bytes that are not UTF-8", Buffer.from([0x7b, 0x22, 0xff, 0xfe, 0x22, 0x7d])],
    ["deep nesting without an end", "[".repeat(1_000_000)],
  ];
  for (const [name, body] of parse) {
    test(`${name}: -32700`, () => refused(body, -32700, /parse error/i, { id: null, url }));
  }

  const invalid = [
    ["null", "null", null],
    ["a number", "17", null],
    ["a string", '"eth_chainId"', null],
    ["an empty object", "{}", null],
    ["an empty batch", "[]", null],
    ["no method", '{"jsonrpc":"2.0","id":7}', 7],
    ["a method that is a number", '{"jsonrpc":"2.0","id":7,"method":1,"params":[]}', 7],
    ["no version", '{"id":7,"method":"eth_chainId","params":[]}', 7],
    ["another version", '{"jsonrpc":"1.0","id":7,"method":"eth_chainId","params":[]}', 7],
    ["an id that is an object", '{"jsonrpc":"2.0","id":{},"method":"eth_chainId","params":[]}', null],
    ["deep objects", `${'{"a":'.repeat(50_000)}1${"}".repeat(50_000)}`, null],
  ];
  for (const [name, body, id] of invalid) {
    test(`${name}: -32600`, () => refused(body, -32600, /invalid request/i, { id, url }));
  }

  // A value that no method reads is skipped; the parser must not recurse into it.
  for (const [name, params] of [
    ["a string", '"0x1"'],
    ["a number", "5"],
    ["an object", '{"address":"0x1"}'],
    ["100,000 lists, each in the other", deep(100_000)],
    ["100,000 lists in a call", `[{"to":"${address}","accessList":${deep(100_000)}}]`],
  ]) {
    test(`params that are ${name}: -32602`, () =>
      refused(`{"jsonrpc":"2.0","id":7,"method":"eth_call","params":${params}}`, -32602, /invalid params/, {
        id: 7,
        url,
      }));
  }

  test("a batch answers each entry that is no request", async () => {
    const { body } = await post(`[1, {}, ${request("eth_chainId", [], { id: 5 })}, null]`, { url });
    assert.equal(body.length, 4);
    const good = body.filter(({ result }) => result);
    assert.deepEqual(
      good.map(({ id, result }) => [id, Number(result)]),
      [[5, target.chainId]],
    );
    assert.ok(body.filter(({ error }) => error).every(({ error, id }) => error.code === -32600 && id === null));
  });

  test("ids come back as they were sent", async () => {
    for (const id of [0, -1, 9007199254740991, "abc", "", "ü"]) {
      const { body } = await post(request("eth_chainId", [], { id }));
      assert.deepEqual(body.id, id);
    }
  });

  test("a notification has no answer; a batch of them neither", async () => {
    const notification = '{"jsonrpc":"2.0","method":"eth_chainId","params":[]}';
    for (const body of [notification, `[${notification},${notification}]`]) {
      const answer = await post(body, { url });
      assert.ok([200, 202, 204].includes(answer.status));
      assert.equal(answer.text, "");
    }
    const mixed = await post(`[${notification},${request("eth_chainId", [], { id: 3 })}]`, { url });
    assert.deepEqual(
      mixed.body.map(({ id }) => id),
      [3],
    );
  });

  test("params may be missing or null where none are needed", async () => {
    for (const body of ['{"jsonrpc":"2.0","id":1,"method":"eth_chainId"}', request("eth_chainId", null)]) {
      assert.equal(Number((await post(body)).body.result), target.chainId);
    }
  });
});

describe("methods that are not there: -32601", () => {
  for (const method of [
    "eth_noSuchMethod",
    "",
    "eth",
    "ETH_CHAINID",
    "engine_newPayloadV4",
    "eth_chainId ",
    "__proto__",
    "x".repeat(10_000),
  ]) {
    test(JSON.stringify(method.slice(0, 30)), () => refused(request(method, []), -32601, /does not exist|not found/i));
  }

  test("in a batch, and over WebSocket", async () => {
    const { body } = await post(`[${request("eth_a", [], { id: 1 })},${request("eth_b", [], { id: 2 })}]`);
    assert.deepEqual(
      body.map(({ error }) => error.code),
      [-32601, -32601],
    );
    const socket = await Socket.open();
    await assert.rejects(socket.call("eth_noSuchMethod"), { code: -32601 });
    socket.close();
  });
});

describe("bad parameters: -32602, and which", () => {
  const transaction = { to: address };
  const table = [
    // method, params, what the message names
    ["eth_getBalance", [], /address/],
    ["eth_getBalance", ["0x12"], /address/],
    ["eth_getBalance", [`${address}00`], /address/],
    ["eth_getBalance", [address.slice(2, 41)], /address/],
    ["eth_getBalance", [`0x${"zz".repeat(20)}`], /address/],
    ["eth_getBalance", [null], /address/],
    ["eth_getBalance", [17], /address/],
    ["eth_getBalance", [{}], /address/],
    ["eth_getBalance", [address, "newest"], /block/],
    ["eth_getBalance", [address, "LATEST"], /block/],
    ["eth_getBalance", [address, "0x"], /block/],
    ["eth_getBalance", [address, "1"], /block/],
    ["eth_getBalance", [address, "0x01"], /block/],
    ["eth_getBalance", [address, "0x00"], /block/],
    ["eth_getBalance", [address, "-0x1"], /block/],
    ["eth_getBalance", [address, "0x-1"], /block/],
    ["eth_getBalance", [address, "0xg"], /block/],
    ["eth_getBalance", [address, "0x10000000000000000"], /block/],
    ["eth_getBalance", [address, `0x${"f".repeat(100_000)}`], /block/],
    ["eth_getBalance", [address, {}], /block/],
    ["eth_getBalance", [address, { blockHash: "0x12" }], /block/],
    ["eth_getBalance", [address, { blockHash: HASH, blockNumber: "0x1" }], /block/],
    ["eth_getBalance", [address, [1]], /block/],
    ["eth_getBlockByNumber", ["0x0", "yes"], /hydrated|full|transactions/i],
    ["eth_getBlockByHash", ["0x12", false], /hash/],
    ["eth_getBlockByHash", [`${HASH}00`, false], /hash/],
    ["eth_getTransactionByHash", ["latest"], /hash/],
    ["eth_getTransactionReceipt", [`0x${"AB".repeat(31)}`], /hash/],
    ["eth_getTransactionByBlockHashAndIndex", [HASH, "0x01"], /index/],
    ["eth_getTransactionByBlockNumberAndIndex", ["0x0", "-1"], /index/],
    ["eth_getStorageAt", [address, `0x1${"0".repeat(64)}`, "latest"], /slot|key|position/i],
    ["eth_getStorageAt", [address, "five", "latest"], /slot|key|position/i],
    ["eth_getProof", [address, "0x0", "latest"], /key/i],
    ["eth_getProof", [address, ["0xzz"], "latest"], /key/i],
    ["eth_call", [], /transaction/],
    ["eth_call", ["0x"], /transaction/],
    ["eth_call", [{ to: "0x1" }], /to\b/],
    ["eth_call", [{ ...transaction, from: "me" }], /from/],
    ["eth_call", [{ ...transaction, gas: "21000" }], /gas/],
    ["eth_call", [{ ...transaction, gas: "0x05208" }], /gas/],
    ["eth_call", [{ ...transaction, gas: `0x1${"0".repeat(17)}` }], /gas/],
    ["eth_call", [{ ...transaction, value: "-0x1" }], /value/],
    ["eth_call", [{ ...transaction, value: `0x1${"0".repeat(64)}` }], /value/],
    ["eth_call", [{ ...transaction, data: "0x123" }], /data|input/],
    ["eth_call", [{ ...transaction, data: "hello" }], /data|input/],
    ["eth_call", [{ ...transaction, data: "0x12", input: "0x34" }], /data|input/],
    ["eth_call", [{ ...transaction, gasPrice: "0x2", maxFeePerGas: "0x1" }], /gasPrice|maxFeePerGas/],
    ["eth_call", [{ ...transaction, nonce: "0x10000000000000000" }], /nonce/],
    ["eth_call", [{ ...transaction, accessList: [{ address: "0x1" }] }], /accessList/],
    ["eth_call", [transaction, "latest", { [address]: { balance: "lots" } }], /override|balance/i],
    ["eth_call", [transaction, "latest", { [address]: { state: {}, stateDiff: {} } }], /state/],
    ["eth_estimateGas", [{ ...transaction, value: "1" }], /value/],
    ["eth_sendRawTransaction", [], /transaction/],
    ["eth_sendRawTransaction", ["02"], /transaction/],
    ["eth_sendRawTransaction", ["0x0"], /transaction/],
    ["eth_sendRawTransaction", [["0x02"]], /transaction/],
    ["eth_getLogs", [], /filter/],
    ["eth_getLogs", ["all"], /filter/],
    ["eth_getLogs", [{ fromBlock: "0x01" }], /fromBlock/],
    ["eth_getLogs", [{ toBlock: "soon" }], /toBlock/],
    ["eth_getLogs", [{ fromBlock: "0x3", toBlock: "0x1" }], /range|fromBlock/],
    ["eth_getLogs", [{ blockHash: HASH, fromBlock: "0x1" }], /blockHash/],
    ["eth_getLogs", [{ address: "0x12" }], /address/],
    ["eth_getLogs", [{ address: [address, 5] }], /address/],
    ["eth_getLogs", [{ topics: "0x12" }], /topics/],
    ["eth_getLogs", [{ topics: ["0x12"] }], /topics/],
    ["eth_getLogs", [{ topics: [null, null, null, null, null] }], /topics/],
    ["eth_getLogs", [{ topics: [Array(1001).fill(HASH)] }], /topics|1000/],
    ["eth_getLogs", [{ address: Array(1001).fill(address) }], /address|1000/],
    ["eth_newFilter", [{ topics: [[["0x"]]] }], /topics/],
    ["eth_getFilterChanges", ["latest"], /filter/],
    ["eth_feeHistory", ["0x01", "latest", []], /blockCount/i],
    ["eth_feeHistory", ["0x1", "latest", ["50"]], /percentile/i],
    ["eth_feeHistory", ["0x1", "latest", [50, 40]], /percentile/i],
    ["eth_feeHistory", ["0x1", "latest", [100.1]], /percentile/i],
    ["eth_feeHistory", ["0x1", "latest", Array(101).fill(1)], /percentile|100/i],
    ["eth_simulateV1", [{}], /blockStateCalls/],
    ["eth_simulateV1", [{ blockStateCalls: "x" }], /blockStateCalls/],
    ["web3_sha3", ["0x1"], /data/],
  ];
  for (const [method, params, names] of table) {
    test(`${method} ${JSON.stringify(params).slice(0, 90)}`, () => refused(request(method, params), -32602, names));
  }

  test("too many parameters", () => refused(request("eth_chainId", ["0x1"]), -32602, /param|argument/i));

  test("hex digits of either case and checksummed or not are the same address", async () => {
    const forms = [address, address.toLowerCase(), `0x${address.slice(2).toUpperCase()}`];
    const balances = await Promise.all(forms.map((form) => call("eth_getBalance", [form, "earliest"])));
    assert.equal(new Set(balances).size, 1);
  });
});

describe("too large", () => {
  test("a body over the limit: HTTP 413, whether or not its length is told", async () => {
    const size = limit("body of a request");
    const body = request("web3_sha3", [`0x${"00".repeat(size / 2)}`]);
    const told = await post(body, { url: target.nodeUrl }).catch((error) => error);
    if (!(told instanceof Error)) assert.equal(told.status, 413);
    else assert.match(String(told.cause ?? told), /reset|closed|EPIPE|hang up|terminated/i);
    const stream = new ReadableStream({
      start(controller) {
        for (let sent = 0; sent <= size; sent += 1 << 20) controller.enqueue(new Uint8Array(1 << 20).fill(32));
        controller.close();
      },
    });
    const untold = await fetch(target.nodeUrl, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: stream,
      duplex: "half",
    }).catch((error) => error);
    if (!(untold instanceof Error)) assert.equal(untold.status, 413);
  });

  test("a body a little under it is read", async () => {
    const data = `0x${"00".repeat(limit("body of a request") / 2 - 1000)}`;
    const { body } = await post(request("web3_sha3", [data]), { url: target.nodeUrl });
    assert.equal(body.result, keccak256(data));
  });

  test("a batch over the limit: -32005 that says it", async () => {
    const size = limit("calls in a batch");
    const batch = (length) => `[${Array.from({ length }, (_, id) => request("eth_chainId", [], { id })).join(",")}]`;
    const { body } = await post(batch(size + 1), { url: target.nodeUrl });
    const error = Array.isArray(body) ? body[0].error : body.error;
    assert.equal(error.code, -32005);
    assert.match(error.message, new RegExp(String(size)));
    const allowed = await post(batch(size));
    assert.equal(allowed.body.length, size);
    assert.ok(allowed.body.every(({ result }) => Number(result) === target.chainId));
  });

  test("a range over the limit of eth_getLogs: -32005 that says it", async () => {
    const span = limit("blocks that eth_getLogs spans");
    const filter = { fromBlock: "0x0", toBlock: numberToHex(span + 10) };
    await refused(request("eth_getLogs", [filter]), -32005, new RegExp(String(span)));
    await refused(
      request("eth_getLogs", [{ ...filter, toBlock: "0xffffffffffffffff" }]),
      -32005,
      new RegExp(String(span)),
    );
  });

  test("more logs than an answer may hold: -32005 that says it", async () => {
    const most = limit("logs in an answer");
    const { abi, bytecode } = artifact("Counter");
    const counter = await sender.deploy({ bytecode }, `0x${"00".repeat(32)}`);
    // 5,000 logs a transaction, at 2.3k gas each.
    const data = encodeFunctionData({ abi, functionName: "shout", args: [5_000n] });
    const nonce = await sender.nonce();
    const hashes = [];
    for (let at = 0; at <= most / 5_000; at += 1) {
      hashes.push(await sender.send({ to: counter, data, gas: 20_000_000n, nonce: nonce + at }));
    }
    const receipts = await Promise.all(hashes.map((hash) => receiptOf(hash)));
    assert.ok(receipts.every(({ status }) => status === "0x1"));
    await refused(
      request("eth_getLogs", [{ address: counter, fromBlock: receipts[0].blockNumber }]),
      -32005,
      new RegExp(String(most)),
    );
  });

  test("storage keys of a proof: -32602 that says the limit", () => {
    const most = limit("storage keys of eth_getProof");
    const keys = Array.from({ length: most + 1 }, (_, key) => numberToHex(key, { size: 32 }));
    return refused(request("eth_getProof", [address, keys, "latest"]), -32602, new RegExp(String(most)));
  });
});

describe("calls that never end", () => {
  test("are stopped by gas, and others are served meanwhile", async () => {
    const { abi, deployedBytecode } = artifact("Failures");
    const contract = "0x00000000000000000000000000000000000fa117";
    const override = { [contract]: { code: deployedBytecode } };
    const data = encodeFunctionData({ abi, functionName: "burnGas" });
    const slow = Array.from({ length: 8 }, () =>
      post(request("eth_call", [{ to: contract, data, gas: "0xffffffffffff" }, "latest", override])),
    );
    const started = performance.now();
    await call("eth_blockNumber");
    assert.ok(performance.now() - started < 1500, "a slow call must not hold up another");
    for (const { body } of await Promise.all(slow)) {
      assert.ok([-32000, -32002].includes(body.error.code), JSON.stringify(body).slice(0, 200));
      assert.match(body.error.message, /out of gas|timed out/i);
    }
  });

  test("an estimate of what always fails ends too", async () => {
    const { abi, deployedBytecode } = artifact("Failures");
    const contract = "0x00000000000000000000000000000000000fa117";
    const data = encodeFunctionData({ abi, functionName: "burnGas" });
    const { body } = await post(
      request("eth_estimateGas", [
        { from: address, to: contract, data },
        "latest",
        { [contract]: { code: deployedBytecode } },
      ]),
    );
    assert.match(body.error.message, /gas required exceeds allowance|out of gas|timed out/i);
  });
});

describe("HTTP", () => {
  test("other methods, types and paths", async () => {
    const url = target.nodeUrl;
    for (const method of ["PUT", "DELETE", "PATCH"]) {
      const { status } = await fetch(url, { method });
      assert.equal(status, 405, method);
    }
    // A person who opens the URL in a browser gets a page, not a hanging request.
    assert.ok((await fetch(url)).status < 500);
    const typed = await fetch(url, {
      method: "POST",
      headers: { "content-type": "text/plain" },
      body: request("eth_chainId", []),
    });
    assert.ok([200, 415].includes(typed.status));
    const path = await fetch(new URL("/no/such/path", url), {
      method: "POST",
      body: request("eth_chainId", []),
      headers: { "content-type": "application/json" },
    });
    assert.ok([200, 404].includes(path.status));
    const charset = await fetch(url, {
      method: "POST",
      headers: { "content-type": "application/json; charset=utf-8" },
      body: request("eth_chainId", []),
    });
    assert.equal(charset.status, 200);
  });

  test("a body that never ends doesn't hold up others", async () => {
    const controller = new AbortController();
    const stalled = fetch(target.nodeUrl, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: new ReadableStream({ start: (stream) => stream.enqueue(new TextEncoder().encode('{"jsonrpc"')) }),
      duplex: "half",
      signal: controller.signal,
    }).catch((error) => error);
    for (let at = 0; at < 20; at += 1) await call("eth_chainId");
    controller.abort();
    await stalled;
  });
});

describe("WebSocket", () => {
  test("garbage is answered, and the connection goes on", async () => {
    const socket = await Socket.open(target.nodeWsUrl);
    try {
      const answers = async (text) => {
        const before = socket.messages.length;
        socket.send(text);
        await until(() => socket.messages.length > before, Boolean, { what: `an answer to ${text.slice(0, 30)}` });
        return socket.messages[before];
      };
      assert.equal((await answers("garbage")).error.code, -32700);
      assert.equal((await answers("[".repeat(100_000))).error.code, -32700);
      assert.equal((await answers("{}")).error.code, -32600);
      assert.equal((await answers("[]")).error.code, -32600);
      assert.equal((await answers(request("eth_noSuchMethod", []))).error.code, -32601);
      assert.equal((await answers(request("eth_subscribe", ["everything"]))).error.code, -32602);
      assert.equal((await answers(request("eth_subscribe", []))).error.code, -32602);
      assert.equal((await answers(request("eth_subscribe", ["logs", { address: "0x1" }]))).error.code, -32602);
      assert.equal((await answers(request("eth_unsubscribe", ["0xdeadbeef"]))).result ?? false, false);
      // Bytes that hold a request are one: web3.py sends them so.
      const binary = await answers(Buffer.from(request("eth_chainId", [])));
      assert.equal(Number(binary.result), target.chainId);
      const batch = await answers(
        `[${request("eth_chainId", [], { id: 1 })},${request("eth_blockNumber", [], { id: 2 })}]`,
      );
      assert.deepEqual(batch.map(({ id }) => id).sort(), [1, 2]);
    } finally {
      socket.close();
    }
  });

  test("subscriptions over the limit: -32005 that says it, and the others stay", async () => {
    const socket = await Socket.open();
    try {
      const most = limit("subscriptions of a connection");
      const ids = await Promise.all(Array.from({ length: most }, () => socket.call("eth_subscribe", ["newHeads"])));
      assert.equal(new Set(ids).size, most);
      await assert.rejects(socket.call("eth_subscribe", ["newHeads"]), (error) => {
        assert.equal(error.code, -32005);
        assert.match(error.message, new RegExp(String(most)));
        return true;
      });
      await until(() => ids.every((id) => socket.of(id).length > 0), Boolean, { what: "a head for each" });
      assert.equal(await socket.call("eth_unsubscribe", [ids[0]]), true);
      await socket.call("eth_subscribe", ["newHeads"]);
    } finally {
      socket.close();
    }
  });

  test("a message over the limit closes the connection, not the node", async () => {
    const socket = await Socket.open(target.nodeWsUrl);
    socket.send(request("web3_sha3", [`0x${"00".repeat(limit("body of a request"))}`]));
    const code = await Promise.race([socket.closed, new Promise((resolve) => setTimeout(resolve, 5000, "open"))]);
    assert.notEqual(code, "open");
  });

  test("a subscriber that doesn't read doesn't hold up others", async () => {
    const lazy = await Socket.open(target.nodeWsUrl);
    for (let at = 0; at < 20; at += 1) await lazy.call("eth_subscribe", ["newPendingTransactions", true]);
    lazy.pause();
    const hash = await sender.send();
    assert.equal((await receiptOf(hash)).status, "0x1");
    lazy.close();
  });

  test("a hundred connections at once", async () => {
    const sockets = await Promise.all(Array.from({ length: 100 }, () => Socket.open(target.nodeWsUrl)));
    const ids = await Promise.all(sockets.map((socket) => socket.call("eth_chainId")));
    assert.ok(ids.every((id) => Number(id) === target.chainId));
    for (const socket of sockets) socket.close();
  });
});
