import pytest
import torch
from bindable import unit as random_unit
from torch.nn.functional import normalize

from labclip_lib.measures.lengths import even_lengths, look_over, unit

DTYPES = [torch.float16, torch.bfloat16, torch.float32, torch.float64]


@pytest.mark.parametrize("scale", [1e-37, 1e-25, 1e-3, 1.0, 1e25, 1e37])
def test_every_length_has_its_direction(scale, device):
    rows = random_unit(0, 9, 16)
    assert torch.allclose(unit((rows * scale).to(device)).cpu(), rows, atol=1e-6)


@pytest.mark.parametrize("scale", [1e-300, 1e-100, 1e100, 1e300])
def test_float64_reaches_further(scale):
    rows = random_unit(0, 9, 16, dtype=torch.float64)
    found = unit(rows * scale)
    assert found.dtype == torch.float32 and torch.allclose(found, rows.float(), atol=1e-6)


@pytest.mark.parametrize("dtype", DTYPES)
def test_ordinary_rows_are_normalised_as_torch_does(dtype):
    rows = (3 * random_unit(0, 9, 2, 16)).to(dtype)
    assert torch.allclose(unit(rows), normalize(rows.float(), dim=-1), atol=1e-6)


def test_a_row_of_one_number_has_a_direction():
    rows = torch.full((3, 4), 7.0)
    look_over(rows, "images")
    assert unit(rows).tolist() == [[0.5] * 4] * 3 and torch.equal(even_lengths(rows), rows)


@pytest.mark.parametrize("dtype", DTYPES)
def test_rows_without_a_direction_are_counted_and_named(dtype, raises_saying):
    rows = random_unit(0, 9, 16).to(dtype)
    look_over(rows, "images")
    rows[3], rows[7] = 0, torch.finfo(dtype).tiny / 8
    with raises_saying(ValueError, "2 of 9 rows of images", "row 3", "direction"):
        look_over(rows, "images")
    with raises_saying(ValueError, "2 of 3 rows of negatives"):
        look_over(rows[[0, 3, 7]][:, None], "negatives")
    assert not unit(rows)[[3, 7]].any()
    rows[1, 0] = torch.nan
    with raises_saying(ValueError, "1 of 9 rows of images", "NaN"):
        look_over(rows, "images")
    with raises_saying(ValueError, "torch.int64", "floats"):
        look_over(rows.long(), "images")


@pytest.mark.parametrize("scale", [1e-25, 1e8, 1e25])
def test_a_length_that_can_only_be_a_mistake_is_the_median_length(scale):
    rows = torch.linspace(0.5, 2, 9)[:, None] * random_unit(0, 9, 16)
    assert torch.equal(even_lengths(rows), rows)
    wrong = rows.clone()
    wrong[[1, 4]] *= scale
    found = even_lengths(wrong)
    assert torch.equal(found[[0, 2, 3, 5, 6, 7, 8]], rows[[0, 2, 3, 5, 6, 7, 8]])
    assert torch.allclose(unit(found), unit(rows), atol=1e-6) and 0.4 < float(found[1].norm()) < 2.1
    assert torch.equal(even_lengths(rows * 2.0**80), rows * 2.0**80)
