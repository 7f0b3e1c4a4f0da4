"""An explanation: the seeds' figures, worked out and compared, without numpy and without a framework."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import conformance
from conformance.cli import commands
from conformance.domain.case import Case
from conformance.errors import InputError
from conformance.explanation import explain as explanation
from conformance.explanation.agreement import spell
from conformance.explanation.explain import Explanation
from conformance.render import explained
from tests.fakes import ROOT


def configured(sizes: str, kernel: str, padding: str, stride: str = "1", dilation: str = "1") -> Case:
    """A configuration from the command line's texts."""
    return explanation.configuration(sizes, kernel, stride, dilation, padding)


def lines(sizes: str, kernel: str, padding: str, stride: str = "1", dilation: str = "1") -> list[str]:
    """The explanation's lines, without the blanks around them."""
    return [
        line.strip() for line in str(Explanation(configured(sizes, kernel, padding, stride, dilation))).splitlines()
    ]


def picture(sizes: str, kernel: str, padding: str, stride: str = "1", dilation: str = "1") -> list[str]:
    """The first axis' drawing."""
    case = configured(sizes, kernel, padding, stride, dilation)
    return [line.strip() for line in explained.picture(case.asked[0])]


def compared(
    sizes: str, kernel: str, padding: str, stride: str = "1", dilation: str = "1"
) -> dict[str, tuple[str, str]]:
    """The other rules: what they mean, and for which sizes they agree."""
    found = Explanation(configured(sizes, kernel, padding, stride, dilation))
    return {one.rule: (explanation.spelled(one, found.case), spell(one.sizes)) for one in found.comparisons}


def test_same_moves_its_grid_with_the_inputs_parity_and_fixed_does_not() -> None:
    assert picture("6", "3", "same", "2") == [
        "input |012345.|",
        "0 from 0 |###    |",
        "1 from 2 |  ###  |",
        "2 from 4 |    ###|",
    ]
    fixed = ["0 from -1 |###     |", "1 from 1 |  ###   |", "2 from 3 |    ### |"]
    assert picture("6", "3", "fixed", "2") == ["input |.012345.|", *fixed]
    odd = ["input |.01234.|", "0 from -1 |###    |", "1 from 1 |  ###  |", "2 from 3 |    ###|"]
    assert picture("5", "3", "same", "2") == odd
    assert picture("5", "3", "fixed", "2") == odd


def test_the_arithmetic_of_same_where_the_stride_divides_the_input() -> None:
    assert lines("6", "3", "same", "2")[:5] == [
        "same padding: input 6, kernel 3, stride 2, dilation 1 → output 3",
        "",
        "6 mod 2 = 0: total = max(3 - 2, 0) = 1",
        "begin = 1 // 2 = 0; end = 1 - 0 = 1",
        "output = (6 + 0 + 1 - 3) // 2 + 1 = 3",
    ]


def test_the_arithmetic_of_same_where_it_does_not() -> None:
    found = lines("5", "3", "same", "2")
    assert "5 mod 2 = 1: total = max(3 - 1, 0) = 2" in found
    assert "begin = 2 // 2 = 1; end = 2 - 1 = 1" in found


def test_a_total_of_five_pads_two_and_three() -> None:
    assert "begin = 5 // 2 = 2; end = 5 - 2 = 3" in lines("9", "6", "same")
    assert "end = 5 // 2 = 2; begin = 5 - 2 = 3" in lines("9", "6", "same_lower")
    dilated = lines("9", "2", "same", dilation="5")
    assert dilated[2:5] == [
        "effective kernel = (2 - 1) * 5 + 1 = 6",
        "9 mod 1 = 0: total = max(6 - 1, 0) = 5",
        "begin = 5 // 2 = 2; end = 5 - 2 = 3",
    ]
    assert "0 from -2 |#    #        |" in dilated


def test_the_arithmetic_of_fixed_tells_the_pad_that_is_never_read() -> None:
    found = lines("6", "3", "fixed", "2")
    assert "total = 3 - 1 = 2, whatever the input's size" in found
    assert "begin = 2 // 2 = 1; end = 2 - 1 = 1" in found
    assert "pads that any window reads: (1, 0)" in found
    assert not any(line.startswith("pads that any window") for line in lines("5", "3", "fixed", "2"))


