// `npm start`: the journey on the chain at OPENLEDGER_RPC_URL, and who earned what, and why.
import { formatEther } from "viem";
import { journey } from "./journey.js";
import { ROLES } from "./world.js";

const url = process.env.OPENLEDGER_RPC_URL ?? "http://127.0.0.1:8545";
const ledger = await journey(url, (line) => console.log(`  ${line}`)).catch((error: Error) => {
  console.error(`error: ${error.message}`);
  process.exit(1);
});
console.log("\nWho was owed what, in OPEN:");
for (const name of ROLES) {
  const lines = ledger.lines.filter(({ to }) => to === name);
  if (lines.length === 0) continue;
  console.log(`${name.padEnd(10)} ${formatEther(ledger.total(name)).padStart(24)}`);
  for (const { amount, what } of lines) console.log(`${" ".repeat(10)} ${formatEther(amount).padStart(24)}  ${what}`);
}
