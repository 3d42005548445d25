"""``gridwitness db``: the store of record."""

import json
from pathlib import Path

import typer

STORE = "gridwitness.db"


def register(app: typer.Typer) -> None:
    """Add the commands."""
    db = typer.Typer(help="The store of record: check it, migrate it.", no_args_is_help=True)
    app.add_typer(db, name="db")

    @db.command(help="Compute everything decoded again from the raw payloads and compare. Exit 3 where anything differs.")
    def check(
        directory: Path = typer.Argument(..., metavar="DIR", help="The gateway's folder."),
        as_json: bool = typer.Option(False, "--json", help="Print one JSON object."),
    ) -> None:
        from gridwitness.ingest.recheck import lines, recheck
        from gridwitness.store import Store

        store = Store(directory / STORE, readonly=True)
        report = recheck(store)
        if as_json:
            doc = {"records": report.records, "intervals": report.intervals, "problems": report.problems, "counts": store.counts()}
            print(json.dumps(doc, ensure_ascii=False))
        else:
            print("\n".join(lines(report)))
        store.close()
        raise typer.Exit(3 if report.problems else 0)

    @db.command(help="Bring the store to this software's version (every writer does so when it starts).")
    def migrate(directory: Path = typer.Argument(..., metavar="DIR", help="The gateway's folder.")) -> None:
        from gridwitness.store import Store

        path = directory / STORE
        Store(path, readonly=not path.exists()).close()  # a missing store is told, not made
        store = Store(path)
        print(f"{path} has version {store.version}")
        store.close()
