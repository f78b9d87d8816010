"""Breaks the code of time, decoding, search and evaluation in one place at a time.

    python tests/mutation [MOST] [FILE ...]

The tests of a file run once for every change, or for so many drawn by lot: of a comparison, an
operator, a number, a truth value, or what is returned. What no test notices goes to
``survivors.txt``. Messages, types, decorators, ``strict=`` and what only draws are left alone.
"""

import ast
import multiprocessing
import os
import random
import signal
import sys
from collections.abc import Iterator
from datetime import date
from importlib.machinery import SourceFileLoader
from pathlib import Path

import pytest
import torch  # noqa: F401 - once, before the forks
from hypothesis import HealthCheck, Phase, settings

TESTS = Path(__file__).parents[1]
PACKAGE = TESTS.parent / "src" / "stillseek"
FILES = """
timeline models/decoding localize/window_search evaluation/collapse evaluation/fit_calibration
evaluation/metrics evaluation/overlap evaluation/presence evaluation/priors
evaluation/score_tables evaluation/shuffling
"""
# A change that loops for ever is noticed, too.
MOST_SECONDS = 60
PAIRS = """
Lt LtE, Gt GtE, Eq NotEq, Is IsNot, In NotIn, And Or, BitAnd BitOr, Add Sub, Mult Div, min max,
minimum maximum, any all, floor ceil
"""
SWAPS = {"FloorDiv": "Mult", "Mod": "Mult", "Pow": "Mult", "MatMult": "Add"}
SWAPS |= {"USub": "UAdd", "Invert": "UAdd"}
for pair in PAIRS.split(","):
    one, other = pair.split()
    SWAPS |= {one: other, other: one}


def swapped(op: ast.AST) -> ast.AST:
    """Another operator."""
    return getattr(ast, SWAPS[type(op).__name__])()


def inside(node: ast.AST) -> Iterator[ast.AST]:
    """A node and all in it that may be changed."""
    yield node
    for name, value in ast.iter_fields(node):
        for child in value if isinstance(value, list) else [value]:
            is_left = (
                name in ("annotation", "returns", "decorator_list", "exc")
                or isinstance(child, ast.JoinedStr)
                or (isinstance(child, ast.keyword) and child.arg == "strict")
                or (isinstance(child, ast.FunctionDef) and child.name.startswith("draw_"))
            )
            if isinstance(child, ast.AST) and not is_left:
                yield from inside(child)


def changes(node: ast.AST) -> Iterator[tuple[str, object]]:
    """Names of fields of a node, and what they become."""
    match node:
        case ast.Compare(ops=ops):
            for place, op in enumerate(ops):
                yield "ops", [*ops[:place], swapped(op), *ops[place + 1 :]]
        case ast.UnaryOp(op=ast.Not()):
            yield "operand", ast.UnaryOp(ast.Not(), node.operand)
        case ast.BinOp(op=op) | ast.BoolOp(op=op) | ast.AugAssign(op=op) | ast.UnaryOp(op=op):
            yield "op", swapped(op)
        case ast.Constant(value=int(value) | float(value)):
            yield "value", not value if isinstance(value, bool) else value + 1
        case ast.Name(id=name) | ast.Attribute(attr=name) if name in SWAPS:
            yield "id" if isinstance(node, ast.Name) else "attr", SWAPS[name]
        case ast.Return(value=ast.expr() as returned) if ast.unparse(returned) != "None":
            yield "value", ast.Constant(None)


def mutants(file: str) -> Iterator[tuple[str, str, str]]:
    """The file, a line that says what was changed, and the source with the change."""
    tree = ast.parse((PACKAGE / file).read_text())
    for node in inside(tree):
        for name, value in changes(node):
            kept, before = getattr(node, name), ast.unparse(node)
            setattr(node, name, value)
            yield file, f"{node.lineno}: {before} -> {ast.unparse(node)}", ast.unparse(tree)
            setattr(node, name, kept)


def passes(mutant: tuple[str, str, str]) -> bool:
    """Whether the tests of a file pass with another source."""
    file, _, source = mutant
    path = PACKAGE / file
    if child := os.fork():
        return os.waitpid(child, 0)[1] == 0
    signal.alarm(MOST_SECONDS)
    for stream in (1, 2):
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream)
    get_data = SourceFileLoader.get_data
    SourceFileLoader.get_data = lambda loader, name: (
        source.encode() if Path(name) == path else get_data(loader, name)
    )
    path_stats = SourceFileLoader.path_stats

    def undated(loader: SourceFileLoader, name: str) -> object:
        if Path(name) == path:
            raise OSError  # so that nothing compiled is taken for it, or kept
        return path_stats(loader, name)

    SourceFileLoader.path_stats = undated
    tests = TESTS / Path(file).parent / f"test_{path.name}"
    options = ["-x", "-p", "no:cacheprovider", "-W", "ignore:Module already imported"]
    options += ["--hypothesis-profile=mutate", "-m", "not slow"]
    os._exit(pytest.main([*options, str(tests)]))


def main() -> None:
    """Changes each file, and prints how many of its changes were noticed."""
    # What fails need not be the smallest.
    phases, checks = [Phase.explicit, Phase.generate], [HealthCheck.too_slow]
    settings.register_profile(
        "mutate", deadline=None, derandomize=True, suppress_health_check=checks, phases=phases
    )
    words = sys.argv[1:]
    most = int(words.pop(0)) if words and words[0].isdigit() else sys.maxsize
    lines = [f"{date.today()}: {' '.join(['python tests/mutation', *sys.argv[1:]])}"]
    for file in words or [f"{name}.py" for name in FILES.split()]:
        if not passes((file, "", (PACKAGE / file).read_text())):
            sys.exit(f"the tests of {file} fail, or there are none")
        every = list(mutants(file))
        drawn = random.Random(0).sample(every, min(most, len(every)))
        with multiprocessing.Pool() as pool:
            survivors = pool.map(passes, drawn, chunksize=1)
        noticed = len(drawn) - sum(survivors)
        lines.append(f"{file}: {noticed} of {len(drawn)} changes are noticed, of {len(every)}")
        print(lines[-1], flush=True)
        lines += [
            f"  {what}" for (_, what, _), lives in zip(drawn, survivors, strict=True) if lives
        ]
        Path(__file__).with_name("survivors.txt").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
