"""Likely wrong answers to assignment 3: (test cell, code run after the solution, words of the message that it gets)."""

MISTAKES = [
    (
        "swaps",
        """
right_swaps = swaps
def swaps(caption, what):
    if what != "shapes" or "no " not in caption:
        return right_swaps(caption, what)
    slots = read_slots(caption)
    turned = [(b[0], a[1], b[2]) for a, b in zip(slots, slots[::-1], strict=True)]
    return [write_caption(turned)]
""",
        'on shapes beside a "no"',
    ),
    (
        "swaps",
        """
right_swaps = swaps
def swaps(caption, what):
    return right_swaps(caption, what) + [caption.lower().rstrip(".")] * (caption[0] == "A")
""",
        "with a capital",
    ),
    (
        "swaps",
        """
def swaps(caption, what):
    words = caption.split()
    i = {"colours": 1, "shapes": 2}.get(what, 1)
    words[i], words[i + 4] = words[i + 4], words[i]
    return [" ".join(words)]
""",
        "does the article follow its word",
    ),
    (
        "swaps",
        """
every = swaps
def swaps(caption, what):
    return every(caption, what)[:1]
""",
        "three pairs to exchange",
    ),
    (
        "swaps",
        """
def swaps(caption, what):
    slots, found = read_slots(caption), set()
    for i, j in itertools.combinations(range(len(slots)), 2):
        new = [list(m) for m in slots]
        for k in {"colours": [1], "shapes": [2], "objects": [0, 1, 2]}[what]:
            new[i][k], new[j][k] = slots[j][k], slots[i][k]
        found.add(write_caption(new))
    return sorted(found - {caption})
""",
        "only one of the mentions has a colour",
    ),
    (
        "swaps",
        """
def swaps(caption, what):
    slots, found = read_slots(caption), set()
    for i, j in itertools.combinations(range(len(slots)), 2):
        new = [list(m) for m in slots]
        for k in {"colours": [1], "shapes": [2], "objects": [1, 2]}[what]:
            if what == "colours" and None in (slots[i][1], slots[j][1]):
                continue
            new[i][k], new[j][k] = slots[j][k], slots[i][k]
        found.add(write_caption(new))
    return sorted(found - {write_caption(slots)})
""",
        "which should go along",
    ),
    (
        "true",
        """
def true_of(caption, scene):
    return sorted((c, s) for _, c, s in read_slots(caption)) == sorted(scene)
""",
        "more than is said",
    ),
    (
        "true",
        """
def true_of(caption, scene):
    words = {word for thing in scene for word in thing}
    return all((c is None or c in words) and (s in words) == (a == "a") for a, c, s in read_slots(caption))
""",
        "who has what decides",
    ),
    (
        "true",
        """
def true_of(caption, scene):
    left = list(scene)
    for article, color, shape in read_slots(caption):
        fit = [t for t in (scene if article == "no" else left) if t[1] == shape and color in (None, t[0])]
        if bool(fit) == (article == "no"):
            return False
        if article == "a":
            left.remove(fit[0])
    return True
""",
        "the first mention fits two objects",
    ),
    (
        "effects",
        """
def effects(tables):
    return {letter: tuple(table) for letter, table in sorted(tables.items())}
""",
        "the empty word has an effect",
    ),
    (
        "effects",
        """
def effects(tables):
    n, found, newest = len(next(iter(tables.values()))), {}, [""]
    found[tuple(range(n))] = ""
    while newest:
        last, newest = newest, []
        for word in last:
            for letter in sorted(tables):
                effect = list(range(n))
                for step in reversed(word + letter):
                    effect = [tables[step][i] for i in effect]
                if tuple(effect) not in found:
                    found[tuple(effect)] = word + letter
                    newest.append(word + letter)
    return {word: effect for effect, word in found.items()}
""",
        "first a acts, then b",
    ),
    (
        "effects",
        """
def effects(tables):
    n, found = len(next(iter(tables.values()))), {}
    for length in range(5):
        for word in itertools.product(sorted(tables), repeat=length):
            effect = list(range(n))
            for letter in word:
                effect = [tables[letter][i] for i in effect]
            found.setdefault(tuple(effect), "".join(word))
    return {word: effect for effect, word in found.items()}
""",
        "long words are needed",
    ),
    (
        "optimal",
        """
def optimal_encoders(joint):
    pmi = np.log(joint) - np.log(joint.sum(1, keepdims=True)) - np.log(joint.sum(0))
    return np.nan_to_num(pmi), np.eye(joint.shape[1]), -np.nansum(joint * pmi)
""",
        "what never occurs should get the embedding 0",
    ),
    (
        "optimal",
        """
best = optimal_encoders
def optimal_encoders(joint):
    images, texts, least = best(joint)
    return images, texts, -least
""",
        "mind the sign",
    ),
    (
        "optimal",
        """
best = optimal_encoders
def optimal_encoders(joint):
    images, texts, least = best(joint)
    return images / np.linalg.norm(images, axis=1, keepdims=True).clip(1e-9), texts, least
""",
        "do not reach the smallest loss",
    ),
    (
        "optimal",
        """
best = optimal_encoders
def optimal_encoders(joint):
    return best(np.where(joint > 0, np.maximum(joint, 1e-9), 0))
""",
        "very small probabilities",
    ),
    (
        "blind",
        """
def blind_texts(texts, occurs, tables):
    out = texts.copy()
    for where in tables:
        out[where >= 0] = texts[where[where >= 0]]
    return out, []
""",
        "a caption that occurs has changed",
    ),
    (
        "blind",
        """
merged = blind_texts
def blind_texts(texts, occurs, tables):
    out, conflicts = merged(texts, occurs, tables)
    return out, [orbit for orbit in conflicts if sum(map(bool, occurs[orbit])) > 2]
""",
        "two captions of a longer orbit occur",
    ),
    (
        "blind",
        """
merged = blind_texts
def blind_texts(texts, occurs, tables):
    return merged(texts, occurs, tables)[0], []
""",
        "must be reported",
    ),
    (
        "blind",
        """
def blind_texts(texts, occurs, tables):
    out, conflicts = texts.copy(), []
    for where in tables:
        for i in np.flatnonzero(where >= 0):
            pair = sorted((int(i), int(where[i])))
            known = [k for k in pair if occurs[k]]
            if len(known) == 2 and (texts[pair[0]] != texts[pair[1]]).any():
                conflicts.append(pair)
            elif len(known) < 2:
                out[pair] = texts[(known or pair)[0]]
    return out, sorted(conflicts)
""",
        "several captions that occur",
    ),
    (
        "choose",
        """
def choose(images, texts, occurs, owner, margin):
    texts = texts.copy()
    texts[~occurs & (owner >= 0)] = margin * images[owner[~occurs & (owner >= 0)]]
    return images, texts
""",
        "and should lead by",
    ),
    (
        "choose",
        """
def choose(images, texts, occurs, owner, margin):
    new = margin * np.eye(len(images))[owner] * (owner >= 0)[:, None]
    return np.concatenate([images, np.eye(len(images))], 1), np.concatenate([texts, new], 1)
""",
        "have changed",
    ),
    (
        "choose",
        """
def choose(images, texts, occurs, owner, margin):
    new = np.zeros((len(texts), len(images)))
    free = ~occurs & (owner >= 0)
    new[free, owner[free]] = margin + 50
    return np.concatenate([images, np.eye(len(images))], 1), np.concatenate([texts, new], 1)
""",
        "not preferred enough with long embeddings",
    ),
    (
        "hard",
        """
def hard_loss(joint, logits, where, rate):
    return loss(joint, logits) + np.log1p(rate) / 2
""",
        "Does the negative count for both",
    ),
    (
        "hard",
        """
def hard_loss(joint, logits, where, rate):
    weight = joint.sum(0)
    np.add.at(weight, where, rate * joint.sum(0))
    with np.errstate(all="ignore"):
        images = logsumexp(logits, axis=1, b=weight)
        texts = logsumexp(logits, axis=0, b=joint.sum(1)[:, None])
    return float((joint.sum(1) @ images + joint.sum(0) @ texts) / 2 - (joint * logits).sum())
""",
        "-1 means no negative",
    ),
    (
        "hard",
        """
def hard_loss(joint, logits, where, rate):
    scene, caption, both = joint.sum(1), joint.sum(0), joint > 0
    weight, said = caption + negative_weights(caption, where, rate), caption > 0
    images = logsumexp(logits[:, weight > 0], axis=1, b=weight[weight > 0])
    texts = logsumexp(logits[:, said], axis=0, b=scene[:, None])
    return float((scene @ images + caption[said] @ texts) / 2 - (joint[both] * logits[both]).sum())
""",
        "must not be read",
    ),
    (
        "hard",
        """
def hard_loss(joint, logits, where, rate):
    weight = joint.sum(0)
    moved = where >= 0
    weight[where[moved]] += rate * joint.sum(0)[moved]
    images = logsumexp(logits, axis=1, b=weight)
    texts = logsumexp(logits, axis=0, b=joint.sum(1)[:, None])
    return float((joint.sum(1) @ images + joint.sum(0) @ texts) / 2 - (joint * logits).sum())
""",
        "one common negative",
    ),
    (
        "hard",
        """
def hard_loss(joint, logits, where, rate):
    scene, caption = joint.sum(1), joint.sum(0)
    seen, said = scene > 0, caption > 0
    hard = said & (where >= 0)
    with np.errstate(all="ignore"):
        own = logits[:, said] + np.log(caption[said])
        others = logits[:, where[hard]] + np.log(rate * caption[hard])
        images = logsumexp(np.concatenate([own, others], 1)[seen], axis=1)
    texts = logsumexp(logits[np.ix_(seen, said)], axis=0, b=scene[seen][:, None])
    both = joint > 0
    return float((scene[seen] @ images + caption[said] @ texts) / 2 - (joint[both] * logits[both]).sum())
""",
        "at rate 0 no negative has weight, so none is read",
    ),
    (
        "hard",
        """
def hard_loss(joint, logits, where, rate):
    scene, caption = joint.sum(1), joint.sum(0)
    seen, said = scene > 0, caption > 0
    hard = where[said] if rate else where[:0]
    weight = np.where(hard >= 0, rate * caption[said][: len(hard)], 0)
    high = np.nanmax(logits[seen])
    chosen = np.exp(logits[np.ix_(seen, said)] - high) @ caption[said]
    images = np.log(chosen + np.exp(logits[seen][:, hard] - high) @ weight) + high
    texts = logsumexp(logits[np.ix_(seen, said)], axis=0, b=scene[seen][:, None])
    both = joint > 0
    return float((scene[seen] @ images + caption[said] @ texts) / 2 - (joint[both] * logits[both]).sum())
""",
        "not read at all, in place of read and weighted by 0",
    ),
    ("table", "my_table = [('add', True)] * 10", "one answer for all rows is no answer"),
    ("table", "my_table = [(name, False) for name, _ in my_table]", "are a mix"),
    (
        "table",
        "my_table = [(name, True if name == 'swap' else same) for name, same in my_table]",
        "8 of the ten rows are right",  # hidden: a swap may mend an article or an ending
    ),
    ("table", "my_table = my_table[:9]", "one entry for each"),
    ("table", "my_table = [(f'{name} object', same) for name, same in my_table]", "is not one of"),
]
