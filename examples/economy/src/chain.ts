// The chain: its clients, accounts, and its time.
import { setTimeout as sleep } from "node:timers/promises";
import {
  createPublicClient,
  createTestClient,
  createWalletClient,
  defineChain,
  http,
  publicActions,
  type Abi,
  type Address,
  type ContractFunctionArgs,
  type ContractFunctionName,
  type TransactionReceipt,
} from "viem";
import { mnemonicToAccount } from "viem/accounts";

/** The well-known mnemonic of local chains. On any other chain accounts come from elsewhere. */
const MNEMONIC = "test test test test test test test test test test test junk";
/** A preconfirmation takes milliseconds; this is for a machine that does much else. */
const RECEIPT_MAX_MS = 60_000;
/** How long a block or a second is waited for on a chain whose time can't be moved. */
const POLL_MS = 250;

type Writable = "nonpayable" | "payable";

export type Chain = Awaited<ReturnType<typeof connect>>;
export type Account = ReturnType<Chain["account"]>;

/**
 * Connects to a node of ours. Reads are of the open block (`pending`), since every transaction is in it as soon as its
 * receipt is there, before the block is sealed.
 */
export async function connect(rpcUrl: string) {
  const transport = http(rpcUrl);
  const probe = createPublicClient({ transport });
  const chain = defineChain({
    id: await probe.getChainId(),
    name: "OpenLedger",
    nativeCurrency: { name: "OPEN", symbol: "OPEN", decimals: 18 },
    rpcUrls: { default: { http: [rpcUrl] } },
  });
  const client = createPublicClient({ chain, transport, cacheTime: 0, experimental_blockTag: "pending" });
  const test = createTestClient({ chain, transport, mode: "anvil" }).extend(publicActions);
  // Only an unsettled chain makes blocks on demand.
  const movable = await test.mine({ blocks: 1 }).then(
    () => true,
    () => false,
  );

  /** An account of the local chain, by its number. */
  const account = (index: number) => {
    const local = mnemonicToAccount(MNEMONIC, { addressIndex: index });
    const wallet = createWalletClient({ account: local, chain, transport });
    return {
      address: local.address as Address,
      signTypedData: local.signTypedData,
      /**
       * Calls a contract and waits for the preconfirmed receipt. A refusal is thrown with the contract's error and its
       * values. `gas` is for calls that may need more than they do now, because time passes.
       */
      async send<
        const abi extends Abi,
        name extends ContractFunctionName<abi, Writable>,
        const args extends ContractFunctionArgs<abi, Writable, name>,
      >(
        contract: { address: Address; abi: abi },
        functionName: name,
        args: args,
        { value, gas }: { value?: bigint; gas?: bigint } = {},
      ): Promise<TransactionReceipt> {
        const call = { address: contract.address, abi: contract.abi as Abi, functionName: functionName as string };
        const request = { ...call, args: args as readonly unknown[], value };
        gas ??= ((await client.estimateContractGas({ ...request, account: local })) * 5n) / 4n;
        return wallet.writeContractSync({
          ...request,
          gas,
          timeout: RECEIPT_MAX_MS,
          throwOnReceiptRevert: true,
        });
      },
    };
  };

  /**
   * Makes or waits for blocks until one at or above a time, in seconds, is sealed; so the open block is above it. Where time
   * is moved, what is in the open block runs anew at its new time: so the time that it set, a deadline, is read again.
   */
  const untilTime = async (read: () => Promise<number | bigint>) => {
    const isOver = async () => (await test.getBlock({ blockTag: "latest" })).timestamp >= BigInt(await read());
    while (!(await isOver())) {
      if (!movable) await sleep(POLL_MS);
      else {
        // Sealed, what the open block held keeps its time.
        await test.mine({ blocks: 1 });
        if (await isOver()) return;
        await test.setNextBlockTimestamp({ timestamp: BigInt(await read()) });
        await test.mine({ blocks: 1 });
      }
    }
  };

  /** Makes or waits for blocks until the one with this number is sealed. */
  const untilBlock = async (number: bigint) => {
    for (;;) {
      const newest = await test.getBlockNumber({ cacheTime: 0 });
      if (newest >= number) return;
      if (movable) await test.mine({ blocks: Number(number - newest) });
      else await sleep(POLL_MS);
    }
  };

  return { client, account, untilTime, untilBlock };
}
