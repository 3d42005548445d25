"""Moving samples: from a block of the source into the window buffer, and the buffer's rest to its front."""


@micropython.viper
def take(block: ptr16, at: int, n: int, buf: ptr16, to: int) -> int:
    """Copy ``n`` int16 codes to offset binary; returns how many of them stand at an end of the range (within 2 codes)."""
    clipped = 0
    i = 0
    while i < n:
        x = block[at + i] ^ 0x8000
        buf[to + i] = x
        if (x - 2 & 0xFFFF) > 65531:
            clipped += 1
        i += 1
    return clipped


@micropython.viper
def slide(buf: ptr32, channels: int, stride: int, cut: int, keep: int):
    """Drop the first ``2 * cut`` samples of every channel; ``stride``, ``cut`` and ``keep`` count pairs of samples."""
    c = 0
    while c < channels:
        to = c * stride
        end = to + keep
        while to < end:
            buf[to] = buf[to + cut]
            to += 1
        c += 1
