#!/usr/bin/env python3
"""Vectors of SPAN and SPLIT beyond golden.json: python3 span_split.py [SEED] [OUT] [CASES].

Sections `split`, `kgram` and `span` have golden.json's format; `gate`, `winnow` and `index` are described
in README.md. Plain integers, written after docs/spec/precompiles.md and from nothing else, so
that the vectors don't repeat the native code's mistakes. Needs nothing but Python 3.9.
"""
import json
import random
import sys

MASK = (1 << 64) - 1
GOLD = 0x9E3779B97F4A7C15
FIRST = 64


def mix64(z):
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
    return z ^ (z >> 31)


def kgrams(tokens, k, salt):
    hashes = []
    for i in range(len(tokens) - k + 1):
        h = salt
        for t in tokens[i : i + k]:
            h = mix64(h ^ ((t + 1) * GOLD & MASK))
        hashes.append(h)
    return hashes


def winnow(hashes, w):
    out = set()
    if hashes:
        for first in range(max(1, len(hashes) - w + 1)):
            window = range(first, min(first + w, len(hashes)))
            out.add(min(window, key=lambda i: (hashes[i], -i)))
    return sorted(out)


def chains(positions, gap):
    runs = [[positions[0]]]
    for p in positions[1:]:
        if p - runs[-1][-1] <= gap:
            runs[-1].append(p)
        else:
            runs.append([p])
    return runs


def span(tokens, index, k, w, df_cap, min_span, salt):
    by_fp = {}
    for fp, cluster, locus in index:
        by_fp.setdefault(fp, []).append((cluster, locus))
    aligned = {}
    for i, h in enumerate(kgrams(tokens, k, salt)):
        found = by_fp.get(h >> 16, [])[:FIRST]
        if len({c for c, _ in found}) > df_cap:
            continue
        for c, locus in found:
            aligned.setdefault((c, locus - i), []).append(i)
    spans = []
    for (c, _), positions in aligned.items():
        for run in chains(positions, w + k - 1):
            length = run[-1] + k - run[0]
            if length >= min_span:
                spans.append((-length, c, run[0]))
    owner, spans = {}, sorted(spans)
    for length, c, start in spans:
        for i in range(start, start - length):
            owner.setdefault(i, c)
    scores = {}
    for c in owner.values():
        scores[c] = scores.get(c, 0) + 1
    return scores, len(owner), [[-length, c, start] for length, c, start in spans]


def build(documents, k, w, salt, min_span):
    """The index of documents in order of (cluster, locus): copies of at least min_span fingerprints drop."""
    entries = []
    for cluster in sorted({d["cluster"] for d in documents}):
        lower = {}
        for fp, c, locus in sorted(entries):
            lower.setdefault(fp, []).append((c, locus))
        for d in documents:
            if d["cluster"] != cluster:
                continue
            hashes = kgrams(d["tokens"], k, salt)
            aligned, selected = {}, winnow(hashes, w)
            for p in selected:
                for c, locus in lower.get(hashes[p] >> 16, [])[:FIRST]:
                    aligned.setdefault((c, locus - p), []).append(p)
            copied = set()
            for positions in aligned.values():
                for run in chains(positions, w + k - 1):
                    if len(run) >= max(1, min_span):
                        copied.update(run)
            for p in selected:
                if p not in copied:
                    entries.append((hashes[p] >> 16, cluster, d["locus"] + p))
    return sorted(entries)


