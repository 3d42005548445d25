"""``gridwitness evidence export | verify | trust``: bundles out of a gateway, and checking them anywhere."""

import json
import sys
import traceback
from contextlib import closing
from pathlib import Path

import typer

from gridwitness.domain.errors import GridwitnessError

MARKS = {"ok": "ok", "warning": "warning", "undecided": "undecided", "failed": "FAILED", "not_checked": "not checked"}
MARKS_ZH = {"ok": "通过", "warning": "警告", "undecided": "无法判定", "failed": "不通过", "not_checked": "未检查"}


def register(app: typer.Typer) -> None:
    """Add the command."""
    group = typer.Typer(help="Export evidence bundles and verify them offline.", no_args_is_help=True)
    group.command("export")(export)
    group.command("verify")(verify)
    group.command("trust")(trust)
    app.add_typer(group, name="evidence")


def export(
    directory: Path = typer.Argument(..., metavar="DIR", help="The gateway's directory."),
    finding_id: str = typer.Argument(..., metavar="FINDING_ID", help="Id of the finding, as in the address of its page."),
    out: Path | None = typer.Option(None, "--out", help="Folder to write into. Default: DIR/bundles."),
    as_zip: bool = typer.Option(False, "--zip", help="Write one zip file instead of a folder."),
    as_json: bool = typer.Option(False, "--json", help="Print a JSON object with the path."),
) -> None:
    """Write the evidence bundle of a finding."""
    from gridwitness.evidence import bundle, cms
    from gridwitness.service.sources import open_source

    notes: list[str] = []
    with closing(open_source(directory)) as source:
        signer = cms.Signer.load(directory / "keys")
        path = bundle.export(source, finding_id, out or directory / "bundles", signer, as_zip=as_zip, tell=notes.append)
    for note in notes:
        print(f"note: {note}", file=sys.stderr)
    print(json.dumps({"bundle": str(path), "finding": finding_id, "notes": notes}, ensure_ascii=False) if as_json else path)


def verify(
    bundle: Path = typer.Argument(..., metavar="BUNDLE", help="The bundle's folder or zip file."),
    trust: Path | None = typer.Option(None, "--trust", help="The regulator's trust file. Without it much cannot be decided (exit 3)."),
    as_json: bool = typer.Option(False, "--json", help="Print the report as JSON."),
    language: str = typer.Option("en", "--lang", help="Language of the report: zh or en."),
) -> None:
    """Verify a bundle offline. Exit: 0 valid, 10 with warnings, 2 usage, 3 undecided, 20-26 not valid, 70 internal error."""
    from gridwitness.evidence import verify as verifier
    from gridwitness.evidence.checks import INTERNAL
    from gridwitness.evidence.trust import Trust, load

    try:
        report = verifier.verify(bundle, load(trust) if trust is not None else Trust())
    except GridwitnessError:
        raise
    except Exception:  # whatever a hostile bundle provokes: never a verdict, and never another exit code
        traceback.print_exc()
        raise typer.Exit(INTERNAL) from None
    if as_json:
        print(json.dumps(report.as_json(), ensure_ascii=False, indent=1))
    else:
        marks = MARKS_ZH if language == "zh" else MARKS
        for check in report.checks:
            print(f"{marks[check.outcome]:<12}{check.code}  {check.subject + ': ' if check.subject else ''}{check.title(language)}")
            for detail in check.details:
                print(f"              {detail}")
        print(f"{report.exit_code}: {report.verdict(language)}")
    raise typer.Exit(report.exit_code)


def trust(
    directory: Path = typer.Argument(..., metavar="DIR", help="The gateway's directory."),
    out: Path | None = typer.Option(None, "--out", help="File to write. Default: standard output."),
) -> None:
    """Write what a regulator notes down when devices are claimed: the signing authority and the devices' fingerprints."""
    from gridwitness.evidence import trust as anchors

    text = anchors.text(anchors.collect(directory))
    if out is None:
        print(text, end="")
    else:
        out.write_text(text, "ascii")
