"""Likely wrong answers to assignment 2, each with words of the message that must name it."""

MISTAKES = [
    (
        "test-family",
        """
def family(color, shape):
    objects = np.concatenate([color, shape], 1)
    scene = np.unique(objects, axis=0, return_inverse=True)[1]
    bag = np.concatenate([np.sort(color, 1), np.sort(shape, 1)], 1)
    return scene, np.unique(bag, axis=0, return_inverse=True)[1]
""",
        "sort the objects of a row",
    ),
    (
        "test-family",
        """
def family(color, shape):
    bag = np.concatenate([np.sort(color, 1), np.sort(shape, 1)], 1)
    pair = np.unique(bag, axis=0, return_inverse=True)[1]
    return pair, pair
""",
        "keep each colour together with its shape",
    ),
    (
        "test-family",
        """
def family(color, shape):
    scene = np.sort(color * 10 + shape, 1)
    pair = np.concatenate([np.sort(color, 1), np.sort(shape, 1)], 1)
    return tuple(np.unique(v, axis=0, return_inverse=True)[1] for v in (scene, pair))
""",
        "unrelated rows share a scene number",  # hidden: label numbers need not be below ten
    ),
    (
        "test-family",
        """
def family(color, shape):
    scenes = [frozenset(zip(c, s)) for c, s in zip(color.tolist(), shape.tolist())]
    pairs = [(frozenset(c), frozenset(s)) for c, s in zip(color.tolist(), shape.tolist())]
    return tuple(np.array([list(dict.fromkeys(v)).index(item) for item in v]) for v in (scenes, pairs))
""",
        "unrelated rows share a",  # hidden: sets forget how often a colour occurs
    ),
    (
        "test-kinship",
        """
def kinship(scene, pair, train, test):
    same, kin = np.isin(scene[test], scene[train]), np.isin(pair[test], pair[train])
    return {"scene": int(same.sum()), "twin": int(kin.sum()), "none": int((~kin).sum())}
""",
        "each once, under its closest relative",
    ),
    (
        "test-kinship",
        """
def kinship(scene, pair, train, test):
    same = set(scene[test]) & set(scene[train])
    kin = set(pair[test]) & set(pair[train])
    rest = set(pair[test]) - kin
    return {"scene": len(same), "twin": len(kin), "none": len(rest)}
""",
        "count rows",  # not scenes or pairs
    ),
    (
        "test-kinship",
        """
def kinship(scene, pair, train, test):
    same, kin = np.isin(scene[test], scene[~test]), np.isin(pair[test], pair[~test])
    return {"scene": int(same.sum()), "twin": int((kin & ~same).sum()), "none": int((~kin).sum())}
""",
        "a case with rows in neither part",  # hidden
    ),
    (
        "test-kinship",
        """
def kinship(scene, pair, train, test):
    same, kin = np.isin(scene[test], scene[train]), np.isin(scene[test] + pair[test], (scene + pair)[train])
    kin |= np.isin(pair[test], np.concatenate([pair[train], scene[train]]))
    return {"scene": int(same.sum()), "twin": int((kin & ~same).sum()), "none": int((~kin & ~same).sum())}
""",
        "the count of 'twin' is wrong",  # hidden: numbers of scenes and of pairs are not comparable
    ),
    (
        "test-touched",
        """
def touched(x, y, train, validation, test, moments, prior, choice):
    options = (train, validation, test, moments, prior, choice)
    before = colleagues_fit(x, y, *options)
    after = colleagues_fit(x + 1, y, *options)
    return [name for name in LEARNED if not np.array_equal(before[name], after[name])]
""",
        "did you replace rows that are not in the test",
    ),
    (
        "test-touched",
        """
def touched(x, y, train, validation, test, moments, prior, choice):
    options = (train, validation, test, moments, prior, choice)
    before, other = colleagues_fit(x, y, *options), x.copy()
    other[test] = other[test][::-1]
    after = colleagues_fit(other, y, *options)
    return [name for name in LEARNED if not np.allclose(before[name], after[name])]
""",
        "not by the same in another order",
    ),
    (
        "test-touched",
        """
def touched(x, y, train, validation, test, moments, prior, choice):
    options = (train, validation, test, moments, prior, choice)
    before, other = colleagues_fit(x, y, *options), x.copy()
    other[test] = 9.0 * other[test] + 1
    after = colleagues_fit(other, y, *options)
    return [name for name in LEARNED if not np.array_equal(before[name], after[name])]
""",
        "touches all four",  # labels never replaced
    ),
    (
        "test-touched",
        """
def touched(x, y, train, validation, test, moments, prior, choice):
    found = [("mean", moments), ("scale", moments), ("prior", prior), ("losses", choice)]
    return [name for name, rows in found if rows in ("all", "test")]
""",
        "wrong names where the fit uses",  # hidden: one leak soils what is computed after it
    ),
    (
        "test-folds",
        """
def fold_numbers(pair, k, seed):
    return np.random.default_rng(seed).permutation(len(pair)) % k
""",
        "deal out pairs, not rows or scenes",
    ),
    (
        "test-folds",
        """
def fold_numbers(pair, k, seed):
    return np.random.default_rng(seed).integers(0, k, pair.max() + 1)[pair]
""",
        "deal them out in turn, do not throw dice",
    ),
    (
        "test-folds",
        """
def fold_numbers(pair, k, seed):
    return (np.unique(pair, return_inverse=True)[1] + seed) % k
""",
        "some pairs are kept together",  # hidden: another seed only renames the folds
    ),
    (
        "test-folds",
        """
def fold_numbers(pair, k, seed):
    pair = np.unique(pair, return_inverse=True)[1]
    order = np.random.default_rng(seed).permutation(pair.max() + 1)
    edges = np.linspace(0, len(pair), k + 1)[1:-1]
    first = np.argsort(order[pair], kind="stable")
    fold = np.empty(len(pair), int)
    fold[first] = np.searchsorted(edges, np.arange(len(pair)), side="right")
    return np.array([fold[(pair == p)].min() for p in range(pair.max() + 1)])[pair]
""",
        "equal in pairs",  # hidden: equal in rows is not equal in pairs
    ),
    (
        "test-folds",
        """
def fold_numbers(pair, k, seed):
    return np.random.default_rng(seed).permutation(pair.max() + 1)[pair] % k
""",
        "deal them out in turn",  # the numbers have gaps
    ),
    (
        "test-folds",
        """
def fold_numbers(pair, k, seed):
    first = list(dict.fromkeys(pair.tolist()))
    place = np.array([first.index(p) for p in pair.tolist()])
    return np.random.default_rng(seed).permutation(place.max() + 1)[place] * k // len(set(pair[pair >= 0]))
""",
        "(other tables)",  # hidden: numbers below zero are numbers
    ),
    (
        "test-ridge",
        """
def ridge(x, y, classes, strength):
    x1, t = np.concatenate([x, np.ones((len(x), 1))], 1), np.eye(classes)[y]
    w = np.linalg.solve(x1.T @ x1 / len(x) + strength * np.eye(x1.shape[1]), x1.T @ t / len(x))
    return w[:-1], w[-1]
""",
        "is the bias kept small like the weights",
    ),
    (
        "test-ridge",
        """
def ridge(x, y, classes, strength):
    t = np.eye(classes)[y]
    xc = x - x.mean(0)
    w = np.linalg.solve(xc.T @ xc + strength * np.eye(x.shape[1]), xc.T @ t)
    return w, t.mean(0) - x.mean(0) @ w
""",
        "the loss has the mean over rows, not their sum",
    ),
    (
        "test-ridge",
        """
def ridge(x, y, classes, strength):
    t = np.eye(classes)[y]
    xc = x - x.mean(0)
    w = xc.T @ np.linalg.solve(xc @ xc.T + len(x) * strength * np.eye(len(x)), t - t.mean(0))
    return w, t.mean(0)
""",
        "have mean zero",  # the bias of centred features
    ),
    (
        "test-ridge",
        """
def ridge(x, y, classes, strength):
    t, w, b = np.eye(classes)[y], np.zeros((x.shape[1], classes)), np.zeros(classes)
    for _ in range(400):
        gap = x @ w + b - t
        w, b = w - 0.02 * (x.T @ gap / len(x) + strength * w), b - 0.02 * gap.mean(0)
    return w, t.mean(0) - x.mean(0) @ w
""",
        "gradient steps may not have arrived",
    ),
    (
        "test-ridge",
        """
def ridge(x, y, classes, strength):
    t = np.eye(y.max() + 1)[y]
    xc = x - x.mean(0)
    w = np.linalg.solve(xc.T @ xc + len(x) * strength * np.eye(x.shape[1]), xc.T @ t)
    return w, t.mean(0) - x.mean(0) @ w
""",
        "has the shape",  # hidden: a class that never occurs
    ),
    (
        "test-fit-probe",
        """
def fit_probe(x_train, y_train, x_validation, y_validation, classes, strengths):
    both = np.concatenate([x_train, x_validation])
    mean, scale = both.mean(0), np.where(both.std(0) > 0, both.std(0), 1)
    fits = [ridge((x_train - mean) / scale, y_train, classes, s) for s in strengths]
    fits = [(w / scale[:, None], b - mean / scale @ w) for w, b in fits]
    accuracies = [((x_validation @ w + b).argmax(1) == y_validation).mean() for w, b in fits]
    best = max(range(len(strengths)), key=lambda i: (accuracies[i], strengths[i]))
    return {"weight": fits[best][0], "bias": fits[best][1], "strength": strengths[best],
            "validation": np.array(accuracies)}
""",
        "in a case with",  # hidden: the moments of the validation rows
    ),
    (
        "test-fit-probe",
        """
def fit_probe(x_train, y_train, x_validation, y_validation, classes, strengths):
    mean, scale = x_train.mean(0), np.where(x_train.std(0) > 0, x_train.std(0), 1)
    fits = [ridge((x_train - mean) / scale, y_train, classes, s) for s in strengths]
    z = (x_validation - mean) / scale
    accuracies = [((z @ w + b).argmax(1) == y_validation).mean() for w, b in fits]
    best = max(range(len(strengths)), key=lambda i: (accuracies[i], strengths[i]))
    return {"weight": fits[best][0], "bias": fits[best][1], "strength": strengths[best],
            "validation": np.array(accuracies)}
""",
        "fold mean and scale into weight and bias",
    ),
    (
        "test-fit-probe",
        """
def fit_probe(x_train, y_train, x_validation, y_validation, classes, strengths):
    mean, scale = x_train.mean(0), np.where(x_train.std(0) > 0, x_train.std(0), 1)
    fits = [ridge((x_train - mean) / scale, y_train, classes, s) for s in strengths]
    fits = [(w / scale[:, None], b - mean / scale @ w) for w, b in fits]
    accuracies = [((x_validation @ w + b).argmax(1) == y_validation).mean() for w, b in fits]
    best = int(np.argmax(accuracies))
    return {"weight": fits[best][0], "bias": fits[best][1], "strength": strengths[best],
            "validation": np.array(accuracies)}
""",
        "the strength is wrong in a case with a tie",  # hidden
    ),
    (
        "test-fit-probe",
        """
def fit_probe(x_train, y_train, x_validation, y_validation, classes, strengths):
    mean, scale = x_train.mean(0), x_train.std(0) + 1e-8
    fits = [ridge((x_train - mean) / scale, y_train, classes, s) for s in strengths]
    fits = [(w / scale[:, None], b - mean / scale @ w) for w, b in fits]
    accuracies = [((x_train @ w + b).argmax(1) == y_train).mean() for w, b in fits]
    best = max(range(len(strengths)), key=lambda i: (accuracies[i], strengths[i]))
    return {"weight": fits[best][0], "bias": fits[best][1], "strength": strengths[best],
            "validation": np.array(accuracies)}
""",
        "do not give the validation accuracy that you report",  # chosen on training rows
    ),
    (
        "test-control",
        """
def control_task(label, kind, seed):
    return np.random.default_rng(seed).permutation(label)
""",
        "draw one a type, not one a row",
    ),
    (
        "test-control",
        """
def control_task(label, kind, seed):
    types, number = np.unique(kind, return_inverse=True)
    return np.random.default_rng(seed).integers(0, 4, len(types))[number]
""",
        "draw them from the true labels",
    ),
    (
        "test-control",
        """
def control_task(label, kind, seed):
    types, number = np.unique(kind, return_inverse=True)
    return np.random.default_rng(seed).choice(np.unique(label), len(types))[number]
""",
        "not as frequent among the made-up ones",  # hidden: every label alike
    ),
    (
        "test-control",
        """
def control_task(label, kind, seed):
    types, first, number = np.unique(kind, return_index=True, return_inverse=True)
    return np.random.default_rng(seed).permutation(label[first])[number]
""",
        "where types have unequal numbers of rows",  # hidden
    ),
    (
        "test-best-guess",
        """
def best_guess(known, answer):
    number = np.unique(known, axis=0, return_inverse=True)[1]
    return np.mean([np.unique(answer[number == g], return_counts=True)[1].max() / (number == g).sum()
                    for g in set(number)])
""",
        "each question counts alike, not each group",
    ),
    (
        "test-best-guess",
        """
def best_guess(known, answer):
    groups = {}
    for row, a in zip(known.tolist(), answer.tolist()):
        groups.setdefault(tuple(row), set()).add(a)
    return sum(1 / len(groups[tuple(row)]) for row in known.tolist()) / len(answer)
""",
        "four of these six questions",
    ),
    (
        "test-best-guess",
        """
def best_guess(known, answer):
    number = known @ 10 ** np.arange(known.shape[1])
    return sum(np.unique(answer[number == g], return_counts=True)[1].max() for g in set(number)) / len(answer)
""",
        "large or negative numbers",  # hidden
    ),
    (
        "test-intervals",
        """
def intervals(right, cluster, draws, seed):
    rng, means = np.random.default_rng(seed), {"scenes": [], "seeds": [], "both": []}
    for _ in range(draws):
        q, s = rng.integers(0, right.shape[1], right.shape[1]), rng.integers(0, len(right), len(right))
        means["scenes"].append(right[:, q].mean())
        means["seeds"].append(right[s].mean())
        means["both"].append(right[s][:, q].mean())
    return {name: tuple(np.percentile(values, [2.5, 97.5])) for name, values in means.items()}
""",
        "draw whole pairs",
    ),
    (
        "test-intervals",
        """
def intervals(right, cluster, draws, seed):
    rng, means = np.random.default_rng(seed), {"scenes": [], "seeds": [], "both": []}
    groups = [right[:, cluster == c].mean(1) for c in np.unique(cluster)]
    table = np.stack(groups, 1)
    for _ in range(draws):
        p, s = rng.integers(0, len(groups), len(groups)), rng.integers(0, len(right), len(right))
        means["scenes"].append(table[:, p].mean())
        means["seeds"].append(table[s].mean())
        means["both"].append(table[s][:, p].mean())
    return {name: tuple(np.percentile(values, [2.5, 97.5])) for name, values in means.items()}
""",
        "where pairs are of unequal size",  # hidden: the mean over pairs is not the mean over questions
    ),
    (
        "test-intervals",
        """
def intervals(right, cluster, draws, seed):
    rng, means = np.random.default_rng(seed), {"scenes": [], "seeds": [], "both": []}
    members = [np.flatnonzero(cluster == c) for c in np.unique(cluster)]
    for _ in range(draws):
        q = np.concatenate([members[i] for i in rng.integers(0, len(members), len(members))])
        s = rng.integers(0, len(right), len(right))
        means["scenes"].append(right[s][:, q].mean())
        means["seeds"].append(right[s][:, q].mean())
        means["both"].append(right[s][:, q].mean())
    return {name: tuple(np.percentile(values, [2.5, 97.5])) for name, values in means.items()}
""",
        "resample rows of right alone",
    ),
    (
        "test-intervals",
        """
def intervals(right, cluster, draws, seed):
    rng, means = np.random.default_rng(seed), {"scenes": [], "seeds": [], "both": []}
    members = [np.flatnonzero(cluster == c) for c in np.unique(cluster)]
    for _ in range(draws):
        q = np.concatenate([members[i] for i in rng.integers(0, len(members), len(members))])
        s = rng.integers(0, len(right), len(right))
        means["scenes"].append(right[:, q].mean())
        means["seeds"].append(right[s].mean())
        means["both"].append((right[:, q].mean() + right[s].mean()) / 2)
    return {name: tuple(np.percentile(values, [2.5, 97.5])) for name, values in means.items()}
""",
        "'both' is too narrow",  # hidden
    ),
    ("test-verdict", "verdict['ceiling'] = 1 / 8", "this is chance"),
    ("test-verdict", "verdict['ceiling'] = lines['and which shapes, too: the bag'][1]", "in the colleague's scenes"),
    ("test-verdict", "verdict['ceiling'] = lines['and which shapes, too: the bag'][2]", "for 'which colour?'"),
    ("test-verdict", "del verdict['binds']['images']", "needs one entry for each"),
    ("test-verdict", "verdict['binds']['captions'] = 'yes'", "each ruling is True or False"),
    (
        "test-verdict",
        "verdict['binds'] = {name: row['colleague'] > 0.501 for name, row in found.items()}",
        "is not what a fair test shows",  # hidden: the colleague's numbers again
    ),
    (
        "test-verdict",
        "verdict['uses binding'] = verdict['binds']['images'] and verdict['binds']['captions']",
        "does not follow from the interval of the swap test",  # hidden: two sides that bind need not share it
    ),
]
