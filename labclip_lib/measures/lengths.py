"""Check and normalise rows of embeddings, however long or short the rows are.

A cosine depends on directions only. The squares in a row's length overflow float32 beyond 1e19 and underflow below
1e-19, and a length of infinity or zero would turn such a row into zeros; so lengths are computed in float64.
"""

import torch
from torch.nn.functional import normalize

MOST = 1e6  # a row this many times longer, or shorter, than the median row can only be a mistake


def look_over(table, name):
    """Raise ValueError, in one sentence, unless all rows of a table (..., D) are floats, finite and have a direction.

    Rows of zeros have no direction, nor have rows whose largest number is subnormal.
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
    """Normalise (..., D) rows to float32 rows of unit length; a row without a direction becomes zeros."""
    size, rows = table.abs().amax(-1, keepdim=True), _exact(table)
    rows = torch.where(size >= torch.finfo(table.dtype).tiny, rows / rows.abs().amax(-1, keepdim=True), 0)
    return normalize(rows, dim=-1).float()


def even_lengths(table):
    """Give (N, D) rows a million times longer or shorter than the median row its length; leave the others unchanged.

    For uses in which lengths matter too, such as probes. Directions do not change.
    """
    rows = _exact(table)
    size = rows.abs().amax(-1, keepdim=True)
    length = (rows / size).norm(dim=-1, keepdim=True) * size
    typical = length.median()
    odd = (length > MOST * typical) | (length < typical / MOST)
    return torch.where(odd, rows / length * typical, rows).to(table.dtype)


def _exact(table):
    return table.float() if table.device.type == "mps" else table.double()  # MPS has no float64
