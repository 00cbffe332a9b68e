"""What a page shows; no mathematics inside.

style: the palette and style of all figures
figures: the figures that several chapters share
grouped: accuracies in groups of bars
text: numbers as the prose says them, and tables of them
chapter4: the figures of chapter 4
chapter5: the figures of chapter 5
chapter6: the figures of chapter 6
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
        "figures": "accuracy_bars accuracy_lines causal_graph confusion glue show_scenes similarity_matrix",
        "grouped": "accuracy_groups",
        "text": "in_points machine show_table spelled",
        "chapter4": "composed_operators coverage_bars missing_twins price_of_blindness ruled_twins",
        "chapter5": "by_training_size frontier loudness methods pairs_kept singular_values training_curves",
        "chapter6": "blind_bars control_bars crossed subset_bars",
        "widgets": "caption_explorer matrix_player matrix_slider quiz scene_composer temperature_slider try_captions",
        "game": "blind_game",
        "checks": "check check_exercise",
        "exercises": "CheckFailed",
    },
)
