"""``python -m benchmarks.control [RUN]``: is the negative control caught where it is wrong, and nowhere else?

``onnx2keras-same`` writes SAME where the release writes explicit zero padding. On every case with pads
that the release gets right, it has to be a mismatch if SAME reads other elements than the pads asked
for, and a match if it reads the same. RUN is a run folder that has both; without it one is made.
"""

from __future__ import annotations

import sys
import tempfile
from collections import Counter
from pathlib import Path

from conformance import journal, pipeline
from conformance.domain.facts import facts

RELEASE, CONTROL = ("onnx2keras", "pads"), ("onnx2keras-same", "pads")


def main() -> int:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(sys.argv[1]) if sys.argv[1:] else Path(name)
        if not sys.argv[1:]:
            pipeline.run(pipeline.Options(runners=("/".join(RELEASE), "/".join(CONTROL)), out=folder))
        run = journal.read(folder)
    if not run.complete:
        raise SystemExit(f"{run.folder}: the run is incomplete")
    verdicts = {(each["case"], each["runner"], each["variant"]): each["verdict"] for each in run.results}
    counted: Counter[tuple[str, str]] = Counter()
    wrong = []
    for case in run.cases.values():
        release, control = (verdicts.get((case["id"], *variant)) for variant in (RELEASE, CONTROL))
        if control is None or release != "match" or not facts(case)["padded"]:
            continue
        differs = "same" in facts(case)["differs_from"]
        counted["SAME reads other elements" if differs else "SAME reads the same", control] += 1
        if control != ("mismatch" if differs else "match"):
            wrong.append(f"{case['id']}: {control}")
    for (what, verdict), count in sorted(counted.items()):
        print(f"{count:6,}  {what:<27} {verdict}")
    print("\n".join(wrong) or "the control is caught on every case where it is wrong, and on no other")
    return 1 if wrong or not counted else 0


if __name__ == "__main__":
    sys.exit(main())
