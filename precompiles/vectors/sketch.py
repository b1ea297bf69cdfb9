"""SKETCH's vectors beyond golden.json's: sparse projection, query batches, seeds, identifiers and the
order of clustering. Written for these vectors, from the specification's text, on reference.py's
primitives: python3 sketch.py [SEED] [OUT]. Needs numpy."""
import json
import sys

import numpy as np
from reference import (GOLD, MASK64, keccak256, minhash32, mix64, rdiv, ridge_verify, ridge_witness,
                       tdiv)

SPARSITIES = (4, 8)
LOW, HIGH = 2, 50


def u64(value):
    return value.to_bytes(8, "big")


def word(value):
    return value.to_bytes(32, "big")


def sm64(seed, index):
    return mix64((seed + (index + 1) * GOLD) & MASK64)


def project_sparse(values, dim, seed, sparsity, shift):
    sums, width = [0] * dim, dim // sparsity
    for i, value in enumerate(values):
        for r in range(sparsity):
            h = sm64(seed, i * sparsity + r)
            sums[r * width + h % width] += -value if h >> 63 else value
    return [max(-127, min(127, rdiv(s, 1 << shift))) for s in sums]


def batch(rows, clusters, lam, queries):
    """(clusters, sum, sumSq), or the first rejected query."""
    order = sorted(set(clusters))
    sums = {c: [0] * len(queries) for c in order}
    for b, (q, x, shift) in enumerate(queries):
        scores, ok, _, _ = ridge_verify(rows, q, x, lam, shift, 1, 256)
        if not ok:
            return dict(rejected=b)
        for cluster, score in zip(clusters, scores):
            a = int(score)
            sums[cluster][b] += a << (40 - shift) if shift <= 40 else tdiv(a, 1 << (shift - 40))
    return dict(cluster=order, sum=[str(sum(sums[c])) for c in order],
                sumSq=[str(sum(min(s * s, 1 << 120) for s in sums[c])) for c in order])


class Space:
    """Clusters of one space, as settlement assigns them."""

    def __init__(self, registry, datanet):
        self.id = keccak256(bytes(12) + registry + datanet)
        self.signatures, self.bands = [], {}

    def commit_id(self, number):
        return keccak256(self.id + word(number))

    def commitment(self, contributor, mh, data_root, salt):
        mh_hash = keccak256(b"".join(w.to_bytes(4, "big") for w in mh))
        return keccak256(self.id + bytes(12) + contributor + mh_hash + data_root + salt)

    def band_slot(self, j, mh):
        return keccak256(self.id + u64(j) + b"".join(u64(w) for w in mh[4 * j:4 * j + 4]))

    def assign(self, mh):
        slots = [self.band_slot(j, mh) for j in range(8)]
        best = None
        for cluster in {self.bands[s] for s in slots if s in self.bands}:
            equal = sum(a == b for a, b in zip(mh, self.signatures[cluster]))
            if equal >= 16 and (best is None or (-equal, cluster) < best):
                best = (-equal, cluster)
        if best is not None:
            return best[1], False
        cluster = len(self.signatures)
        self.signatures.append(mh)
        for slot in slots:
            self.bands.setdefault(slot, cluster)
        return cluster, True


