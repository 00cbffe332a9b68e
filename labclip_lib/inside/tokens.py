"""The tokens that the towers keep until their last layer: one vector for each place of a picture and each of a caption.

CLIP was trained on its two wholes alone. Nothing in its loss asked for these vectors, so what they hold is by-catch.
"""

import contextlib

import torch
from torch.nn.functional import normalize, pad

from labclip_lib.embeddings.embed import embed_images


def patch_tokens(backbone, images):
    """A vector for each place of pictures, where embeddings of captions are: (N, P, D), unit length, row by row.

    images: as for `embeddings.embed_images`. Of a ViT of open_clip they are the last layer's tokens, normed and
    projected as its class token is. Of a ResNet they are the values of its attention pool at each place, projected as
    their weighted mean is. Raises ValueError for another tower.
    """
    visual = backbone.model.visual
    if hasattr(visual, "attnpool"):
        pool = visual.attnpool
        with _kept(pool, inputs=True) as seen:
            embed_images(backbone, images)
        places = torch.cat(seen).flatten(2).transpose(1, 2) + pool.positional_embedding[1:]
        return normalize(pool.c_proj(pool.v_proj(places)).float(), dim=-1)
    if not hasattr(visual, "ln_post"):
        raise ValueError(
            f"The places of {backbone.name!r} cannot be told from its embedding: its image tower is neither a ViT nor "
            "a ResNet that open_clip builds itself; take one of those."
        )
    with _kept(visual.ln_post) as seen:
        embed_images(backbone, images)
    tokens = torch.cat(seen)[:, 1:]
    return normalize((tokens if visual.proj is None else tokens @ visual.proj).float(), dim=-1)


def caption_tokens(backbone, captions):
    """A vector for each word of captions and for their end, (N, T, D) of unit length, and which there are, (N, T).

    Token t knows the words up to it. Each is normed and projected as the end of text is, whose vector, the last one of
    a caption, is the caption's embedding. Raises ValueError as `Backbone.encode_texts`.
    """
    text = getattr(backbone.model, "text", None) or backbone.model
    tokens, _ = backbone.tokenize(captions)
    with _kept(text.ln_final) as seen:
        backbone.encode_tokens(tokens)
    longest = max(part.shape[1] for part in seen)
    table = torch.cat([pad(part, (0, 0, 0, longest - part.shape[1])) for part in seen])
    project = text.text_projection
    table = project(table) if isinstance(project, torch.nn.Module) else table @ project
    end = tokens.argmax(1)
    present = torch.arange(longest) <= end[:, None]
    present[:, 0] = False  # the start of text, which knows nothing
    last = int(end.max()) + 1
    return normalize(table[:, 1:last].float(), dim=-1), present[:, 1:last].to(table.device)


@contextlib.contextmanager
def _kept(module, inputs=False):
    """Within it each pass of a module adds its output, or its first input, to what is yielded."""
    seen = []
    handle = module.register_forward_hook(lambda module, args, out: seen.append((args[0] if inputs else out).detach()))
    try:
        yield seen
    finally:
        handle.remove()
