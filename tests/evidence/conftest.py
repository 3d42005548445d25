"""One exported bundle for all tests of this folder; each test works on a copy."""

import json
import shutil
from pathlib import Path

import plant as plants
import pytest
from gridwitness.evidence import trust as anchors
from gridwitness.evidence.cms import Signer


@pytest.fixture(scope="session")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> plants.Gateway:
    directory = tmp_path_factory.mktemp("gateway")
    plant = plants.run()
    plants.claim_all(directory, plant)
    return plants.Gateway(directory, plant, plants.export(directory, plant, Signer.load(directory / "keys")))


@pytest.fixture
def bundle(gateway: plants.Gateway, tmp_path: Path) -> Path:
    """A copy of the good bundle."""
    return Path(shutil.copytree(gateway.bundle, tmp_path / gateway.bundle.name))


@pytest.fixture
def trust_file(gateway: plants.Gateway, tmp_path: Path) -> Path:
    """What the regulator noted at the claim."""
    path = tmp_path / "trust.json"
    path.write_text(json.dumps(anchors.collect(gateway.directory)))
    return path
