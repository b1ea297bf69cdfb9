#!/usr/bin/env python3
"""Real LoRA files against the registry of a local chain.

Adapters made by PEFT of a tiny Llama (random weights, nothing is downloaded), and by the safetensors library alone,
are registered with `openledger attribution submit` on an `openledger dev` of their own; kinds that the registry
doesn't take are refused, each by its name. See scripts/adapters.sh.
"""
import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file

START_TIMEOUT_S = 60
LAYERS = 3
HIDDEN, INNER, GROUPED = 32, 88, 16
PREFIX = "base_model.model.model.layers."
MODULES = {
    "self_attn.q_proj": (HIDDEN, HIDDEN),
    "self_attn.k_proj": (HIDDEN, GROUPED),
    "self_attn.v_proj": (HIDDEN, GROUPED),
    "self_attn.o_proj": (HIDDEN, HIDDEN),
    "mlp.gate_proj": (HIDDEN, INNER),
    "mlp.up_proj": (HIDDEN, INNER),
    "mlp.down_proj": (INNER, HIDDEN),
}
TARGETS = [path.split(".")[1] for path in MODULES]


class Chain:
    """An `openledger dev` on free ports."""

    def __init__(self, binary, directory):
        self.binary, self.directory = binary, Path(directory)
        home = self.directory / "chain"
        self.log = open(self.directory / "dev.log", "w")
        command = [binary, "dev", "--instant", "--http.port", "0", "--data-dir", str(home)]
        self.process = subprocess.Popen(command, stdout=self.log, stderr=self.log)
        deadline = time.monotonic() + START_TIMEOUT_S
        while not (home / "dev.json").exists():
            if self.process.poll() is not None or time.monotonic() > deadline:
                sys.exit(f"the chain doesn't start: {(self.directory / 'dev.log').read_text()}")
            time.sleep(0.05)
        report = json.loads((home / "dev.json").read_text())
        self.environment = dict(os.environ, OPENLEDGER_RPC_URL=report["rpcUrl"],
                                OPENLEDGER_KEY=report["accounts"][0]["privateKey"])

    def submit(self, *arguments):
        """Exit code, standard output, standard error."""
        command = [self.binary, "attribution", "submit", *map(str, arguments), "--mine", "--json"]
        done = subprocess.run(command, env=self.environment, capture_output=True, text=True)
        return done.returncode, done.stdout, done.stderr

    def stop(self):
        self.process.terminate()
        self.process.wait(timeout=START_TIMEOUT_S)


def by_hand(directory, rank=4, dtype=np.float32, layers=range(LAYERS), modules=tuple(MODULES)):
    """An adapter with PEFT's names and metadata, by safetensors alone."""
    random = np.random.default_rng(7)
    tensors = {}
    for layer in layers:
        for path in modules:
            inputs, outputs = MODULES[path]
            for factor, shape in (("A", (rank, inputs)), ("B", (outputs, rank))):
                tensors[f"{PREFIX}{layer}.{path}.lora_{factor}.weight"] = random.normal(size=shape).astype(dtype)
    directory.mkdir()
    save_file(tensors, directory / "adapter_model.safetensors", metadata={"format": "pt"})
    (directory / "adapter_config.json").write_text(json.dumps({"lora_alpha": 2 * rank, "r": rank}))
    return directory


