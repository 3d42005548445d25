"""RFC 6962 Merkle tree hashes, built one leaf at a time.

A board keeps only the roots of the complete subtrees so far (one per set bit of the count, at most 32), and gets the same
root as a verifier that has all leaves.
"""

import hashlib

from .envelope import sha256

EMPTY = sha256(b"")
"""Root of a tree without leaves (RFC 6962, 2.1)."""


def leaf_hash(data: bytes) -> bytes:
    """SHA-256(0x00 || data): the leaf's prefix keeps it apart from inner nodes."""
    h = hashlib.sha256(b"\0")
    h.update(data)
    return h.digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """SHA-256(0x01 || left || right)."""
    h = hashlib.sha256(b"\1")
    h.update(left)
    h.update(right)
    return h.digest()


class Accumulator:
    """Roots of the complete subtrees, largest first. Invariant: their sizes are the set bits of ``size``, descending."""

    def __init__(self) -> None:
        self.size = 0
        self._roots: list = []

    def add(self, data: bytes) -> None:
        """Append one leaf by its content."""
        self.add_leaf_hash(leaf_hash(data))

    def add_leaf_hash(self, node: bytes) -> None:
        """Append one leaf by its hash (a redacted line keeps its place in the tree by this)."""
        size = self.size
        while size & 1:  # equal subtrees merge as a carry does in a binary sum
            node = node_hash(self._roots.pop(), node)
            size >>= 1
        self._roots.append(node)
        self.size += 1

    def root(self) -> bytes:
        """The tree's root: subtrees folded from the right."""
        if not self._roots:
            return EMPTY
        node: bytes = self._roots[-1]
        for left in reversed(self._roots[:-1]):
            node = node_hash(left, node)
        return node


def root_of(payloads: list) -> bytes:
    """Root over a list of leaf contents."""
    tree = Accumulator()
    for data in payloads:
        tree.add(data)
    return tree.root()
