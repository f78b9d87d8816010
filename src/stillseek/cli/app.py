"""The ``stillseek`` command: its verbs, exit codes, and errors as one line each.

Verbs are loaded when they run, and import what is heavy inside their functions: ``--help`` needs
no torch.
"""

import errno
import os
import shlex
import signal
import sys
import threading
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from difflib import get_close_matches
from importlib.metadata import version
from itertools import takewhile
from pathlib import Path
from typing import Any, get_args

from cyclopts import (
    App,
    Argument,
    ArgumentCollection,
    CoercionError,
    CycloptsError,
    MissingArgumentError,
    Parameter,
    RepeatArgumentError,
    Token,
    UnknownCommandError,
    UnknownOptionError,
    UnusedCliTokensError,
)

from stillseek.cli.console import one_line
from stillseek.cli.query_options import with_negative_boxes
from stillseek.cli.quiet import VERBOSE, is_own
from stillseek.errors import NotDrawnWarning, StillseekError, TruncatedMediaWarning, UsageError

EXIT_DONE, EXIT_FAILED, EXIT_USAGE, EXIT_INTERRUPTED, EXIT_TERMINATED = 0, 1, 2, 130, 143
_NUMBERS: dict[type[int | float], str] = {int: "a whole number", float: "a number"}


def _check_numbers(_: App, __: tuple[str, ...], arguments: ArgumentCollection) -> None:
    """Refuses what is no number of its kind; the parser itself would round 1.5 to 2."""
    for argument in arguments:
        kind = _kind_of(argument.hint)
        if kind is None:
            continue
        for token in argument.tokens:
            try:
                kind(token.value)
            except ValueError:
                name = token.keyword or argument.name
                raise CycloptsError(
                    msg=f"{name} must be {_NUMBERS[kind]}, got {token.value!r}"
                ) from None


def _kind_of(hint: Any) -> type[int | float] | None:
    """The kind of number that an option takes, one or several; None where it takes others."""
    if hint in _NUMBERS:
        return hint
    return next((kind for part in get_args(hint) if (kind := _kind_of(part))), None)


app = App(
    name="stillseek",
    help="Show it a picture, and it finds the moment in the video.",
    help_format="markdown",  # "rst" takes twice as long to import
    help_epilogue="--verbose, with any verb, shows what libraries say, too.",
    version=lambda: version("stillseek"),
    default_parameter=Parameter(negative=()),
    config=_check_numbers,
    suppress_keyboard_interrupt=False,
)
app.register_install_completion_command()

# Where the parser's own line would not say what is needed.
_USAGES = {"locate": {"usage": "Usage: stillseek locate VIDEO... --image IMAGE... [OPTIONS]"}}

for _place, (_verb, _summary) in enumerate(
    (
        ("locate", "Find where in videos the activity of a picture happens."),
        ("batch", "Search many videos with many pictures."),
        ("demo", "Render a video of an unseen activity, search it, and show the result."),
        ("dataset", "Make data sets."),
        ("extract", "Compute the features of videos and query images once, into a store."),
        ("store", "Look after a store of features."),
        ("fit-pca", "Reduce the features of c3d-vgg16 by a PCA of training videos."),
        ("train", "Train a head on extracted features."),
        ("train-encoder", "Train the pocket encoder on rendered pictures of seen classes."),
        ("evaluate", "Score heads on a data set and print the tables."),
        ("experiment", "Make the paper's tables and figures on a data set."),
        ("export", "Write a head as one ONNX file."),
        ("library", "Index many videos once, and search them by picture."),
        ("serve", "Serve a page and a REST interface."),
        ("doctor", "Show what this installation has and what is missing."),
    )
):
    _name = _verb.replace("-", "_")
    app.command(
        f"stillseek.cli.{_name}:{_name}",
        name=_verb,
        help=_summary,
        sort_key=_place,
        **_USAGES.get(_verb, {}),
    )


def main(tokens: Sequence[str] | None = None) -> int:
    """Runs one command line.

    Args:
        tokens: Arguments after the program's name; from the process where None.

    Returns:
        The exit code: 0 done, 1 the work failed, 2 wrong usage, 130 interrupted, 143 ended by
            SIGTERM.
    """
    words = with_negative_boxes(sys.argv[1:] if tokens is None else tokens)
    verbose = VERBOSE in words
    words = [word for word in words if word != VERBOSE]
    signals: list[int] = []
    with warnings.catch_warnings():
        # Once a file, however many readers it has; once, however many videos are searched.
        warnings.simplefilter("default", TruncatedMediaWarning)
        warnings.simplefilter("default", NotDrawnWarning)
        warnings.showwarning = _show_any_warning if verbose else _show_warning
        try:
            _refuse_empty(words)
            if not {"--help", "-h"}.isdisjoint(words):
                _tell_all(words)
            with _ended_as_when_interrupted(signals):
                code = app(
                    words, exit_on_error=False, print_error=False, result_action="return_value"
                )
        except CycloptsError as error:
            return _fail(_parse_message(error), EXIT_USAGE)
        except UsageError as error:
            return _fail(str(error), EXIT_USAGE)
        except BrokenPipeError:
            # The reader (`| head`) has gone; a second failure when Python flushes would be noise.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return EXIT_FAILED
        except StillseekError as error:
            return _fail(str(error), EXIT_FAILED)
        except OSError as error:
            return _fail(_os_message(error), EXIT_FAILED)
        except KeyboardInterrupt as error:
            code = EXIT_TERMINATED if signals else EXIT_INTERRUPTED
            return _fail(str(error) or "interrupted", code)
    return code or EXIT_DONE


