#!/usr/bin/env python3
"""Attribution on real data: what docs/attribution.md reports.

scikit-learn's digits; a small MLP with LoRA adapters of rank 4 (numpy, no framework); 20 % of the training labels
are flipped. The gradients are written as safetensors files; everything behind them is the `openledger` command's
native integer code: projection, witness, certified scores, KNN-Shapley, clusters.

    scripts/digits.sh                     six seeds, about three minutes
    scripts/digits.sh --seeds 1 --short   one seed, dimension 256 alone
"""
import argparse
import json
import os
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file
from sklearn.datasets import load_digits
from sklearn.metrics import roc_auc_score

# The experiment: sizes, and how long is trained.
PRETRAINED = 300  # images that the base model is trained on
TRAINED = 1000  # images that the adapter is trained on: one cluster each, so fewer than 1,024
FLIPPED = TRAINED // 5
HIDDEN = 128
RANK = 4
ALPHA = 8
BASE_STEPS, BASE_RATE = 200, 0.5
ADAPTER_STEPS, ADAPTER_RATE = 100, 0.003
MEMORISING_STEPS = 900  # more, after which the adapter knows most flipped labels by heart
# The sketch.
DIMS = (64, 256, 1024)
FRAC_BITS = 24
QUERIES = 16
NEIGHBOURS = 5
SHORT_KNN_QUERIES = 200  # of the short form; the full one asks for every held-out image
# Copying: datanet of so many owners, the first of whom copies into so many accounts.
OWNERS = 40
ACCOUNTS = 8
TOTAL_WEI = 10**18

# What has to come out, and what is reported beside it.
BOUNDS = {"ridge 256": 0.79, "knn-shapley": 0.99}


class Model:
    """64 → 128 → 128 → 10, ReLU; each layer's weights with an adapter W + α/r·B·A."""

    def __init__(self, random):
        sizes = (64, HIDDEN, HIDDEN, 10)
        pairs = list(zip(sizes, sizes[1:]))
        self.weights = [random.normal(0, np.sqrt(2 / a), (b, a)) for a, b in pairs]
        self.biases = [np.zeros(b) for _, b in pairs]
        self.a = [random.normal(0, 1 / np.sqrt(a), (RANK, a)) for a, _ in pairs]
        self.b = [np.zeros((b, RANK)) for _, b in pairs]
        self.scale = ALPHA / RANK

    def merged(self):
        return [w + self.scale * b @ a for w, a, b in zip(self.weights, self.a, self.b)]

    def forward(self, images, weights=None):
        weights = weights or self.merged()
        layers = [images]
        for index, (weight, bias) in enumerate(zip(weights, self.biases)):
            out = layers[-1] @ weight.T + bias
            layers.append(np.maximum(out, 0) if index < len(weights) - 1 else out)
        return layers

    def deltas(self, layers, labels, weights):
        """Gradient of each image's loss by each layer's outputs."""
        exponents = np.exp(layers[-1] - layers[-1].max(1, keepdims=True))
        last = exponents / exponents.sum(1, keepdims=True)
        last[np.arange(len(labels)), labels] -= 1
        deltas = [last]
        for index in range(len(weights) - 1, 0, -1):
            deltas.insert(0, (deltas[0] @ weights[index]) * (layers[index] > 0))
        return deltas

    def train_base(self, images, labels):
        for _ in range(BASE_STEPS):
            layers = self.forward(images, self.weights)
            deltas = self.deltas(layers, labels, self.weights)
            for weight, bias, delta, layer in zip(self.weights, self.biases, deltas, layers):
                weight -= BASE_RATE * delta.T @ layer / len(labels)
                bias -= BASE_RATE * delta.mean(0)

    def train_adapter(self, images, labels, steps):
        """Adam over the adapters alone."""
        parameters = self.a + self.b
        first = [np.zeros_like(p) for p in parameters]
        second = [np.zeros_like(p) for p in parameters]
        for step in range(1, steps + 1):
            weights = self.merged()
            layers = self.forward(images, weights)
            deltas = self.deltas(layers, labels, weights)
            full = [d.T @ h / len(labels) for d, h in zip(deltas, layers)]
            gradients = [self.scale * b.T @ g for b, g in zip(self.b, full)]
            gradients += [self.scale * g @ a.T for a, g in zip(self.a, full)]
            for p, g, m, v in zip(parameters, gradients, first, second):
                m += 0.1 * (g - m)
                v += 0.001 * (g * g - v)
                p -= ADAPTER_RATE * (m / (1 - 0.9**step)) / (np.sqrt(v / (1 - 0.999**step)) + 1e-8)

    def gradients(self, images, labels):
        """Of each image's loss by the adapters: a dictionary of tensors, images along the first axis."""
        weights = self.merged()
        layers = self.forward(images, weights)
        deltas = self.deltas(layers, labels, weights)
        tensors = {}
        for index, (a, b, delta, layer) in enumerate(zip(self.a, self.b, deltas, layers)):
            tensors[f"layers.{index}.lora_A.weight"] = self.scale * np.einsum("nr,ni->nri", delta @ b, layer)
            tensors[f"layers.{index}.lora_B.weight"] = self.scale * np.einsum("no,nr->nor", delta, layer @ a.T)
        return {name: tensor.astype(np.float32) for name, tensor in tensors.items()}

    def features(self, images):
        """The base model's last hidden layer."""
        return self.forward(images, self.weights)[-2]

    def accuracy(self, images, labels):
        return float((self.forward(images)[-1].argmax(1) == labels).mean())


