"""Images with their captions and hard negatives, as embeddings: what LABCLIP is fitted to and chosen by."""

import dataclasses

import numpy as np
import torch

from labclip_lib.alignment.labclip import Unaligned
from labclip_lib.base.devices import all_sum, part
from labclip_lib.measures.lengths import look_over
from labclip_lib.measures.measure import Measure
from labclip_lib.measures.outcomes import (
    UNIT_ROWS,
    among_first,
    columns_of,
    first_choice,
    guessed_first_choice,
    guessed_recall,
    recall,
    similarities,
    standing,
)


@dataclasses.dataclass(frozen=True)
class Pairs:
    """Embeddings of N images, M captions and K hard negatives per caption, all of unit length.

    images (N, D), texts (M, D), negatives (M, K, D) or None, image (M,) int64: the row of each caption's image.
    (M, D) negatives mean K = 1; image left out means that caption i belongs with image i. The embeddings are converted
    to float32.
    text_ids (M,), negative_ids (M, K) int64: equal numbers for equal texts, as of `feed.text_ids`. Left out, every
    row is a different text, whatever its embedding: two texts that a model cannot tell apart are still two.
    Raises ValueError when shapes do not fit, a row has no direction or another length than one, or a negative is its
    own caption.
    """

    images: torch.Tensor
    texts: torch.Tensor
    negatives: torch.Tensor = None
    image: torch.Tensor = None
    text_ids: torch.Tensor = None
    negative_ids: torch.Tensor = None

    def __post_init__(self):
        for name, width in (("negatives", 2), ("negative_ids", 1)):
            table = getattr(self, name)
            if table is not None and table.ndim == width:
                object.__setattr__(self, name, table[:, None])
        if self.negatives is None:
            object.__setattr__(self, "negative_ids", None)
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
                look_over(table, name)
                wide = table.detach().to(torch.promote_types(table.dtype, torch.float32))
                worst = float((wide.norm(dim=-1) - 1).abs().max())
                if worst > 0.01:
                    raise ValueError(
                        f"{name} must be of unit length, one row is off by {worst:.2g}; normalise them first."
                    )
                object.__setattr__(self, name, table.detach().float())
        if self.text_ids is not None and self.negative_ids is not None:
            same = (self.negative_ids == self.text_ids[:, None]).any(1)
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
        for name, of in (("text_ids", self.texts), ("negative_ids", self.negatives)):
            ids = getattr(self, name)
            if ids is not None and (ids.shape != of.shape[:-1] or ids.is_floating_point()):
                raise ValueError(
                    f"Expected text_ids (M,) and negative_ids (M, K), integers, for {seen}; got {name} of {ids.dtype}."
                )
        if int(self.image.min()) < 0 or int(self.image.max()) >= len(self.images):
            raise ValueError(
                f"image must hold rows of the {len(self.images)} images, got {int(self.image.min())} to "
                f"{int(self.image.max())}."
            )

    def __len__(self):
        return len(self.texts)

    def __getitem__(self, rows):
        """The captions at a slice, mask or list of rows, with the images they need."""
        used, image = self.image[rows].unique(return_inverse=True)
        if not len(used):
            raise ValueError(f"The selection holds none of the {len(self):,} captions; select one or more.")
        of_captions = ("texts", "negatives", "text_ids", "negative_ids")
        tables = {name: None if getattr(self, name) is None else getattr(self, name)[rows] for name in of_captions}
        return self._with(images=self.images[used], image=image, **tables)

    def to(self, device):
        tables = {name: None if table is None else table.to(device) for name, table in vars(self).items()}
        return self._with(**tables)

    def without_negatives(self):
        return self._with(negatives=None, negative_ids=None)

    def _with(self, **tables):
        """A copy with some tables replaced by valid ones; they are not checked again."""
        out = object.__new__(Pairs)
        for name, table in (vars(self) | tables).items():
            object.__setattr__(out, name, table)
        return out


def hold_out(pairs, seed=0, share=0.1):
    """Pairs with all captions of a random share of the images held out: (the rest, held out)."""
    used = pairs.image.unique().cpu()  # held-out images without captions could validate nothing
    n = len(used)
    if n < 2:
        raise ValueError("One image cannot be split into training and validation; pass validation=.")
    order = torch.randperm(n, generator=torch.Generator().manual_seed(seed))
    held = torch.zeros(len(pairs.images), dtype=torch.bool)
    held[used[order[: max(1, int(share * n))]]] = True
    held = held.to(pairs.image.device)[pairs.image]
    return pairs[~held], pairs[held]


