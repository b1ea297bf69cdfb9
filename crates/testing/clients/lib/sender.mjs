// Signs transactions of one suite's account, for tests that look at the raw answers.
import { keccak256, toRlp } from "viem";
import { privateKeyToAccount, sign } from "viem/accounts";
import { accountOf, target } from "./target.mjs";
import { call, receiptOf } from "./rpc.mjs";

export class Sender {
  constructor(suite) {
    this.suite = suite;
    this.account = privateKeyToAccount(accountOf(suite).privateKey);
    this.address = this.account.address;
  }

  /** The next nonce that the node expects, open block and pool included. */
  async nonce() {
    return Number(await call("eth_getTransactionCount", [this.address, "pending"]));
  }

  /** A signed transaction, with the next nonce if there is none in it. */
  async sign(transaction = {}) {
    return this.account.signTransaction({
      type: "eip1559",
      chainId: target.chainId,
      to: this.address,
      gas: 21_000n,
      maxFeePerGas: 20_000_000_000n,
      maxPriorityFeePerGas: 1_000_000_000n,
      ...transaction,
      nonce: transaction.nonce ?? (await this.nonce()),
    });
  }

  /**
   * A signed type-2 transaction of these RLP fields (chain id, nonce, tip, fee, gas, to, value, data, access list), which
   * no library checks before.
   */
  async signFields(fields) {
    const hash = keccak256(`0x02${toRlp(fields).slice(2)}`);
    const { r, s, yParity } = await sign({ hash, privateKey: accountOf(this.suite).privateKey });
    const short = (value) =>
      `0x${BigInt(value)
        .toString(16)
        .padStart(64, "0")
        .replace(/^(00)+/, "")}`;
    return `0x02${toRlp([...fields, yParity === 0 ? "0x" : "0x01", short(r), short(s)]).slice(2)}`;
  }

  /** Sends it; answers the hash. */
  async send(transaction) {
    return call("eth_sendRawTransaction", [await this.sign(transaction)]);
  }

  /** Sends it and waits for the sealed receipt. */
  async mined(transaction) {
    return receiptOf(await this.send(transaction));
  }

  /** Deploys an artifact without constructor arguments or with encoded ones; answers the address. */
  async deploy({ bytecode }, encodedArguments = "0x") {
    const { contractAddress, status } = await this.mined({
      to: undefined,
      data: `${bytecode}${encodedArguments.slice(2)}`,
      gas: 3_000_000n,
    });
    if (status !== "0x1") throw new Error("the deployment failed");
    return contractAddress;
  }
}
