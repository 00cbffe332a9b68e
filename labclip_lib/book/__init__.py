"""What a page shows; no mathematics inside.

style: the palette and style of all figures
figures: the figures
panel: the frame of the interactive pieces, whose scripts are in js/
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
        "widgets": "caption_explorer matrix_player matrix_slider quiz scene_composer temperature_slider try_captions",
        "game": "blind_game",
        "checks": "check check_exercise",
        "exercises": "CheckFailed",
    },
)
