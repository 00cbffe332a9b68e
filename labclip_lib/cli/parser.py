"""Options of the command line. A mistake in them is one sentence, which names the verb and says what to do."""

import argparse
import difflib
import re
import sys
from pathlib import Path

MODULE = "python -m labclip_lib"


class Parser(argparse.ArgumentParser):
    """argparse's parser, but a mistake is one sentence on standard error, with exit status 2."""

    def __init__(self, **how):
        # Without abbreviations an option of another verb is never taken for one of this verb.
        super().__init__(**how, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False)

    def error(self, message):
        self.exit(2, f"{self.prog}: {message}; `{self.prog} --help` lists the options.\n")

    def refuse(self, words):
        """Exit with a sentence about words that are no options or arguments of this verb."""
        word = words[0].partition("=")[0]
        close = difflib.get_close_matches(word, self.options(), n=1)
        self.error(f"it takes no {word!r}" + (f" (did you mean {close[0]}?)" if close else ""))

    def options(self):
        """{option: the name of its argument}, without --help and renamed options."""
        return {
            option: action.dest
            for action in self._actions
            if action.dest != argparse.SUPPRESS and action.default != argparse.SUPPRESS
            for option in action.option_strings
        }

    def add_verbs(self, metavar):
        """Verbs of which one must be given; `add_verb` adds one."""
        verbs = self.add_subparsers(metavar=metavar, title="one of")
        self.set_defaults(run=lambda args: self.error(f"it needs a {metavar} (choose from {', '.join(verbs.choices)})"))
        return verbs


class Renamed(argparse.Action):
    """A former option, which says what to write in its place."""

    def __init__(self, option_strings, dest, now):
        super().__init__(option_strings, dest=argparse.SUPPRESS, nargs="?", help=argparse.SUPPRESS)
        self.now = now

    def __call__(self, parser, namespace, values, option_string=None):
        parser.exit(2, f"{parser.prog}: {option_string} is `{command()} {self.now}` now.\n")


def command():
    """The command as it was called: "labclip" or "python -m labclip_lib"."""
    return "labclip" if Path(sys.argv[0]).stem == "labclip" else MODULE


def as_typed(sentence):
    """A sentence of the library, with the command as it was called."""
    return sentence.replace(MODULE, command())


def add_verb(verbs, name, what, example, run=None):
    """The parser of one verb. what: a sentence without its full stop. example: arguments. run: args -> exit status."""
    parser = verbs.add_parser(
        name, help=what, description=f"{what[0].upper()}{what[1:]}.", epilog=f"example:\n  %(prog)s {example}".rstrip()
    )
    parser.set_defaults(run=run, parser=parser)
    return parser


def add_backbone(parser, more=""):
    parser.add_argument(
        "--backbone",
        metavar="MODEL",
        default="pocket",
        help=f"'pocket', an open_clip pair such as ViT-B-32-quickgelu/openai, or a checkpoint{more} (default: pocket)",
    )


def add_device(parser):
    parser.add_argument("--device", default="auto", help="auto, cuda, mps or cpu (default: auto)")


def add_precision(parser, of):
    parser.add_argument(
        "--precision", choices=("float32", "bfloat16"), default="float32", help=f"of {of} (default: float32)"
    )


def add_reading(parser):
    """How images and captions are embedded."""
    parser.add_argument(
        "--batch-size", type=int, metavar="N", default=256, help="images or captions at once (default: 256)"
    )
    parser.add_argument("--workers", type=int, metavar="N", default=2, help="processes that read images (default: 2)")
    add_precision(parser, "the towers")


def as_options(sentence, options):
    """A sentence of the library, its arguments spelled as options: `mode='SB'` is --mode 'SB', batch_size --batch-size.

    options: {option: name of its argument}.
    """
    for option, name in options.items():
        sentence = re.sub(rf"(?:(?<=[ (])|^){name}=", f"{option} ", sentence)
        where = r"(?:(?<=[ (])|^)" if "_" in name else "^"  # a single word may be plain English, unless it comes first
        sentence = re.sub(rf"{where}{name}(?= )", option, sentence)
    return sentence
