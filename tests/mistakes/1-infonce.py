"""Likely wrong answers to assignment 1: (grade_id, code run after the reference solution, words of the message)."""

MISTAKES = [
    (
        "infonce-value",
        """
def pair_logits(images, texts, scale):
    return scale * images @ texts.T
""",
        "divide every row by its length",
    ),
    (
        "infonce-value",
        """
def pair_logits(images, texts, scale):
    return images @ texts.T / np.outer(np.linalg.norm(images, axis=1), np.linalg.norm(texts, axis=1))
""",
        "the scale is missing",
    ),
    (
        "infonce-value",
        """
def log_softmax(values, axis):
    values = values - values.max(0, keepdims=True)
    return values - np.log(np.exp(values).sum(0, keepdims=True))
""",
        "ignore the axis",
    ),
    (
        "infonce-value",
        """
def info_nce(logits):
    n = len(logits)
    return (
        float(-np.diagonal(log_softmax(logits[:, :n], 0)).mean()),
        float(-np.diagonal(log_softmax(logits, 1)).mean()),
    )
""",
        "chance is ln 8",
    ),
    (
        "infonce-value",
        """
def info_nce(logits):
    pick = -np.diagonal(log_softmax(logits, 1)).mean()
    return float(pick), float(pick)
""",
        "normalise that half over axis 0",
    ),
    (
        "infonce-stable",
        """
def log_softmax(values, axis):
    return values - np.log(np.exp(values).sum(axis, keepdims=True))
""",
        "ran over",
    ),
    (
        "infonce-stable",
        """
def log_softmax(values, axis):
    powers = np.exp(values - values.max(axis, keepdims=True))
    return np.log(powers / powers.sum(axis, keepdims=True) + 1e-12)
""",
        "did you clip or add an epsilon",
    ),
    (
        "infonce-stable",  # one shift for the whole array
        """
def log_softmax(values, axis):
    values = values - values.max()
    return values - np.log(np.exp(values).sum(axis, keepdims=True))
""",
        "each row's own largest",
    ),
    (
        "infonce-stable",  # only hidden
        """
def pair_logits(images, texts, scale):
    u = images / (np.linalg.norm(images, axis=1, keepdims=True) + 1e-8)
    v = texts / (np.linalg.norm(texts, axis=1, keepdims=True) + 1e-8)
    return scale * u @ v.T
""",
        "very short",
    ),
    (
        "infonce-stable",
        """
def log_softmax(values, axis):
    values = values - values.max(axis if axis else None, keepdims=True)
    return values - np.log(np.exp(values).sum(axis, keepdims=True))
""",
        "each column's own largest",
    ),
    (
        "infonce-stable",
        """
def pair_logits(images, texts, scale):
    u, v = (rows / np.linalg.norm(rows, axis=1, keepdims=True) for rows in (images, texts))
    return scale * u @ v.T
""",
        "where a row is zero",
    ),
    (
        "gradient",
        """
def logit_gradient(logits):
    n = len(logits)
    slope = np.exp(log_softmax(logits, 1))
    slope[:, :n] -= np.eye(n)
    return slope / n
""",
        "the captions' half is missing",
    ),
    (
        "gradient",
        """
def logit_gradient(logits):
    n = len(logits)
    slope = np.exp(log_softmax(logits, 1))
    slope[:, :n] += np.exp(log_softmax(logits[:, :n], 0)) - 2 * np.eye(n)
    return -slope / (2 * n)
""",
        "the sign is turned round",
    ),
    (
        "gradient",
        """
def logit_gradient(logits):
    n = len(logits)
    slope = np.exp(log_softmax(logits, 1))
    slope[:, :n] += np.exp(log_softmax(logits[:, :n], 0)) - 2 * np.eye(n)
    return slope / 2
""",
        "the gradient of the sum",
    ),
    (
        "gradient",
        """
def logit_gradient(logits):
    n = len(logits)
    slope = np.exp(log_softmax(logits, 1)) + np.exp(log_softmax(logits, 0))
    slope[:, :n] -= 2 * np.eye(n)
    return slope / (2 * n)
""",
        "do not sum to zero",
    ),
    (
        "gradient",
        """
def logit_gradient(logits):
    n, m = logits.shape
    slope = np.exp(log_softmax(logits, 1)) / n
    slope[:, :n] += np.exp(log_softmax(logits[:, :n], 0)) / m - np.eye(n) / n - np.eye(n) / m
    return slope / 2
""",
        "the two halves are wrong together",
    ),
    (
        "gradient",
        """
def logit_gradient(logits):
    n, m = logits.shape
    slope = np.exp(log_softmax(logits, 1))
    slope[:, :n] += np.exp(log_softmax(logits[:, :n], 0)) - 2 * np.eye(n)
    slope[:, n:] *= 2
    return (slope - slope.sum() / (n * m)) / (2 * n)
""",
        "a caption to spare has no image",
    ),
    (
        "gradient",  # only hidden: divides by 2 * 2
        """
def logit_gradient(logits):
    n = len(logits)
    slope = np.exp(log_softmax(logits, 1))
    slope[:, :n] += np.exp(log_softmax(logits[:, :n], 0)) - 2 * np.eye(n)
    return slope / n**2
""",
        "logit_gradient is wrong for a batch with",
    ),
    (
        "backward",
        """
def backward(images, texts, scale):
    logits = pair_logits(images, texts, scale)
    slope = logit_gradient(logits)
    a, b = (np.linalg.norm(rows, axis=1, keepdims=True) for rows in (images, texts))
    return sum(info_nce(logits)) / 2, scale * slope @ (texts / b) / a, scale * slope.T @ (images / a) / b, 0.0
""",
        "take the part along the row away",
    ),
    (
        "backward",
        """
def backward(images, texts, scale):
    logits = pair_logits(images, texts, scale)
    slope = logit_gradient(logits)
    u, v = (rows / np.linalg.norm(rows, axis=1, keepdims=True) for rows in (images, texts))
    flat = lambda h, rows: h - (h * rows).sum(1, keepdims=True) * rows
    loss, d_scale = sum(info_nce(logits)) / 2, float((slope * logits).sum() / scale)
    return loss, flat(scale * slope @ v, u), flat(scale * slope.T @ u, v), d_scale
""",
        "divide by the length",
    ),
    (
        "backward",
        """
_right = backward


def backward(images, texts, scale):
    loss, d_images, d_texts, d_scale = _right(images, texts, scale)
    return loss, d_images / scale, d_texts / scale, d_scale
""",
        "is the scale in it",
    ),
    (
        "backward",
        """
_right = backward


def backward(images, texts, scale):
    loss, d_images, d_texts, d_scale = _right(images, texts, scale)
    return loss, d_images, d_texts, scale * d_scale
""",
        "the *cosines*",
    ),
    (
        "shared",
        """
def shared_info_nce(logits, matches):
    total = (matches * log_softmax(logits, 1)).sum() + (matches * log_softmax(logits, 0)).sum()
    return float(-total / (2 * len(logits)))
""",
        "divide by the number of its true captions",
    ),
    (
        "shared",
        """
def shared_info_nce(logits, matches):
    shares = matches / matches.sum(1, keepdims=True)
    return float(-(shares * (log_softmax(logits, 1) + log_softmax(logits, 0))).sum() / (2 * len(logits)))
""",
        "the captions' half uses the images' shares",
    ),
    (
        "shared",
        """
def shared_info_nce(logits, matches):
    rows = np.log((matches * np.exp(log_softmax(logits, 1))).sum(1)).mean()
    columns = np.log((matches * np.exp(log_softmax(logits, 0))).sum(0)).mean()
    return float(-(rows + columns) / 2)
""",
        "any one true caption",
    ),
    (
        "shared",
        """
def least_loss(matches):
    return float(np.log(matches.sum(1)).mean())
""",
        "the images' half alone",
    ),
    (
        "shared",
        """
def least_loss(matches):
    return float(np.log(matches.sum(0)).mean())
""",
        "the captions' half alone",
    ),
    (
        "top1",
        """
def top1(similarity, labels):
    return (similarity.argmax(1) == labels).astype(float)
""",
        "argmax took the first",
    ),
    (
        "top1",
        """
def top1(similarity, labels):
    return (similarity[np.arange(len(labels)), labels] == similarity.max(1)).astype(float)
""",
        "a tie counts as a win",
    ),
    (
        "top1",
        """
def top1(similarity, labels):
    best = np.isclose(similarity, similarity.max(1, keepdims=True))
    return best[np.arange(len(labels)), labels] / best.sum(1)
""",
        "nearly equal",
    ),
    (
        "train",
        """
def train(images, texts, batches, rate, scale, towers):
    a, c = towers
    losses = []
    for rows in batches:
        loss, d_images, d_texts, _ = backward(images[rows] @ a, texts[rows] @ c, scale)
        a, c = a + rate * images[rows].T @ d_images, c + rate * texts[rows].T @ d_texts
        losses.append(loss)
    return a, c, losses
""",
        "against* the gradient",
    ),
    (
        "train",
        """
def train(images, texts, batches, rate, scale, towers):
    a, c = towers
    losses = []
    for rows in batches:
        _, d_images, d_texts, _ = backward(images[rows] @ a, texts[rows] @ c, scale)
        a, c = a - rate * images[rows].T @ d_images, c - rate * texts[rows].T @ d_texts
        losses.append(backward(images[rows] @ a, texts[rows] @ c, scale)[0])
    return a, c, losses
""",
        "this is the loss after it",
    ),
    (
        "train",  # the image tower alone learns well enough to be far above chance
        """
def train(images, texts, batches, rate, scale, towers):
    a, c = towers
    losses = []
    for rows in batches:
        loss, d_images, _, _ = backward(images[rows] @ a, texts[rows] @ c, scale)
        a = a - rate * images[rows].T @ d_images
        losses.append(loss)
    return a, c, losses
""",
        "C, of the captions, is the same",
    ),
    (
        "train",  # only hidden: one tower after the other
        """
def train(images, texts, batches, rate, scale, towers):
    a, c = towers
    losses = []
    for rows in batches:
        loss, d_images, _, _ = backward(images[rows] @ a, texts[rows] @ c, scale)
        a = a - rate * images[rows].T @ d_images
        c = c - rate * texts[rows].T @ backward(images[rows] @ a, texts[rows] @ c, scale)[2]
        losses.append(loss)
    return a, c, losses
""",
        "before either tower moves",
    ),
    (
        "classes",
        """
def class_vectors(embeddings, classes):
    prompts = embeddings / np.linalg.norm(embeddings, axis=1, keepdims=True)
    return np.stack([prompts[classes == k].mean(0) for k in range(classes.max() + 1)])
""",
        "bring it to length one again",
    ),
    (
        "classes",
        """
def class_vectors(embeddings, classes):
    rows = np.stack([embeddings[classes == k].mean(0) for k in range(classes.max() + 1)])
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)
""",
        "*before* the mean",
    ),
    (
        "shares",
        """
def negative_shares(logits):
    p = np.exp(log_softmax(logits, 1))
    np.fill_diagonal(p, 0)
    return p
""",
        "divide by the probability of the wrong captions alone",
    ),
    (
        "shares",
        """
def negative_shares(logits):
    p = np.exp(log_softmax(logits, 1))
    own = np.diagonal(p)[:, None].copy()
    np.fill_diagonal(p, 0)
    return np.nan_to_num(p / (1 - own))
""",
        "the own caption has all the probability",
    ),
    (
        "shares",  # only hidden
        """
def negative_shares(logits):
    wrong = logits.copy()
    np.fill_diagonal(wrong, -1e3)
    return np.exp(log_softmax(wrong, 1)) * (1 - np.eye(*logits.shape))
""",
        "very large or very negative logits",
    ),
    (
        "twins",
        """
def twin_in_batch(batch, scenes):
    own = 1 - (1 - 1 / scenes) ** (batch - 1)
    return own, 1 - (1 - 1 / scenes) ** (batch * (batch - 1) / 2)
""",
        "count the *different* scenes",
    ),
    (
        "twins",
        """
_right = twin_in_batch


def twin_in_batch(batch, scenes):
    return 1 - (1 - 1 / scenes) ** batch, _right(batch, scenes)[1]
""",
        "holds no twins",
    ),
    (
        "twins",  # only hidden: twins counted right up to three draws
        """
_right = twin_in_batch


def twin_in_batch(batch, scenes):
    own, some = _right(min(batch, 3), scenes)
    own = 1 - (1 - 1 / scenes) ** (batch - 1)
    return own, some if batch <= 3 else 1 - math.exp(-batch * (batch - 1) / (2 * scenes))
""",
        "no approximation is close enough",
    ),
]
