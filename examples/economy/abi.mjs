// Writes src/abi.ts, the contracts' ABIs as TypeScript constants, from which viem takes the types of every call, from the
// artifacts that contracts/tools/build.sh makes. ARTIFACTS names another folder of them.
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const here = fileURLToPath(new URL(".", import.meta.url));
const artifacts = process.env.ARTIFACTS ?? join(here, "../../contracts/artifacts");
const NAMES = [
  "GOpen",
  "DatanetRegistry",
  "ClusterReview",
  "ValidatorStaking",
  "ModelRegistry",
  "AdapterMarket",
  "InferenceRouter",
  "VoucherChannels",
  "EpochScoring",
  "EpochSettlement",
  "ClaimVault",
];

const lines = NAMES.map((name) => {
  const { abi } = JSON.parse(readFileSync(join(artifacts, `${name}.json`), "utf8"));
  return `export const ${name} = ${JSON.stringify(abi)} as const;\n`;
});
writeFileSync(join(here, "src/abi.ts"), `// Written by abi.mjs.\n${lines.join("")}`);
