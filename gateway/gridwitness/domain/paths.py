"""Where the parts that are not Python modules lie: in a checkout, or inside an installed wheel."""

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent.parent
_CHECKOUT = _PACKAGE.parent.parent


def checkout() -> Path | None:
    """The checkout's root when running from one, else None."""
    return _CHECKOUT if (_CHECKOUT / "firmware" / "src").is_dir() else None


def firmware_source() -> Path:
    """Folder of the board's own modules (``core``, ``hal``, …)."""
    return _CHECKOUT / "firmware" / "src" if checkout() else _PACKAGE / "_firmware" / "src"


def meter_profiles() -> Path:
    """Folder of the meter profiles."""
    return _CHECKOUT / "firmware" / "profiles" if checkout() else _PACKAGE / "_firmware" / "profiles"


def tools() -> Path:
    """Cache of heavy or fetched things (interpreter, libraries), ignored by git."""
    return (_CHECKOUT if checkout() else Path.home() / ".cache" / "gridwitness") / ".tools"
