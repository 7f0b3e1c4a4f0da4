"""JAX as anybody's runner: through the engine, every packaged case of the seeds is right."""

from __future__ import annotations

from pathlib import Path

from conformance import pipeline, runners
from conformance.domain.case import Case
from conformance.pipeline import Options

SPEC = "conformance.runners.jax:Jax"


def test_the_seeds_match(tmp_path: Path) -> None:
    finished = pipeline.run(Options(expression="seeds/", runners=(SPEC,), out=tmp_path / "run"))
    assert {result["verdict"] for result in finished.run.results} == {"match"}
    assert {result["variant"] for result in finished.run.results} == {"named", "explicit"}
    assert len(finished.run.results) >= 20


def test_a_name_is_written_only_where_it_says_what_is_asked_for() -> None:
    jax = runners.load(SPEC)
    case = Case("a", "avg_pool", (8,), (3,), (2,), (1,), "same")
    assert jax.spell(case, "named").code.count("'SAME'") == 2
    pads = ((1, 1),)
    counted = Case("a", "avg_pool", (8,), (3,), (2,), (1,), pads, ceil_mode=True, count_include_pad=True)
    assert jax.variants["named"](counted) is None
    assert "constant_values=1.0" in jax.spell(counted, "explicit").code
    assert jax.variants["named"](Case("a", "conv", (8,), (3,), (2,), (1,), "fixed")) is None
