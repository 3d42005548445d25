"""``gridwitness fleet``: boards of a gateway."""

import json
from pathlib import Path

import typer


def register(app: typer.Typer) -> None:
    """Add the commands."""
    fleet = typer.Typer(help="Boards: claim them, list them.", no_args_is_help=True)
    app.add_typer(fleet, name="fleet")

    @fleet.command(help="Enter a board by the claim request that it made; writes claim-answer.json beside it.")
    def claim(
        directory: Path = typer.Argument(..., metavar="DIR", help="The gateway's folder."),
        request: Path = typer.Argument(..., metavar="REQUEST", help="claim-request.json of the board."),
        site: str = typer.Option(..., "--site", help="Site that the board belongs to: the name of a register in DIR/sites."),
        replace: bool = typer.Option(False, "--replace", help="The board takes the place of another one of the same name."),
        as_json: bool = typer.Option(False, "--json", help="Print one JSON object."),
    ) -> None:
        from gridwitness.fleet.claim import claim as enter
        from gridwitness.fleet.claim import read_request
        from gridwitness.service.settings import clock_of, load

        answer = enter(directory, request, site, clock_of(load(directory)).now_ms(), replace=replace)
        board = read_request(request)
        if as_json:
            print(json.dumps({"dev": board.dev, "site": site, "spki_sha256": board.spki_sha256, "answer": str(answer)}))
        else:
            print(f"{board.dev} is claimed for site {site}; fingerprint of its seal key: {board.spki_sha256}")
            print(f"carry {answer} to the board")

    @fleet.command("list", help="List the claimed boards and how far each is acknowledged.")
    def list_boards(
        directory: Path = typer.Argument(..., metavar="DIR", help="The gateway's folder."),
        as_json: bool = typer.Option(False, "--json", help="Print one JSON object per line."),
    ) -> None:
        from gridwitness.domain.moments import iso
        from gridwitness.store import Store

        store = Store(directory / "gridwitness.db", readonly=True)
        for device in store.devices():
            cursor, newest = store.cursor(device.dev), store.newest(device.dev)
            row = {
                "dev": device.dev,
                "site": device.site,
                "spki_sha256": device.spki_sha256,
                "claimed": iso(device.claimed_ms),
                "acknowledged": [cursor.boot, cursor.seq] if cursor and cursor.boot is not None else None,
                "newest": iso(newest.ts_ms) if newest and newest.ts_ms is not None else None,
            }
            print(json.dumps(row) if as_json else "  ".join(f"{name}={value}" for name, value in row.items()))
        store.close()
