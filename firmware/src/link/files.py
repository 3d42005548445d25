"""Files that are either whole or as they were before."""

import json
import os


def write_whole(path, data, sync=None):
    """Replace a file in one step: a power cut leaves the old content or the new one. ``sync(file)`` pushes it to durable storage."""
    with open(path + ".new", "wb") as file:
        file.write(data)
        if sync:
            sync(file)
    os.rename(path + ".new", path)


def read_json(path):
    """The parsed file, or None where it is missing or no JSON."""
    try:
        return json.loads(read(path))
    except ValueError:
        return None


def read(path):
    """The file's bytes; none where it is missing."""
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError:
        return b""


def make_folder(path):
    """Make a folder unless it is there."""
    try:
        os.mkdir(path)
    except OSError:
        pass


def exists(path):
    """Whether there is such a file."""
    try:
        os.stat(path)
        return True
    except OSError:
        return False
