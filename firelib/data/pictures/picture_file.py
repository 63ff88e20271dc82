"""One picture: its bytes as they are stored, its size, and whether it can be decoded."""

import warnings
from dataclasses import dataclass
from pathlib import Path

from firelib.data.sources.extras import import_extra


@dataclass(frozen=True)
class Picture:
    """A picture file.

    Attributes:
        content: The bytes of the file.
        width: Pixels in a row; 0 if the file is broken.
        height: Rows of pixels; 0 if the file is broken.
        problem: Why it cannot be used; empty if it can.
    """

    content: bytes = b""
    width: int = 0
    height: int = 0
    problem: str = ""


def read_picture(path: Path) -> Picture:
    """Read a picture, and decode it once: a truncated file is found now, and not in the middle of a training.

    Args:
        path: The file, which may be missing or broken.

    Raises:
        FirelibError: The extra `pictures` is not installed.
    """
    image_module = import_extra("PIL.Image", "pictures", f"picture {path}")
    try:
        content = path.read_bytes()
    except OSError as error:
        return Picture(problem=str(error.strerror or error))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", image_module.DecompressionBombWarning)
            with image_module.open(path) as image:
                image.verify()  # checksums
            with image_module.open(path) as image:  # which can be used only once
                width, height = image.size
                image.draft(None, (1, 1))  # a JPEG is read to its end, but not scaled up: a quarter of the time
                image.load()
    except Exception as error:  # noqa: BLE001  Pillow's decoders raise errors of many classes
        return Picture(problem=f"{type(error).__name__}: {error}")
    return Picture(content, width, height)
