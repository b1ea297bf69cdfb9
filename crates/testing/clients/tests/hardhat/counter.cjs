// Hardhat: compile, deploy, call, send, read events and errors, by hardhat-ethers.
const assert = require("node:assert/strict");
const { readFileSync } = require("node:fs");
const { join } = require("node:path");
const hre = require("hardhat");

const { ethers, network } = hre;
const committed = (name) => JSON.parse(readFileSync(join(__dirname, "..", "..", "artifacts", `${name}.json`), "utf8"));

async function failureOf(promise) {
  try {
    await promise;
  } catch (error) {
    return error;
  }
  return assert.fail("must fail");
}

describe(`Hardhat on ${network.name}`, function () {
  let signer;
  before(async function () {
    // On `remote` the node holds ten accounts; this suite's is the fourth (lib/target.mjs).
    const address = JSON.parse(readFileSync(process.env.CLIENTS_TARGET, "utf8")).accounts[3].address;
    signer = (await ethers.getSigners()).find((candidate) => candidate.address === address);
  });

  it("compiles to what is committed", async function () {
    for (const name of ["Counter", "Token", "Failures", "BatchAccount"]) {
      const { bytecode, deployedBytecode } = await hre.artifacts.readArtifact(name);
      assert.equal(bytecode, committed(name).bytecode, name);
      assert.equal(deployedBytecode, committed(name).deployedBytecode, name);
    }
  });

  it("finds the chain and an account with OPEN", async function () {
    const { chainId } = await ethers.provider.getNetwork();
    assert.equal(chainId, 161299n);
    assert.ok((await ethers.provider.getBalance(signer.address)) > 0n);
  });

  it("deploys and uses a contract", async function () {
    const counter = await ethers.deployContract("Counter", [1n], signer);
    await counter.waitForDeployment();
    assert.equal(await counter.number(), 1n);
    const response = await counter.setNumber(17n);
    const receipt = await response.wait();
    assert.equal(receipt.status, 1);
    assert.equal(await counter.number(), 17n);
    const events = await counter.queryFilter("NumberChanged", receipt.blockNumber, receipt.blockNumber);
    assert.deepEqual(
      events.map(({ args }) => [args.by, args.number, args.why]),
      [[signer.address, 17n, "set"]],
    );
    const attached = await ethers.getContractAt("Counter", await counter.getAddress(), signer);
    assert.equal(await attached.increment.staticCall(), 18n);
  });

  it("decodes a custom error and a reason", async function () {
    const token = await ethers.deployContract("Token", [4n], signer);
    await token.waitForDeployment();
    const custom = await failureOf(token.transfer(signer.address, 5n));
    assert.match(`${custom.message} ${custom.data ?? ""}`, /InsufficientBalance|0xdb42144d/);
    const failures = await ethers.deployContract("Failures", [], signer);
    await failures.waitForDeployment();
    assert.match((await failureOf(failures.failWithReason())).message, /the reason given/);
  });

  it("sends a plain transfer", async function () {
    const recipient = ethers.Wallet.createRandom().address;
    await (await signer.sendTransaction({ to: recipient, value: 99n })).wait();
    assert.equal(await ethers.provider.getBalance(recipient), 99n);
  });

  it("signs messages and typed data", async function () {
    const signature = await signer.signMessage("OPEN sesame");
    assert.equal(ethers.verifyMessage("OPEN sesame", signature), signer.address);
    const domain = { name: "Test", chainId: 161299 };
    const types = { Note: [{ name: "text", type: "string" }] };
    const typed = await signer.signTypedData(domain, types, { text: "hello" });
    assert.equal(ethers.verifyTypedData(domain, types, { text: "hello" }, typed), signer.address);
  });
});
