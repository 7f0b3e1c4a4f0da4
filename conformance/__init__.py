"""Conformance suite for padding: who pads a convolution how, who is right, and why not."""

from __future__ import annotations

TYPE_CHECKING = False  # typing takes longer to load than all of this
if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path
    from typing import Any

    from conformance.comparing import Comparison
    from conformance.explanation.explain import Explanation
    from conformance.pipeline import Finished

    Several = str | Path | Sequence[str | Path]

__version__ = "0.1.0"


def run(
    *paths: str | Path,
    runners: Several = (),
    require: Several = (),
    tags: Several = (),
    expectations: Several = (),
    out: str | Path = "reports/latest",
    **options: Any,
) -> Finished:
    """Run cases (files or folders; by default the packaged ones), write a run folder and give the result.

    The arguments are the options of ``conformance run``, each of the first ones a text or several;
    ``options`` are the fields of ``pipeline.Options`` that are left: ``expression``, ``jobs``, ``shard``,
    ``timeout`` and so on. Nothing is printed. Raises ``errors.InputError`` before anything has run,
    ``errors.NothingSelectedError``, and on an interrupt ``KeyboardInterrupt`` with the run folder
    written as far as the run came.
    """
    from pathlib import Path

    from conformance import pipeline

    finished = pipeline.run(
        pipeline.Options(
            paths=tuple(map(Path, paths)),
            runners=tuple(map(str, _several(runners))),
            require=tuple(map(str, _several(require))),
            tags=tuple(map(str, _several(tags))),
            expectations=_folders(expectations),
            out=Path(out),
            **options,
        )
    )
    if finished.interrupted:
        raise KeyboardInterrupt
    return finished


def read(folder: str | Path, expectations: Several = ()) -> Finished:
    """The result of a finished run, as ``run`` gives it, judged against expectations as they are now.

    Raises ``errors.InputError`` where there is no run.
    """
    from pathlib import Path

    from conformance import pipeline
    from conformance.render import html

    found, stale = pipeline.judge_again(Path(folder), _folders(expectations))
    return pipeline.Finished(found, tuple(stale), found.folder / html.NAME)


def compare(old: str | Path | Finished, new: str | Path | Finished) -> Comparison:
    """What changed from one run to another, by cause; results, or folders of runs.

    The comparison has ``changes``, ``status`` and ``count(kind)``, and shows itself. Raises
    ``errors.InputError`` where there is no run.
    """
    from pathlib import Path

    from conformance import comparing, journal
    from conformance.pipeline import Finished

    one, other = (each.run if isinstance(each, Finished) else journal.read(Path(each)) for each in (old, new))
    return comparing.compare(one, other)


def explain(
    layer: str,
    input: int | tuple[int, ...] = (),  # noqa: A002
    kernel: int | tuple[int, ...] = (),
    channels: int = 0,
) -> Explanation:
    """What a layer as people write it pads over an input of these spatial sizes, and how to write it elsewhere.

    ``kernel`` and ``channels`` fill in what the text leaves open. The result shows itself: as text, and
    in a notebook as HTML. Raises ``errors.InputError`` where the layer cannot be read.
    """
    from conformance.explanation import explain

    return explain.explain(layer, input, kernel, channels)


def _several(value: Several) -> Sequence[str | Path]:
    return (value,) if isinstance(value, str) or hasattr(value, "__fspath__") else value  # type: ignore[return-value]


def _folders(value: Several) -> tuple[Path, ...]:
    """Those of the nearest ``pyproject.toml``, and these."""
    from pathlib import Path

    from conformance import settings

    return settings.expectations(tuple(map(Path, _several(value))))
