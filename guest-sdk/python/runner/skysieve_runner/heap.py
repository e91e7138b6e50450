"""Filling the holes of the heap before its image is taken.

CPython's small blocks are spread over the whole heap. Each instance of the component shares the image's pages until it
writes to them, and the first blocks that it makes would go into holes all over the heap. If these are filled, new blocks
come from the heap's end, and an instance has a third less memory of its own.
"""

SIZES = (65536, 32768, 16384, 8192, 4096, 3072, 2048, 1536, 1024, 768, 640, 512, 448, 384, 320, 288, 256, 224, 192, 176, 160)
SIZES += (144, 128, 112, 96, 80, 64, 48, 32, 24, 16, 8, 2)
# So many blocks in a row must lie behind all earlier ones before a size is done.
IN_A_ROW = 6


def fill():
    """Makes blocks of every size until they come from the heap's end. They must be kept."""
    kept = []
    top = 0
    for size in SIZES:
        climbing = 0
        while climbing < IN_A_ROW:
            block = bytes(size)
            kept.append(block)
            climbing = climbing + 1 if id(block) > top else 0
            top = max(top, id(block))
    return kept