class Command:
    """`openledger attribution`, and a directory for its files."""

    def __init__(self, binary, directory):
        self.binary, self.directory = binary, Path(directory)

    def __call__(self, *arguments):
        command = [self.binary, "attribution", *map(str, arguments)]
        done = subprocess.run(command, cwd=self.directory, capture_output=True, text=True)
        if done.returncode != 0:
            sys.exit(f"{' '.join(command)}: {done.stdout}{done.stderr}")
        return done.stdout


def rows_of(gradients, index):
    return {name: np.ascontiguousarray(tensor[index]) for name, tensor in gradients.items()}


def mean_of(gradients, indices):
    return {name: tensor[indices].mean(0) for name, tensor in gradients.items()}


def norms(gradients):
    return np.sqrt(sum((tensor.reshape(len(tensor), -1).astype(np.float64) ** 2).sum(1) for tensor in gradients.values()))


def shift_for(norm, dim):
    """The set's shift: an entry's spread, norm·2^fracBits, becomes about 30 of 127, more for small dimensions."""
    return max(0, round(FRAC_BITS + np.log2(max(norm, 1e-12) / 30)))


def sketch(command, listing, out, dim, seed, shift, *more):
    command("sketch", listing, "--out", out, "--dim", dim, "--seed", seed, "--frac-bits", FRAC_BITS, "--shift", shift, *more)


def scores(text):
    return {line["cluster"]: int(line["score"]) for line in json.loads(text)["clusters"]}


def influence(command, name, dim, seed, queries_list, listing, cap_norm, query_norm):
    """Certified scores of all rows, natively: sketch, solve, score."""
    shift = shift_for(cap_norm, dim)
    cap = int(round((cap_norm * 2.0**FRAC_BITS / 2.0**shift) ** 2 * dim))
    sketch(command, listing, f"{name}.rows", dim, seed, shift, "--norm-cap2", cap)
    sketch(command, queries_list, f"{name}.queries", dim, seed, shift_for(query_norm, dim), "--raw")
    rows = ("--rows", f"{name}.rows", "--dim", dim)
    command("solve", *rows, "--queries", f"{name}.queries", "--out", f"{name}.json")
    return scores(command("score", "influence", *rows, "--witness", f"{name}.json", "--json"))


def quantised(vectors, dim, scale):
    """Embeddings as int8, filled up with zeros."""
    out = np.zeros((len(vectors), dim), np.int8)
    out[:, : vectors.shape[1]] = np.clip(np.rint(vectors * scale), -127, 127)
    return out


def knn_shapley(command, train, labels, queries, query_labels, dim):
    """Shapley values summed over the queries, natively."""
    records = b"".join(
        index.to_bytes(4, "big") + int(label).to_bytes(2, "big") + row.tobytes()
        for index, (row, label) in enumerate(zip(train, labels))
    )
    (command.directory / "knn.rows").write_bytes(records)

    def one(number):
        path = f"knn.{number}"
        (command.directory / path).write_bytes(queries[number].tobytes())
        return scores(
            command("score", "knn", "--rows", "knn.rows", "--dim", dim, "--query", path, "--label", query_labels[number],
                    "--neighbours", NEIGHBOURS, "--json")
        )

    total = np.zeros(len(train), dtype=object)
    with ThreadPoolExecutor(2) as pool:
        for values in pool.map(one, range(len(queries))):
            total += np.array([values[index] for index in range(len(train))], dtype=object)
    return total.astype(np.float64)


