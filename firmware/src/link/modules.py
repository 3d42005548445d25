"""Modules that are needed now and then: loaded from flash, used, and forgotten, because a board's heap is small."""

import sys

_SMALL_HEAP = sys.implementation.name == "micropython"


def borrow(name):
    """The module called ``name``, loaded if need be. What is still running in it after `give_back` goes on."""
    __import__(name)
    return sys.modules[name]


def give_back(*names):
    """Forget modules; the next garbage collection takes them. Does nothing where memory does not matter.

    A function, class or closure of a module that somebody still holds keeps all of it.
    """
    if not _SMALL_HEAP:
        return
    for name in names:
        sys.modules.pop(name, None)
        package, _, leaf = name.rpartition(".")
        if package in sys.modules and hasattr(sys.modules[package], leaf):
            delattr(sys.modules[package], leaf)
