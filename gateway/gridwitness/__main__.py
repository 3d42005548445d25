"""``python -m gridwitness``: the same as the command ``gridwitness``."""

from gridwitness.cli.main import main

main()
