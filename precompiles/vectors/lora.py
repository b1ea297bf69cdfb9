#!/usr/bin/env python3
"""Vectors of LORA beyond golden.json: python3 lora.py [SEED] [OUT] [CASES].

The sections `lineage`, `header`, `adapter` and `signature` are described in README.md. Plain integers, written after
docs/spec/precompiles.md and from nothing else, so that the vectors don't repeat the native code's
mistakes. Needs nothing but Python 3.9.
"""
import json
import random
import struct
import sys

PREFIX = "base_model.model.model.layers."
SIZES = (4, 2, 2)
NAMES = ("F32", "F16", "BF16")


# ---- Keccak-256 (FIPS 202's permutation with the padding byte 1)

MASK = (1 << 64) - 1


def constants():
    """Round constants, from the linear feedback shift register that defines them."""
    state, rounds = 1, []
    for _ in range(24):
        constant = 0
        for j in range(7):
            if state & 1:
                constant |= 1 << ((1 << j) - 1)
            state = (state << 1) ^ (0x171 if state >> 7 else 0)
        rounds.append(constant)
    return rounds


ROUNDS = constants()


def permute(lanes):
    for constant in ROUNDS:
        parity = [lanes[x] ^ lanes[x + 5] ^ lanes[x + 10] ^ lanes[x + 15] ^ lanes[x + 20] for x in range(5)]
        rotate = lambda v, n: ((v << n) | (v >> (64 - n))) & MASK if n else v
        for i in range(25):
            lanes[i] ^= parity[(i + 4) % 5] ^ rotate(parity[(i + 1) % 5], 1)
        x, y, current = 1, 0, lanes[1]
        for t in range(24):
            x, y = y, (2 * x + 3 * y) % 5
            lanes[x + 5 * y], current = rotate(current, (t + 1) * (t + 2) // 2 % 64), lanes[x + 5 * y]
        for y in range(0, 25, 5):
            row = lanes[y : y + 5]
            for x in range(5):
                lanes[y + x] = row[x] ^ (~row[(x + 1) % 5] & row[(x + 2) % 5] & MASK)
        lanes[0] ^= constant


def keccak256(data):
    padded = bytearray(data) + b"\x01" + bytes(-(len(data) + 1) % 136)
    padded[-1] |= 0x80
    lanes = [0] * 25
    for block in range(0, len(padded), 136):
        for i, word in enumerate(struct.unpack_from("<17Q", padded, block)):
            lanes[i] ^= word
        permute(lanes)
    return struct.pack("<4Q", *lanes[:4])


def revert(signature, *arguments):
    """Revert data of an error whose arguments are all unsigned integers."""
    data = keccak256(signature.encode())[:4]
    return (data + b"".join(a.to_bytes(32, "big") for a in arguments)).hex()


def wrap(text):
    raw = text.encode("utf-8")
    return struct.pack("<Q", len(raw)) + raw


# ---- lineage: flows by the definition, every node pulling from its children


def flow(dag, start, total):
    above, queue = set(), [start]
    while queue:
        node = dag[queue.pop()]
        for p in [p for p, _ in node["parents"]] + ([node["base"]] if node["base"] else []):
            if p not in above:
                above.add(p)
                queue.append(p)
    absolute = {v: total * dag[v]["abs"] // 10_000 for v in above}
    inflow = {start: total - sum(absolute.values())}
    pay = {}
    for v in sorted(above | {start}, reverse=True):
        if v != start:
            inflow[v] = sum(
                inflow[c] * rel // 10_000
                for c in inflow
                for p, rel in dag[c]["parents"]
                if p == v
            )
        cuts = sum(inflow[v] * rel // 10_000 for _, rel in dag[v]["parents"])
        pay[v] = absolute.get(v, 0) + inflow[v] - cuts
    assert sum(pay.values()) == total
    return dict(sorted(pay.items()))


def flatten(dag, start):
    parts = {}
    for v, amount in flow(dag, start, 1_000_000).items():
        weights = dag[v]["weights"] or [["00" * 32, 10_000]]
        shares = [amount * w // 10_000 for _, w in weights]
        order = sorted(range(len(weights)), key=lambda i: (-(amount * weights[i][1] % 10_000), i))
        for i in order[: amount - sum(shares)]:
            shares[i] += 1
        for (datanet, _), share in zip(weights, shares):
            parts[datanet] = parts.get(datanet, 0) + share
    assert sum(parts.values()) == 1_000_000
    return [[d, p] for d, p in sorted(parts.items()) if p]


def split(rng, whole, count):
    cuts = sorted(rng.randrange(whole + 1) for _ in range(count - 1))
    return [b - a for a, b in zip([0] + cuts, cuts + [whole])]


def lineage(rng):
    dag = {1: dict(parents=[], abs=rng.choice((0, 100, 2_000)), base=0, weights=[])}
    for v in range(2, rng.randrange(3, 30)):
        parents = rng.sample(range(1, v), min(v - 1, rng.randrange(0, 6)))
        shares = split(rng, rng.choice((10_000, 9_000, 3)), len(parents)) if parents else []
        nets = [bytes([rng.randrange(1, 6)] * 32).hex() for _ in range(rng.randrange(0, 5))]
        weights = split(rng, 10_000, len(nets)) if nets else []
        dag[v] = dict(
            parents=[list(x) for x in zip(parents, shares)],
            abs=rng.choice((0, 0, 1, 100)),
            base=1,
            weights=[list(x) for x in zip(nets, weights)],
        )
    start = rng.choice((max(dag), rng.randrange(1, max(dag) + 1)))
    total = rng.choice((0, 1, 9_999, rng.randrange(10**6), rng.randrange(2**200), 2**256 - 1))
    pay = flow(dag, start, total)
    return dict(
        dag={str(k): v for k, v in dag.items()},
        start=start,
        total=str(total),
        pay={str(k): str(v) for k, v in pay.items()},
        datanets=flatten(dag, start),
    )


# ---- header: each malformed kind; `^` marks the byte that the error names

T = '{"dtype":"F32","shape":[2,3],"data_offsets":[0,24]}'
MALFORMED = [
    ("", "HeaderTruncated()"),
    ('{"a', "HeaderTruncated()"),
    ('{"t":{"shape":[1', "HeaderTruncated()"),
    ("[]", "HeaderNotObject()"),
    (" {}", "HeaderNotObject()"),
    ('{"^é":' + T + "}", "HeaderNotAscii(uint32)"),
    ("{^é}", "HeaderNotAscii(uint32)"),
    ('{"a^\n":' + T + "}", "HeaderControl(uint32)"),
    ('{"^\\u0061":' + T + "}", "HeaderEscape(uint32)"),
    ('{"a":^ ' + T + "}", "HeaderWhitespace(uint32)"),
    ('{"a":{"dtype":"F32","shape":[2,^ 3],"data_offsets":[0,24]}}', "HeaderWhitespace(uint32)"),
    ("{}^\n", "HeaderWhitespace(uint32)"),
    ("{} ^{}", "HeaderTrailing(uint32)"),
    ("{^,}", "HeaderSyntax(uint32)"),
    ('{"a":' + T + ",^}", "HeaderSyntax(uint32)"),
    ('{"a":^null}', "HeaderSyntax(uint32)"),
    ('{"a":{"shape":[1,^]}}', "HeaderSyntax(uint32)"),
    ('{"a":{"shape":[^-1]}}', "HeaderNumber(uint32)"),
    ('{"a":{"shape":[^01]}}', "HeaderNumber(uint32)"),
    ('{"a":{"shape":[^1.0]}}', "HeaderNumber(uint32)"),
    ('{"a":{"shape":[^1e3]}}', "HeaderNumber(uint32)"),
    ('{"a":{"shape":[^9007199254740993]}}', "HeaderNumberTooLarge(uint32)"),
    ('{"a":' + T + ',^"a":' + T + "}", "HeaderDuplicateKey(uint32)"),
    ('{"a":{"dtype":"F32",^"dtype":"F32"}}', "HeaderDuplicateKey(uint32)"),
    ('{"__metadata__":{},^"__metadata__":{}}', "HeaderDuplicateKey(uint32)"),
    ('{"__metadata__":{"k":"",^"k":""}}', "HeaderDuplicateKey(uint32)"),
    ('{"__metadata__":{"k":^1}}', "HeaderSyntax(uint32)"),
    ('{"a":{^"offset":1}}', "HeaderUnknownKey(uint32)"),
    ('{^"a":{"dtype":"F32"}}', "HeaderMissingKey(uint32)"),
    ('{"a":{"dtype":^"F64"}}', "HeaderUnknownDtype(uint32)"),
    ('{"a":{"shape":^[1,1,1,1,1,1,1,1,1]}}', "HeaderTooManyDimensions(uint32)"),
    ('{"a":{"data_offsets":^[1]}}', "HeaderBadOffsets(uint32)"),
    ('{"a":{"data_offsets":^[2,1]}}', "HeaderBadOffsets(uint32)"),
    ('{^"l.lora_magnitude_vector":' + T + "}", "DoraUnsupported(uint32)"),
    ('{"__metadata__":{^"rank_pattern":""}}', "RankPatternUnsupported(uint32)"),
    ('{^"score.modules_to_save.weight":' + T + "}", "ModulesToSaveUnsupported(uint32)"),
]


def headers():
    cases = []
    for marked, signature in MALFORMED:
        text = marked.replace("^", "")
        at = [8 + marked.index("^")] if "^" in marked else []
        cases.append(dict(header_hex=wrap(text).hex(), revert=revert(signature, *at)))
    cases.append(dict(header_hex="00" * 7, revert=revert("HeaderTooShort(uint32)", 7)))
    lying = b"\x03" + wrap("{}")[1:]
    signature = "HeaderLengthMismatch(uint64,uint64)"
    cases.append(dict(header_hex=lying.hex(), revert=revert(signature, 3, 2)))
    for text, tensors in (
        ("{}", 0),
        ('{"__metadata__":{"":"~\x7f"}}   ', 0),
        ('{"b":{"data_offsets":[0,0],"shape":[],"dtype":"BF16"},"":' + T + "}", 2),
        ('{"a":{"dtype":"F16","shape":[9007199254740992],"data_offsets":[0,9007199254740992]}}', 1),
    ):
        cases.append(dict(header_hex=wrap(text).hex(), revert=None, tensors=tensors))
    return cases


# ---- adapter: headers against what an adapter declares


def adapter(rng):
    paths = ["self_attn.q_proj", "self_attn.v_proj", "mlp.up_proj", "mlp.down_proj"]
    modules = [[p, rng.randrange(4, 40), rng.randrange(4, 40)] for p in paths[: rng.randrange(1, 5)]]
    mask = rng.randrange(1, 1 << len(modules))
    first = rng.randrange(0, 12)
    last = first + rng.randrange(1, 4)
    rank, dtype = rng.randrange(1, 5), rng.randrange(3)
    tensors, places = [], []
    for layer in range(first, last):
        for m, (path, a, b) in enumerate(modules):
            if mask >> m & 1:
                stem = f"{PREFIX}{layer}.{path}.lora_"
                tensors.append([stem + "A.weight", NAMES[dtype], [rank, a], None])
                tensors.append([stem + "B.weight", NAMES[dtype], [b, rank], None])
                places += [(layer, m, 0), (layer, m, 1)]
    kind = rng.choice(
        ("ok", "ok", "ok", "missing", "unexpected", "full", "shape", "rank", "dtype", "size", "gap", "long")
    )
    if kind == "rank" and len(tensors) == 2:
        kind = "ok"
    which = rng.randrange(len(tensors))
    name = tensors[which][0]
    other = None
    if kind == "missing":
        del tensors[which]
        other = revert("TensorMissing(uint16,uint8,uint8)", *places[which])
    elif kind == "unexpected":
        name = f"{PREFIX}{last}.{paths[0]}.lora_A.weight"
        tensors.append([name, NAMES[dtype], [1], 2])
    elif kind == "full":
        name = "base_model.model.score.weight"
        tensors.append([name, NAMES[dtype], [1], 2])
    elif kind == "shape":
        # The dimension that isn't the rank.
        tensors[which][2][which + 1 & 1] += 100
    elif kind == "rank":
        # Both factors of one pair, so that only the rank differs from the others.
        pair = which & ~1
        tensors[pair][2][0] += 1
        tensors[pair + 1][2][1] += 1
        name = min(tensors[pair][0], tensors[pair + 1][0])
    elif kind == "dtype":
        tensors[which][1] = NAMES[(dtype + 1) % 3]
    expected = dict(zip((t[0] for t in tensors), places))
    rng.shuffle(tensors)
    entries, offset, ends = ['"__metadata__":{"format":"pt"}'], 0, {}
    for t in tensors:
        size = t[3]
        if size is None:
            size = t[2][0] * t[2][1] * SIZES[dtype]
        actual = size + 1 if kind == "size" and t[0] == name else size
        begin = offset + 1 if kind == "gap" and t[0] == name else offset
        ends[t[0]] = (offset, begin, size, actual)
        offset = begin + actual
        shape = ",".join(map(str, t[2]))
        entries.append(
            f'"{t[0]}":{{"dtype":"{t[1]}","shape":[{shape}],"data_offsets":[{begin},{offset}]}}'
        )
    text = "{" + ",".join(entries) + "}"
    text += " " * (-len(text) % 8)
    header = wrap(text)
    at = header.find(b'"' + name.encode() + b'"')
    data_len = offset - 1 if kind == "long" else offset
    factor = {"A": 0, "B": 1}.get(name[-8], 0)
    error = None
    if kind == "missing":
        error = other
    elif kind == "unexpected":
        error = revert("TensorUnexpected(uint32)", at)
    elif kind == "full":
        error = revert("ModulesToSaveUnsupported(uint32)", at)
    elif kind == "shape":
        layer, m, factor = expected[name]
        _, a, b = modules[m]
        shape = (rank, a) if factor == 0 else (b, rank)
        error = revert("TensorShape(uint32,uint32,uint32)", at, *shape)
    elif kind == "rank":
        error = revert("RankPatternUnsupported(uint32)", at)
    elif kind == "dtype":
        error = revert("TensorDtype(uint32)", at)
    elif kind == "size":
        error = revert("TensorSize(uint32,uint64,uint64)", at, *ends[name][2:])
    elif kind == "gap":
        error = revert("TensorOffset(uint32,uint64,uint64)", at, *ends[name][:2])
    elif kind == "long":
        error = revert("DataLenMismatch(uint64,uint64)", data_len, offset)
    params = (last - first) * sum(
        rank * (a + b) for m, (_, a, b) in enumerate(modules) if mask >> m & 1
    )
    return dict(
        kind=kind,
        prefix=PREFIX,
        modules=modules,
        mask=mask,
        layer_from=first,
        layer_to=last,
        rank=rank,
        dtype=dtype,
        data_len=data_len,
        params=params,
        header_hex=header.hex(),
        revert=error,
    )


# ---- signature: EIP-712 digests


def signature(rng):
    word = lambda value: value.to_bytes(32, "big")
    chain_id = rng.choice((1, 901, rng.randrange(2**64)))
    adapter_hash, header_hash = rng.randbytes(32), rng.randbytes(32)
    nonce, deadline = rng.choice((0, 1, 2**256 - 1)), rng.randrange(2**256)
    domain = keccak256(
        keccak256(
            b"EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
        )
        + keccak256(b"LoraRegistry")
        + keccak256(b"1")
        + word(chain_id)
        + word(0x0A04)
    )
    message = keccak256(
        keccak256(
            b"RegisterAdapter(bytes32 adapterHash,bytes32 headerHash,uint256 nonce,uint256 deadline)"
        )
        + adapter_hash
        + header_hash
        + word(nonce)
        + word(deadline)
    )
    return dict(
        chain_id=str(chain_id),
        adapter_hash=adapter_hash.hex(),
        header_hash=header_hash.hex(),
        nonce=str(nonce),
        deadline=str(deadline),
        digest=keccak256(b"\x19\x01" + domain + message).hex(),
    )


def main():
    seed = int(sys.argv[1]) if len(sys.argv) > 1 else 20261121
    out = sys.argv[2] if len(sys.argv) > 2 else "lora.json"
    cases = int(sys.argv[3]) if len(sys.argv) > 3 else 40
    rng = random.Random(seed)
    assert keccak256(b"").hex().startswith("c5d2460186f7233c927e7db2dcc703c0e500b653")
    vectors = dict(
        lineage=[lineage(rng) for _ in range(cases)],
        header=headers(),
        adapter=[adapter(rng) for _ in range(cases)],
        signature=[signature(rng) for _ in range(4)],
    )
    with open(out, "w") as file:
        json.dump(vectors, file)
    print({name: len(section) for name, section in vectors.items()})


if __name__ == "__main__":
    main()
