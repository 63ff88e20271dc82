"""Small generated data for each kind of project, the same in every project."""

import io
import random
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from firelib.data.sources.extras import require_extra

KINDS = ("table", "regression", "images", "text", "multilabel")
_ROWS = 1200
_SEED = 1


def write_example(kind: str, folder: Path) -> tuple[Path, tuple[str, ...]]:
    """Write the data of an example.

    Args:
        kind: One of `KINDS`.
        folder: Where to write them.

    Returns:
        What to name in `--from`, and the columns of the label.
    """
    folder.mkdir(parents=True, exist_ok=True)
    draw = random.Random(_SEED)  # noqa: S311  not for secrets
    if kind == "images":
        require_extra("PIL", "pictures", "firelib init --kind images")
        for path, content in _draw_pictures(draw):
            (folder / "pictures" / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / "pictures" / path).write_bytes(content)
        return folder / "pictures", ()
    makers: Mapping[str, Callable[[random.Random], Iterator[str]]] = {
        "table": _sales,
        "regression": _houses,
        "text": _reviews,
        "multilabel": _articles,
    }
    labels = {"table": "returned", "regression": "price", "text": "stars", "multilabel": "topics"}
    (folder / "rows.csv").write_text("\n".join(makers[kind](draw)) + "\n", encoding="utf-8")
    return folder / "rows.csv", (labels[kind],)


def _sales(draw: random.Random) -> Iterator[str]:
    yield "order_id,day,shop,price,items,weight,returned"
    for order in range(_ROWS):
        shop, items = draw.choice(["north", "south", "east", "online"]), draw.randint(1, 9)
        price, weight = draw.lognormvariate(3, 1), draw.random() * items
        risk = 0.15 + 0.45 * (shop == "online") + 0.2 * (price > 30)
        day = f"2024-{1 + order * 12 // _ROWS:02d}-{1 + order % 28:02d}"
        shown = "" if order % 11 == 0 else f"{weight:.2f}"
        yield f"{order},{day},{shop},{price:.2f},{items},{shown},{int(draw.random() < risk)}"


def _houses(draw: random.Random) -> Iterator[str]:
    yield "house_id,area,rooms,built,district,price"
    for house in range(_ROWS):
        area, built, district = (
            draw.uniform(30, 220),
            draw.randint(1900, 2024),
            draw.choice(["old town", "harbour", "hill"]),
        )
        price = 2000 * area + 400 * (built - 1900) + 60000 * (district == "hill") + draw.gauss(0, 15000)
        yield f"{house},{area:.0f},{max(1, round(area / 28))},{built},{district},{price:.0f}"


_GOOD, _BAD = ("great", "lovely", "perfect", "fast", "sturdy"), ("broken", "slow", "awful", "cheap", "late")
_PLAIN = (
    "the",
    "parcel",
    "came",
    "with",
    "a",
    "box",
    "and",
    "it",
    "was",
    "for",
    "my",
    "garden",
    "kitchen",
    "we",
    "use",
)


def _sentence(draw: random.Random, words: tuple[str, ...]) -> str:
    parts = [*draw.choices(_PLAIN, k=draw.randint(5, 14)), *draw.choices(words, k=2)]
    draw.shuffle(parts)
    return " ".join(parts)


def _reviews(draw: random.Random) -> Iterator[str]:
    yield "review,stars"
    for _ in range(_ROWS):
        stars = draw.choice(["bad", "good", "mixed"])
        words = {"bad": _BAD, "good": _GOOD, "mixed": (draw.choice(_GOOD), draw.choice(_BAD))}[stars]
        yield f"{_sentence(draw, words)},{stars}"


def _articles(draw: random.Random) -> Iterator[str]:
    topics = {
        "sport": ("match", "goal", "team"),
        "money": ("bank", "price", "tax"),
        "science": ("cell", "star", "atom"),
    }
    yield "text,topics"
    for _ in range(_ROWS):
        chosen = sorted(draw.sample(list(topics), draw.randint(1, 2)))
        words = " ".join(_sentence(draw, topics[topic]) for topic in chosen)
        yield f"{words},{'|'.join(chosen)}"


def _draw_pictures(draw: random.Random) -> Iterator[tuple[str, bytes]]:
    """Grey pictures of 24 × 24 pixels, with a bar in one of two directions, or a square."""
    from PIL import Image

    for index in range(450):
        name = ("horizontal", "square", "vertical")[index % 3]
        width, height = {"horizontal": (16, 3), "vertical": (3, 16), "square": (8, 8)}[name]
        left, top = draw.randint(0, 24 - width), draw.randint(0, 24 - height)
        pixels = bytearray(draw.randint(0, 60) for _ in range(24 * 24))
        for row in range(top, top + height):
            pixels[row * 24 + left : row * 24 + left + width] = bytes([draw.randint(160, 255)] * width)
        stream = io.BytesIO()
        Image.frombytes("L", (24, 24), bytes(pixels)).save(stream, "PNG")
        yield f"{name}/{index:03d}.png", stream.getvalue()
