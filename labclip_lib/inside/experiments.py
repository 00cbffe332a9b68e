"""All experiments of chapter 8, in the form of `limits.experiments.EXPERIMENTS`."""

EXPERIMENTS = {
    "inside-looks": ("pocket-128", "inside.looking", "where_it_looks"),
    "inside-lives": ("pocket-128", "inside.tracing", "where_it_lives"),
    "inside-parts": ("pocket-128", "inside.parts_or_wholes", "wholes_and_parts"),
    "inside-more": ("pocket-128", "inside.more_parts", "parts_of_more"),
}
