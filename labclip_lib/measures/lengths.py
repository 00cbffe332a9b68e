"""Which rows of a table of embeddings have a direction, and what it is, however long or short the rows are.

A direction is all that a cosine knows. The squares in a row's length leave float32 where its numbers are beyond 1e19 or
below 1e-19, and a length of infinity or zero would turn such a row into zeros; so lengths are taken in float64.
"""

import torch
from torch.nn.functional import normalize

MOST = 1e6  # times as long as the typical row, or as short: such a length can only be a mistake


def look_over(table, name):
    """Raise ValueError, in one sentence, unless all rows of a table (..., D) are floats, finite and have a direction.

    Rows of zeros have none, nor have rows whose largest number is too small to be stored with all its digits.
    """
    if not table.is_floating_point():
        raise ValueError(f"{name} holds {table.dtype}; embeddings are floats.")
    size = table.detach().flatten(0, -2).abs().amax(-1) if table.numel() else table.new_ones(0)
    bad = int((~size.isfinite()).sum())
    if bad:
        raise ValueError(f"{bad} of {len(size)} rows of {name} hold a NaN or an infinity; embed them again.")
    none = (size < torch.finfo(table.dtype).tiny).nonzero()[:, 0]
    if len(none):
        raise ValueError(
            f"{len(none)} of {len(size)} rows of {name} are zero, or too small to have a direction, the first is row "
            f"{int(none[0])}; embed them again."
        )


def unit(table):
    """(..., D) rows, of whatever length, to float32 rows of unit length; what has no direction becomes zeros."""
    size, rows = table.abs().amax(-1, keepdim=True), _exact(table)
    rows = torch.where(size >= torch.finfo(table.dtype).tiny, rows / rows.abs().amax(-1, keepdim=True), 0)
    return normalize(rows, dim=-1).float()


def even_lengths(table):
    """(N, D) rows as they are, but those a million times as long or as short as the median row get its length.

    For what uses lengths too, as a probe does. Their direction is kept.
    """
    rows = _exact(table)
    size = rows.abs().amax(-1, keepdim=True)
    length = (rows / size).norm(dim=-1, keepdim=True) * size
    typical = length.median()
    odd = (length > MOST * typical) | (length < typical / MOST)
    return torch.where(odd, rows / length * typical, rows).to(table.dtype)


def _exact(table):
    return table.float() if table.device.type == "mps" else table.double()  # which knows no float64
