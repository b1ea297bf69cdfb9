// Transactions that are refused, each by the code and text of docs/spec/rpc.md that clients match.
import assert from "node:assert/strict";
import { before, describe, test } from "node:test";
import { fromRlp, numberToHex, toRlp } from "viem";
import { generatePrivateKey, privateKeyToAccount } from "viem/accounts";
import { limit, refused, request } from "../lib/hostile.mjs";
import { call, post } from "../lib/rpc.mjs";
import { Sender } from "../lib/sender.mjs";
import { accountOf, target } from "../lib/target.mjs";

const sender = new Sender("hostile");
const { address } = accountOf("hostile");
const HASH = `0x${"ab".repeat(32)}`;

describe("transactions that are refused: -32000", () => {
  const send = (raw, message) => refused(request("eth_sendRawTransaction", [raw]), -32000, message);
  let nonce;
  before(async () => {
    if ((await sender.nonce()) === 0) await sender.mined();
    nonce = await sender.nonce();
  });

  const bytes = [
    ["nothing", "0x"],
    ["a zero", "0x00"],
    ["an empty list", "0xc0"],
    ["a type without a body", "0x02"],
    ["a type byte that nothing uses", "0x7f01"],
    ["a list that is longer than the bytes", "0xf8ff01"],
    ["a length of 2^64", `0x02ff${"ff".repeat(8)}`],
    ["a list with too few fields", toRlp(["0x01", "0x02"])],
    ["a text", `0x${Buffer.from("not a transaction").toString("hex")}`],
    ["bytes after the end", null],
    [
      "an integer with a leading zero",
      `0x02${toRlp(["0x0276", "0x0001", "0x", "0x", "0x5208", "0x", "0x", "0x", [], "0x", "0x01", "0x01"]).slice(2)}`,
    ],
    ["lists in lists in lists", `0x02${"c1".repeat(20_000)}c0`],
  ];
  for (const [name, raw] of bytes) {
    test(`not a transaction: ${name}`, async () => {
      const text = raw ?? `${await sender.sign()}00`;
      const { body } = await post(request("eth_sendRawTransaction", [text]));
      assert.ok([-32000, -32602].includes(body.error.code), JSON.stringify(body));
      assert.match(body.error.message, /transaction|rlp|decode/i);
    });
  }

  test("a signature that recovers nobody", async () => {
    const parts = (await sender.sign()).slice(4);
    const fields = fromRlp(`0x${parts}`, "hex");
    for (const [r, s] of [
      ["0x", "0x"],
      [`0x${"ff".repeat(32)}`, "0x01"],
      // s in the upper half: malleable since Homestead.
      [
        fields[10],
        `0x${(0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n - BigInt(fields[11])).toString(16).padStart(64, "0")}`,
      ],
    ]) {
      const raw = `0x02${toRlp([...fields.slice(0, 10), r, s]).slice(2)}`;
      await send(raw, /signature|transaction/i);
    }
  });

  test("a wrong chain id", async () => send(await sender.sign({ chainId: 1 }), /chain ?id/i));
  test("a legacy transaction for another chain", async () => send(await legacy({ chainId: 1 }), /chain ?id/i));
  test("a used nonce", async () => send(await sender.sign({ nonce: 0 }), /nonce too low/));
  test("a gas limit below what the bytes cost", async () =>
    send(await sender.sign({ gas: 20_999n }), /intrinsic gas too low/));
  test("calldata that costs more than the gas (EIP-7623's floor)", async () =>
    send(await sender.sign({ data: `0x${"ff".repeat(1000)}`, gas: 38_000n }), /floor data gas cost/));
  test("more gas than a block has", async () => send(await sender.sign({ gas: 100_000_000n }), /gas limit/i));
  test("a tip above the fee", async () =>
    send(
      await sender.signFields([
        numberToHex(target.chainId),
        numberToHex(nonce),
        numberToHex(20_000_000_000n),
        numberToHex(10_000_000_000n),
        "0x5208",
        address,
        "0x",
        "0x",
        [],
      ]),
      /max priority fee per gas higher than max fee per gas/,
    ));
  test("the highest nonce that there can be (EIP-2681)", async () =>
    send(
      await sender.signFields([
        numberToHex(target.chainId),
        "0xffffffffffffffff",
        "0x01",
        "0x0254040be400",
        "0x5208",
        address,
        "0x",
        "0x",
        [],
      ]),
      /nonce/,
    ));
  test("more value than there is", async () =>
    send(await sender.sign({ value: 10n ** 30n }), /insufficient funds for gas \* price \+ value/));
  test("a sender without funds", async () => {
    const nobody = privateKeyToAccount(generatePrivateKey());
    const raw = await nobody.signTransaction({
      type: "eip1559",
      chainId: target.chainId,
      nonce: 0,
      to: address,
      gas: 21_000n,
      maxFeePerGas: 10n ** 10n,
      maxPriorityFeePerGas: 0n,
    });
    await send(raw, /insufficient funds for gas \* price \+ value/);
  });
  test("initcode over EIP-3860's limit", async () =>
    send(await sender.sign({ to: undefined, data: `0x${"00".repeat(49_153)}`, gas: 10_000_000n }), /initcode/i));
  test("a transaction over the limit of bytes", async () =>
    send(
      await sender.sign({ data: `0x${"00".repeat(limit("bytes of a transaction"))}`, gas: 30_000_000n }),
      /oversized data|size/i,
    ));
  test("a nonce far ahead", async () => send(await sender.sign({ nonce: Number.MAX_SAFE_INTEGER }), /nonce/));
  test("an authorization list without entries (EIP-7702)", async () =>
    send(await sender.sign({ type: "eip7702", authorizationList: [], gas: 100_000n }), /authorization/i));

  test("a blob transaction, with the reason", async () => {
    // Signed without its blobs: the form that blocks hold.
    const raw = await sender.account.signTransaction({
      type: "eip4844",
      chainId: target.chainId,
      nonce,
      to: address,
      gas: 21_000n,
      maxFeePerGas: 10n ** 10n,
      maxPriorityFeePerGas: 1n,
      maxFeePerBlobGas: 1n,
      blobVersionedHashes: [`0x01${"00".repeat(31)}`],
    });
    await send(raw, /blob/i);
  });

  test("a deposit transaction", () => {
    const deposit = toRlp([HASH, address, address, "0x", "0x", "0x5208", "0x", "0x"]);
    return send(`0x7e${deposit.slice(2)}`, /deposit|type/i);
  });

  test("the same transaction twice, and another in its place", async () => {
    const far = nonce + 3;
    const first = await sender.sign({ nonce: far, value: 1n });
    await call("eth_sendRawTransaction", [first]);
    await send(first, /already known/);
    await send(await sender.sign({ nonce: far, value: 2n }), /replacement transaction underpriced/);
  });

  async function legacy(fields) {
    return sender.account.signTransaction({
      type: "legacy",
      nonce: await sender.nonce(),
      to: address,
      gas: 21_000n,
      gasPrice: 10n ** 10n,
      ...fields,
    });
  }

  test("a legacy transaction without a chain id (before EIP-155)", async () => {
    const { body } = await post(request("eth_sendRawTransaction", [await legacy({ chainId: undefined })]));
    assert.match(body.error?.message ?? "", /chain ?id|replay-protected/i);
  });

  test("a fee below what the next block takes", async () => {
    const { body } = await post(
      request("eth_sendRawTransaction", [await sender.sign({ maxFeePerGas: 0n, maxPriorityFeePerGas: 0n })]),
    );
    assert.equal(body.error?.code, -32000);
    assert.match(body.error.message, /underpriced|max fee per gas less than block base fee/);
  });
});
