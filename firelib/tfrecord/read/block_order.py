"""The order of the blocks of an epoch: every window has blocks from all over the split.

The rows of a commit lie together in the split, in blocks of their own. Blocks in any order would give a window many of
one commit and few of another, and all of its batches with it. So the split is cut into equal sections, as many as a
window has blocks, and every window takes one block of each section. A lane has its sections all over the split.
"""

import numpy as np
import numpy.typing as npt


def order_blocks(count: int, lanes: int, window_blocks: int, random: np.random.Generator) -> npt.NDArray[np.int64]:
    """The blocks of a split in the order of an epoch.

    Args:
        count: Number of blocks.
        lanes: Number of lanes, of which each takes an equal part of the order.
        window_blocks: Blocks of each lane that belong to one window.
        random: Decides the order.

    Returns:
        int64 [count]: the blocks of the first lane, window by window, then those of the next lanes.
    """
    sections = lanes * window_blocks
    shuffled = random.permutation(count)
    section = shuffled * sections // max(count, 1)
    by_section = shuffled[np.argsort(section.astype(np.int16), kind="stable")]  # in random order in each section
    sizes = np.bincount(section, minlength=sections)
    window = np.arange(count) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    # Each run of adjacent sections gives one to every lane.
    lane = random.permuted(np.tile(np.arange(lanes), (window_blocks, 1)), axis=1).ravel()
    position = np.repeat(random.permutation(window_blocks), lanes)
    slots = np.full((lanes, int(sizes.max(initial=0)), window_blocks), -1, np.int64)
    slots[np.repeat(lane, sizes), window, np.repeat(position, sizes)] = by_section
    return slots[slots >= 0]