def split(total, weights):
    """Largest remainder, as SPLIT does it."""
    weights = [max(0, w) for w in weights]
    whole = sum(weights)
    if whole == 0:
        return [0] * len(weights)
    parts = [total * w // whole for w in weights]
    order = sorted((i for i, w in enumerate(weights) if w), key=lambda i: (-(total * weights[i] % whole), i))
    for i in order[: total - sum(parts)]:
        parts[i] += 1
    return parts


def copying(command, data, gradients, model, seed, queries_list, cap_norm, query_norm, dim):
    """What an owner's payout becomes when their data is contributed from eight accounts."""
    images, labels = data
    shards = np.array_split(np.arange(len(labels)), OWNERS)
    for owner, shard in enumerate(shards):
        lines = [",".join(f"{v:g}" for v in (*images[i], labels[i])) for i in shard]
        (command.directory / f"owner{owner}.csv").write_text("\n".join(lines) + "\n")

    def payouts(name, contributions, canonical):
        """By account. `contributions`: (account, owner's shard), in the order of their commitments."""
        listing = "".join(f"- rows owner{owner}.csv\n" for _, owner in contributions)
        (command.directory / f"{name}.list").write_text(listing)
        settled = json.loads(command("cluster", f"{name}.list", "--json"))
        if canonical:
            # A copy joins the first registrant's cluster, and has no rows of its own.
            clusters = [(entry["cluster"], owner) for entry, (_, owner) in zip(settled, contributions) if entry["isNew"]]
            owners = {entry["cluster"]: account for entry, (account, _) in zip(settled, contributions) if entry["isNew"]}
        else:
            clusters = [(number, owner) for number, (_, owner) in enumerate(contributions)]
            owners = {number: account for number, (account, _) in enumerate(contributions)}
        rows = "".join(f"{cluster} {labels[i]} g/{i}.safetensors\n" for cluster, owner in clusters for i in shards[owner])
        (command.directory / f"{name}.rows.list").write_text(rows)
        values = influence(command, name, dim, seed, queries_list, f"{name}.rows.list", cap_norm, query_norm)
        wei = split(TOTAL_WEI, list(values.values()))
        paid = {}
        for cluster, amount in zip(values, wei):
            paid[owners[cluster]] = paid.get(owners[cluster], 0) + amount
        return paid, len(settled), sum(entry["isNew"] for entry in settled)

    honest = [(f"owner {owner}", owner) for owner in range(OWNERS)]
    alone, _, _ = payouts("alone", honest, True)
    # The copier is whoever the honest split pays the median of.
    ranked = sorted((paid, account) for account, paid in alone.items() if paid > 0)
    copier = int(ranked[len(ranked) // 2][1].split()[1])
    copies = honest + [(f"copy {n}", copier) for n in range(1, ACCOUNTS)]
    mine = [f"owner {copier}", *(f"copy {n}" for n in range(1, ACCOUNTS))]

    def gain(paid):
        return sum(paid.get(account, 0) for account in mine) / alone[f"owner {copier}"]

    with_clusters, contributed, clusters = payouts("clusters", copies, True)
    without, _, _ = payouts("without", copies, False)
    return gain(with_clusters), gain(without), contributed, clusters


def write_gradients(directory, gradients, wanted, given, partition):
    """Files and lists of the rows, and of the queries: mean gradients of parts of the clean images. The queries, the
    rows' median norm and the queries'."""
    (directory / "g").mkdir(exist_ok=True)
    for index in range(TRAINED):
        save_file(rows_of(gradients, index), directory / f"g/{index}.safetensors")
    listing = "".join(f"{index} {given[index]} g/{index}.safetensors\n" for index in range(TRAINED))
    (directory / "rows.list").write_text(listing)
    parts = [mean_of(wanted, part) for part in partition]
    for number, part in enumerate(parts):
        save_file(part, directory / f"q{number}.safetensors")
    (directory / "queries.list").write_text("".join(f"0 0 q{n}.safetensors\n" for n in range(QUERIES)))
    query_norms = [np.sqrt(sum((t.astype(np.float64) ** 2).sum() for t in part.values())) for part in parts]
    return parts, float(np.median(norms(gradients))), float(np.median(query_norms))


def run(command, seed, dims, short):
    random = np.random.default_rng(seed)
    images, labels = load_digits(return_X_y=True)
    order = random.permutation(len(labels))
    pixels, labels = images[order], labels[order]
    images = pixels / 16
    base, train, rest = np.split(np.arange(len(labels)), (PRETRAINED, PRETRAINED + TRAINED))
    given = labels[train].copy()
    flipped = random.permutation(TRAINED)[:FLIPPED]
    given[flipped] = (given[flipped] + random.integers(1, 10, FLIPPED)) % 10
    is_flipped = np.isin(np.arange(TRAINED), flipped)

    model = Model(random)
    model.train_base(images[base], labels[base])
    model.train_adapter(images[train], given, ADAPTER_STEPS)
    gradients = model.gradients(images[train], given)
    wanted = model.gradients(images[rest], labels[rest])
    result = {"accuracy": model.accuracy(images[rest], labels[rest])}

    partition = np.array_split(random.permutation(len(rest)), QUERIES)
    parts, cap_norm, query_norm = write_gradients(command.directory, gradients, wanted, given, partition)

    def auc(values):
        return float(roc_auc_score(is_flipped, -np.array([float(values[index]) for index in range(TRAINED)])))

    for dim in dims:
        values = influence(command, f"ridge{dim}", dim, 10_000 + seed, "queries.list", "rows.list", cap_norm, query_norm)
        result[f"ridge {dim}"] = auc(values)
    def without_sketch(gradients, parts, cap_norm):
        """The same in floating point over all parameters: of dot products, and of the ridge inverse."""
        flat = np.concatenate([t.reshape(TRAINED, -1) for t in gradients.values()], 1).astype(np.float64)
        flat *= np.minimum(1, cap_norm / np.maximum(norms(gradients), 1e-12))[:, None]
        query = sum(np.concatenate([t.ravel() for t in part.values()]) for part in parts)
        ridge = flat.T @ flat + (flat**2).sum() / 1024 * np.eye(flat.shape[1])
        both = (flat @ query, flat @ np.linalg.solve(ridge, query))
        return (float(roc_auc_score(is_flipped, -values)) for values in both)

    if not short:
        result["float dot"], result["float ridge"] = without_sketch(gradients, parts, cap_norm)

    features = model.features(images)
    scale = 127 / np.percentile(features[train], 99.5)
    embedded = quantised(features, HIDDEN, scale)
    queries = rest[:SHORT_KNN_QUERIES] if short else rest
    values = knn_shapley(command, embedded[train], given, embedded[queries], labels[queries], HIDDEN)
    result["knn-shapley"] = float(roc_auc_score(is_flipped, -values))

    gain = copying(command, (pixels[train], given), gradients, model, 20_000 + seed, "queries.list", cap_norm, query_norm, 256)
    result["copy gain, clusters"], result["copy gain, without"], contributed, clusters = gain
    result["clusters"] = f"{contributed} contributions in {clusters} clusters"
    if not short:
        result["fitted"] = model.accuracy(images[train], given)
        model.train_adapter(images[train], given, MEMORISING_STEPS)
        result["fitted, memorised"] = model.accuracy(images[train], given)
        gradients, wanted = model.gradients(images[train], given), model.gradients(images[rest], labels[rest])
        parts, *normed = write_gradients(command.directory, gradients, wanted, given, partition)
        values = influence(command, "memorised", 256, 30_000 + seed, "queries.list", "rows.list", *normed)
        result["ridge 256, memorised"] = auc(values)
        dot, ridge = without_sketch(gradients, parts, normed[0])
        result["float dot, memorised"], result["float ridge, memorised"] = dot, ridge
    return result


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", default=os.environ.get("OPENLEDGER_BIN", "openledger"), help="the openledger command")
    parser.add_argument("--seeds", type=int, default=6, help="how many seeds, from 0")
    parser.add_argument("--short", action="store_true", help="dimension 256 alone, fewer queries")
    arguments = parser.parse_args()
    if not 1 <= arguments.seeds <= 1000:
        parser.error("--seeds is not within 1 to 1000")
    dims = (256,) if arguments.short else DIMS
    results = []
    for seed in range(arguments.seeds):
        with tempfile.TemporaryDirectory(prefix="openledger-digits-") as directory:
            result = run(Command(arguments.binary, directory), seed, dims, arguments.short)
        results.append(result)
        shown = ", ".join(f"{name} {value:.3f}" if isinstance(value, float) else str(value) for name, value in result.items())
        print(f"seed {seed}: {shown}", flush=True)
    names = [name for name, value in results[0].items() if isinstance(value, float)]
    print(f"\nmean of {len(results)} seeds, and range")
    means = {name: float(np.mean([result[name] for result in results])) for name in names}
    for name in names:
        values = [result[name] for result in results]
        print(f"  {name:24} {means[name]:.3f}   {min(values):.3f} to {max(values):.3f}")
    failed = [f"{name} {means[name]:.3f} is below {bound}" for name, bound in BOUNDS.items() if means[name] < bound]
    if any(result["copy gain, clusters"] != 1 for result in results):
        failed.append("copying into accounts changed the payout")
    for line in failed:
        print(line)
    checks = len(BOUNDS) + 1
    print(f"{checks - len(failed)} passed, {len(failed)} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
