#!/usr/bin/env node
// What forge asks of a `solc` command, answered by the npm package `solc` (the compiler as WebAssembly):
//
//   solc --version          the long version, in the native command's form
//   solc --standard-json    standard JSON in on stdin, standard JSON out on stdout
//
// Forge embeds every source in its input; the import callback below is only there for hand-written input.
'use strict';
const fs = require('fs');
const path = require('path');

const args = process.argv.slice(2);
const packageDir = path.dirname(require.resolve('solc/package.json', { paths: [path.join(__dirname, '..')] }));

// The compiler installs handlers that turn any later exception of this process into an abort: take them off again.
function loadCompiler() {
  const events = ['uncaughtException', 'unhandledRejection'];
  const before = events.map((event) => process.listeners(event));
  const compiler = require(packageDir);
  events.forEach((event, i) => {
    for (const listener of process.listeners(event)) {
      if (!before[i].includes(listener)) process.removeListener(event, listener);
    }
  });
  return compiler;
}

// Loading 10 MB of WebAssembly to learn a version takes most of a second, and forge asks often: remember the answer.
function longVersion() {
  const { version } = JSON.parse(fs.readFileSync(path.join(packageDir, 'package.json'), 'utf8'));
  const cached = path.join(packageDir, '..', '.cache', `solc-${version}`);
  try {
    return fs.readFileSync(cached, 'utf8');
  } catch {
    const long = loadCompiler().version();
    try {
      fs.mkdirSync(path.dirname(cached), { recursive: true });
      fs.writeFileSync(cached, long);
    } catch {
      // A read-only tree only costs time.
    }
    return long;
  }
}

function readImport(name) {
  try {
    return { contents: fs.readFileSync(name, 'utf8') };
  } catch {
    return { error: `File not found: ${name}` };
  }
}

function writeAll(text) {
  const bytes = Buffer.from(text);
  for (let offset = 0; offset < bytes.length; ) {
    try {
      offset += fs.writeSync(1, bytes, offset);
    } catch (error) {
      if (error.code !== 'EAGAIN') throw error;
    }
  }
}

if (args.includes('--version')) {
  const version = longVersion().replace('.Emscripten.clang', '.Linux.g++');
  writeAll(`solc, the solidity compiler commandline interface\nVersion: ${version}\n`);
} else if (args.includes('--standard-json')) {
  writeAll(loadCompiler().compile(fs.readFileSync(0, 'utf8'), { import: readImport }));
} else {
  process.stderr.write('tools/solc answers only --version and --standard-json\n');
  process.exitCode = 2;
}
