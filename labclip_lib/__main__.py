"""The command line: `labclip VERB`, or `python -m labclip_lib VERB`."""

import importlib
import os
import sys
import traceback
from pathlib import Path

from labclip_lib import __version__
from labclip_lib.cli.parser import Parser, as_options, as_typed, command

# Each is a file in cli/, which imports at its top only what comes with Python: --help and `doctor` always answer.
VERBS = ("doctor", "probe", "diagnose", "embed", "train", "get", "draw", "reproduce", "course", "pretrain", "study")


def main(argv=None):
    """Run one verb; returns the exit status. A user's mistake is one sentence on standard error, and status 2."""
    parser = Parser(
        prog=command(), description="The tools of the book.", epilog="`%(prog)s VERB --help` says more of each."
    )
    parser.add_argument("-V", "--version", action="version", version=f"labclip {__version__}", help="show the version")
    verbs = parser.add_verbs("VERB")
    for name in VERBS:
        importlib.import_module(f"labclip_lib.cli.{name}").add_to(verbs)
    parser.set_defaults(parser=parser)
    args, unknown = parser.parse_known_args(argv)
    if unknown:
        args.parser.refuse(unknown)
    try:
        status = args.run(args)
        sys.stdout.flush()
        return status
    except BrokenPipeError:  # as of `labclip get | head`: nobody reads on
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except KeyboardInterrupt:
        print("\nInterrupted; the same command goes on where it stopped.", file=sys.stderr)
        return 130
    except Exception as error:
        told = _cannot_be_loaded(error)
        if not told and not isinstance(error, (ValueError, OSError)):
            raise
        sentence = told or as_options(_sentence(error), args.parser.options())
        print(f"{args.parser.prog}: {as_typed(sentence, getattr(args, 'data', None))}", file=sys.stderr)
        return 2


def _sentence(error):
    """What a mistake says; the system's, such as "[Errno 13] Permission denied: 'x'", in words."""
    if isinstance(error, OSError) and error.errno and error.filename:
        return f"{error.filename} cannot be used ({error.strerror}); give another path."
    return str(error)


def _cannot_be_loaded(error):
    """The sentence for a package that is missing, or breaks while it is loaded; "" for any other error."""
    if isinstance(error, ModuleNotFoundError):
        what = f"{error.name} is missing"
    else:
        frames = [frame for frame, _ in traceback.walk_tb(error.__traceback__)]
        loading = [frame.f_globals["__name__"] for frame in frames if frame.f_code.co_name == "<module>"]
        if isinstance(error, SyntaxError) and Path(error.filename or "").is_file():  # then no frame of its own is there
            loading.append(Path(error.filename).parent.name)
        if not loading or loading[-1].startswith("labclip_lib"):
            return ""
        first = (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")
        what = f"{loading[-1].partition('.')[0]} cannot be loaded ({first})"
    return f"{what}; `{command()} doctor` says what to install."


if __name__ == "__main__":
    sys.exit(main())
