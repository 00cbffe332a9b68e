"""The command line: `labclip VERB`, or `python -m labclip_lib VERB`, each verb in a file with its options and help.

doctor: what is installed, what is missing, how to get it
pretrain: a PocketCLIP from nothing
study: the long trainings whose results the book keeps
embed: images and captions as a folder of tables
probe: what each side holds
diagnose: whether it is used
train: a LABCLIP, and CLIP beside it
get: texts and benchmarks
draw: scenes of the book's worlds in a benchmark's format
reproduce: the papers' tables
course: making, releasing and grading assignments
parser: options that several verbs have, and mistakes in options as one sentence
output: what begins now, a table on the screen, and the same as JSON in a file

Sentences of the library say `python -m labclip_lib`: they are read in notebooks too, where the folder that holds
`labclip` need not be on the PATH. The command line spells itself as it was typed.
"""
