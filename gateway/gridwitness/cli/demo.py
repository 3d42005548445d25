"""``gridwitness demo``: the main job against a simulated plant."""

import json
import sys
import tempfile
from pathlib import Path

import typer


def register(app: typer.Typer) -> None:
    """Add the command."""

    @app.command(help="Run the whole chain against a simulated plant in which a hidden load comes on line.")
    def demo(
        headless: bool = typer.Option(False, "--headless", help="End by itself, even on a terminal."),
        as_json: bool = typer.Option(False, "--json", help="Print one JSON object on stdout, and nothing else there."),
        no_mine: bool = typer.Option(False, "--no-mine", help="The clean control run: no hidden load."),
        seed: int = typer.Option(1, help="Draws the instruments' errors, the river and the noise."),
        minutes: int | None = typer.Option(None, help="Simulated minutes; the scenario's own length without it."),
        broker: str = typer.Option("auto", help="auto, mosquitto or amqtt (embedded)."),
        port: int = typer.Option(0, min=0, max=65535, help="Port of the pages; 0 takes a free one."),
        out: Path | None = typer.Option(None, help="Keep everything in this folder (it must be empty or new)."),
    ) -> None:
        from gridwitness.service.demo.story import Options, run

        folder = out or Path(tempfile.mkdtemp(prefix="gridwitness-demo-"))
        stay = not headless and not as_json and sys.stdout.isatty()
        options = Options(folder=folder, seed=seed, mine=not no_mine, minutes=minutes, broker=broker, web_port=port, stay=stay)
        outcome = run(options, say=lambda line: print(line, file=sys.stderr, flush=True))
        if as_json:
            print(json.dumps(outcome.as_json()))
        wrong = outcome.judge()
        for sentence in wrong:
            print(f"error[demo]: {sentence}", file=sys.stderr)
        raise typer.Exit(1 if wrong else 0)
