"""The interactive pieces: Python prepares the data, the scripts in js/ do the rest.

panel: the frame of the interactive pieces, whose scripts are in js/
widgets: the interactive pieces and the quiz
accuracies: accuracies that a reader's choice moves along their axis
plane: two captions as a line between pictures, which the reader turns and slides
game: the game of chapter 6
search_game: visual search of the reader's, timed, beside models that search
twin_table: a finite world, whose scenes are ticked in and out of training
operator_chain: a caption to type, and SWAP, REPLACE and ADD to press
strength_slider: a matrix by its strength, what it gains and what it costs
glances: twins under one caption, whose words show what is near to them
scatter: many models by their ranks on two scores
predictions: predictions that wait, and the answers they get
"""
