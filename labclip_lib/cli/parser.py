"""Options of the command line. A mistake in them is one sentence, which names the verb and says what to do."""

import argparse
import re
import shlex
import sys
import textwrap
from pathlib import Path

from labclip_lib.base.messages import did_you_mean

MODULE = "python -m labclip_lib"
# What argparse says -> how this book says it.
PLAIN = (
    (r"argument (\S+): not allowed with argument (\S+)", r"\1 is not allowed with \2; leave one of the two out."),
    (r"argument (\S+): expected .*argument", r"\1 needs a value"),
    (r"argument ([^:]+): ", r"\1 "),
    (r"the following arguments are required: ", "it needs "),
)


class Parser(argparse.ArgumentParser):
    """argparse's parser, but a mistake is one sentence on standard error, with exit status 2."""

    def __init__(self, **how):
        # Without abbreviations an option of another verb is never taken for one of this verb.
        super().__init__(**how, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False)
        self.register("type", int, _number(int, "a whole number"))
        self.register("type", float, _number(float, "a number"))

    def error(self, message):
        for theirs, plain in PLAIN:
            message = re.sub(f"^{theirs}", plain, message)
        end = "" if message.endswith((".", "?")) else f"; {self._where_to_look()}"
        self.exit(2, f"{self.prog}: {message}{end}\n")

    def refuse(self, words):
        """Exit with a sentence about words that are no options or arguments of this verb."""
        word = words[0].partition("=")[0]
        self.error(f"it takes no {word!r}; {did_you_mean(word, self.options(), otherwise=self._where_to_look())}")

    def options(self):
        """{option: the name of its argument}, without --help, --version and renamed options."""
        return {
            option: action.dest
            for action in self._actions
            if action.dest != argparse.SUPPRESS and action.default != argparse.SUPPRESS
            for option in action.option_strings
        }

    def add_verbs(self, metavar):
        """Verbs of which one must be given; `add_verb` adds one. Without a verb the help is shown, with status 2."""
        self.set_defaults(run=lambda args: self.print_help(sys.stderr) or 2)
        return self.add_subparsers(metavar=metavar, title="one of")

    def _check_value(self, action, value):
        """argparse's own sentence about a value that is none of the choices is hard to read."""
        if action.choices is not None and value not in action.choices:
            option = "".join(action.option_strings[-1:])
            what = f"{option} takes no" if option else f"there is no {action.metavar}"
            self.error(f"{what} {value!r}; {did_you_mean(value, list(action.choices))}")

    def _where_to_look(self):
        return f"`{self.prog} --help` lists the options."


def _number(kind, what):
    def read(text):
        try:
            return kind(text)
        except ValueError:
            raise argparse.ArgumentTypeError(f"takes {what}, got {text!r}") from None

    return read


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


def as_typed(sentence, data=None):
    """A sentence of the library, with the command as it was called, and with --data where that was given."""
    if data:
        sentence = re.sub(
            rf"({MODULE} get \w+)(?! --data)", lambda it: f"{it[1]} --data {shlex.quote(str(data))}", sentence
        )
    return sentence.replace(MODULE, command())


def add_verb(verbs, name, what, example, run=None):
    """The parser of one verb. what: sentences without the last full stop, of which the first says it in short.

    example: arguments. run: args -> exit status.
    """
    short = re.match(r"[^.;?]*\??", what)[0]
    description = textwrap.fill(f"{what[0].upper()}{what[1:]}.", 79)
    parser = verbs.add_parser(
        name, help=short, description=description, epilog=f"example:\n  %(prog)s {example}".rstrip()
    )
    parser.set_defaults(run=run, parser=parser)
    return parser


def add_backbone(parser, more=""):
    parser.add_argument(
        "--backbone",
        metavar="MODEL",
        default="pocket",
        help="'pocket', 'pocket-3d', an open_clip pair such as ViT-B-32-quickgelu/openai, or a checkpoint"
        f"{more} (default: pocket)",
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