def test_keras_first_question() -> None:
    found = lines("64x64", "4", "same", "2")
    assert found[0].endswith("→ output 32x32")
    assert "Each of the 2 axes" in found
    assert "begin = 2 // 2 = 1; end = 2 - 1 = 1" in found
    assert compared("64x64", "4", "same", "2")["valid"] == ("another shape: 31x31", "for no size")
    assert lines("64x64", "4", "valid", "2")[0].endswith("→ output 31x31")


def test_the_converters_question() -> None:
    assert lines("5x5", "2", "same", "2")[0].endswith("→ output 3x3")
    assert lines("5x5", "2", "valid", "2")[0].endswith("→ output 2x2")
    assert lines("6x6", "2", "valid", "2")[0].endswith("→ output 3x3")
    assert compared("6x6", "2", "valid", "2")["same"] == ("reads the same elements", "for even sizes")


def test_resnets_question() -> None:
    same, fixed = lines("32x32", "3", "same", "2"), lines("32x32", "3", "fixed", "2")
    assert same[0].endswith("→ output 16x16")
    assert fixed[0].endswith("→ output 16x16")
    other = "same shape, OTHER NUMBERS: starts 1"
    assert compared("32x32", "3", "same", "2")["fixed"] == (f"{other} earlier", "for odd sizes")
    assert compared("32x32", "3", "fixed", "2")["same"] == (f"{other} later", "for odd sizes")


def test_causal_and_numbers() -> None:
    assert "begin = 5 - 1 = 4; end = 0" in lines("8", "3", "causal", dilation="2")
    assert "begin = 0; end = 1" in lines("8x8", "3", "2.2x0.1")
    assert lines("8x8", "3", "0.1x0.1") == [line.replace("8x8", "8x8") for line in lines("8x8", "3", "0.1")]
    assert "begin = 2; end = 2" in lines("8", "3", "2")


def test_a_number_for_each_axis() -> None:
    found = lines("6x9", "3x2", "same", "2x1", "1x2")
    assert found[0] == "same padding: input 6x9, kernel 3x2, stride 2x1, dilation 1x2 → output 3x9"
    assert "6 mod 2 = 0: total = max(3 - 2, 0) = 1" in found
    assert "9 mod 1 = 0: total = max(3 - 1, 0) = 2" in found


def test_many_windows_are_left_out_in_the_middle() -> None:
    drawn = picture("40", "3", "same", "2")
    assert [line.split(" |")[0] for line in drawn] == [
        "input",
        "0 from 0",
        "1 from 2",
        "2 from 4",
        "3 from 6",
        "4 from 8",
        "…",
        "18 from 36",
        "19 from 38",
    ]


def test_a_long_row_is_cut_in_the_middle_so_that_both_pads_are_seen() -> None:
    drawn = picture("224", "7", "same", "2")
    assert max(map(len, drawn)) <= explained.WIDEST + 20
    assert drawn[0].startswith("input |..0123")
    assert drawn[0].endswith("...|"), "the end pads"
    first, last = drawn[1], drawn[-1]
    assert first.count("#") == last.count("#") == 7
    assert last.endswith("#######|")


def test_the_pads_of_a_rule_are_listed_by_remainder() -> None:
    assert "Pads by the size mod 2: 0 → (0, 1), 1 → (1, 1)" in lines("6", "3", "same", "2")
    assert not any(line.startswith("Pads by") for line in lines("6", "3", "same"))
    assert not any(line.startswith("Pads by") for line in lines("6", "3", "fixed", "2"))


