// Compiles the test contracts with npm's solc and writes artifacts/NAME.json ({ contractName, abi, bytecode,
// deployedBytecode }). The artifacts are committed, so that the tests compile nothing; `--check` compares instead of
// writing. The settings are those of ../foundry.toml and ../hardhat.config.cjs, and the bytecode must come out the same.
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const solc = createRequire(import.meta.url)("solc");
const here = dirname(fileURLToPath(import.meta.url));
const check = process.argv.includes("--check");

const files = readdirSync(here).filter((file) => file.endsWith(".sol"));
const input = {
  language: "Solidity",
  sources: Object.fromEntries(files.map((file) => [file, { content: readFileSync(join(here, file), "utf8") }])),
  settings: {
    evmVersion: "prague",
    optimizer: { enabled: true, runs: 200 },
    metadata: { appendCBOR: false, bytecodeHash: "none" },
    outputSelection: { "*": { "*": ["abi", "evm.bytecode.object", "evm.deployedBytecode.object"] } },
  },
};
const output = JSON.parse(solc.compile(JSON.stringify(input)));
for (const error of output.errors ?? []) {
  console.error(error.formattedMessage);
  if (error.severity === "error") process.exitCode = 1;
}
for (const [file, contracts] of Object.entries(output.contracts ?? {})) {
  for (const [contractName, { abi, evm }] of Object.entries(contracts)) {
    const artifact = {
      contractName,
      abi,
      bytecode: `0x${evm.bytecode.object}`,
      deployedBytecode: `0x${evm.deployedBytecode.object}`,
    };
    const path = join(here, "..", "artifacts", `${contractName}.json`);
    const text = `${JSON.stringify(artifact, null, 2)}\n`;
    if (!check) writeFileSync(path, text);
    else if (readFileSync(path, "utf8") !== text) {
      console.error(`${path} is not what ${file} compiles to: run node contracts/compile.mjs`);
      process.exitCode = 1;
    }
  }
}
