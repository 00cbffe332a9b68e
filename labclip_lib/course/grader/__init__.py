"""Running a student's code apart from the course, and marking it.

Nothing is imported here: the child process imports from this folder before its sandbox is set up.

plain_data: plain data, the only values that leave the sandbox
child_steps: what the child process does, step by step
child: the child process and its sandbox
pipe: the parent's end of the pipe
sandbox: running code in the sandbox, and what that stops and does not
running: a student's notebook, run again without cells that loop, crash or exit
submission: reading a student's submission
matching: finding the answers in it
grading: marking one submission
batch: grading all submissions
"""
