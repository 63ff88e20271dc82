"""One picture: its bytes as they are stored, its size, and whether it can be decoded."""

from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

from firelib.data.sources.extras import import_extra

_MOST_PIXELS = (1 << 30) // 12  # 256 MiB as RGB; Pillow warns of larger ones


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
    except ValueError as error:  # a name with NUL
        return Picture(problem=str(error))
    try:
        with image_module.open(BytesIO(content)) as image:
            width, height = image.size
            if width * height > _MOST_PIXELS:
                return Picture(problem=f"{width} × {height} pixels are more than {_MOST_PIXELS:,}")
            image.verify()  # checksums
        with image_module.open(BytesIO(content)) as image:  # which can be used only once
            image.draft(None, (1, 1))  # a JPEG is read to its end, but not scaled up: a quarter of the time
            image.load()
    except image_module.UnidentifiedImageError:
        return Picture(problem="the file is not a picture")
    except Exception as error:  # noqa: BLE001  Pillow's decoders raise errors of many classes
        return Picture(problem=f"{type(error).__name__}: {error}")
    return Picture(content, width, height)