def choice_outcomes(pairs, labclip=None, rivals=None, chunk=2048, rival_ids=None):
    """Whether each image chooses its caption among all captions, its own hard negatives and the rivals: (N,) float64.

    1 when one of its own captions is closest, 0 when another text is; where texts tie for the first place, the share
    of them that are its own. Images without a caption are left out. A text counts once: a negative of the image's that
    is a caption, too, is that caption, and a caption of two images is right for both. Equal ids mark equal texts;
    without ids, each row is a different text.

    labclip: a LABCLIP, applied first. rivals: (R, D) captions of other images, as more candidates; rival_ids: (R,) as
    text_ids of `Pairs`. With several processes, each handles its share of the images, and all return all outcomes.
    """
    labclip = labclip or Unaligned()
    image, image_of_caption = pairs.image.unique(return_inverse=True)
    texts, targets, foil, foil_image = _candidates(pairs, image_of_caption, len(image), rivals, rival_ids)
    start, end = part(len(image))
    with torch.no_grad():
        images, texts = labclip.align_images(pairs.images), labclip.align_texts(texts)
        out = torch.zeros(len(image), dtype=torch.float64)
        for rows in _blocks(torch.arange(start, end, device=images.device), chunk):
            similarity = similarities(images[image[rows]], texts)
            at_targets = similarity.gather(1, targets[rows].clamp(min=0)).masked_fill(targets[rows] < 0, -torch.inf)
            best = at_targets.amax(1, keepdim=True)
            above, tied = standing(similarity, best, UNIT_ROWS)
            seen = ((foil_image >= rows[0]) & (foil_image <= rows[-1])).nonzero()[:, 0]
            for some in _blocks(seen, 65_536):
                at = foil_image[some] - rows[0]
                negatives = labclip.align_texts(pairs.negatives.flatten(0, 1)[foil[some]])
                closeness = (images[image[rows][at]] * negatives).sum(-1, keepdim=True)
                for count, more in zip((above, tied), standing(closeness, best[at], UNIT_ROWS), strict=True):
                    count.index_add_(0, at, more)
            out[rows.cpu()] = torch.from_numpy(among_first(above, tied, (at_targets >= best - UNIT_ROWS).sum(1), 1))
    return all_sum(out)


def _blocks(rows, size):
    return rows.split(size) if len(rows) else ()


def _candidates(pairs, image_of_caption, n, rivals, rival_ids):
    """What n images choose from, each text once: those that all of them see, and hard negatives beyond those.

    Returns texts (T, D); targets (n, C), the columns that are right for an image, -1 for none; foil (F,) into the
    flattened negatives, and the number (F,) of the image that sees it.
    """
    flat = torch.zeros(0) if pairs.negatives is None else pairs.negatives.flatten(0, 1)
    rivals = pairs.texts[:0] if rivals is None else rivals
    tables, ids = (pairs.texts, rivals, flat), (pairs.text_ids, rival_ids, pairs.negative_ids)
    number = _numbers([len(table) for table in tables], ids, pairs.texts.device)
    everyone = torch.cat(number[:2])
    first, column = _first(everyone)
    targets = columns_of(image_of_caption, column[: len(pairs)], n)
    if not len(flat):
        return torch.cat([pairs.texts, rivals])[first], targets, number[2], number[2]
    image = image_of_caption.repeat_interleave(len(flat) // len(pairs))
    beyond = (~torch.isin(number[2], everyone)).nonzero()[:, 0]
    once, _ = _first(image[beyond] * (int(number[2].max()) + 1) + number[2][beyond])
    foil = beyond[once]
    return torch.cat([pairs.texts, rivals])[first], targets, foil, image[foil]


def _numbers(lengths, ids, device):
    """One number for each row of several tables: equal for equal ids, all different where there are no ids."""
    known = [given.flatten() for given in ids if given is not None]
    numbers = torch.cat(known).unique(return_inverse=True)[1] if known else torch.zeros(0, dtype=torch.long)
    known, fresh, out = iter(numbers.split([len(given) for given in known])), len(numbers), []
    for length, given in zip(lengths, ids, strict=True):
        out.append(torch.arange(fresh, fresh + length, device=device) if given is None else next(known))
        fresh += length
    return out


def _first(numbers):
    """The first position of each distinct number, and for each entry the index of its number among these."""
    different, which = numbers.unique(return_inverse=True)
    positions = torch.arange(len(numbers), device=numbers.device)
    return torch.full_like(different, len(numbers)).scatter_reduce_(0, which, positions, "amin"), which


def examine_pairs(pairs, labclip=None):
    """Retrieval both ways, and captions against their own hard negatives: {name: Measure}, clustered by image.

    A caption of two images is one text, and both images are right for it; chance takes account of that.
    For thousands of images, not millions: the whole similarity matrix is held in memory.
    """
    labclip = labclip or Unaligned()
    with torch.no_grad():
        images, texts = labclip.align_images(pairs.images), labclip.align_texts(pairs.texts)
    (text,) = _numbers([len(pairs)], [pairs.text_ids], texts.device)
    different, text = text.unique(return_inverse=True)
    n, m, clusters = len(different), len(images), pairs.image.cpu().numpy()
    asking, asked = pairs.image.unique(return_inverse=True)
    right = (columns_of(asked, text, len(asking)), columns_of(text, pairs.image, n)[text])
    among = zip(right, (n, m), strict=True)
    guess = [float(guessed_recall((columns >= 0).sum(1).cpu().numpy(), size, 1).mean()) for columns, size in among]
    to_text = choice_outcomes(pairs.without_negatives(), labclip).numpy()
    to_image = recall(similarities(texts, images), right[1], (1,), UNIT_ROWS)[1]
    out = {
        f"image to text, recall@1 among {n:,}": Measure(to_text, asking.cpu().numpy(), guess[0]),
        f"text to image, recall@1 among {m:,}": Measure(to_image, clusters, guess[1]),
    }
    if pairs.negatives is not None:
        with torch.no_grad():
            negatives = labclip.align_texts(pairs.negatives)
        image, k = images[pairs.image], negatives.shape[1]
        true = (image * texts).sum(-1).repeat_interleave(k)[:, None]
        foil = (image[:, None] * negatives).sum(-1).flatten()[:, None]
        won, half = first_choice(true, foil, UNIT_ROWS), guessed_first_choice(1, 1)
        out["caption against its hard negative"] = Measure(won, np.repeat(clusters, k), float(half))
    return out
