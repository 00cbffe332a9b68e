"""Images with their captions and hard negatives, as embeddings: what LABCLIP is fitted to and chosen by."""

import dataclasses

import numpy as np
import torch

from labclip_lib.diagnosis import Measure, pairwise_outcomes, recall_outcomes
from labclip_lib.distributed import ALONE


@dataclasses.dataclass(frozen=True)
class Pairs:
    """Embeddings that belong together; N images, M captions, K hard negatives a caption, all of unit length.

    images (N, D), texts (M, D), negatives (M, K, D) or None, image (M,) int64: the row of each caption's image.
    (M, D) negatives are taken for K = 1; image left out means that caption i belongs with image i. Whatever floats
    they were, they are kept as float32.
    Raises ValueError when shapes do not fit, a value is NaN or infinite, a length is not one, or a negative is its
    own caption.
    """

    images: torch.Tensor
    texts: torch.Tensor
    negatives: torch.Tensor = None
    image: torch.Tensor = None

    def __post_init__(self):
        if self.negatives is not None and self.negatives.ndim == 2:
            object.__setattr__(self, "negatives", self.negatives[:, None])
        if self.image is None:
            if len(self.images) != len(self.texts):
                raise ValueError(
                    f"{len(self.images)} images and {len(self.texts)} captions do not pair row by row; pass image=, "
                    "the row of each caption's image."
                )
            object.__setattr__(self, "image", torch.arange(len(self.texts), device=self.texts.device))
        self._fit()
        for name in ("images", "texts", "negatives"):
            table = getattr(self, name)
            if table is not None:
                _look_over(name, table.detach().flatten(0, -2))
                object.__setattr__(self, name, table.detach().float())
        if self.negatives is not None:
            same = (self.negatives == self.texts[:, None]).all(-1).any(1)
            if bool(same.any()):
                first = int(same.nonzero()[0])
                raise ValueError(
                    f"{int(same.sum())} of {len(same)} captions have themselves among their negatives, first caption "
                    f"{first}; leave those out."
                )

    def _fit(self):
        seen = ", ".join(
            f"{name} {tuple(table.shape)}" for name, table in vars(self).items() if isinstance(table, torch.Tensor)
        )
        ok = self.images.ndim == self.texts.ndim == 2 and self.images.shape[1] == self.texts.shape[1]
        ok = ok and len(self.texts) and self.image.shape == self.texts.shape[:1]
        if ok and self.negatives is not None:
            ok = self.negatives.ndim == 3 and self.negatives.shape[::2] == self.texts.shape and self.negatives.shape[1]
        if not ok:
            raise ValueError(f"Expected images (N, D), texts (M, D), negatives (M, K, D) and image (M,), got {seen}.")
        if int(self.image.min()) < 0 or int(self.image.max()) >= len(self.images):
            raise ValueError(
                f"image must hold rows of the {len(self.images)} images, got {int(self.image.min())} to "
                f"{int(self.image.max())}."
            )

    def __len__(self):
        return len(self.texts)

    def __getitem__(self, rows):
        """The captions at a slice, mask or list of rows, with the images they need."""
        image = self.image[rows]
        used, image = image.unique(return_inverse=True)
        negatives = None if self.negatives is None else self.negatives[rows]
        return Pairs(self.images[used], self.texts[rows], negatives, image)

    def to(self, device):
        return Pairs(*(None if table is None else table.to(device) for table in vars(self).values()))


def choice_outcomes(pairs, labclip=None, rivals=None, chunk=2048, here=ALONE):
    """Does each image choose its caption among all captions, its own hard negatives and the rivals? (N,) float64.

    1 when one of its own captions is strictly closest, 0.5 when another ties with it, else 0; images without a
    caption are left out. labclip: a LABCLIP, applied first. rivals: (R, D) captions of other images, to make it
    harder. here: with several processes, this one's share of the images.
    """
    images = pairs.images
    captions = pairs.texts if rivals is None else torch.cat([pairs.texts, rivals])
    texts, group = captions.unique(dim=0, return_inverse=True)  # a caption said of two images is no rival
    group = group[: len(pairs)]
    image, own_image = pairs.image.unique(return_inverse=True)
    first, end = here.part(len(image))
    with torch.no_grad():
        if labclip:
            images, texts = labclip.align_images(images), labclip.align_texts(texts)
        hardest = _hardest(pairs, labclip, images, own_image, len(image))
        out = []
        for start in range(first, end, chunk):
            stop = min(start + chunk, end)
            similarity = images[image[start:stop]] @ texts.T
            mine = (own_image >= start) & (own_image < stop)
            own = torch.zeros_like(similarity, dtype=torch.bool)
            own[own_image[mine] - start, group[mine]] = True
            best = similarity.masked_fill(~own, -torch.inf).amax(1)
            rival = torch.maximum(similarity.masked_fill(own, -torch.inf).amax(1), hardest[start:stop])
            out.append((best > rival).double() + 0.5 * (best == rival).double())
    return torch.cat(out).cpu() if out else torch.zeros(0, dtype=torch.float64)


def examine_pairs(pairs, labclip=None):
    """Retrieval both ways, and captions against their own hard negatives: {name: Measure}, clustered by image.

    A test of thousands of images is meant: the whole similarity matrix is held.
    """
    with torch.no_grad():
        images = labclip.align_images(pairs.images) if labclip else pairs.images
        texts = labclip.align_texts(pairs.texts) if labclip else pairs.texts
    alone = dataclasses.replace(pairs, negatives=None)
    m, clusters = len(pairs), pairs.image.cpu().numpy()
    there = choice_outcomes(alone, labclip).numpy()
    back = recall_outcomes(texts @ images.T, 1, pairs.image)
    out = {
        f"image to text, recall@1 among {m:,}": Measure(there, pairs.image.unique().cpu().numpy(), 1 / m),
        f"text to image, recall@1 among {len(images):,}": Measure(back, clusters, 1 / len(images)),
    }
    if pairs.negatives is not None:
        with torch.no_grad():
            negatives = labclip.align_texts(pairs.negatives) if labclip else pairs.negatives
        true = (images[pairs.image] * texts).sum(-1)
        k = negatives.shape[1]
        foil = torch.einsum("md,mkd->mk", images[pairs.image], negatives)
        won = pairwise_outcomes(true.repeat_interleave(k), foil.flatten())
        out["caption against its hard negative"] = Measure(won, np.repeat(clusters, k), 0.5)
    return out


def _hardest(pairs, labclip, images, own_image, n):
    """(n,) similarity of each image with the closest hard negative of its captions; -inf where there is none."""
    out = torch.full((n,), -torch.inf, device=images.device)
    if pairs.negatives is None:
        return out
    for rows in torch.arange(len(pairs), device=images.device).split(65_536):
        negatives = pairs.negatives[rows]
        negatives = labclip.align_texts(negatives) if labclip else negatives
        closest = torch.einsum("md,mkd->mk", images[pairs.image[rows]], negatives).amax(1)
        out.scatter_reduce_(0, own_image[rows], closest, "amax")
    return out


def _look_over(name, table):
    if not table.is_floating_point():
        raise ValueError(f"{name} holds {table.dtype}; embeddings are floats.")
    length = table.norm(dim=-1)
    bad = ~length.isfinite()
    if bool(bad.any()):
        raise ValueError(
            f"{int(bad.sum())} of {len(table)} rows of {name} hold a NaN or an infinity; embed them again."
        )
    worst = float((length - 1).abs().max()) if len(length) else 0
    if worst > 0.01:
        raise ValueError(f"{name} must be of unit length, one row is off by {worst:.2g}; normalise them first.")