@pytest.mark.parametrize(
    ("layer", "steps"),
    [
        (
            "Conv2DTranspose(4, 3, strides=2, padding='same')",
            [
                "full output = (5 - 1) * 2 + 3 = 11",
                "crop in all = 3 - 2 = 1",
                "begin = 1 // 2 = 0; end = 1 - 0 = 1",
                "output = 11 - 0 - 1 = 10",
            ],
        ),
        (
            "Conv2DTranspose(4, 2, strides=3, padding='same')",
            ["full output = (5 - 1) * 3 + 2 = 14", "crop in all = 2 - 3 = -1",
             "less than nothing: 1 outputs are added at the end", "output = 14 - 0 + 1 = 15"],
        ),
        (
            "nn.ConvTranspose2d(8, 4, 3, 2, 1, 1)",
            ["full output = (5 - 1) * 2 + 3 = 11", "crop 1 at the beginning and 1 at the end",
             "output padding 1: 0 at the end", "output = 11 - 1 - 0 = 10"],
        ),
        (
            "tf.nn.conv2d_transpose(x, w, [1, 9, 9, 3], 2)",
            ["full output = (5 - 1) * 2 + 3 = 11", "crop in all = 11 - 9 = 2", "begin = 2 // 2 = 1; end = 2 - 1 = 1",
             "output = 11 - 1 - 1 = 9"],
        ),
        (
            "nn.MaxPool2d(2, 3, 1, ceil_mode=True)",
            ["begin = 1; end = 1", "output = ceil((5 + 1 + 1 - 2) / 3) + 1 = 3",
             "less the last window, which would start in the end pad: 2", "pads that any window reads: (1, 0)"],
        ),
    ],
)  # fmt: skip
def test_the_arithmetic_of_other_operators(layer: str, steps: list[str]) -> None:
    found = conformance.explain(layer, (5, 5), 3 if "tf.nn" in layer else ())
    assert explanation.arithmetic(found.case, found.case.asked[0]) == steps


def test_a_transposed_convolution_is_drawn_over_its_output() -> None:
    found = conformance.explain("Conv1DTranspose(4, 3, strides=2, padding='same')", 3)
    drawn = [line.strip() for line in explained.picture(found.case.asked[0])]
    assert drawn == ["output |012345.|", "0 from 0 |###    |", "1 from 2 |  ###  |", "2 from 4 |    ###|"]


def test_tensorflow_counts_no_padding_where_a_pool_of_pytorch_does() -> None:
    """AvgPool2d(3, 1, 1) pads as SAME does, and divides otherwise."""
    found = conformance.explain("nn.AvgPool2d(3, 1, 1)", (6, 6))
    assert [one.same for one in found.comparisons if one.rule == "same"] == [False]
    uncounted = conformance.explain("nn.AvgPool2d(3, 1, 1, count_include_pad=False)", (6, 6))
    assert [one.same for one in uncounted.comparisons if one.rule == "same"] == [True]


def test_what_is_taken_for_granted_is_said() -> None:
    found = conformance.explain("DepthwiseConv2D(3)", (6, 6))
    assert found.notes == ("input channels are not said: 4 taken (--channels)",)
    assert conformance.explain("DepthwiseConv2D(3)", (6, 6), channels=4).notes == ()
    assert "note: the depthwise half of it" in str(conformance.explain("SeparableConv2D(3, 3)", (6, 6)))
    assert conformance.explain("Conv2D(8, 3, input_shape=(28, 20, 3))").case.input == (28, 20)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (("Conv2D(8, 3)",), "--input is missing; allowed: 2 sizes, such as 224x224"),
        (("Conv2D(8, 3)", (0, 1)), "input is (0, 1); allowed: one to three integers from 1"),
        (("Conv2D(8, 3)", (1, 1, 1, 1)), "input is (1, 1, 1, 1); allowed: one to three integers from 1"),
        (("Conv2D(8, 3)", (True, 1)), "input is (True, 1); allowed: one to three integers from 1"),
        (("Conv2D(8, 3)", (8, 8), 3), "--kernel with Conv2D, which says 3x3; allowed: one of them"),
    ],
)
def test_what_the_function_refuses(given: tuple[Any, ...], message: str) -> None:
    with pytest.raises(InputError) as caught:
        conformance.explain(*given)
    assert str(caught.value).startswith(message)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (("0", "3", "same"), "--input '0'; allowed: integers from 1 up, joined by x: 6 or 224x224"),
        (("6x", "3", "same"), "--input '6x'; allowed: integers from 1 up"),
        (("-6", "3", "same"), "--input '-6'; allowed: integers from 1 up"),
        (("6x6x6x6", "3", "same"), "--input '6x6x6x6'; allowed: one to three sizes"),
        (("6", "k", "same"), "--kernel 'k'; allowed: integers from 1 up"),
        (("6x6", "3x3x3", "same"), "--kernel '3x3x3'; allowed: one number, or one for each of the input's 2 axes"),
        (("6", "3", "same", "0"), "--stride '0'; allowed: integers from 1 up"),
        (
            ("6", "3", "same", "1", "1x1"),
            "--dilation '1x1'; allowed: one number, or one for each of the input's 1 axes",
        ),
        (("6", "3", "sane"), "--padding 'sane'; allowed: valid, same, same_lower, causal, fixed, an integer, or BEGIN"),
        (("6", "3", "-1"), "--padding '-1'; allowed:"),
        (("6", "3", "symmetric"), "--padding 'symmetric'; allowed:"),
        (("6x6", "3", "0.1x0.1x0.1"), "--padding '0.1x0.1x0.1'; allowed:"),
        (("6x6", "3", "causal"), "padding causal; allowed: rank 1"),
        (("6", "7", "valid"), "kernel 7 with dilation 1 spans 7; allowed: up to the padded input (0 + 6 + 0)"),
        (("6", "3", "1", "1", "8"), "kernel 3 with dilation 8 spans 17; allowed: up to the padded input (1 + 6 + 1)"),
    ],
    ids=str,
)
def test_what_cannot_be_explained_is_bad_usage(given: tuple[str, ...], message: str) -> None:
    with pytest.raises(InputError) as caught:
        configured(*given)
    assert str(caught.value).startswith(message)
    assert caught.value.status == 4


