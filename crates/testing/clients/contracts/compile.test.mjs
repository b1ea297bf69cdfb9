// The committed artifacts are what the sources compile to.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

test("artifacts are up to date", () => {
  const script = fileURLToPath(new URL("compile.mjs", import.meta.url));
  assert.doesNotThrow(() => execFileSync(process.execPath, [script, "--check"], { stdio: "inherit" }));
});
