// viem clients for the chain under test, made as an application would.
import { createPublicClient, createWalletClient, defineChain, http, webSocket } from "viem";
import { privateKeyToAccount } from "viem/accounts";
import { chainConfig, publicActionsL2, walletActionsL2 } from "viem/op-stack";
import { accountOf, PREINSTALLS, target } from "./target.mjs";

export const chain = defineChain({
  ...chainConfig,
  id: target.chainId,
  name: "OpenLedger local",
  nativeCurrency: { name: "OPEN", symbol: "OPEN", decimals: 18 },
  blockTime: 1_000,
  rpcUrls: { default: { http: [target.rpcUrl], webSocket: [target.wsUrl] } },
  contracts: { ...chainConfig.contracts, multicall3: { address: PREINSTALLS.multicall3 } },
});

const pollingInterval = 100;

export const publicClient = (transport = http(target.rpcUrl)) =>
  createPublicClient({ chain, transport, pollingInterval, cacheTime: 0 }).extend(publicActionsL2());

export const socketClient = () =>
  createPublicClient({
    chain,
    transport: webSocket(target.wsUrl, { reconnect: false }),
    pollingInterval,
    cacheTime: 0,
  });

/** A wallet for a suite's account, or for an account given. */
export const walletClient = (suiteOrAccount, transport = http(target.rpcUrl)) =>
  createWalletClient({
    account:
      typeof suiteOrAccount === "string" ? privateKeyToAccount(accountOf(suiteOrAccount).privateKey) : suiteOrAccount,
    chain,
    transport,
    pollingInterval,
  }).extend(walletActionsL2());