OPTIONS = ["--input", "6", "--kernel", "3", "--stride", "2", "--padding", "same"]
PASTED = ["--from", "nn.Conv2d(64, 64, 7, stride=2, padding=3)", "--input", "224x224"]


@pytest.mark.parametrize("arguments", [OPTIONS, PASTED, [*PASTED, "--to", "caffe"], [*PASTED, "--format", "svg"]])
def test_numpy_pydantic_and_frameworks_stay_out(arguments: list[str]) -> None:
    """In a fresh interpreter, as the command is."""
    code = f"""
import sys
sys.argv = ["conformance", "explain", *{arguments!r}]
from conformance import cli
try:
    cli.main()
except SystemExit as ended:
    assert ended.code in (0, None), ended.code
heavy = "numpy pydantic yaml rich jinja2 torch tensorflow keras onnx onnxruntime onnx2keras jax"
print("loaded:", *sorted(set(heavy.split()) & set(sys.modules)))
"""
    ended = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.splitlines()[-1] == "loaded:"


def test_the_package_is_light_and_a_notebook_loads_no_framework() -> None:
    code = """
import sys
before = set(sys.modules)
import conformance
assert set(sys.modules) - before <= {"conformance", "__future__"}, set(sys.modules) - before
shown = conformance.explain("Conv2D(6, 4, strides=2, padding='same')", input=(64, 64))
assert "32x32" in str(shown)
assert "<section>" in shown._repr_html_()
heavy = "numpy pydantic yaml torch tensorflow keras onnx onnxruntime onnx2keras jax"
print("loaded:", *sorted(set(heavy.split()) & set(sys.modules)))
"""
    ended = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.splitlines()[-1] == "loaded:"


BLOCK = re.compile(r"^```\n(\$ conformance explain .*?)^```", re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("path", ["README.md", "docs/explain.md"])
def test_the_documents_show_what_the_command_prints(path: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Where a document leaves lines out, it says so with a line of ``…``."""
    blocks = BLOCK.findall(Path(ROOT, path).read_text("utf-8"))
    assert blocks
    for block in blocks:
        command, _, shown = block.partition("\n")
        commands.main(shlex.split(command)[2:], standalone_mode=False)
        printed = capsys.readouterr().out
        place = 0
        for part in shown.split("…\n"):
            found = printed.find(part, place)
            assert found >= 0, part
            assert place or not found, part
            place = found + len(part)
        assert shown.endswith("…\n") or place == len(printed), command
