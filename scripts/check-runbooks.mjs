// Every `error` in the log means that somebody has to act, so each is in the runbooks: looks in the sources for the
// messages of error!(…) and for each in docs/runbooks/README.md. Prints those that are missing and fails.
import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";

const root = new URL("..", import.meta.url).pathname;
const runbooks = readFileSync(join(root, "docs/runbooks/README.md"), "utf8").replace(/\s+/g, " ");

function* sources(directory) {
  for (const entry of readdirSync(directory, { withFileTypes: true })) {
    const path = join(directory, entry.name);
    if (entry.isDirectory()) {
      if (!["node_modules", "target", "tests", "benches", "fuzz", "testing"].includes(entry.name)) yield* sources(path);
    } else if (entry.name.endsWith(".rs")) {
      yield path;
    }
  }
}

let found = 0;
let missing = 0;
for (const directory of ["crates", "sequencer"]) {
  for (const path of sources(join(root, directory))) {
    for (const [, literal] of readFileSync(path, "utf8").matchAll(/\berror!\([^;"]*"([^"]+)"[\s,]*\)/g)) {
      // What is filled in stands for anything.
      const parts = literal.replace(/\\\s*\n\s*/g, "").split(/\{[^}]*\}/).map((part) => part.trim()).filter(Boolean);
      found += 1;
      if (!parts.every((part) => runbooks.includes(part))) {
        missing += 1;
        console.error(`${path.slice(root.length)}: "${literal}" is not in docs/runbooks/README.md`);
      }
    }
  }
}
if (found < 20) throw new Error(`only ${found} messages were found: is the pattern still right?`);
console.log(`${found} messages, ${missing} missing`);
process.exit(missing ? 1 : 0);
