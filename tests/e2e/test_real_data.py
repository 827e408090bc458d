"""A site with real patients among phantom sites: ingest, federation, release, prediction."""

import csv
import json
from pathlib import Path

from fedcmr.drill.federation import Federation, call

PREPROCESSING = {"slices": 10, "phases": 20, "spacing_mm": 2.5, "size": 32}
EXPERIMENT = {
    "name": "real",
    "preprocessing": PREPROCESSING,
    "training": {"learning_rate": 2e-4, "batch_size": 8, "local_epochs": 1},
    "federation": {"rounds": 1, "quorum": 3, "site_wait_s": 120},
    "evaluation": {"min_class_count": 1},
}
PATIENTS = {"SCD0000201": ("M", 48), "SCD0000301": ("M", 79), "SCD0000401": ("M", 45)}


def add_site(federation: Federation, name: str, export: Path, labels: Path, file: Path) -> None:
    folder = federation.add(name)
    # Another key would split the patients otherwise; under this one each split has some.
    (folder / "pseudonym.key").write_text("07" * 32 + "\n", encoding="utf-8")
    call(
        *("fedcmr-client", "ingest", "--site", folder, "--dicom", export, "--labels", labels),
        *("--experiment", file, "--workers", 1),
    )


def test_real_patients_train_are_released_and_scored(
    federation: Federation, real_data: Path
) -> None:
    file = federation.write(EXPERIMENT)
    labels = federation.path / "labels.csv"
    lines = [f"{name},1,{sex},{age}" for name, (sex, age) in PATIENTS.items()]
    labels.write_text("\n".join(["patient_id,scar,sex,age", *lines]) + "\n", encoding="utf-8")
    add_site(federation, "sunnybrook", real_data / "scd", labels, file)
    for name in ("ge", "philips"):
        export = federation.path / "export" / name
        call("fedcmr", "phantom", export, "--site", name, "--patients", 10, "--workers", 1)
        add_site(federation, name, export / "dicom", export / "labels.csv", file)
    with federation.clients(["sunnybrook", "ge", "philips"]):
        federation.run(file)
    release = federation.release(file)
    call("fedcmr", "verify", release, "--key", federation.public_key)
    sites = json.loads((release / "provenance.json").read_text())["sites"]
    trained = {site["name"]: site["examples"] for site in sites}
    assert trained["sunnybrook"] >= 1
    assert all(site["rounds_contributed"] == 1 for site in sites)

    out = federation.path / "predictions"
    call(
        *("fedcmr", "predict", "--release", release, "--key", federation.public_key),
        *("--dicom", real_data / "scd", "--out", out),
    )
    with (out / "predictions.csv").open(encoding="utf-8") as rows:
        scores = [row["score"] for row in csv.DictReader(rows) if row["score"]]
    assert len(scores) == 3
    assert all(0 < float(score) < 1 for score in scores)
