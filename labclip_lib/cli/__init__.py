"""The command line: `labclip VERB`, or `python -m labclip_lib VERB`.

doctor: what is installed, what is missing, how to get it
commands: what each verb does
course: what `course` does
"""
