"""A light scorer over the cosines between the parts of a picture and the tokens of a caption, towers frozen.

A window of tokens looks at one part at a time. So "red" and "circle" can be asked of the same place, which no cosine of
two wholes does. Few weights, whatever the towers: it sees cosines, no embeddings.
Source of the idea: Kang and others 2025, "Is CLIP ideal? No. Can we fix it? Yes!" (DCSM, arXiv 2503.08723), whose
scorer is a larger network.
"""

import torch
from torch.nn.functional import cross_entropy

STEP = 2**24  # numbers of a hidden layer that are held at once


class CrossScorer(torch.nn.Module):
    """Scores (N, M) of parts (N, P, D) and tokens (M, T, D), both of unit length; present: (M, T) mask of the tokens.

    Two convolutions over the tokens of a caption read the cosines with each part. Each feature of each token keeps the
    part where it is largest, and a caption is worth the mean of what its tokens are. width: features of a token.
    """

    def __init__(self, width=24):
        super().__init__()
        self.first = torch.nn.Conv1d(1, width, 3, padding=1)
        self.second = torch.nn.Conv1d(width, width, 3, padding=1)
        self.last = torch.nn.Linear(width, 1)

    def forward(self, parts, tokens, present):
        cosines = torch.einsum("npd,mtd->nmpt", parts, tokens)
        there = present[:, None].expand(cosines.shape).flatten(0, 2)[:, None]  # so that absent tokens change nothing
        hidden = self.first(10 * cosines.flatten(0, 2)[:, None] * there).relu() * there  # cosines differ little
        seen = self.second(hidden).relu().unflatten(0, cosines.shape[:3]).amax(2)
        worth = self.last(seen.mT)[..., 0] * present
        return worth.sum(-1) / present.sum(-1)

    @torch.no_grad()
    def scores(self, parts, tokens, present):
        """The same without a gradient, for any number of pictures and captions."""
        features = parts.shape[1] * self.second.out_channels * tokens.shape[1]
        step = max(1, STEP // (features * max(1, len(tokens))))
        return torch.cat([self(part, tokens, present) for part in parts.split(step)])


def fit_cross_scorer(parts, tokens, foils, present, seed=0, width=24, steps=400, batch=32, rate=1e-2):
    """Fit a CrossScorer by Adam: pictures choose among the captions of their batch and these captions' foils.

    parts: (N, P, D). tokens, foils: (N, T, D) of each picture's caption and of its hard negative, equally long.
    present: (N, T). It starts at random; the rate falls to 0 along half a cosine. Raises ValueError for fewer pictures
    than two.
    """
    if len(parts) < 2:
        raise ValueError(f"fit_cross_scorer needs two or more pictures to choose between, got {len(parts)}.")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        scorer = CrossScorer(width).to(parts.device)
    generator = torch.Generator().manual_seed(seed)
    adam = torch.optim.Adam(scorer.parameters(), lr=rate)
    falls = torch.optim.lr_scheduler.CosineAnnealingLR(adam, steps)
    for _ in range(steps):
        rows = torch.randperm(len(parts), generator=generator)[:batch].to(parts.device)
        texts, there = torch.cat([tokens[rows], foils[rows]]), present[rows].repeat(2, 1)
        loss = cross_entropy(scorer(parts[rows], texts, there), torch.arange(len(rows), device=parts.device))
        adam.zero_grad()
        loss.backward()
        adam.step()
        falls.step()
    return scorer.requires_grad_(False)
