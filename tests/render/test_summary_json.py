from __future__ import annotations

import json
from pathlib import Path

from conformance.render import summary_json
from conformance.render.digest import digest
from tests.render.made_journals import varied


def test_the_summary_holds_the_run_in_numbers(tmp_path: Path) -> None:
    found = varied(tmp_path)
    summary = json.loads(summary_json.render(found, digest(found)))
    assert (summary["schema"], summary["complete"], summary["holds"], summary["planned"]) == (1, True, False, 8)
    assert summary["verdicts"]["mismatch"] == 2
    assert summary["gates"]["stale"] == 1
    assert summary["defects"][0] == {
        "name": "symmetric-for-asymmetric",
        "meaning": "the same pads on both sides of an axis, where the two sides differ",
        "jobs": 1,
        "in_negative_controls": 0,
        "touches": {"torch/explicit": 1},
    }
    assert [refusal["verdict"] for refusal in summary["refusals"]] == ["crash", "error", "unsupported"]
    assert summary["runners"]["torch"]["variants"]["explicit"] == {"mismatch": 1, "match": 1}
    assert summary["runners"]["broken"]["control"] == "broken on purpose"
    assert [(job["runner"], job["gate"]) for job in summary["failing"]] == [
        ("torch", "regression"),
        ("keras", "regression"),
        ("keras", "changed"),
        ("torch", "fixed"),
    ]
    assert summary["stale"][0]["where"] == "expectations/torch.yaml:9:5"
    assert summary["missing"] == {"tf1": "pip install tensorflow"}
