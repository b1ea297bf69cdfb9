// Where the protocol's contracts stand on every chain of OpenLedger, and what they answer to.
import { parseAbi, type Address } from "viem";
import * as abi from "./abi.js";

export const gOpen = { address: "0x4200000000000000000000000000000000001000", abi: abi.GOpen } as const;
export const datanetRegistry = {
  address: "0x4200000000000000000000000000000000001005",
  abi: abi.DatanetRegistry,
} as const;
export const validatorStaking = {
  address: "0x4200000000000000000000000000000000001006",
  abi: abi.ValidatorStaking,
} as const;
export const modelRegistry = { address: "0x4200000000000000000000000000000000001007", abi: abi.ModelRegistry } as const;
export const adapterMarket = { address: "0x4200000000000000000000000000000000001008", abi: abi.AdapterMarket } as const;
export const inferenceRouter = {
  address: "0x4200000000000000000000000000000000001009",
  abi: abi.InferenceRouter,
} as const;
export const voucherChannels = {
  address: "0x420000000000000000000000000000000000100a",
  abi: abi.VoucherChannels,
} as const;
export const epochSettlement = {
  address: "0x420000000000000000000000000000000000100b",
  abi: abi.EpochSettlement,
} as const;
export const claimVault = { address: "0x420000000000000000000000000000000000100c", abi: abi.ClaimVault } as const;
export const clusterReview = { address: "0x4200000000000000000000000000000000001010", abi: abi.ClusterReview } as const;
export const epochScoring = { address: "0x4200000000000000000000000000000000001011", abi: abi.EpochScoring } as const;

/** The native precompile SKETCH: sets of int8 sketches. */
export const sketchPrecompile = {
  address: "0x0000000000000000000000000000000000000a01" as Address,
  abi: parseAbi([
    "function openSet(bytes32 subject, uint16 dim, uint8 kind, uint32 normCap2, int8 fracBits, uint8 shift, uint8 sparsity, bytes32 dataRoot) returns (uint64 setId)",
    "function drawSeed(uint64 setId) returns (uint64)",
    "function appendRows(uint64 setId, bytes rows) returns (uint32 firstRow)",
    "function seal(uint64 setId)",
    "function header(uint64 setId) view returns (SetHeader)",
    "struct SetHeader { bytes32 subject; address owner; uint16 dim; uint8 kind; uint32 rows; uint32 normCap2; uint64 sumNorm2; uint64 lambda; uint64 seed; uint64 seedBlock; int8 fracBits; uint8 shift; uint8 sparsity; bytes32 dataRoot; bytes32 digest; uint64 sealedBlock; }",
    "event SetOpened(uint64 indexed setId, bytes32 indexed subject, address owner)",
    "error CapTooLoose(uint32 atCap, uint32 needed)",
    "error NormTooLarge(uint32 row, uint32 norm2)",
    "error SeedWindow(uint64 first, uint64 last)",
  ]),
} as const;

/** The native precompile LORA: base models, adapters, their lineage and royalties. */
export const loraPrecompile = {
  address: "0x0000000000000000000000000000000000000a04" as Address,
  abi: parseAbi([
    "struct Share { uint64 id; uint16 relBps; }",
    "struct Train { bytes32 datanet; uint64 sketchSet; uint64 spanIndex; uint16 weightBps; }",
    "struct Adapter { uint64 base; uint16 rank; uint32 alpha; uint32 moduleMask; uint16 layerFrom; uint16 layerTo; uint8 dtype; bytes32 headerHash; bytes32 dataRoot; uint64 dataLen; uint8 chunkLog2; Train[] train; Share[] parents; bytes32 licence; uint16 absBps; address developer; uint32 version; uint64 supersedes; }",
    "function commitAdapter(bytes32 h)",
    "function registerAdapter(Adapter adapter, bytes header, bytes32 salt) returns (uint64 id)",
    "function royaltyFlow(uint64 node, uint256 amount) view returns (uint64[] ids, uint256[] amounts)",
    "event AdapterRegistered(uint64 indexed id, uint64 indexed base, address indexed developer, bytes32 headerHash, bytes32 dataRoot, uint64 params)",
    "error CommitmentTooYoung(uint64 committedAt)",
    "error DuplicateWeights(uint64 id)",
  ]),
} as const;
