"""The InfoNCE losses of `losses` in less memory and time, and over several processes, for large batches."""

import torch
from torch.autograd.function import once_differentiable
from torch.nn.functional import log_softmax

from labclip_lib.base.devices import gather_rows, part, world_size


def chunked_info_nce(images, texts, negatives, logit_scale, batch, chunk=None):
    """InfoNCE with the value and, up to rounding, the gradients of `losses.info_nce` or `hard_negative_info_nce`.

    images, texts: (B, D) unit-norm. negatives: (B, D), (B, K, D), or None. logit_scale: as in `losses`.
    batch: B. With several processes, the given rows are this process's share of the batch, `devices.part(batch)`, and
        the value is its share of the loss; over all processes, values and gradients add up to those of the batch.
    chunk: rows of the similarity matrix in memory at a time, at the cost of computing each similarity twice; by
        default all B.
    Raises ValueError for a chunk below one.
    """
    if chunk is not None and chunk < 1:
        raise ValueError(f"chunk must be 1 or more rows, got {chunk}.")
    all_images, captions = gather_rows(images, batch), gather_rows(texts, batch)
    if negatives is not None:
        captions = torch.cat([captions, gather_rows(negatives, batch).flatten(0, -2)])
    first, chunk = part(batch)[0], chunk or batch
    if world_size() == 1 and chunk >= batch:  # both directions use the same similarities
        total = _Choices.apply(images, captions, logit_scale, 0, chunk, True)
    else:
        total = _Choices.apply(images, captions, logit_scale, first, chunk, False)
        total = total + _Choices.apply(texts, all_images, logit_scale, first, chunk, False)
    return total / (2 * batch)


class _Choices(torch.autograd.Function):
    """Summed cross-entropy of (N, D) queries that must choose their target among (M, D) keys: a scalar.

    Query i's target is key first + i. mutual: the first N keys must also choose their query.

    The forward pass computes the gradient too, chunk by chunk, so that no similarities are stored for the backward
    pass.
    """

    @staticmethod
    def forward(ctx, queries, keys, scale, first, chunk, mutual):
        wanted = ctx.needs_input_grad
        total, to_queries, to_keys, to_scale = 0, [], 0, 0
        for rows in queries.split(chunk):
            cosine = rows @ keys.T
            cosine = cosine.to(torch.promote_types(cosine.dtype, torch.float32))  # autocast gives bfloat16
            logits = scale * cosine
            loss, slope = _cross_entropy(logits, first, dim=1)
            if mutual:
                back, its_slope = _cross_entropy(logits[:, : len(rows)], 0, dim=0)
                slope[:, : len(rows)] += its_slope
                total = total + back
            total, first = total + loss, first + len(rows)
            if wanted[2]:
                to_scale = to_scale + cosine.mul_(slope).sum()
            if wanted[0]:
                to_queries.append(slope @ (scale * keys))
            if wanted[1]:
                to_keys = to_keys + slope.T @ (scale * rows)
        ctx.save_for_backward(
            torch.cat(to_queries).to(queries.dtype) if wanted[0] else None,
            to_keys.to(keys.dtype) if wanted[1] else None,
            to_scale.to(scale.dtype) if wanted[2] else None,
        )
        return total

    @staticmethod
    @once_differentiable
    def backward(ctx, gradient):
        return *(None if saved is None else gradient * saved for saved in ctx.saved_tensors), None, None, None


def _cross_entropy(logits, first, dim):
    """Cross-entropy along dim, where the targets lie on diagonal `first`: the sum, and its gradient.

    The gradient of -ln p, p the softmax of the logits, is p less 1 at the target.
    """
    log_p = log_softmax(logits, dim)
    loss = -log_p.diagonal(first).sum()
    slope = log_p.exp_()
    slope.diagonal(first).sub_(1)
    return loss, slope