def split(total, scores, min_bps, top_k):
    s = [max(0, x) for x in scores]
    if sum(s) == 0:
        return [0] * len(s)
    whole = sum(s)
    s = [0 if x * 10_000 < min_bps * whole else x for x in s]
    if top_k:
        keep = sorted(range(len(s)), key=lambda i: (-s[i], i))[:top_k]
        s = [x if i in keep else 0 for i, x in enumerate(s)]
    whole = sum(s)
    if whole == 0:
        return [0] * len(s)
    out = [total * x // whole for x in s]
    order = sorted((i for i in range(len(s)) if s[i]), key=lambda i: (-(total * s[i] % whole), i))
    for i in order[: total - sum(out)]:
        out[i] += 1
    return out


def gate(sums, squares, z):
    out = [a if a > 0 and a * a >= z * z * b else 0 for a, b in zip(sums, squares)]
    while max(out, default=0) >= 1 << 62:
        out = [x >> 1 for x in out]
    return out


def text(r, alphabet, length):
    return [r.randrange(alphabet) for _ in range(length)]


def corpus(r, clusters):
    """Documents with pieces of one another, in order of cluster and locus."""
    documents, texts = [], []
    for cluster in range(clusters):
        locus = r.randrange(0, 50)
        for _ in range(r.randrange(1, 3)):
            tokens = text(r, r.choice((2, 40, 50_000)), r.randrange(0, 90))
            for _ in range(r.randrange(0, 3)):
                if texts:
                    source = r.choice(texts)
                    at = r.randrange(0, len(source) + 1)
                    tokens += source[at : at + r.randrange(1, 120)]
            texts.append(tokens)
            documents.append(dict(cluster=cluster * 2 + 1, locus=locus, tokens=tokens))
            locus += len(tokens) + 4096 + r.randrange(0, 9)
    return documents, texts


def rows(entries):
    return [[str(fp), cluster, locus] for fp, cluster, locus in entries]


def span_case(tokens, index, k, w, df_cap, min_span, salt):
    scores, covered, spans = span(tokens, index, k, w, df_cap, min_span, salt)
    return dict(tokens=tokens, index=rows(index), k=k, w=w, df_cap=df_cap, min_span=min_span, salt=str(salt),
                scores={str(c): n for c, n in sorted(scores.items())}, covered=covered, spans=spans)


def random_span(r):
    k, w, salt = r.randrange(4, 13), r.randrange(2, 33), r.randrange(1 << 64)
    min_span = r.choice((0, 1, 8, 8, 8, 20))
    documents, texts = corpus(r, r.randrange(1, 7))
    index = build(documents, k, w, salt, r.choice((min_span, 1 << 15)))
    query = []
    for _ in range(r.randrange(1, 5)):
        source = r.choice(texts)
        at = r.randrange(0, len(source) + 1)
        query += text(r, 50_000, r.randrange(0, 6)) + source[at : at + r.randrange(0, 60)]
    return span_case(query, index, k, w, r.choice((0, 1, 3, 3, 3, 255)), min_span, salt)


def random_index(r):
    k, w, salt = r.randrange(4, 9), r.randrange(2, 12), r.randrange(1 << 64)
    documents, _ = corpus(r, r.randrange(1, 6))
    min_span = r.choice((1, 3, 8, 8, 20))
    entries = build(documents, k, w, salt, min_span)
    return dict(documents=documents, k=k, w=w, salt=str(salt), min_span=min_span, entries=rows(entries))


def random_split(r):
    n = r.randrange(0, 24)
    size = r.choice((4, 1000, 1 << 40, (1 << 63) - 1))
    scores = [r.randrange(-(size // 3), size) for _ in range(n)]
    total = r.choice((r.randrange(1 << 128), r.randrange(40), 10**18, (1 << 128) - 1))
    min_bps = r.choice((0, 0, r.randrange(1500), 10_000, r.randrange(1 << 16)))
    top_k = r.choice((0, 0, r.randrange(1, 12)))
    out = split(total, scores, min_bps, top_k)
    return dict(total=str(total), scores=[str(x) for x in scores], min_bps=min_bps, top_k=top_k,
                out=[str(x) for x in out])


def random_gate(r):
    sums, squares, z = [], [], r.randrange(9)
    for _ in range(r.randrange(0, 10)):
        a = r.randrange(-(1 << 127), 1 << 127) >> r.randrange(127)
        b = r.randrange(1 << 128)
        if z and r.randrange(3):  # at the threshold, or one off it
            b = min(max(0, a * a // (z * z) + r.randrange(-1, 2)), (1 << 128) - 1)
        sums.append(a)
        squares.append(b)
    return gate_case(sums, squares, z)


def gate_case(sums, squares, z):
    return dict(sum=[str(a) for a in sums], sum_sq=[str(b) for b in squares], z=z,
                out=[str(x) for x in gate(sums, squares, z)])


def random_kgram(r):
    tokens = text(r, r.choice((2, 50_000, 1 << 32)), r.randrange(0, 40))
    k, salt = r.randrange(4, 13), r.randrange(1 << 64)
    hashes = kgrams(tokens, k, salt)
    return dict(tokens=tokens, k=k, salt=str(salt), hashes=[str(h) for h in hashes], winnow8=winnow(hashes, 8))


def random_winnow(r):
    hashes = [r.randrange(r.choice((3, 1 << 64))) for _ in range(r.randrange(0, 60))]
    w = r.randrange(2, 33)
    return dict(hashes=[str(h) for h in hashes], w=w, out=winnow(hashes, w))


def fixed(v):
    """Edges that random cases hardly meet."""
    top, squares = (1 << 127) - 1, (1 << 128) - 1
    for sums, sq, z in (
        ([], [], 1), ([top, 1 << 65, 1], [0, 0, 0], 1), ([top], [squares], 8), ([(1 << 62) - 1], [0], 1),
        ([1 << 62, 3], [0, 0], 1), ([-(1 << 127), 5], [0, 25], 1), ([5], [26], 1), ([1, 0], [squares, 0], 0),
        ([1 << 64], [1 << 128 >> 1], 1), ([16], [4], 8), ([15], [4], 8),
    ):
        v["gate"].append(gate_case(sums, sq, z))
    for total, scores, min_bps, top_k in (
        (100, [1, 1, 1], 3_333, 0), (100, [1, 1, 1], 3_334, 0), (100, [5], 10_000, 0), (100, [5], 10_001, 0),
        (10, [2, 2, 2, 2], 0, 3), (3, [1, 2, 1, 2], 0, 0), ((1 << 128) - 1, [(1 << 63) - 1] * 5, 0, 4), (7, [], 0, 0),
    ):
        out = split(total, scores, min_bps, top_k)
        v["split"].append(dict(total=str(total), scores=[str(x) for x in scores], min_bps=min_bps, top_k=top_k,
                               out=[str(x) for x in out]))
    # A position's candidates: 64 of one cluster hide the 65th; the cap counts clusters among the first 64.
    fp = kgrams([7] * 6, 6, 0)[0] >> 16
    query = [7] * 14
    for entries in (
        [(fp, 0, 5000 * j) for j in range(64)] + [(fp, 1, j) for j in range(9)],
        [(fp, 0, 5000 * j) for j in range(63)] + [(fp, 1, j) for j in range(9)],
        [(fp, c, 100 + j) for c in range(3) for j in range(9)],
        [(fp, c, 100 + j) for c in range(4) for j in range(9)],
        [(fp, 4, j) for j in range(9)], [(fp, 4, (1 << 48) - 1)],
    ):
        v["span"].append(span_case(query, entries, 6, 8, 3, 8, 0))
    # Gaps of w + k - 1 chain, one more does not; the greater cluster's longer span goes first.
    tokens = list(range(100, 140))
    hashes = kgrams(tokens, 4, 9)
    for second in (5, 6):
        entries = sorted([(hashes[p] >> 16, 2, p) for p in (0, second, second + 3)] + [(hashes[3] >> 16, 1, 3)])
        v["span"].append(span_case(tokens, entries, 4, 2, 3, 4, 9))
    v["span"].append(span_case([1, 2, 3], [], 4, 2, 3, 8, 0))
    # A copy of exactly min_span fingerprints is dropped, one less is kept.
    source = list(range(200, 290))
    for min_span in range(1, 12):
        documents = [dict(cluster=0, locus=0, tokens=source),
                     dict(cluster=5, locus=0, tokens=[1] * 20 + source[30:70] + [2] * 20)]
        entries = build(documents, 6, 8, 77, min_span)
        v["index"].append(dict(documents=documents, k=6, w=8, salt="77", min_span=min_span, entries=rows(entries)))


def main():
    seed = int(sys.argv[1]) if len(sys.argv) > 1 else 20261121
    out = sys.argv[2] if len(sys.argv) > 2 else "span_split.json"
    cases = int(sys.argv[3]) if len(sys.argv) > 3 else 24
    r = random.Random(seed)
    makers = dict(gate=random_gate, split=random_split, kgram=random_kgram, winnow=random_winnow, span=random_span,
                  index=random_index)
    v = {name: [] for name in makers}
    fixed(v)
    for name, make in makers.items():
        v[name] += [make(r) for _ in range(cases)]
    with open(out, "w") as file:
        json.dump(v, file, separators=(",", ":"))
        file.write("\n")
    print({name: len(section) for name, section in v.items()})


if __name__ == "__main__":
    main()
