"""What a page shows; no mathematics inside.

page: the page of a report, as HTML and as Markdown
tables: tables of a page
values: the numbers behind a Measure or an Estimate, how they are written, and glue, which hands them to the prose
text: intervals and the machine, in words
exercises: how each exercise is tried
checks: the reader's self-checks
"""

from labclip_lib.base.doors import door

__getattr__, __dir__, __all__ = door(
    __name__,
    {
        "figures.style": "INK PALETTE PAPER use_style",
        "figures.shared": "accuracy_bars accuracy_lines causal_graph show_scenes similarity_matrix twin_moves",
        "figures.grouped": "accuracy_groups",
        "figures.chapter1": "gap_panels name_bars training_panels",
        "figures.chapter2": "crowd_panels learning_curves probe_bars",
        "figures.chapter3": ("bars_of_trainings dial_panels forgetting margin_histograms mark_untrained redrawn_means"),
        "figures.chapter4": (
            "composed_operators coverage_bars missing_twins price_of_blindness ruled_twins smallest_losses"
        ),
        "figures.chapter5": (
            "by_training_size frontier hold_outs loudness methods pairs_kept singular_values training_curves"
        ),
        "figures.chapter6": "blind_bars control_bars crossed subset_bars",
        "figures.chapter7": "explained_bars gains_and_losses line_panels repaired_towers taught",
        "figures.chapter8": "carried_panels head_panels method_panels",
        "tables": "show_table",
        "values": "glue",
        "text": "in_points machine spelled",
        "pieces.widgets": "caption_explorer matrix_player quiz scene_composer temperature_slider try_captions",
        "pieces.game": "blind_game",
        "pieces.search_game": "search_game",
        "pieces.twin_table": "twin_table",
        "pieces.operator_chain": "operator_chain",
        "pieces.strength_slider": "strength_slider",
        "pieces.scatter": "score_scatter",
        "pieces.glances": "glances",
        "pieces.predictions": "answer predict_choice predict_curve predict_number",
        "pieces.accuracies": "dial_slider probe_switch",
        "pieces.plane": "preference_plane",
        "checks": "check check_exercise",
        "exercises": "CheckFailed",
    },
)