def main():
    seed = int(sys.argv[1]) if len(sys.argv) > 1 else 20261121
    out = sys.argv[2] if len(sys.argv) > 2 else "sketch.json"
    random = np.random.default_rng(seed)
    integers = lambda low, high, n: [int(v) for v in random.integers(low, high, n)]
    octets = lambda n: bytes(integers(0, 256, n))
    vectors = {}

    vectors["project_sparse"] = []
    for dim in (64, 128, 256, 512, 1024):
        for sparsity in SPARSITIES:
            values = integers(-2**31, 2**31, 50)
            values[3] = 0
            stream = int.from_bytes(octets(8), "big")
            shift = int(random.integers(24, 32))
            vectors["project_sparse"].append(dict(
                t=values, D=dim, seed=str(stream), sparsity=sparsity, shift=shift,
                out=project_sparse(values, dim, stream, sparsity, shift)))

    vectors["batch"] = []
    for rows, dim, size, kind in ((9, 64, 1, "good"), (12, 64, 3, "good"), (40, 128, 16, "good"),
                                  (12, 64, 3, "bad"), (40, 512, 2, "shifted")):
        g = np.clip(np.rint(random.normal(0, 20, (rows, dim))), -127, 127).astype(np.int64)
        if kind == "shifted":
            # Long rows along one direction: a query along it has a small solution, so a shift above 40.
            signs = 1 - 2 * (g[0] % 2)
            g = np.tile(127 * signs, (rows, 1))
        lam = max(1, -(-int((g * g).sum()) // 1024))
        clusters = sorted(integers(0, rows // 2, rows))
        queries = []
        for b in range(size):
            q = np.clip(np.rint(g.sum(0) / 3 + random.normal(0, 5, dim)), -127, 127).astype(np.int64)
            x, shift = ridge_witness(g, q, lam, bits=15)
            if kind == "bad" and b == size - 2:
                x = np.clip(x + (np.arange(dim) % 7 == 0) * max(1, int(np.abs(x).max()) // 8), -16383, 16383)
            if kind == "shifted":
                q = (b + 1) * signs
                x, shift = ridge_witness(g, q, lam, bits=15)
            queries.append((q, x, shift))
        vectors["batch"].append(dict(
            D=dim, rows=g.reshape(-1).tolist(), clusters=clusters, lambda_=lam,
            q=[q.tolist() for q, _, _ in queries], x=[x.tolist() for _, x, _ in queries],
            shift=[s for _, _, s in queries], result=batch(g, clusters, lam, queries)))

    vectors["seed"] = []
    for set_id in (1, 2, 2**64 - 1):
        block_hash = octets(32)
        drawn = int.from_bytes(keccak256(block_hash + u64(set_id))[:8], "big")
        vectors["seed"].append(dict(block_hash=block_hash.hex(), set_id=str(set_id), seed=str(drawn)))

    registry, datanet, contributor = octets(20), octets(32), octets(20)
    space = Space(registry, datanet)
    tokens = integers(0, 50000, 40)
    mh, data_root, salt = minhash32(tokens), octets(32), octets(32)
    vectors["space"] = dict(
        registry=registry.hex(), datanet=datanet.hex(), space=space.id.hex(),
        commit_ids=[space.commit_id(n).hex() for n in (0, 1, 2**64 - 1)],
        contributor=contributor.hex(), tokens=tokens, mh=mh, data_root=data_root.hex(), salt=salt.hex(),
        commitment=space.commitment(contributor, mh, data_root, salt).hex(),
        band_slots=[space.band_slot(j, mh).hex() for j in range(8)])

    # Signatures that share chosen numbers of words with one another, in the order of their commitments:
    # exact copies, near copies on either side of 16 words, ties between two clusters, bands that an
    # unrelated cluster holds already, and copies whose every band another cluster holds.
    base = integers(0, 2**32 - 1, 32)
    fresh = lambda: integers(0, 2**32 - 1, 32)
    keep = lambda of, words: [of[j] if j in words else v for j, v in enumerate(fresh())]
    other = fresh()
    half = [base[j] if j < 16 else other[j] for j in range(32)]
    spread = [of for pair in zip(range(0, 32, 4), range(1, 32, 4), range(2, 32, 4)) for of in pair]
    squatters = [keep(half, range(4 * j, 4 * j + 4)) for j in range(8)]
    hidden = fresh()
    blockers = [keep(hidden, range(4 * j, 4 * j + 4)) for j in range(8)]
    commits = [base, base, keep(base, range(16)), keep(base, range(15)), other, half, half,
               keep(base, spread), keep(base, list(range(4)) + spread[3:15]), *squatters,
               *blockers, hidden, hidden, None, base, fresh(), other]
    space = Space(registry, datanet)
    assigned = []
    for mh in commits:
        if mh is None:
            assigned.append(None)
            continue
        cluster, is_new = space.assign(mh)
        assigned.append([cluster, is_new])
    vectors["clustering"] = dict(signatures=commits, assigned=assigned)

    with open(out, "w", encoding="ascii") as file:
        json.dump(vectors, file, separators=(",", ":"))
        file.write("\n")
    print({name: len(cases) for name, cases in vectors.items()})
    print([case["result"].get("rejected") for case in vectors["batch"]],
          [case["shift"][0] for case in vectors["batch"]])
    print(assigned)


main()
