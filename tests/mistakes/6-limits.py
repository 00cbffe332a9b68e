"""Likely wrong answers to assignment 6, each with words of the message that must name it."""

MISTAKES = [
    (
        "test-auc",
        """
def auc(present, absent):
    return float(np.mean(present[:, None] > absent))
""",
        "a tie is neither won nor lost",
    ),
    (
        "test-auc",
        """
def auc(present, absent):
    return float(np.mean(present[:, None] >= absent))
""",
        "a tie is neither won nor lost",
    ),
    (
        "test-auc",
        """
correct_auc = auc


def auc(present, absent):
    return correct_auc(absent, present)
""",
        "are the two sides exchanged",
    ),
    (
        "test-auc",
        """
correct_auc = auc


def auc(present, absent):
    value = correct_auc(present, absent)
    return max(value, 1 - value)
""",
        "not a good one upside down",
    ),
    (
        "test-auc",
        """
def auc(present, absent):
    n = min(len(present), len(absent))
    won, tied = present[:n] > absent[:n], present[:n] == absent[:n]
    return float(np.mean(won + tied / 2))
""",
        "of four pairs three are won",  # row by row, not over all pairs
    ),
    (
        "test-auc",
        """
def auc(present, absent):
    place = np.concatenate([absent, present]).argsort(kind="stable").argsort() + 1
    p, a = len(present), len(absent)
    return float((place[a:].sum() - p * (p + 1) / 2) / p / a)
""",
        "a tie is neither won nor lost",  # ranks without mean ranks of ties
    ),
    (
        "test-auc",
        """
def auc(present, absent):
    absent = np.sort(absent)
    beaten = np.searchsorted(absent, present, side="left") / len(absent)
    return float((beaten + np.isin(present, absent) / len(absent) / 2).mean())
""",
        "a tie is neither won nor lost",  # one tie for each score
    ),
    (
        "test-ceiling",
        """
def ceiling(present, absent):
    return auc(present.sum(1), absent.sum(1))
""",
        "not by the sum of its numbers",
    ),
    (
        "test-ceiling",
        """
def ceiling(present, absent):
    best = [auc(present[:, k], absent[:, k]) for k in range(present.shape[1])]
    return max(max(best), 1 - min(best))
""",
        "how often it has the target",
    ),
    (
        "test-ceiling",
        """
def ceiling(present, absent):
    rows, other = ([*map(tuple, part.tolist())] for part in (present, absent))
    right = sum(max(rows.count(row) / len(rows), other.count(row) / len(other)) for row in {*rows, *other})
    return right / 2
""",
        "another measure",
    ),
    (
        "test-ceiling",
        """
def ceiling(present, absent):
    rows, other = ([*map(tuple, part.tolist())] for part in (present, absent))
    kinds = sorted({*rows, *other})
    place = [[kinds.index(row) for row in part] for part in (rows, other)]
    return auc(*map(np.array, place))
""",
        "how often it has the target",  # in the order of the rows themselves
    ),
    (
        "test-twin-search",
        """
def twin_search(objects, pictures, seed):
    return plain_search(objects, pictures, seed)
""",
        "whoever counts",
    ),
    (
        "test-twin-search",
        """
def twin_search(objects, pictures, seed):
    rng = np.random.default_rng(seed)
    kinds = np.array([(0, 1), (1, 0), (1, 1)])
    others = kinds[rng.integers(0, 3, (pictures, objects - 1))]
    present = np.concatenate([np.tile([(0, 0)], (pictures, 1, 1)), others], 1)
    absent = np.concatenate([np.tile([(0, 1)], (pictures, 1, 1)), others], 1)
    return tuple(np.moveaxis(np.concatenate([present, absent]), -1, 0))
""",
        "whoever counts shapes",
    ),
    (
        "test-twin-search",
        """
def twin_search(objects, pictures, seed):
    rng = np.random.default_rng(seed)
    others = rng.integers(0, 2, (pictures, objects - 2, 2))
    present = np.concatenate([np.tile([(0, 0), (1, 1)], (pictures, 1, 1)), others], 1)
    absent = np.concatenate([np.tile([(1, 0), (0, 1)], (pictures, 1, 1)), others], 1)
    return tuple(np.moveaxis(np.concatenate([present, absent]), -1, 0))
""",
        "more than one target",
    ),
    (
        "test-twin-search",
        """
def twin_search(objects, pictures, seed):
    rng = np.random.default_rng(seed)
    kinds = np.array([(0, 1), (1, 0)])
    others = kinds[rng.integers(0, 2, (pictures, objects - 2))]
    present = np.concatenate([np.tile([(0, 0), (1, 1)], (pictures, 1, 1)), others], 1)
    absent = np.concatenate([np.tile([(1, 0), (0, 1)], (pictures, 1, 1)), others], 1)
    return tuple(np.moveaxis(np.concatenate([present, absent]), -1, 0))
""",
        "blue squares on average",  # only the colleague's two distractors
    ),
    (
        "test-twin-search",
        """
def twin_search(objects, pictures, seed):
    rng = np.random.default_rng(seed)
    kinds = np.array([(0, 1), (1, 0), (1, 1)])
    others = np.tile(kinds[rng.integers(0, 3, objects - 2)], (pictures, 1, 1))
    present = np.concatenate([np.tile([(0, 0), (1, 1)], (pictures, 1, 1)), others], 1)
    absent = np.concatenate([np.tile([(1, 0), (0, 1)], (pictures, 1, 1)), others], 1)
    return tuple(np.moveaxis(np.concatenate([present, absent]), -1, 0))
""",
        "blue squares on average",  # the same others in every picture
    ),
    (
        "test-twin-search",
        """
correct_search, generator = twin_search, np.random.default_rng(0)


def twin_search(objects, pictures, seed):
    return correct_search(objects, pictures, int(generator.integers(2**30)))
""",
        "make a generator from the seed inside the function",
    ),
    (
        "test-twin-search",
        """
correct_search = twin_search


def twin_search(objects, pictures, seed):
    return correct_search(objects, pictures, 0)
""",
        "is the seed used",
    ),
    (
        "test-twin-search",
        """
correct_search = twin_search


def twin_search(objects, pictures, seed):
    color, shape = correct_search(objects, pictures, seed)
    if objects == 6:
        return color, shape
    color[pictures:], shape[pictures:] = color[:pictures], shape[:pictures]
    color[pictures:, :2] = color[pictures:, :2][:, ::-1]
    color[pictures:, 2:], shape[pictures:, 2:] = 1, 1
    return color, shape
""",
        "for another number of objects",  # hidden
    ),
    (
        "test-hold-out",
        """
def hold_out(color, shape, seen):
    own, twin = seen[color, shape], seen[color[:, ::-1], shape]
    careless = ~own.any(1)
    return {"train": own.all(1), "careless": careless, "careful": careless & ~twin.all(1)}
""",
        "even one helps",  # only a twin that trains counts
    ),
    (
        "test-hold-out",
        """
def hold_out(color, shape, seen):
    own, twin = seen[color, shape], seen[color[:, ::-1], shape]
    careless = ~own.all(1)
    return {"train": own.all(1), "careless": careless, "careful": careless & ~twin.all(1)}
""",
        "all of its pairs must be unseen",
    ),
    (
        "test-hold-out",
        """
def hold_out(color, shape, seen):
    own, twin = seen[color, shape], seen[color[:, ::-1], shape[:, ::-1]]
    careless = ~own.any(1)
    return {"train": own.all(1), "careless": careless, "careful": careless & ~twin.any(1)}
""",
        "the twin's caption is the familiar one",  # both exchanged is the same scene
    ),
    (
        "test-hold-out",
        """
def hold_out(color, shape, seen):
    own, twin = seen[color, shape], seen[color[:, [1, 0, *range(2, color.shape[1])]], shape]
    careless = ~own.any(1)
    return {"train": own.all(1), "careless": careless, "careful": careless & ~twin.any(1)}
""",
        "there are more ways than one exchange",  # hidden
    ),
    (
        "test-hold-out",
        """
def hold_out(color, shape, seen):
    own = seen[color, shape]
    values = ~np.isin(color, np.nonzero(seen.any(1))[0]).any(1)
    return {"train": own.all(1), "careless": ~own.any(1), "careful": values}
""",
        "so scenes 3 and 4 are in the careful test",  # unseen colours are another hold-out
    ),
    (
        "test-liking",
        """
def liking(color, shape, seen):
    own, foil = (~seen[c, shape] for c in (color, color[:, ::-1]))
    return float(np.mean(own.sum(1) < foil.sum(1)))
""",
        "a tie counts one half",
    ),
    (
        "test-liking",
        """
def liking(color, shape, seen):
    own, foil = (seen[c, shape].all(1).astype(int) for c in (color, color[:, ::-1]))
    return float(np.mean((own > foil) + 0.5 * (own == foil)))
""",
        "one is enough for a liking",
    ),
    (
        "test-liking",
        """
def liking(color, shape, seen):
    own, foil = (seen[c, shape].any(1).astype(int) for c in (color, color[:, ::-1]))
    return float(np.mean((own > foil) + 0.5 * (own == foil)))
""",
        "in another world",  # hidden: two seen pairs against one
    ),
    (
        "test-liking",
        """
def liking(color, shape, seen):
    own, foil = ((~seen[c, shape]).sum(1) for c in (color, color[:, ::-1]))
    return float(np.mean((own > foil) + 0.5 * (own == foil)))
""",
        "takes the scene's own caption, and is right",
    ),
    (
        "test-columns",
        """
def columns(color, shape, colors, shapes, apart):
    ones = np.ones((len(color), 1))
    if apart:
        return np.concatenate([np.eye(colors)[color].sum(1), np.eye(shapes)[shape].sum(1), ones], 1)
    return np.concatenate([np.eye(colors * shapes)[shape * colors + color].sum(1), ones], 1)
""",
        "did you count shapes first",
    ),
    (
        "test-columns",
        """
correct_columns = columns


def columns(color, shape, colors, shapes, apart):
    return np.minimum(correct_columns(color, shape, colors, shapes, apart), 1)
""",
        "add, do not set",
    ),
    (
        "test-columns",
        """
def columns(color, shape, colors, shapes, apart):
    table = np.zeros((len(color), (colors + shapes if apart else colors * shapes) + 1))
    table[:, -1] = 1
    rows = np.arange(len(color))[:, None]
    for at in (color, colors + shape) if apart else (color * shapes + shape,):
        table[rows, at] += 1
    return table
""",
        "add, do not set",  # += forgets repeated places
    ),
    (
        "test-columns",
        """
correct_columns = columns


def columns(color, shape, colors, shapes, apart):
    if not apart:
        return correct_columns(color, shape, colors, shapes, apart)
    order = [*range(colors, colors + shapes), *range(colors), -1]
    return correct_columns(color, shape, colors, shapes, apart)[:, order]
""",
        "the colours first",
    ),
    (
        "test-explained",
        """
def explained(x_train, y_train, x_test, y_test):
    vectors = np.linalg.lstsq(x_train, y_train, rcond=None)[0]
    error = ((y_test - x_test @ vectors) ** 2).sum()
    return float(1 - error / ((y_test - y_test.mean(0)) ** 2).sum())
""",
        "that of the training rows",
    ),
    (
        "test-explained",
        """
def explained(x_train, y_train, x_test, y_test):
    vectors = np.linalg.lstsq(x_test, y_test, rcond=None)[0]
    error = ((y_test - x_test @ vectors) ** 2).sum()
    return float(1 - error / ((y_test - y_train.mean(0)) ** 2).sum())
""",
        "fitted to the training rows alone",
    ),
    (
        "test-explained",
        """
def explained(x_train, y_train, x_test, y_test):
    x, y = np.concatenate([x_train, x_test]), np.concatenate([y_train, y_test])
    vectors = np.linalg.lstsq(x, y, rcond=None)[0]
    error = ((y_test - x_test @ vectors) ** 2).sum()
    return float(1 - error / ((y_test - y_train.mean(0)) ** 2).sum())
""",
        "fitted to the training rows alone",
    ),
    (
        "test-explained",
        """
def explained(x_train, y_train, x_test, y_test):
    vectors = np.linalg.lstsq(x_train, y_train, rcond=None)[0]
    error = ((y_test - x_test @ vectors) ** 2).mean(0)
    return float(np.mean(1 - error / ((y_test - y_train.mean(0)) ** 2).mean(0)))
""",
        "sum over rows and entries together",  # hidden
    ),
    (
        "test-explained",
        """
def explained(x_train, y_train, x_test, y_test):
    vectors = np.linalg.solve(x_train.T @ x_train, x_train.T @ y_train)
    error = ((y_test - x_test @ vectors) ** 2).sum()
    return float(1 - error / ((y_test - y_train.mean(0)) ** 2).sum())
""",
        "raised LinAlgError",
    ),
    (
        "test-explained",
        """
correct_explained = explained


def explained(x_train, y_train, x_test, y_test):
    return max(0.0, correct_explained(x_train, y_train, x_test, y_test))
""",
        "a negative value was due",
    ),
    (
        "test-words-ceiling",
        """
def words_ceiling(y, words, middle):
    error = sum(((y[words == one] - y[words == one].mean(0)) ** 2).sum() for one in set(words.tolist()))
    return float(1 - error / ((y - y.mean(0)) ** 2).sum())
""",
        "about the middle that is given",
    ),
    (
        "test-words-ceiling",
        """
def words_ceiling(y, words, middle):
    error = [((y[words == one] - y[words == one].mean(0)) ** 2).sum(1).mean() for one in set(words.tolist())]
    return float(1 - np.mean(error) / ((y - middle) ** 2).sum(1).mean())
""",
        "the errors are summed over all rows",
    ),
    (
        "test-words-ceiling",
        """
def words_ceiling(y, words, middle):
    guess = np.stack([y[words == one].mean(0) for one in sorted(set(words.tolist()))])
    guess = np.repeat(guess, np.unique(words, return_counts=True)[1], 0)
    return float(1 - ((y - guess) ** 2).sum() / ((y - middle) ** 2).sum())
""",
        "need not stand together",
    ),
    (
        "test-words-ceiling",
        """
def words_ceiling(y, words, middle):
    error = sum(((y[words == one] - y[words == one].mean(0)) ** 2).sum() for one in set(words.tolist()))
    return float(error / ((y - middle) ** 2).sum())
""",
        "words tell everything",  # what is left, not what is explained
    ),
    (
        "test-head",
        """
def head(train, images, texts, seed):
    return images, texts
""",
        "does the head return what it mapped",
    ),
    (
        "test-head",
        """
def head(train, images, texts, seed):
    W = discriminant_map(Pairs(train["images"], train["texts"]), "random")
    return images, texts @ W.T
""",
        "normalise after the map",
    ),
    (
        "test-head",
        """
def head(train, images, texts, seed):
    W = discriminant_map(Pairs(train["images"], train["texts"]), "random")
    return images, mapped(texts, W.T)
""",
        "and with A, not its transpose",
    ),
    (
        "test-head",
        """
def head(train, images, texts, seed):
    W = discriminant_map(Pairs(train["images"], train["texts"]), "random")
    return images, mapped(texts - texts.mean(0), W)
""",
        "must come from the training rows",
    ),
    (
        "test-head",
        """
def head(train, images, texts, seed):
    own, twin = TRUE.flatten(0, 1), FALSE.flatten(0, 1)
    W = discriminant_map(Pairs(IMAGES.flatten(0, 1), own, twin))
    return images, mapped(texts, W)
""",
        "it must learn from the training rows alone",  # hidden
    ),
    (
        "test-head",
        """
once = discriminant_map(Pairs(TRAIN["images"], TRAIN["texts"]), "random")


def head(train, images, texts, seed):
    return images, mapped(texts, once)
""",
        "it must learn from the training rows alone",  # hidden: fitted outside, once
    ),
]
