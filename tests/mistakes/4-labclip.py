"""Likely wrong answers to assignment 4, each with words of the message that must name it."""

MISTAKES = [
    (
        "test-binding",
        """
def binding(scores, orders):
    chosen = scores.argmax(1)
    right = torch.tensor([sum(a == b for b, a in enumerate(order)) / len(order) for order in orders])
    pairs = (scores[:, :1] > scores[:, 1:]).float() + 0.5 * (scores[:, :1] == scores[:, 1:])
    choice, objects = (chosen == 0).float(), right[chosen]
    return {"choice": float(choice.mean()), "pairs": float(pairs.mean()), "objects": float(objects.mean())}
""",
        "argmax would take the first",
    ),
    (
        "test-binding",
        """
def binding(scores, orders):
    best = scores.amax(1, keepdim=True)
    chosen = (scores == best).float() / (scores == best).sum(1, keepdim=True)
    pairs = (scores[:, :1] > scores[:, 1:]).float() + 0.5 * (scores[:, :1] == scores[:, 1:])
    return {"choice": float(chosen[:, 0].mean()), "pairs": float(pairs.mean()), "objects": float(chosen[:, 0].mean())}
""",
        "do you count objects in the chosen caption",
    ),
    (
        "test-binding",
        """
def binding(scores, orders):
    first, top = scores[:, 0], scores.amax(1)
    chosen = scores.argmax(1)
    right = torch.tensor([sum(a == b for b, a in enumerate(order)) / len(order) for order in orders])
    tie = (scores == top[:, None]).sum(1)
    pairs = (scores[:, :1] > scores[:, 1:]).float() + 0.5 * (scores[:, :1] == scores[:, 1:])
    choice, objects = (first == top) / tie, right[chosen]
    return {"choice": float(choice.mean()), "pairs": float(pairs.mean()), "objects": float(objects.mean())}
""",
        "objects is the mean over them",  # the objects of tied captions
    ),
    (
        "test-binding",
        """
correct_binding = binding


def binding(scores, orders):
    found = correct_binding(scores, orders)
    return found | {"objects": found["objects"] * len(orders[0]) / 3}
""",
        "for another number of objects: objects",  # hidden
    ),
    (
        "test-knows",
        """
def knows(objects, known):
    captions = math.factorial(objects)
    tied = captions // math.factorial(known)
    pairs = 1 - (tied - 1) / 2 / (captions - 1)
    return {"choice": 1 / tied, "pairs": pairs, "objects": min(objects, known + 1) / objects}
""",
        "how many ways are there to hand out one colour",
    ),
    (
        "test-knows",
        """
def knows(objects, known):
    captions, tied = math.factorial(objects), math.factorial(objects - known)
    return {"choice": 1 / tied, "pairs": 1 - (tied - 1) / 2 / (captions - 1), "objects": known / objects}
""",
        "by luck",
    ),
    (
        "test-knows",
        """
def knows(objects, known):
    captions, tied = math.factorial(objects), math.factorial(objects - known)
    pairs = (captions - tied / 2) / captions if known else 0.5
    return {"choice": 1 / tied, "pairs": pairs, "objects": min(objects, known + 1) / objects}
""",
        "the true caption is no foil",
    ),
    (
        "test-knows",
        """
def knows(objects, known):
    captions, tied = math.factorial(objects), math.factorial(objects - known)
    by_luck = 1 / (objects - known) if known < objects else 0
    pairs = 1 - (tied - 1) / 2 / (captions - 1)
    return {"choice": 1 / tied, "pairs": pairs, "objects": (known + by_luck) / objects if known else 1 / objects}
""",
        "when only some are known: objects",  # hidden
    ),
    (
        "test-loss",
        """
def loss(images, choices, names, scale):
    own = torch.arange(len(images))
    logits = scale * images @ choices.transpose(0, 1).flatten(0, 1).T
    cross_entropy = torch.nn.functional.cross_entropy
    return (cross_entropy(logits, own) + cross_entropy(logits[:, : len(images)].T, own)) / 2
""",
        "two pictures of one scene",
    ),
    (
        "test-loss",
        """
def loss(images, choices, names, scale):
    own = torch.arange(len(images))
    logits = (scale * torch.einsum("id,jkd->ijk", images, choices)).exp()
    same = names[None] == names[:, :1, None]
    same[own, own, 0] = False
    logits = logits.masked_fill(same, 0)
    true = logits[own, own, 0]
    return -((true / logits.sum((1, 2))).log() + (true / logits[:, :, 0].sum(0)).log()).mean() / 2
""",
        "take the largest logit away",
    ),
    (
        "test-loss",
        """
def loss(images, choices, names, scale):
    own = torch.arange(len(images))
    logits = scale * torch.einsum("id,jkd->ijk", images, choices)
    same = names[None] == names[:, :1, None]
    same[own, own, 0] = False
    same[:, :, 1:] = False
    logits = logits.masked_fill(same, -torch.inf)
    to_captions = logits.flatten(1).log_softmax(1).unflatten(1, names.shape)[own, own, 0]
    return -(to_captions + logits[:, :, 0].log_softmax(0).diagonal()).mean() / 2
""",
        "leave out the truth where it is a negative of another row",
    ),
    (
        "test-loss",
        """
def loss(images, choices, names, scale):
    own = torch.arange(len(images))
    logits = scale * torch.einsum("id,jkd->ijk", images, choices)
    same = names[None] == names[:, :1, None]
    to_images = same[:, :, :1].clone()
    same = same.any(2, keepdim=True).expand_as(same).clone()
    same[own, own], to_images[own, own] = False, False
    images_first = logits[:, :, :1].masked_fill(to_images, -torch.inf)[:, :, 0].log_softmax(0).diagonal()
    logits = logits.masked_fill(same, -torch.inf)
    return -(logits.flatten(1).log_softmax(1).unflatten(1, names.shape)[own, own, 0] + images_first).mean() / 2
""",
        "and nothing else of that row",
    ),
    (
        "test-levels",
        """
def levels(batch, objects, known=0):
    return math.log(batch * math.factorial(objects)), math.log(math.factorial(objects - known))
""",
        "the loss is the mean of the two",
    ),
    (
        "test-levels",
        """
def levels(batch, objects, known=0):
    captions = math.factorial(objects)
    return (math.log(batch * captions) + math.log(batch)) / 2, math.log(math.factorial(objects - known))
""",
        "which of the two directions can still go wrong",  # hidden
    ),
    (
        "test-gradient",
        """
def gradient(weights, images, captions, A):
    return (weights.T @ images).T @ captions / (captions @ A.T).norm(dim=1).mean()
""",
        "only the part of u across the caption",
    ),
    (
        "test-gradient",
        """
def gradient(weights, images, captions, A):
    mapped = normalize(captions @ A.T, dim=1)
    pull = weights.T @ images
    return (pull - (pull * mapped).sum(1, keepdim=True) * mapped).T @ captions
""",
        "divided by the length",
    ),
    (
        "test-gradient",
        """
def gradient(weights, images, captions, A):
    mapped = captions @ A.T
    length = mapped.norm(dim=1, keepdim=True)
    mapped, pull = mapped / length, weights.T @ images
    across = pull - (pull * mapped).sum(1, keepdim=True) * mapped
    return (across / length).T @ normalize(captions, dim=1)
""",
        "another length of the captions",  # hidden
    ),
    (
        "test-fit",
        """
def fit(images, choices, names, seed):
    return torch.eye(images.shape[1]), [2.0, 1.0]
""",
        "still the identity",
    ),
    (
        "test-fit",
        """
correct_fit = fit


def fit(images, choices, names, seed):
    A, history = correct_fit(images, choices, names, seed)
    return A.T, history
""",
        "captions @ A.T, not captions @ A",
    ),
    (
        "test-fit",
        """
correct_fit = fit


def fit(images, choices, names, seed):
    A, history = correct_fit(images, choices, names, seed)
    return A + 1e-3 * torch.randn(A.shape, generator=torch.Generator().manual_seed(torch.seed() % 2**60)), history
""",
        "the same seed must give the same matrix",  # hidden
    ),
    (
        "test-fit",
        """
correct_fit = fit


def fit(images, choices, names, seed):
    return correct_fit(images, choices, names, 0)
""",
        "two seeds give one and the same matrix",  # hidden
    ),
    (
        "test-fit",
        """
correct_fit = fit


def fit(images, choices, names, seed):
    A, history = correct_fit(images, choices, names, seed)
    return A, [value for value in history for _ in range(0, len(images), 96)]
""",
        "one number an epoch, not one a batch",  # hidden
    ),
    (
        "test-fit",
        """
correct_fit = fit


def fit(images, choices, names, seed):
    return correct_fit(images, choices, torch.arange(names.numel()).view(names.shape), seed)
""",
        "whatever the names are",  # hidden
    ),
    (
        "test-fit",
        """
correct_fit = fit


def fit(images, choices, names, seed):
    return correct_fit(images, choices[:, :1], names[:, :1], seed)
""",
        "whatever the hard negatives are",  # hidden
    ),
    (
        "test-within",
        """
def within_families(family, seed):
    out = torch.empty(len(family), dtype=torch.long)
    for one in family.unique():
        rows = torch.where(family == one)[0]
        out[rows] = rows.roll(1 + seed % (len(rows) - 1) if len(rows) > 1 else 0)
    return out
""",
        "a shuffle that avoids it leaves something to learn",
    ),
    (
        "test-within",
        """
def within_families(family, seed):
    return torch.randperm(len(family), generator=torch.Generator().manual_seed(seed))
""",
        "a caption of another family",
    ),
    (
        "test-within",
        """
def within_families(family, seed):
    out = torch.empty(len(family), dtype=torch.long)
    for one in family.unique():
        rows = torch.where(family == one)[0]
        out[rows] = rows[torch.randperm(len(rows), generator=torch.Generator().manual_seed(seed + 1))]
    return out
""",
        "each must draw its own",  # hidden
    ),
    (
        "test-within",
        """
def within_families(family, seed):
    generator = torch.Generator().manual_seed(seed)
    out = torch.empty(len(family), dtype=torch.long)
    for one in family.unique():
        rows = torch.where(family == one)[0]
        out[rows] = rows.roll(int(torch.randint(len(rows), (1,), generator=generator)))
    return out
""",
        "is it a shuffle, or only a shift",  # hidden
    ),
    (
        "test-within",
        """
def within_families(family, seed):
    generator = torch.Generator().manual_seed(0)
    out = torch.empty(len(family), dtype=torch.long)
    for one in family.unique():
        rows = torch.where(family == one)[0]
        out[rows] = rows[torch.randperm(len(rows), generator=generator)]
    return out
""",
        "is the seed used",  # hidden
    ),
    (
        "test-within",
        """
def within_families(family, seed):
    out = torch.empty(len(family), dtype=torch.long)
    for one in family.unique():
        rows = torch.where(family == one)[0]
        out[rows] = rows[[(1, 2, 3, 4, 5, 0)[i] for i in range(len(rows))]]
    return out
""",
        "or do all families get the same shuffle",
    ),
    (
        "test-mix",
        """
def mix(A, t):
    return (1 - t) * torch.eye(len(A)) + t * A
""",
        "are the same matrix to the score",
    ),
    (
        "test-mix",
        """
def mix(A, t):
    return (1 - t) * torch.eye(len(A)) + t * A / A.norm()
""",
        "A at the length of the identity",
    ),
    (
        "test-mix",
        """
def mix(A, t):
    return (1 - t) * torch.eye(len(A)) + t * A * 2 / A.norm()
""",
        "wrong for another size",  # hidden
    ),
    (
        "test-mix",
        """
def mix(A, t):
    return (1 - t**2) * torch.eye(len(A)) + t**2 * A * len(A) ** 0.5 / A.norm()
""",
        "wrong between t = 0 and 1",
    ),
    (
        "test-mix",
        """
def mix(A, t):
    mixture = (1 - t) * torch.eye(len(A)) + t * A * len(A) ** 0.5 / A.norm()
    return mixture * len(A) ** 0.5 / mixture.norm()
""",
        "and not the mixture",
    ),
    (
        "test-choose",
        """
def choose(points, floor=0.0):
    return max(points, key=lambda point: point[1])[0]
""",
        "do you look at both",
    ),
    (
        "test-choose",
        """
def choose(points, floor=0.0):
    enough = [point for point in points if point[2] >= floor]
    return max(enough, key=lambda point: point[1] + point[2])[0] if enough else 0.0
""",
        "the one nearest to CLIP",  # hidden
    ),
    (
        "test-choose",
        """
def choose(points, floor=0.0):
    enough = [point for point in points if (point[1] + point[2]) / 2 >= floor]
    return max(enough, key=lambda point: (point[1] + point[2], -point[0]))[0] if enough else 0.0
""",
        "it is on kept alone",
    ),
    (
        "test-choose",
        """
def choose(points, floor=0.0):
    t, _, kept = max(points, key=lambda point: (point[1] + point[2], -point[0]))
    return t if kept >= floor else 0.0
""",
        "the floor comes first",
    ),
    (
        "test-choose",
        """
def choose(points, floor=0.0):
    enough = [point for point in points if point[2] >= floor]
    return max(enough, key=lambda point: (point[1] * point[2], -point[0]))[0] if enough else 0.0
""",
        "the product",  # hidden
    ),
    (
        "test-choose",
        """
def choose(points, floor=0.0):
    enough = [point for point in points if point[2] > floor or not floor]
    return max(enough, key=lambda point: (point[1] + point[2], -point[0]))[0] if enough else 0.0
""",
        "exactly the floor keeps enough",  # hidden
    ),
    (
        "test-submit",
        """
def submit(images, choices, names, one_images, one_captions, seed):
    return torch.eye(64)
""",
        "the matrix must have the shape",
    ),
    (
        "test-submit",
        """
def submit(images, choices, names, one_images, one_captions, seed):
    return torch.full((images.shape[1],) * 2, torch.nan)
""",
        "values that are no numbers",
    ),
    (
        "test-submit",
        """
def submit(images, choices, names, one_images, one_captions, seed):
    return fit(images, choices, names, seed)[0]
""",
        "in the unseen world the score is",  # hidden
    ),
]
