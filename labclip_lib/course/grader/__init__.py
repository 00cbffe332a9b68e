"""Running a student's code apart from the course, and marking it.

Nothing is imported here: the child process starts from this folder before its walls stand.

plain_data: values that may cross the wall: plain data
child_steps: what the child does, step by step
child: the child process and its walls
pipe: the parent's end of the pipe
sandbox: running code apart, and what that stops and does not
running: a student's notebook that goes on without what loops, crashes or ends it
submission: reading what a student handed in
matching: finding the answers in it
grading: marking one submission
batch: grading all that was handed in
"""
