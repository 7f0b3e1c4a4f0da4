"""``explain``: the seeds' figures, worked out and drawn as text, without numpy and without a framework."""

from __future__ import annotations

import subprocess
import sys

import pytest

from conformance import explain
from conformance.domain.case import Case
from conformance.domain.geometry import Axis
from conformance.errors import InputError
from tests.fakes import ROOT


def configured(sizes: str, kernel: str, padding: str, stride: str = "1", dilation: str = "1") -> Case:
    """A configuration from the command line's texts."""
    return explain.configuration(sizes, kernel, stride, dilation, padding)


def lines(sizes: str, kernel: str, padding: str, stride: str = "1", dilation: str = "1") -> list[str]:
    """The explanation's lines, without the blanks around them."""
    return [line.strip() for line in explain.text(configured(sizes, kernel, padding, stride, dilation)).splitlines()]


def picture(sizes: str, kernel: str, padding: str, stride: str = "1", dilation: str = "1") -> list[str]:
    """The first axis' drawing."""
    case = configured(sizes, kernel, padding, stride, dilation)
    first = case.asked[0]
    assert isinstance(first, Axis)
    return [line.strip() for line in explain.drawing(first)]


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
    assert found.count("begin = 2 // 2 = 1; end = 2 - 1 = 1") == 2
    assert "valid       0.0x0.0          another shape: 31x31" in found
    assert {"Axis 0", "Axis 1"} <= set(found)
    assert lines("64x64", "4", "valid", "2")[0].endswith("→ output 31x31")


def test_the_converters_question() -> None:
    assert lines("5x5", "2", "same", "2")[0].endswith("→ output 3x3")
    assert lines("5x5", "2", "valid", "2")[0].endswith("→ output 2x2")
    found = lines("6x6", "2", "valid", "2")
    assert found[0].endswith("→ output 3x3")
    assert "same        0.0x0.0          reads the same elements" in found


def test_resnets_question() -> None:
    same, fixed = lines("32x32", "3", "same", "2"), lines("32x32", "3", "fixed", "2")
    assert same[0].endswith("→ output 16x16")
    assert fixed[0].endswith("→ output 16x16")
    assert "fixed       1.1x1.1          same shape, OTHER NUMBERS" in same
    assert "same        0.1x0.1          same shape, OTHER NUMBERS" in fixed


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
    assert max(map(len, drawn)) <= explain.WIDEST + 20
    assert drawn[0].startswith("input |..0123")
    assert drawn[0].endswith("...|"), "the end pads"
    first, last = drawn[1], drawn[-1]
    assert first.count("#") == last.count("#") == 7
    assert last.endswith("#######|")


def test_the_spellings_mark_what_is_not_asked_for() -> None:
    found = lines("6", "3", "same", "2")
    assert "torch/explicit" in found
    assert "torch/symmetric   ← not what is asked for: pads 1.1" in found
    assert "tensorflow/same" in found
    assert found[found.index("keras/zeropad") + 1].startswith("keras.Sequential([keras.layers.ZeroPadding1D((0, 1))")
    odd = lines("5", "3", "same", "2")
    assert "torch/symmetric" in odd
    assert not any("onnx2keras-same" in line for line in found), "a negative control is no advice"


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
        (("6x6", "3", "0.1x0.1x0.1"), "--padding '0.1x0.1x0.1'; allowed: one BEGIN.END, or one for each"),
        (("6x6", "3", "causal"), "--padding causal; allowed: rank 1"),
        (("6", "7", "valid"), "--kernel 7 spans 7; allowed: up to the padded input (0 + 6 + 0)"),
        (("6", "3", "1", "1", "8"), "--kernel 3 spans 17; allowed: up to the padded input (1 + 6 + 1)"),
    ],
    ids=str,
)
def test_what_cannot_be_explained_is_bad_usage(given: tuple[str, ...], message: str) -> None:
    with pytest.raises(InputError) as caught:
        configured(*given)
    assert str(caught.value).startswith(message)
    assert caught.value.status == 4


def test_numpy_pydantic_and_frameworks_stay_out() -> None:
    """In a fresh interpreter, as the command is."""
    code = """
import sys
sys.argv = ["conformance", "explain", "--input", "6", "--kernel", "3", "--stride", "2", "--padding", "same"]
from conformance import cli
try:
    cli.main()
except SystemExit as ended:
    assert ended.code in (0, None), ended.code
heavy = "numpy pydantic yaml rich jinja2 torch tensorflow keras onnx onnxruntime onnx2keras"
print("loaded:", *sorted(set(heavy.split()) & set(sys.modules)))
"""
    ended = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr
    assert "same padding: input 6" in ended.stdout
    assert ended.stdout.splitlines()[-1] == "loaded:"
