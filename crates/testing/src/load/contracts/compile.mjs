// Compiles the load generator's contracts with the solc of contracts/ and writes NAME.hex, the creation bytecode. The
// files are committed, so that building the load generator compiles no Solidity; `--check` compares instead of writing.
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const here = dirname(fileURLToPath(import.meta.url));
const solc = createRequire(join(here, "../../../../../contracts/package.json"))("solc");
const check = process.argv.includes("--check");

const files = readdirSync(here).filter((file) => file.endsWith(".sol"));
const input = {
  language: "Solidity",
  sources: Object.fromEntries(files.map((file) => [file, { content: readFileSync(join(here, file), "utf8") }])),
  settings: {
    evmVersion: "prague",
    optimizer: { enabled: true, runs: 200 },
    metadata: { appendCBOR: false, bytecodeHash: "none" },
    outputSelection: { "*": { "*": ["evm.bytecode.object"] } },
  },
};
const output = JSON.parse(solc.compile(JSON.stringify(input)));
for (const error of output.errors ?? []) {
  console.error(error.formattedMessage);
  if (error.severity === "error") process.exitCode = 1;
}
for (const [file, contracts] of Object.entries(output.contracts ?? {})) {
  for (const [name, { evm }] of Object.entries(contracts)) {
    const path = join(here, `${name}.hex`);
    const text = `${evm.bytecode.object}\n`;
    if (!check) writeFileSync(path, text);
    else if (readFileSync(path, "utf8") !== text) {
      console.error(`${path} is not what ${file} compiles to: run node compile.mjs`);
      process.exitCode = 1;
    }
  }
}