def _tell_all(words: Sequence[str]) -> None:
    """Lets the help of a verb be all that it says, not the one line of the list of verbs."""
    verb = app
    for word in takewhile(lambda word: not word.startswith("-"), words):
        if word not in verb:
            return
        verb = verb[word]
        if verb.default_command is not None:
            verb.help = None


@contextmanager
def _ended_as_when_interrupted(signals: list[int]) -> Iterator[None]:
    """Ends at SIGTERM, which `signals` takes, as at Ctrl-C: no half-written file is left."""

    def stop(number: int, _: object) -> None:
        signals.append(number)
        raise KeyboardInterrupt("ended by SIGTERM")

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _refuse_empty(words: Sequence[str]) -> None:
    """Refuses an empty argument, as of a variable that is not set: no option has a use for it.

    As a path it would be the current folder.
    """
    option = None
    for word in words:
        if word.startswith("--"):
            name, is_assigned, value = word.partition("=")
            option = None if word == "--" else name
            if is_assigned and not value:
                raise UsageError(f"{option} is empty; give a value, or leave it out")
        elif not word:
            is_video = option is None and words[0] in ("locate", "extract")
            argument = "the video's name" if is_video else "an argument"
            raise UsageError(f"{option or argument} is empty; give a path")
        else:
            option = option if option == "--image" else None


def _parse_message(error: CycloptsError) -> str:
    """What is wrong with the command line, and where to read what is right."""
    match error:
        case MissingArgumentError(argument=Argument(name="--image"), root_input_tokens=words):
            # A video, and perhaps the picture without its option.
            verb, what = ("locate",), "VIDEO"
            if words and words[0] == "library":
                verb, what = ("library", "search"), "LIBRARY"
            given = (words or ())[len(verb) :]
            bare = [*takewhile(lambda word: not word.startswith("-"), given)]
            place, picture = [*map(shlex.quote, bare[:2]), *(what, "PICTURE")[len(bare[:2]) :]]
            message = (
                f"the picture is missing: stillseek {' '.join(verb)} {place} --image {picture}"
            )
        case RepeatArgumentError(token=Token(keyword="--box")):
            message = "--box needs x,y,w,h behind it, four whole numbers of pixels"
        case RepeatArgumentError(token=Token(keyword="--frame" | "--not" as option)):
            what = "VIDEO@SECONDS" if option == "--frame" else "a picture"
            message = f"{option} needs {what} behind it"
        case UnknownOptionError(token=Token(value=file)) if Path(file).is_file():
            message = f"{file} is no option; write ./{file} for the file of that name"
        case UnknownCommandError(unused_tokens=[word, *_], app=App() as group):
            message = _unknown_verb(word, [name for name in group if not name.startswith("-")])
        case CoercionError(msg=str(text)) if text.startswith("--"):
            message = text  # it names the option
        case CoercionError(target_type=kind, token=Token(keyword=option, value=value)) if (
            kind is datetime
        ):
            message = (
                f"{option} must be a date such as 2026-03-31, or one with a time such as "
                f"2026-03-31T18:30, got {value!r}"
            )
        case UnusedCliTokensError(unused_tokens=[first, *_]):
            message = f"unexpected argument {first!r}"
        case _:
            message = str(error)
    verb = " ".join(("stillseek", *(error.command_chain or ())))
    return f"{message.rstrip('.')}; see {verb} --help"


def _unknown_verb(word: str, verbs: list[str]) -> str:
    close = get_close_matches(word, verbs, n=1, cutoff=0.75)
    advice = f"did you mean {close[0]}? The commands are" if close else "the commands are"
    return f"there is no command {word!r}; {advice} {', '.join(verbs)}"


def _os_message(error: OSError) -> str:
    """What the system refused, and what may help."""
    match error.errno:
        case errno.ENOSPC | errno.EDQUOT:
            advice = "make room on its disk"
        case errno.EACCES | errno.EPERM | errno.EROFS:
            advice = "check the rights, or give a path elsewhere"
        case errno.ENOENT | errno.ENOTDIR | errno.EISDIR | errno.ENAMETOOLONG:
            advice = "check the path"
        case _:
            advice = "check the path, its rights and its disk"
    what = "a file" if error.filename is None else os.fspath(error.filename)
    return f"cannot use {what} ({error.strerror or error}); {advice}"


def _fail(message: str, code: int) -> int:
    print(f"error: {one_line(message)}", file=sys.stderr)
    return code


def _show_warning(
    message: Warning | str, category: type[Warning], filename: str, *_: object
) -> None:
    """Prints a warning of this program as one line, without the place in the code."""
    if is_own(category, filename):
        _show_any_warning(message)


def _show_any_warning(message: Warning | str, *_: object) -> None:
    print(f"warning: {one_line(str(message))}", file=sys.stderr)
