"""What a page shows; no mathematics inside.

style: the palette and style of all figures
figures: the figures that several chapters draw
grouped: accuracies in groups of bars
chapter1: the figures of chapter 1
chapter2: the figures of chapter 2
chapter3: the figures of chapter 3
chapter4: the figures of chapter 4
chapter5: the figures of chapter 5
chapter6: the figures of chapter 6
tables: tables of a page
values: the numbers behind a Measure or an Estimate, and glue, which hands them to the prose
text: intervals and the machine, in words
panel: the frame of the interactive pieces
widgets: the interactive pieces and the quiz
game: the game of chapter 6
exercises: how each exercise is tried
checks: the reader's self-checks
"""

from labclip_lib.base.doors import door

__getattr__, __dir__, __all__ = door(
    __name__,
    {
        "style": "INK PALETTE PAPER use_style",
        "figures": "accuracy_bars accuracy_lines causal_graph confusion show_scenes similarity_matrix",
        "grouped": "accuracy_groups",
        "chapter1": "gap_panels name_bars training_panels",
        "chapter2": "crowd_panels learning_curves probe_bars",
        "chapter3": "bars_of_trainings dial_panels forgetting margin_histograms mark_untrained",
        "chapter4": "composed_operators coverage_bars missing_twins price_of_blindness ruled_twins",
        "chapter5": "by_training_size frontier loudness methods pairs_kept singular_values training_curves",
        "chapter6": "blind_bars control_bars crossed subset_bars",
        "tables": "show_table",
        "values": "glue",
        "text": "in_points machine spelled",
        "widgets": "caption_explorer matrix_player matrix_slider quiz scene_composer temperature_slider try_captions",
        "game": "blind_game",
        "checks": "check check_exercise",
        "exercises": "CheckFailed",
    },
)
