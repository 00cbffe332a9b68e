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
        "slots",
        """
def read_slots(caption):
    slots = []
    for phrase in re.split(r",| and ", caption.lower().rstrip(".")):
        article, *words = phrase.split()
        slots.append((article, words[0] if len(words) == 2 else None, words[-1]))
    return slots
""",
        "is a spelling",
    ),
    (
        "slots",
        """
def write_caption(slots):
    return " and ".join(
        " ".join(["an" if s[0] in "aeiou" and a == "a" else a, *([c] if c else []), s]) for a, c, s in slots
    )
""",
        "look at the article",
    ),
    (
        "slots",
        """
def read_slots(caption):
    slots = []
    for phrase in re.split(r",|and", caption.lower().rstrip(".")):
        words = phrase.split() or ["a"]
        slots.append(("no" if words[0] == "no" else "a", words[1] if len(words) == 3 else None, words[-1]))
    return slots
""",
        "reading fails",
    ),
    (
        "slots",
        """
told = write_caption
def write_caption(slots):
    return told(slots).replace("no orange", "an orange")
""",
        '"no" stays',
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
        "explain",
        """
def explain(caption, negative):
    for what in ("colours", "shapes", "objects"):
        if negative in swaps(caption, what):
            return f"swap {what}"
    return "none"
""",
        "one colour differs",
    ),
    (
        "explain",
        """
named = explain
def explain(caption, negative):
    if len(read_slots(negative)) > len(read_slots(caption)):
        return "add object" if negative.startswith(caption) else "none"
    return named(caption, negative)
""",
        "it may stand anywhere",
    ),
    (
        "explain",
        """
named = explain
def explain(caption, negative):
    found = named(caption, negative)
    return "replace colour" if found == "add colour" else found
""",
        "the oval had no colour",
    ),
    (
        "explain",
        """
named = explain
def explain(caption, negative):
    a, b = read_slots(caption), read_slots(negative)
    if len(a) == len(b) == 1 and a[0][2] == b[0][2] and None not in (a[0][1], b[0][1]) and a[0][1] != b[0][1]:
        return "replace colour"
    return named(caption, negative)
""",
        "two steps apart",
    ),
    (
        "explain",
        """
named = explain
def explain(caption, negative):
    found = named(caption, negative)
    return "none" if found == "add object" and negative.count("no ") > caption.count("no ") else found
""",
        "fails on additions",
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
    weight = joint.sum(0)
    np.add.at(weight, where[where >= 0], rate * joint.sum(0)[where >= 0])
    images = logsumexp(logits, axis=1, b=weight)
    texts = logsumexp(logits, axis=0, b=joint.sum(1)[:, None])
    return float((joint.sum(1) @ images + joint.sum(0) @ texts) / 2 - (joint * logits).sum())
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
    ("table", "my_table = [('add', True)] * 10", "of the ten rows are right"),
    ("table", "my_table = my_table[:9]", "one entry for each"),
    ("table", "my_table = [(f'{name} object', same) for name, same in my_table]", "is not one of"),
]
