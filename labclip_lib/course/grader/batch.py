"""Grade all submissions of an assignment, each in its own process, so that none harms another or is lost."""

import contextlib
import json
import multiprocessing
import os
import resource
import signal
import stat
import threading
import time
import traceback
from multiprocessing.connection import wait
from pathlib import Path

import labclip_lib
from labclip_lib.base.files import digest, write_json
from labclip_lib.base.locks import one_at_a_time
from labclip_lib.base.progress import track
from labclip_lib.course.grader.pipe import shown
from labclip_lib.course.grader.running import most_seconds
from labclip_lib.course.grader.sandbox import GUARDS, guards, on_one_line
from labclip_lib.course.grader.submission import LARGEST_MB, Rejected, find, read
from labclip_lib.course.notebooks import products

COMPARING_MB = 4096  # of memory, for the tests of one submission
SLACK_SECONDS = 60  # for a test cell, on top of the limits on the student's code; a grader that takes longer is broken


def grade(course, assignment, jobs=1, shows=True, **limits):
    """Grade the submissions that are new or changed; returns {student: result}, as in the files graded/A/STUDENT.json.

    A result has the status "graded", with what `grading.mark` returns; "rejected", when the file cannot be graded, and
    `reason` says why; or "failed", when grading broke off. If it is stopped, the same call resumes, and
    tries again what had failed. jobs: submissions at once. limits: as of `grading.mark`.
    Of two runs that grade one assignment, the second waits. Raises ValueError for a mistake in the course's folder or
    in the source, and for a guard that this machine lacks.
    """
    if missing := sorted(set(GUARDS) - guards()):
        raise ValueError(
            f"This machine cannot guard {', '.join(missing)} against the code of students; grade on Linux 5.14 or "
            f"later, as root or where users may make namespaces."
        )
    source = course.source(assignment)
    if seen := [folder for folder in shown() if course.root.resolve().is_relative_to(folder)]:
        raise ValueError(
            f"The code of students can read {seen[0]}, and {course.root} is in it; move the course elsewhere."
        )
    tests = len(products.points(products.read_source(source)))
    salt = digest(source.read_bytes(), labclip_lib.__version__, sorted(limits.items()))
    done, todo = {}, []
    with one_at_a_time(course.root / "graded" / assignment, "course grade"):
        for student, folder in course.submitted(assignment).items():
            path, made_from = course.result(assignment, student), _digest(folder, salt)
            before = _load(path)
            if before.get("digest") == made_from and before.get("status") != "failed":
                done[student] = before
            else:
                todo.append((folder, path, {"student": student, "assignment": assignment, "digest": made_from}))
        with track(total=len(todo), desc=assignment, shows=shows) as bar:
            most = most_seconds(tests, limits) + SLACK_SECONDS * (tests + 1)
            for result in _work(todo, source, jobs, most, dict(limits, offered=guards())):
                done[result["student"]] = result
                bar.update()
    return dict(sorted(done.items()))


def _work(todo, source, jobs, most, options):
    """Yield the results of the jobs in the order in which they end."""
    # Each process is forked from one that has loaded the libraries and has read no submission.
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["labclip_lib.course.grader.grading"])
    waiting, running = todo[::-1], {}
    try:
        while waiting or running:
            while waiting and len(running) < jobs:
                job = waiting.pop()
                job[1].parent.mkdir(parents=True, exist_ok=True)
                process = context.Process(target=_grade_one, args=(job, source, options))
                process.start()
                running[process.sentinel] = (process, job, time.monotonic() + most)
            wait(running, timeout=1)
            for sentinel, (process, (_, path, about), deadline) in list(running.items()):
                if process.is_alive() and time.monotonic() < deadline:
                    continue
                late = process.is_alive()
                process.kill()
                process.join()
                del running[sentinel]
                result = _load(path)
                if result.get("digest") != about["digest"] or (result.get("status") == "failed" and process.exitcode):
                    why = f"took longer than {most:g} s" if late else f"exit status {process.exitcode}"
                    result = _failed(about, why)
                    with contextlib.suppress(OSError):  # if the disk is full, the other results still count
                        write_json(path, result)
                yield result
    finally:
        for process, *_ in running.values():
            process.kill()


def _grade_one(job, source, options):
    """Grade one submission and write its result; runs in a process of its own."""
    from labclip_lib.course.grader.grading import mark  # it imports torch, which the starting process does not need

    threading.Thread(target=_end_with_parent, daemon=True).start()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_DATA, (COMPARING_MB << 20,) * 2)
    folder, path, about = job
    start = time.monotonic()
    try:
        notebook, name = products.read_source(source), about["assignment"]
        known = {products.grading_of(cell).get("grade_id") for cell in notebook.cells} - {None}
        result = {"status": "graded", "reason": None} | mark(notebook, read(find(folder, name), name, known), **options)
    except Rejected as error:
        result = {"status": "rejected", "reason": on_one_line(str(error))}
    except Exception as error:
        traceback.print_exc()
        result = _failed(about, on_one_line(f"{type(error).__name__}: {error}"))
    write_json(path, about | result | {"seconds": round(time.monotonic() - start, 1)})


def _end_with_parent():
    """End this process when its parent ends; else the graders of a killed run would write results later."""
    multiprocessing.parent_process().join()
    os._exit(1)


def _failed(about, why):
    return about | {"status": "failed", "reason": f"Grading broke off ({why}); grade again."}


def _digest(folder, salt):
    """Digest of what a result depends on: the submission, and in `salt` the source, the library and the limits."""
    pieces = [salt]
    for path in sorted(Path(folder).iterdir()):
        about = path.lstat()
        pieces.append((path.name, about.st_size, stat.S_IFMT(about.st_mode)))
        if stat.S_ISREG(about.st_mode):
            with contextlib.suppress(PermissionError), open(path, "rb") as file:
                pieces.append(digest(file.read(LARGEST_MB * 2**20 + 1)))
    return digest(*pieces)


def _load(path):
    try:
        result = json.loads(path.read_bytes())
        return result if isinstance(result, dict) else {}
    except (OSError, ValueError):
        return {}
