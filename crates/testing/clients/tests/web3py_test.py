"""web3.py: transfers, contracts, events, filters, errors, batches and the WebSocket provider."""

import asyncio
import json
import os
import time
import unittest
from pathlib import Path

from eth_account import Account
from web3 import AsyncWeb3, HTTPProvider, Web3, WebSocketProvider
from web3.exceptions import ContractCustomError, ContractLogicError, Web3RPCError

TARGET = json.loads(Path(os.environ["CLIENTS_TARGET"]).read_text())
ARTIFACTS = Path(__file__).parent.parent / "artifacts"
# Each suite sends from an account of its own: see lib/target.mjs.
SENDER = Account.from_key(TARGET["accounts"][2]["privateKey"])


def artifact(name):
    return json.loads((ARTIFACTS / f"{name}.json").read_text())


def connect():
    w3 = Web3(HTTPProvider(TARGET["rpcUrl"]))
    w3.eth.default_account = SENDER.address
    return w3


class Web3Py(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.w3 = connect()

    def send(self, transaction):
        """Signs and sends what `transaction` adds to the defaults; answers the sealed receipt."""
        w3 = self.w3
        transaction = {
            "from": SENDER.address,
            "chainId": w3.eth.chain_id,
            "nonce": w3.eth.get_transaction_count(SENDER.address, "pending"),
            **transaction,
        }
        if "gas" not in transaction:
            transaction["gas"] = w3.eth.estimate_gas(transaction)
        if "maxFeePerGas" not in transaction and "gasPrice" not in transaction:
            tip = w3.eth.max_priority_fee
            transaction["maxPriorityFeePerGas"] = tip
            transaction["maxFeePerGas"] = 2 * w3.eth.get_block("latest")["baseFeePerGas"] + tip
        signed = SENDER.sign_transaction(transaction)
        hash_ = w3.eth.send_raw_transaction(signed.raw_transaction)
        self.assertEqual(hash_, signed.hash)
        return w3.eth.wait_for_transaction_receipt(hash_, timeout=20, poll_latency=0.1)

    def deploy(self, name, *args):
        made = artifact(name)
        contract = self.w3.eth.contract(abi=made["abi"], bytecode=made["bytecode"])
        built = contract.constructor(*args).build_transaction({"from": SENDER.address, "nonce": 0})
        receipt = self.send({"data": built["data"]})
        self.assertEqual(receipt["status"], 1)
        return self.w3.eth.contract(receipt["contractAddress"], abi=made["abi"]), receipt

    def test_chain(self):
        w3 = self.w3
        self.assertTrue(w3.is_connected(show_traceback=True))
        self.assertEqual(w3.eth.chain_id, 161299)
        self.assertEqual(w3.net.version, "161299")
        self.assertTrue(w3.net.listening)
        self.assertEqual(w3.net.peer_count, 0)
        self.assertFalse(w3.eth.syncing)
        self.assertIn("/", w3.client_version)
        self.assertEqual(w3.eth.get_balance(TARGET["accounts"][9]["address"]), Web3.to_wei(10_000, "ether"))
        latest = w3.eth.get_block("latest")
        self.assertEqual(w3.eth.get_block(latest["hash"])["number"], latest["number"])
        for tag in ("earliest", "finalized", "safe", "pending"):
            self.assertIsNotNone(w3.eth.get_block(tag)["number"])

    def test_transfer(self):
        recipient = Account.create().address
        receipt = self.send({"to": recipient, "value": 12345, "gas": 21_000})
        self.assertEqual(receipt["status"], 1)
        self.assertEqual(self.w3.eth.get_balance(recipient), 12345)
        transaction = self.w3.eth.get_transaction(receipt["transactionHash"])
        self.assertEqual(transaction["blockHash"], receipt["blockHash"])
        self.assertEqual(transaction["value"], 12345)
        raw = self.w3.eth.get_raw_transaction(receipt["transactionHash"])
        self.assertEqual(Web3.keccak(raw), receipt["transactionHash"])
        place = (receipt["blockNumber"], receipt["transactionIndex"])
        self.assertEqual(self.w3.eth.get_transaction_by_block(*place)["hash"], receipt["transactionHash"])
        self.assertEqual(self.w3.eth.get_raw_transaction_by_block(*place), raw)
        receipts = self.w3.eth.get_block_receipts(receipt["blockNumber"])
        self.assertEqual(receipts[receipt["transactionIndex"]]["transactionHash"], receipt["transactionHash"])

    def test_legacy_gas_price(self):
        receipt = self.send(
            {"to": SENDER.address, "value": 1, "gas": 21_000, "gasPrice": 2 * self.w3.eth.gas_price}
        )
        self.assertEqual((receipt["status"], receipt["type"]), (1, 0))

    def test_contract_and_events(self):
        counter, deployed = self.deploy("Counter", 5)
        self.assertEqual(counter.functions.number().call(), 5)
        self.assertEqual(counter.functions.increment().call(), 6)
        built = counter.functions.setNumber(70).build_transaction({"nonce": 0})
        receipt = self.send({"to": counter.address, "data": built["data"]})
        self.assertEqual(counter.functions.number().call(), 70)
        self.assertEqual(counter.functions.number().call(block_identifier=deployed["blockNumber"]), 5)
        self.assertEqual(counter.functions.number().call(block_identifier=deployed["blockHash"]), 5)
        [event] = counter.events.NumberChanged().process_receipt(receipt)
        self.assertEqual(event["args"]["why"], "set")
        logs = counter.events.NumberChanged.get_logs(from_block=deployed["blockNumber"])
        self.assertEqual([log["args"]["number"] for log in logs], [5, 70])
        one = counter.events.NumberChanged.get_logs(
            from_block=deployed["blockNumber"], argument_filters={"number": 70}
        )
        self.assertEqual([log["transactionHash"] for log in one], [receipt["transactionHash"]])
        self.assertEqual(self.w3.eth.get_code(counter.address).to_0x_hex(), artifact("Counter")["deployedBytecode"])

    def test_filters(self):
        counter, _ = self.deploy("Counter", 0)
        logs = self.w3.eth.filter({"address": counter.address})
        blocks = self.w3.eth.filter("latest")
        pending = self.w3.eth.filter("pending")
        built = counter.functions.increment().build_transaction({"nonce": 0})
        receipt = self.send({"to": counter.address, "data": built["data"]})
        [log] = logs.get_new_entries()
        self.assertEqual(log["transactionHash"], receipt["transactionHash"])
        self.assertEqual(logs.get_new_entries(), [])
        self.assertIn(receipt["blockHash"], blocks.get_new_entries())
        self.assertIn(receipt["transactionHash"], pending.get_new_entries())
        for filter_ in (logs, blocks, pending):
            self.assertTrue(self.w3.eth.uninstall_filter(filter_.filter_id))
            self.assertFalse(self.w3.eth.uninstall_filter(filter_.filter_id))

    def test_errors(self):
        token, _ = self.deploy("Token", 10)
        with self.assertRaises(ContractCustomError) as raised:
            token.functions.transfer(Account.create().address, 11).call()
        self.assertTrue(raised.exception.data.startswith("0xdb42144d"), raised.exception.data)
        with self.assertRaises(ContractCustomError):
            token.functions.transfer(Account.create().address, 11).estimate_gas()
        failures, _ = self.deploy("Failures")
        with self.assertRaisesRegex(ContractLogicError, "the reason given"):
            failures.functions.failWithReason().call()
        with self.assertRaisesRegex(Web3RPCError, "nonce too low"):
            self.send({"to": SENDER.address, "value": 1, "gas": 21_000, "nonce": 0})
        poor = Account.create()
        signed = poor.sign_transaction(
            {"to": SENDER.address, "value": 1, "gas": 21_000, "gasPrice": 10**10, "nonce": 0, "chainId": 161299}
        )
        with self.assertRaisesRegex(Web3RPCError, "insufficient funds"):
            self.w3.eth.send_raw_transaction(signed.raw_transaction)

    def test_fees_and_proof(self):
        history = self.w3.eth.fee_history(2, "latest", [25, 75])
        self.assertEqual(len(history["baseFeePerGas"]), len(history["gasUsedRatio"]) + 1)
        self.assertTrue(all(len(rewards) == 2 for rewards in history["reward"]))
        counter, deployed = self.deploy("Counter", 9)
        proof = self.w3.eth.get_proof(counter.address, [0], deployed["blockNumber"])
        self.assertEqual(int.from_bytes(proof["storageProof"][0]["value"]), 9)
        self.assertEqual(int.from_bytes(self.w3.eth.get_storage_at(counter.address, 0)), 9)
        access = self.w3.eth.create_access_list(
            {"from": SENDER.address, "to": counter.address, "data": "0xd09de08a"}
        )
        self.assertEqual([entry["address"] for entry in access["accessList"]], [counter.address])

    def test_simulate_and_state_override(self):
        counter, _ = self.deploy("Counter", 1)
        result = self.w3.eth.call(
            {"to": counter.address, "data": "0x8381f58a"},
            "latest",
            {counter.address: {"stateDiff": {"0x" + "00" * 32: "0x" + "00" * 31 + "2a"}}},
        )
        self.assertEqual(int.from_bytes(result), 42)
        call = {"from": SENDER.address, "to": counter.address, "data": "0xd09de08a"}
        [block] = self.w3.eth.simulate_v1({"blockStateCalls": [{"calls": [call, call]}]}, "latest")
        self.assertEqual([int.from_bytes(call["returnData"]) for call in block["calls"]], [2, 3])

    def test_batch(self):
        with self.w3.batch_requests() as batch:
            batch.add(self.w3.eth.get_block("latest"))
            batch.add(self.w3.eth.get_balance(TARGET["accounts"][9]["address"]))
            batch.add(self.w3.eth.get_transaction_count(SENDER.address))
            block, balance, _ = batch.execute()
        self.assertIn("hash", block)
        self.assertEqual(balance, Web3.to_wei(10_000, "ether"))

    def test_authorization(self):
        batch_account, _ = self.deploy("BatchAccount")
        owner = Account.create()
        authorization = owner.sign_authorization({"chainId": 161299, "address": batch_account.address, "nonce": 0})
        receipt = self.send({"to": owner.address, "gas": 100_000, "authorizationList": [authorization]})
        self.assertEqual((receipt["status"], receipt["type"]), (1, 4))
        expected = "0xef0100" + batch_account.address[2:].lower()
        self.assertEqual(self.w3.eth.get_code(owner.address).to_0x_hex(), expected)

    def test_websocket(self):
        async def heads():
            async with AsyncWeb3(WebSocketProvider(TARGET["wsUrl"])) as w3:
                self.assertEqual(await w3.eth.chain_id, 161299)
                subscription = await w3.eth.subscribe("newHeads")
                logs = await w3.eth.subscribe("logs", {"address": TARGET["accounts"][9]["address"]})
                seen = []
                async for message in w3.socket.process_subscriptions():
                    self.assertEqual(message["subscription"], subscription)
                    seen.append(message["result"])
                    if len(seen) == 2:
                        break
                self.assertTrue(await w3.eth.unsubscribe(subscription))
                self.assertTrue(await w3.eth.unsubscribe(logs))
                return seen

        # A block every second, also with nothing to do: the sequencer seals on the block time.
        started = time.monotonic()
        first, second = asyncio.run(asyncio.wait_for(heads(), 15))
        self.assertEqual(second["parentHash"], first["hash"])
        self.assertEqual(second["number"], first["number"] + 1)
        self.assertLess(time.monotonic() - started, 10)


if __name__ == "__main__":
    unittest.main()
