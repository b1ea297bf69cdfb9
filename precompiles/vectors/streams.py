"""The canonical token streams of texts, tables and images, with the bytes of each file. Written for these
vectors, from the specification's text: python3 streams.py [SEED] [OUT]."""
import csv
import io
import json
import random
import struct
import sys
import unicodedata
import zlib

from reference import keccak256

# Characters with the property White_Space.
WHITE = "\t\n\v\f\r \x85\xa0\u1680" + "".join(map(chr, range(0x2000, 0x200b))) + "\u2028\u2029\u202f\u205f\u3000"
# Words that normalisation, case, scripts or invisible characters make special.
WORDS = ["a", "A", "caf\u00e9", "cafe\u0301", "\ud55c", "\u1112\u1161\u11ab", "\ufb01n", "x\u200by", "\ufeffz", "\u212b",
         "na\u00efve", "\u0438\u0306", "0", "-1.5", "\U0001f600", "q\x1cr", "\u1e9b\u0323"]
SIDE = 64


def token(preimage):
    return int.from_bytes(keccak256(preimage)[:4], "big")


def text_tokens(text):
    runs, run = [], ""
    for character in unicodedata.normalize("NFC", text) + " ":
        if character not in WHITE:
            run += character
        elif run:
            runs.append(run)
            run = ""
    return [token(run.encode()) for run in runs]


def table_tokens(text, delimiter, has_header):
    rows = [row for row in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter) if row]
    return [token(struct.pack(">I", column) + unicodedata.normalize("NFC", cell).strip(WHITE).encode())
            for row in rows[has_header:] for column, cell in enumerate(row)]


def image_tokens(width, height, luma):
    def mean(i, j):
        def span(k, n):
            return range(k * n // SIDE, max((k + 1) * n // SIDE, k * n // SIDE + 1))
        values = [luma[y][x] for y in span(j, height) for x in span(i, width)]
        return sum(values) // len(values)
    cell = [[mean(i, j) // 8 for i in range(SIDE)] for j in range(SIDE)]
    return [cell[j][i] + 32 * cell[j][i + 1] + 1024 * cell[j + 1][i] for j in range(SIDE - 1) for i in range(SIDE - 1)]


def png(width, height, depth, kind, rows, palette=None):
    def chunk(name, data):
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
    parts = [chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, kind, 0, 0, 0))]
    if palette is not None:
        parts.append(chunk(b"PLTE", palette))
    data = zlib.compress(b"".join(b"\0" + row for row in rows), 9)
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def luma(r, g, b):
    return (77 * r + 150 * g + 29 * b + 128) >> 8


def image(draw, width, height, form):
    """A smooth image, so that its file is short: bytes and luma."""
    a, b, c = (draw.randrange(1, 7) for _ in range(3))
    pixel = lambda x, y: ((x * a + y) % 256, (y * b + x // 3) % 256, (x + y * c) // 2 % 256)
    grid = [[pixel(x, y) for x in range(width)] for y in range(height)]
    if form == "rgb":
        return (png(width, height, 8, 2, [bytes(v for p in row for v in p) for row in grid]),
                [[luma(*p) for p in row] for row in grid])
    if form == "rgba":
        rows = [bytes(v for x, p in enumerate(row) for v in (*p, x % 256)) for row in grid]
        return png(width, height, 8, 6, rows), [[luma(*p) for p in row] for row in grid]
    if form == "gray16":
        rows = [b"".join(struct.pack(">BB", p[0], 255 - p[1]) for p in row) for row in grid]
        return png(width, height, 16, 0, rows), [[luma(p[0], p[0], p[0]) for p in row] for row in grid]
    colours = [tuple(draw.randrange(256) for _ in range(3)) for _ in range(16)]
    index = [[p[0] // 16 for p in row] for row in grid]
    return (png(width, height, 8, 3, [bytes(row) for row in index], bytes(v for p in colours for v in p)),
            [[luma(*colours[k]) for k in row] for row in index])


def main():
    seed = int(sys.argv[1]) if len(sys.argv) > 1 else 20261121
    out = sys.argv[2] if len(sys.argv) > 2 else "streams.json"
    draw = random.Random(seed)
    some = lambda n: [draw.choice(WORDS) for _ in range(n)]

    texts = ["", " \n", "abc", "one  two\u3000three\u2028four\x85five", "\ufeffbegins with a mark"]
    texts += ["".join(word + draw.choice(WHITE) * draw.randrange(1, 3) for word in some(40)) for _ in range(4)]
    text = [dict(file=t.encode().hex(), tokens=text_tokens(t)) for t in texts]

    table = []
    for delimiter in (",", "\t"):
        plain = "n,s\r\n 7 ,\"x, \"\"y\"\"\nz\"\n\n,cafe\u0301\t\r\nlast".replace(",", delimiter)
        for t, header in ((plain, True), (plain, False), ("", False), ("head\n", True)):
            table.append(dict(file=t.encode().hex(), tabs=delimiter == "\t", header=header,
                              tokens=table_tokens(t, delimiter, header)))
        for _ in range(3):
            buffer = io.StringIO(newline="")
            writer = csv.writer(buffer, delimiter=delimiter, lineterminator=draw.choice(["\n", "\r\n"]))
            for _ in range(12):
                writer.writerow([draw.choice(["", " ", "a\"b", "c\nd", delimiter]) + word for word in some(draw.randrange(1, 6))])
            t, header = buffer.getvalue(), draw.random() < 0.5
            table.append(dict(file=t.encode().hex(), tabs=delimiter == "\t", header=header,
                              tokens=table_tokens(t, delimiter, header)))
        for t in ("a\"b", "\"a\"b", "x\n\"a\nb"):
            table.append(dict(file=t.encode().hex(), tabs=delimiter == "\t", header=False, tokens=None))

    images = []
    for width, height, form in ((64, 64, "rgb"), (100, 37, "rgba"), (3, 2, "rgb"), (130, 200, "palette"), (65, 63, "gray16")):
        data, values = image(draw, width, height, form)
        images.append(dict(file=data.hex(), tokens=image_tokens(width, height, values)))
    images.append(dict(file=b"GIF89a".hex(), tokens=None))

    vectors = {"stream_text": text, "stream_table": table, "stream_image": images}
    with open(out, "w", encoding="ascii") as file:
        json.dump(vectors, file, separators=(",", ":"))
        file.write("\n")
    print({name: len(cases) for name, cases in vectors.items()})


main()