def by_peft(directory, dtype=None, modules_to_save=None, **settings):
    """An adapter as PEFT saves it, with factors that aren't zero."""
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(7)
    config = LlamaConfig(hidden_size=HIDDEN, intermediate_size=INNER, num_hidden_layers=LAYERS, num_attention_heads=4,
                         num_key_value_heads=2, vocab_size=64, max_position_embeddings=64)
    settings = {"r": 4, "lora_alpha": 8, "target_modules": TARGETS, "task_type": "CAUSAL_LM",
                "init_lora_weights": False, **settings}
    model = LlamaForCausalLM(config)
    model = get_peft_model(model, LoraConfig(modules_to_save=modules_to_save, **settings))
    if dtype is not None:
        model = model.to(getattr(torch, dtype))
    model.save_pretrained(directory)
    return directory


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", default=os.environ.get("OPENLEDGER_BIN", "openledger"), help="the openledger command")
    parser.add_argument("--without-peft", action="store_true", help="only what needs no torch")
    arguments = parser.parse_args()

    per_layer = sum(a + b for a, b in MODULES.values())
    some = sum(sum(MODULES[f"self_attn.{name}"]) for name in ("q_proj", "v_proj"))
    # Name, how it is made, and the number of parameters or the refusal's name.
    cases = [
        ("safetensors F32", lambda path: by_hand(path), 4 * LAYERS * per_layer),
        ("safetensors F16, rank 2, layers 1 and 2",
         lambda path: by_hand(path, rank=2, dtype=np.float16, layers=(1, 2)), 2 * 2 * per_layer),
        ("safetensors, a module fewer in a layer",
         lambda path: without(by_hand(path), f"{PREFIX}1.mlp.up_proj.lora_A.weight"), "TensorMissing"),
        ("safetensors F64", lambda path: by_hand(path, dtype=np.float64), "HeaderUnknownDtype"),
    ]
    if not arguments.without_peft:
        cases += [
            ("PEFT F32", lambda path: by_peft(path), 4 * LAYERS * per_layer),
            ("PEFT BF16", lambda path: by_peft(path, dtype="bfloat16"), 4 * LAYERS * per_layer),
            ("PEFT F16, rank 8", lambda path: by_peft(path, dtype="float16", r=8), 8 * LAYERS * per_layer),
            ("PEFT, two modules", lambda path: by_peft(path, target_modules=["q_proj", "v_proj"]), 4 * LAYERS * some),
            ("PEFT, layer 1 alone", lambda path: by_peft(path, layers_to_transform=[1]), 4 * per_layer),
            ("PEFT, DoRA", lambda path: by_peft(path, use_dora=True), "DoraUnsupported"),
            ("PEFT, ranks by module", lambda path: by_peft(path, rank_pattern={"v_proj": 2}), "RankPatternUnsupported"),
            ("PEFT, modules to save", lambda path: by_peft(path, modules_to_save=["lm_head"]), "ModulesToSaveUnsupported"),
        ]
    passed = failed = 0
    with tempfile.TemporaryDirectory(prefix="openledger-peft-") as directory:
        directory = Path(directory)
        chain = Chain(arguments.binary, directory)
        try:
            whole = by_hand(directory / "whole") / "adapter_model.safetensors"
            (directory / "config.json").write_text(json.dumps({"hidden_size": HIDDEN, "num_hidden_layers": LAYERS}))
            code, out, error = chain.submit("base", whole, "--name", "tiny-llama", "--config", directory / "config.json",
                                            "--layers", LAYERS, "--out", directory / "base.json",
                                            "--journal", directory / "base.journal")
            if code != 0:
                sys.exit(f"the base isn't registered: {out}{error}")
            for number, (name, make, expected) in enumerate(cases):
                file = make(directory / f"case{number}") / "adapter_model.safetensors"
                code, out, error = chain.submit("adapter", file, "--base", directory / "base.json",
                                                "--journal", directory / f"{number}.journal")
                if isinstance(expected, int):
                    good = code == 0 and json.loads(out)["params"] == expected
                else:
                    good = code == 1 and expected in error
                passed, failed = passed + good, failed + (not good)
                shown = f"{expected} parameters" if isinstance(expected, int) else expected
                print(f"{'ok' if good else 'FAILED'}: {name}: {shown}{'' if good else f': {out}{error}'}", flush=True)
        finally:
            chain.stop()
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


def without(directory, name):
    """The same file less one tensor."""
    from safetensors.numpy import load_file

    path = directory / "adapter_model.safetensors"
    tensors = load_file(path)
    del tensors[name]
    save_file(tensors, path, metadata={"format": "pt"})
    return directory


if __name__ == "__main__":
    sys.exit(main())
